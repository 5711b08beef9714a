"""Forward and backward correction: losses by hand, and planted noise that they see through."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from o2u_nb.detect.transition import ESTIMATORS
from o2u_nb.training.corrected import Corrected
from o2u_nb.training.losses import backward_corrected, forward_corrected
from o2u_nb.training.methods import backward_correction, forward_correction, plain
from tests.features import accuracy, blobs, fitted, head, ranks

PAIR = torch.tensor([[0.8, 0.2, 0.0], [0.0, 0.8, 0.2], [0.2, 0.0, 0.8]])


def test_forward_by_hand():
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]))
    found = forward_corrected(logits, torch.tensor([1, 0]), PAIR)
    # 0.5 * 0.2 + 0.3 * 0.8 = 0.34 and 0.1 * 0.8 + 0.8 * 0.2 = 0.24
    torch.testing.assert_close(found, -torch.log(torch.tensor([0.34, 0.24])))


def test_backward_by_hand():
    transition = torch.tensor([[0.8, 0.2], [0.4, 0.6]])  # determinant 0.4
    inverse = torch.tensor([[1.5, -0.5], [-1.0, 2.0]])
    torch.testing.assert_close(torch.linalg.inv(transition), inverse)
    logits = torch.log(torch.tensor([[0.9, 0.1]])).repeat(2, 1)
    found = backward_corrected(logits, torch.tensor([0, 1]), inverse)
    low, high = -np.log(0.9), -np.log(0.1)
    expected = [1.5 * low - 0.5 * high, -low + 2 * high]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float32))
    assert found[0] < 0


@pytest.mark.parametrize("label", range(3))
def test_the_expected_backward_loss_is_cross_entropy_on_the_right_label(label):
    logits = torch.randn(1, 3, generator=torch.Generator().manual_seed(0)).repeat(3, 1)
    losses = backward_corrected(logits, torch.arange(3), torch.linalg.inv(PAIR))
    expected = F.cross_entropy(logits[:1], torch.tensor([label]))
    torch.testing.assert_close((PAIR[label] * losses).sum(), expected)


def test_without_noise_both_are_cross_entropy():
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 1, 2, 1, 0])
    expected = F.cross_entropy(logits, labels, reduction="none")
    for loss in (forward_corrected, backward_corrected):
        torch.testing.assert_close(loss(logits, labels, torch.eye(3)), expected)


def test_a_label_that_the_matrix_makes_impossible_has_a_finite_loss_and_gradient():
    logits = torch.zeros(1, 2, requires_grad=True)
    loss = forward_corrected(logits, torch.tensor([1]), torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    loss.sum().backward()
    assert torch.isfinite(loss).all() and torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("method", [forward_correction, backward_correction])
@pytest.mark.parametrize("estimator", ["confident_joint", "anchor_points"])
def test_a_correction_estimates_the_noise_and_finds_the_wrong_labels(method, estimator):
    points = blobs(600, wrong=0.3)
    _, found = fitted(method.fit, head(points), lr=0.02, estimator=estimator)
    planted = 0.7 * np.eye(3) + 0.3 * np.roll(np.eye(3), 1, axis=1)
    assert np.abs(found.transition - planted).max() < 0.25
    np.testing.assert_allclose(found.transition.sum(1), 1)
    assert ranks(points.wrong, found.suspicion) > 0.95
    given = found.probs[np.arange(600), points.given]
    np.testing.assert_allclose(found.suspicion, 1 - given)


@pytest.mark.parametrize("method", [forward_correction, backward_correction])
@pytest.mark.parametrize("seed", range(3))
def test_a_corrected_network_is_misled_less_than_a_plain_one(method, seed):
    points = blobs(600, wrong=0.3, seed=seed)
    learn, found = fitted(method.fit, head(points, seed=seed), lr=0.02)
    misled, _ = fitted(plain.fit, head(points, seed=seed), lr=0.02)
    assert accuracy(learn, points) > accuracy(misled, points) + 0.02
    assert (found.probs.argmax(1) == points.true).mean() > 0.9


def test_the_first_third_is_a_plain_warm_up_and_the_rest_is_not():
    _, found = fitted(forward_correction.fit, head(blobs(wrong=0.3)), 6)
    assert list(found.trace.phase) == ["warmup"] * 2 + ["training"] * 4
    _, all_plain = fitted(forward_correction.fit, head(blobs(wrong=0.3)), 6, warmup=6)
    np.testing.assert_array_equal(found.trace.loss[:2], all_plain.trace.loss[:2])
    assert (found.trace.loss[-1] != all_plain.trace.loss[-1]).any()
    assert all_plain.suspicion is not None


def test_a_warm_up_longer_than_the_training_is_refused():
    with pytest.raises(ValueError, match="1 to all 3 epochs, found 4"):
        fitted(forward_correction.fit, head(blobs()), 3, warmup=4)


def test_a_nearly_singular_matrix_is_blended_and_said(monkeypatch):
    monkeypatch.setitem(ESTIMATORS, "flat", lambda probs, labels: np.full((3, 3), 1 / 3))
    said = []
    options = dict(estimator="flat", say=said.append)
    _, found = fitted(backward_correction.fit, head(blobs()), 2, **options)
    assert "nearly singular" in said[0] and "6.0 % of the identity" in said[0]
    expected = 0.06 * np.eye(3) + 0.94 / 3  # the eigenvalues are 1, 0.06 and 0.06
    np.testing.assert_allclose(found.transition, expected)


def test_a_batch_with_a_negative_loss_does_not_train():
    inverse = np.array([[1.5, -0.5], [-1.0, 2.0]])
    callback = Corrected(SimpleNamespace(), backward_corrected, inverse)
    logits = torch.log(torch.tensor([[0.9, 0.1], [0.5, 0.5]])).requires_grad_()
    labels = torch.tensor([0, 0])
    loss = callback.loss_of(logits, labels, labels)
    losses = [-1.5 * np.log(0.9) + 0.5 * np.log(0.1), -np.log(0.5)]  # -0.993 and 0.693
    assert np.mean(losses) < 0 == loss.item()
    loss.backward()
    assert (logits.grad == 0).all()
    other = callback.loss_of(logits[1:], labels[1:], labels[1:])
    assert other.item() == pytest.approx(losses[1])
