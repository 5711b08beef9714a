"""Truncated GCE: which samples are pruned, when, and what they cost, by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from o2u_nb.training.methods import gce_truncated
from o2u_nb.training.methods.gce_truncated import Pruned, doubted
from tests.features import accuracy, blobs, fitted, head, ranks


def test_labels_with_a_probability_of_at_most_k_are_doubted():
    probs = np.array([[0.5, 0.5], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]])
    assert doubted(probs, np.array([0, 0, 1, 1]), 0.5).tolist() == [True, False, False, True]


def test_a_class_is_not_left_out_altogether():
    probs = np.array([[0.4, 0.6], [0.6, 0.4], [0.6, 0.4]])
    assert doubted(probs, np.array([0, 0, 1]), 0.5).tolist() == [True, False, False]


def test_the_loss_of_a_batch_by_hand():
    callback = Pruned(SimpleNamespace(), 0.5, 0.25, [])
    logits = torch.log(torch.tensor([[0.64, 0.36], [0.91, 0.09]])).requires_grad_()
    labels, rows = torch.tensor([0, 1]), torch.tensor([2, 0])
    # (1 - 0.8) / 0.5 = 0.4 and (1 - 0.3) / 0.5 = 1.4
    assert callback.loss_of(logits, labels, rows).item() == pytest.approx(0.9)
    callback.unpruned = torch.tensor([False, True, True])  # the second one is pruned
    loss = callback.loss_of(logits, labels, rows)
    assert loss.item() == pytest.approx((0.4 + 1.0) / 2)  # (1 - 0.5) / 0.5 = 1
    loss.backward()
    assert (logits.grad[0] != 0).all() and (logits.grad[1] == 0).all()


@pytest.mark.parametrize(
    "epochs, options, expected",
    [
        (120, {}, list(range(40, 120, 10))),
        (24, {}, list(range(8, 24, 2))),
        (2, {}, [1]),
        (10, dict(start=0, every=4), [0, 4, 8]),
    ],
)
def test_pruning_begins_after_a_third_and_repeats_every_twelfth(
    epochs, options, expected, monkeypatch
):
    seen = []

    class Spy(Pruned):
        def before_train(self):
            if self.epoch in self.prunings:
                seen.append(self.epoch)

    monkeypatch.setattr(gce_truncated, "Pruned", Spy)
    fitted(gce_truncated.fit, head(blobs(12)), epochs, **options)
    assert seen == expected


def test_the_suspicion_is_the_share_of_prunings(monkeypatch):
    pruned = iter([[0, 1], [1], [1, 2], [1]])

    def planned(probs, labels, k):
        return np.isin(np.arange(len(labels)), next(pruned))

    monkeypatch.setattr(gce_truncated, "doubted", planned)
    _, found = fitted(gce_truncated.fit, head(blobs(12)), 4, start=0, every=1)
    assert found.suspicion[:4].tolist() == [0.25, 1, 0.25, 0]


def test_a_single_epoch_prunes_nothing_and_says_nothing():
    _, found = fitted(gce_truncated.fit, head(blobs(12)), 1)
    assert np.isnan(found.suspicion).all()


def test_wrong_labels_are_pruned_most_often():
    points = blobs(600, wrong=0.3)
    learn, found = fitted(gce_truncated.fit, head(points), lr=0.02)
    assert ranks(points.wrong, found.suspicion) > 0.9
    assert accuracy(learn, points) > 0.9


def test_impossible_options_are_refused():
    with pytest.raises(ValueError, match="0 < k < 1"):
        fitted(gce_truncated.fit, head(blobs(12)), 3, k=1)
