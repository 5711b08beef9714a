"""Influence taken from a Learner, and TracIn over its checkpoints."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from o2u_nb.detect.influence import influence_on, influence_on_itself
from o2u_nb.detect.table import score_table
from o2u_nb.errors import RecordingError
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.probe.influence import influences, last_layer
from o2u_nb.training.probe.tracin import TracIn
from tests.features import blobs, head
from tests.learners import learner, pixel_loaders


def gradients(learn, x, y) -> list[float]:
    """Square the length of each sample's gradient in the last layer, by autograd, one by one."""
    layer = learn.model[-1]
    found = []
    for row, label in zip(x, y, strict=True):
        loss = nn.functional.cross_entropy(learn.model(row[None]), label[None])
        parts = torch.autograd.grad(loss, list(layer.parameters()))
        found.append(float(sum((part**2).sum() for part in parts)))
    return found


def quiet(learn, *args, **options):
    with learn.no_bar(), learn.no_logging():
        return learn.fit(*args, **options)


@pytest.mark.parametrize("hidden", [None, 8])
def test_the_last_layer_of_a_head_is_taken_as_it_is(hidden):
    points = blobs(50, wrong=0.2)
    learn = head(points, hidden=hidden, valid=(points.features[:20], points.table[:20]))
    quiet(learn, 3, 0.01)
    at = last_layer(learn)
    classifier = learn.model[-1][-1] if hidden else learn.model[-1]
    assert at.inputs.shape == (50, hidden or 16) and at.bias
    weight, bias = (p.detach().numpy() for p in classifier.parameters())
    expected = torch.tensor(at.inputs @ weight.T + bias).softmax(1)
    np.testing.assert_allclose(at.probs, expected, atol=1e-6)
    np.testing.assert_array_equal(at.labels, points.given)
    found = influences(learn, damping=0.1)
    np.testing.assert_array_equal(found["self_influence"], influence_on_itself(at, 0.1))
    valid = last_layer(learn, valid=True)
    assert len(valid.labels) == 20
    np.testing.assert_array_equal(found["valid_influence"], influence_on(at, valid, 0.1))


def test_without_validation_samples_there_is_no_influence_on_them():
    assert set(influences(head(blobs(30)))) == {"self_influence"}


def test_wrong_labels_influence_most():
    for seed in range(3):
        points, checked = blobs(300, wrong=0.1, seed=seed), blobs(90, seed=seed)
        learn = head(points, valid=(checked.features, checked.table))
        with learn.no_bar(), learn.no_logging():
            pulled = TracIn(every=6)
            trace = learn.fit_o2u(warmup=6, cycles=2, cycle=6, cbs=pulled)
        measured = influences(learn) | {"tracin": pulled.influence}
        table = score_table(trace, measured=measured).loc[trace.ids]
        for name in ("self_influence", "valid_influence", "tracin"):
            assert roc_auc_score(points.wrong, table[name]) > 0.9, (name, seed)


def test_tracin_adds_up_the_gradients_of_its_checkpoints_in_all_fits():
    points = blobs(20)
    learn = head(points)
    x, y = torch.tensor(points.features), torch.tensor(points.given)
    callback, expected = TracIn(every=2), np.zeros(20)
    with pytest.raises(RecordingError, match="No checkpoint yet"):
        _ = callback.influence
    quiet(learn, 3, 0.02, cbs=callback)  # checkpoint after its second epoch, so redo it by hand
    assert callback.n_epochs == 3
    first = callback.influence.copy()
    quiet(learn, 1, 0.05, cbs=callback)
    expected = 0.05 * np.array(gradients(learn, x, y))
    np.testing.assert_allclose(callback.influence - first, expected, rtol=1e-4)
    other = head(points)
    again = TracIn(every=2)
    quiet(other, 2, 0.02, cbs=again)
    np.testing.assert_allclose(first, again.influence, rtol=1e-6)
    np.testing.assert_allclose(first, 0.02 * np.array(gradients(other, x, y)), rtol=1e-4)


def test_tracin_changes_nothing_of_the_training_and_wants_the_same_samples():
    points = blobs(40)
    plain, watched = head(points, hidden=8), head(points, hidden=8)
    quiet(plain, 2, 0.02)
    callback = TracIn()
    quiet(watched, 2, 0.02, cbs=callback)
    for one, other in zip(plain.model.parameters(), watched.model.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(RecordingError, match="40 samples, and the training set now has 30"):
        quiet(head(blobs(30)), 1, 0.02, cbs=callback)
    with pytest.raises(ValueError, match="found 0"):
        TracIn(every=0)


def test_a_model_without_a_last_linear_layer_is_refused():
    learn = learner(pixel_loaders())
    with pytest.raises(RecordingError, match="ends in a linear layer"):
        influences(learn)
