"""The search for critical samples, where the distance to the boundary is known."""

import numpy as np
import pytest
import torch
from torch import nn

from o2u_nb.detect.table import score_table
from o2u_nb.errors import RecordingError
from o2u_nb.training.feature_loader import FeatureLoader
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.methods import plain
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.probe.critical import critical_ratio, near_boundary
from tests.features import blobs, head
from tests.learners import learner, pixel_loaders


class Line(nn.Module):
    """Predict by the sign of the first feature: the boundary is at 0."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(3.0))
        self.inputs = []

    def forward(self, x):
        self.inputs.append(x.detach().clone())
        zero = torch.zeros(len(x))
        return self.gain * torch.stack([x[:, 0], -x[:, 0], zero - 9], dim=1)


def on_a_line(distances) -> tuple:
    """A Learner whose samples lie `distances` standard deviations from the boundary."""
    points = blobs(len(distances))
    points.features[:] = np.random.default_rng(0).normal(size=points.features.shape)
    points.features[:, 0] = distances
    points.features /= points.features.std(ddof=1)
    learn = head(points, bs=len(distances))
    learn.model = Line()
    return learn, points.features


def test_nearness_is_the_smallest_box_that_reaches_the_boundary():
    distances = np.array([0.01, -0.09, 0.11, -0.19, 0.21, -0.29, 0.31, 0.39, -0.41, 2.0])
    learn, features = on_a_line(distances)
    scale = features[0, 0] / distances[0]  # close to 1
    expected = [1, 1, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25, 0, 0]
    found = near_boundary(learn, radius=0.4 * scale, boxes=4, steps=20)
    assert found.tolist() == expected
    assert critical_ratio(learn, radius=0.4 * scale, boxes=4, steps=20) == 0.8
    assert near_boundary(learn, radius=0.4 * scale, boxes=1, steps=20).tolist() == [1] * 8 + [0] * 2


def test_the_search_stays_in_the_box():
    learn, features = on_a_line(np.linspace(0.5, 3, 10))
    near_boundary(learn, radius=0.3, boxes=2, steps=6)
    moved = [(x - torch.tensor(features)).abs().max().item() for x in learn.model.inputs]
    assert max(moved) == pytest.approx(0.3, rel=1e-4) and max(moved[:12]) < 0.151


def test_nothing_of_the_learner_changes_and_the_seed_decides():
    points = blobs(60, wrong=0.3, spread=2.0)
    learn = head(points, hidden=8)
    with learn.no_bar(), learn.no_logging():
        learn.fit(3, 0.02)
    before = [p.detach().clone() for p in learn.model.parameters()]
    grads = [None if p.grad is None else p.grad.clone() for p in learn.model.parameters()]
    state = torch.get_rng_state()
    found = near_boundary(learn, radius=0.1)
    assert torch.equal(torch.get_rng_state(), state)
    for now, then, grad in zip(learn.model.parameters(), before, grads, strict=True):
        assert torch.equal(now, then)
        assert (now.grad is None) if grad is None else torch.equal(now.grad, grad)
    np.testing.assert_array_equal(near_boundary(learn, radius=0.1), found)
    assert 0 < (found > 0).mean() < 1 and set(found) <= {0, 0.25, 0.5, 0.75, 1}


def test_it_is_a_column_for_pictures_and_the_labels_make_no_difference():
    torch.manual_seed(0)
    learn = learner(pixel_loaders(crop=1))
    learn.model = CompactResNet(4, widths=(4, 8))
    with learn.no_bar(), learn.no_logging():
        trace = plain.train(learn, [0.01])
    found = near_boundary(learn, steps=2)
    assert found.shape == (trace.n_samples,)
    table = score_table(trace, measured={"near_boundary": found})
    np.testing.assert_array_equal(table.loc[trace.ids, "near_boundary"], found)


def test_inputs_that_are_no_numbers_with_fractions_are_refused(monkeypatch):
    learn = head(blobs(20))
    serve = FeatureLoader.do_batch

    def whole(loader, b):
        x, y = serve(loader, b)
        return x.long(), y

    monkeypatch.setattr(FeatureLoader, "do_batch", whole)
    with pytest.raises(RecordingError, match="int64"):
        near_boundary(learn)
