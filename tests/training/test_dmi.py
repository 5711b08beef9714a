"""DMI: the loss by hand, its invariance under label noise, and batches that lack classes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from o2u_nb.training.methods import dmi, plain
from o2u_nb.training.methods.dmi import FLOOR, Informed, determinant_loss, joint
from tests.features import accuracy, blobs, fitted, head

# rows = right labels; in tenths, so that ten copies of a sample can have exactly these labels
NOISE = torch.tensor([[0.6, 0.4, 0.0], [0.1, 0.7, 0.2], [0.3, 0.0, 0.7]], dtype=torch.float64)


def informed(n_classes: int, start: torch.Tensor, labels: torch.Tensor) -> Informed:
    recorder = SimpleNamespace(labels=labels, who=SimpleNamespace(classes=["x"] * n_classes))
    callback = Informed(recorder, start, 1.0)
    callback.before_fit()
    return callback


def test_the_loss_by_hand():
    probs = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    matrix = joint(probs, torch.tensor([0, 1, 1]))
    expected = torch.tensor([[0.9, 0.1], [0.6, 1.4]], dtype=torch.float64)
    torch.testing.assert_close(matrix, expected)
    assert determinant_loss(matrix).item() == pytest.approx(-np.log(0.9 * 1.4 - 0.1 * 0.6 + FLOOR))
    # the sign of the determinant does not count
    torch.testing.assert_close(determinant_loss(matrix.flip(0)), determinant_loss(matrix))


def test_label_noise_changes_the_loss_by_a_constant_and_its_gradient_not_at_all():
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    logits = torch.randn(90, 3, generator=random).double().requires_grad_()
    noisy = torch.cat(
        [torch.arange(3).repeat_interleave((10 * NOISE[k]).round().long()) for k in labels]
    )
    losses, grads = [], []
    for given, times in ((labels, 1), (noisy, 10)):
        probs = logits.softmax(1).repeat_interleave(times, 0)
        losses.append(determinant_loss(joint(probs, given) / times))
        grads.append(torch.autograd.grad(losses[-1], logits)[0])
    constant = -torch.log(torch.linalg.det(NOISE).abs())
    torch.testing.assert_close(losses[1] - losses[0], constant, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(grads[1], grads[0], rtol=1e-3, atol=1e-8)
    assert losses[1] > losses[0]  # information monotone: noise never adds information


def test_many_classes_do_not_overflow():
    matrix = (
        1e5 * torch.eye(100, dtype=torch.float64)
    ).requires_grad_()  # the determinant is 1e500
    loss = determinant_loss(matrix)
    loss.backward()
    assert loss.item() == pytest.approx(-500 * np.log(10))
    torch.testing.assert_close(matrix.grad, -1e-5 * torch.eye(100, dtype=torch.float64))


def test_a_batch_with_enough_samples_of_each_class_counts_alone():
    labels = torch.arange(50) % 2
    logits = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    callback = informed(2, torch.full((2, 2), 7.0, dtype=torch.float64), labels)
    found = callback.loss_of(logits, labels, labels)
    expected = determinant_loss(joint(logits.softmax(1), labels)) / 2
    assert found.item() == pytest.approx(expected.item())


def test_a_batch_that_lacks_a_class_is_joined_with_those_before_it():
    labels = torch.arange(50) % 2
    start = torch.tensor([[300.0, 100.0], [50.0, 350.0]], dtype=torch.float64)
    callback = informed(2, start, labels)
    batch = torch.zeros(10, dtype=torch.long)
    logits = torch.zeros(10, 2, requires_grad=True)
    loss = callback.loss_of(logits, batch, batch)
    # the memory stands for 50 samples, start / 16, and fades by 1 - 10 / 50
    matrix = 0.8 * start / 16 + torch.tensor([[5.0, 5.0], [0.0, 0.0]], dtype=torch.float64)
    assert loss.item() == pytest.approx(determinant_loss(matrix).item() / (2 * 0.2))
    torch.testing.assert_close(callback.memory, matrix)
    loss.backward()
    assert torch.isfinite(logits.grad).all() and (logits.grad[:, 0] < 0).all()


def test_a_network_that_says_the_same_of_all_samples_has_a_finite_gradient():
    logits = torch.zeros(60, 3, requires_grad=True)
    loss = determinant_loss(joint(logits.softmax(1), torch.arange(60) % 3))
    loss.backward()
    assert loss.item() == pytest.approx(-np.log(FLOOR))
    assert torch.isfinite(logits.grad).all()


def test_a_class_without_training_samples_is_left_out():
    labels = torch.tensor([0, 2] * 25)
    start = torch.tensor([[9.0, 0, 1], [0, 0, 0], [1, 0, 9]], dtype=torch.float64)
    logits = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = informed(3, start, labels).loss_of(logits, labels, labels)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("seed", range(3))
def test_dmi_sees_through_noise_that_misleads_plain_training(seed):
    points = blobs(600, wrong=0.4, seed=seed)
    learn, found = fitted(dmi.fit, head(points, seed=seed), lr=0.02)
    misled, _ = fitted(plain.fit, head(points, seed=seed), lr=0.02)
    assert accuracy(learn, points) > max(0.9, accuracy(misled, points) + 0.02)
    assert found.suspicion is None
