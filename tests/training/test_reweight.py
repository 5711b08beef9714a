"""Learning to reweight: its weights against automatic differentiation, and what it finds."""

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar
from torch import nn
from torch.nn import functional as F

from o2u_nb.errors import NonFiniteLossError, O2UError, RecordingError
from o2u_nb.training.methods.reweight import helpfulness, inputs_of, relative_weights
from tests import lookup
from tests.features import CLASSES, Blobs, blobs, head
from tests.fits import accuracy, fitted, parts, precision, trained
from tests.learners import learner, stock_loaders


def by_autograd(layer: nn.Linear, x, y, trusted_x, trusted_y) -> torch.Tensor:
    """Return minus the derivative of the trusted loss, after one step, for each sample's weight."""
    weights = torch.zeros(len(x), requires_grad=True)
    loss = (weights * F.cross_entropy(layer(x), y, reduction="none")).sum()
    own = dict(layer.named_parameters())
    steps = torch.autograd.grad(loss, own.values(), create_graph=True)
    moved = {name: p - step for (name, p), step in zip(own.items(), steps, strict=True)}
    after = F.cross_entropy(torch.func.functional_call(layer, moved, trusted_x), trusted_y)
    return -torch.autograd.grad(after, weights)[0]


@pytest.mark.parametrize("bias", [True, False])
def test_helpfulness_is_the_derivative_that_autograd_finds(bias):
    torch.manual_seed(0)
    layer = nn.Linear(5, 3, bias=bias)
    x, trusted_x = torch.randn(7, 5), torch.randn(4, 5)
    y, trusted_y = torch.randint(3, (7,)), torch.randint(3, (4,))
    expected = by_autograd(layer, x, y, trusted_x, trusted_y)
    residuals = [
        (layer(inputs).softmax(1) - F.one_hot(labels, 3)).detach()
        for inputs, labels in ((x, y), (trusted_x, trusted_y))
    ]
    found = helpfulness(residuals[0], x, residuals[1], trusted_x, bias=bias)
    torch.testing.assert_close(found, expected)


def test_helpfulness_by_hand():
    """Two samples with the feature 1 and opposite labels; the trusted one is of the class 0."""
    residuals = torch.tensor([[-0.5, 0.5], [0.5, -0.5]])
    ones = torch.ones(2, 1)
    found = helpfulness(residuals, ones, residuals[:1], ones[:1], bias=False)
    assert found.tolist() == [0.5, -0.5]
    assert helpfulness(residuals, ones, residuals[:1], ones[:1]).tolist() == [1, -1]


def test_weights_are_those_that_help_and_none_if_none_does():
    assert relative_weights(torch.tensor([1.0, 0.5, -4.0])).tolist() == [2, 1, 0]
    assert relative_weights(torch.tensor([-1.0, -2.0])).tolist() == [0, 0]


def trusted_of(points: Blobs, every: int = 4) -> pd.Series:
    """Return the right labels of every fourth sample."""
    labels = np.array(CLASSES, dtype=object)[points.true]
    return pd.Series(labels, index=points.table.index)[::every]


def test_it_finds_planted_labels_and_beats_plain_training():
    for seed in range(3):
        points, others = parts(90, wrong=0.4, seed=seed)
        learn, found = fitted("reweight", points, trusted=trusted_of(points))
        plain = fitted("plain", points)[0]
        assert accuracy(learn, others) > accuracy(plain, others) + 0.05
        assert precision(found, points) > 0.75


def test_samples_that_would_harm_have_a_suspicion_above_1():
    points, _ = parts(90, wrong=0.3, seed=0, spread=0.4)
    found = fitted("reweight", points, trusted=trusted_of(points))[1]
    assert np.median(found.suspicion[points.wrong]) > 1 > np.median(found.suspicion[~points.wrong])


def test_ids_alone_stand_for_right_given_labels():
    points = blobs()
    ids = points.table.index[:20]
    one = fitted("reweight", points, epochs=2, trusted=list(ids))[1]
    other = fitted("reweight", points, epochs=2, trusted=points.table.loc[ids])[1]
    np.testing.assert_array_equal(one.suspicion, other.suspicion)


def test_without_trusted_samples_it_says_what_to_pass():
    with pytest.raises(O2UError, match="Pass trusted="):
        trained("reweight", head(blobs()))


def test_no_hook_stays_on_the_model_even_after_an_error():
    learn = head(blobs())
    trained("reweight", learn, trusted=["0000"], epochs=1)
    with pytest.raises(NonFiniteLossError):
        trained("reweight", learn, trusted=["0000"], epochs=3, lr=np.nan)
    assert not any(layer._forward_hooks for layer in learn.model.modules())


def test_a_model_that_does_not_end_in_a_linear_layer_is_refused():
    learn = head(blobs())
    learn.model = nn.Sequential(nn.Linear(16, 3), nn.Softplus())
    with pytest.raises(RecordingError, match="ends in a linear layer"):
        trained("reweight", learn, trusted=["0000"], epochs=1)


def test_inputs_are_read_from_any_loader_in_order(tmp_path):
    """The loaders of fastai; each picture's pixels are its number."""
    learn = learner(stock_loaders(tmp_path / "folder"))
    items = learn.dls.train.items
    rows = np.array([2, 3, 11])
    (found,) = inputs_of(learn, rows, torch.device("cpu"))
    numbers = (found[:, 0].mean((1, 2)) * 255).round().int().tolist()
    assert numbers == [lookup.number_of(items[row].name) for row in rows]
