"""The noise adaptation layer: its start, its loss and its gradient by hand, and what it learns."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from o2u_nb.errors import O2UError, RecordingError
from o2u_nb.training.methods import noise_layer
from o2u_nb.training.methods.noise_layer import Adapting, NoFeatures, NoiseLayer, soft_confusion
from tests.features import accuracy, blobs, fitted, head, ranks

THETA = np.array([[0.7, 0.3], [0.2, 0.8]])


def test_the_soft_confusion_by_hand():
    probs = np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    found = soft_confusion(probs, np.array([0, 1, 1]))
    expected = [[0.8 / 1.5, 0.7 / 1.5], [0.2 / 1.5, 1.3 / 1.5]]
    np.testing.assert_allclose(found, expected)


def test_the_soft_confusion_has_no_zeros():
    found = soft_confusion(np.eye(2), np.array([0, 1]))
    np.testing.assert_allclose(found, np.array([[1, 0.001], [0.001, 1]]) / 1.001)


def test_the_layer_starts_as_the_matrix_whatever_the_features():
    layer = NoiseLayer(THETA)
    np.testing.assert_allclose(layer(None).exp().detach()[0], THETA, rtol=1e-6)
    h = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    found = layer(h).exp().detach()
    assert found.shape == (4, 2, 2) and layer.u.shape == (2, 2, 5)
    np.testing.assert_allclose(found, np.broadcast_to(THETA, (4, 2, 2)), rtol=1e-6)


def test_the_complex_layer_depends_on_scaled_features_by_hand():
    layer = NoiseLayer(THETA)
    layer(torch.ones(1, 2))
    with torch.no_grad():
        layer.u[0, 1, 0] = np.log(6)
    found = layer(torch.tensor([[3.0, -1.0]])).exp()[0]  # scaled to (0.75, -0.25)
    odds = 0.3 * 6**0.75 / 0.7
    assert found[0, 1].item() == pytest.approx(odds / (1 + odds))
    assert found[1].tolist() == pytest.approx(THETA[1].tolist())


def test_the_loss_and_the_layers_gradient_by_hand():
    callback = Adapting(SimpleNamespace(), NoiseLayer(THETA), NoFeatures(), 0.1)
    logits = torch.log(torch.tensor([[0.5, 0.5]])).requires_grad_()
    loss = callback.loss_of(logits, torch.tensor([1]), torch.tensor([0]))
    given = 0.5 * 0.3 + 0.5 * 0.8
    assert loss.item() == pytest.approx(-np.log(given))
    # d loss / d b_ij = -p_i theta_iy ([j = y] - theta_ij) / given
    expected = [
        [0.5 * 0.3 * 0.7 / given, -0.5 * 0.3 * 0.7 / given],
        [0.5 * 0.8 * 0.2 / given, -0.5 * 0.8 * 0.2 / given],
    ]
    np.testing.assert_allclose(callback.grads[0], expected, rtol=1e-5)
    assert callback.noise.b.grad is None  # the network's own step does not touch the layer
    loss.backward()
    assert (logits.grad != 0).all()


@pytest.mark.parametrize("form", ["simple", "complex"])
def test_the_layer_learns_the_noise_and_the_network_the_right_classes(form):
    points = blobs(600, wrong=0.3)
    learn, found = fitted(noise_layer.fit, head(points), lr=0.02, form=form)
    planted = 0.7 * np.eye(3) + 0.3 * np.roll(np.eye(3), 1, axis=1)
    assert np.abs(found.transition - planted).max() < 0.15
    np.testing.assert_allclose(found.transition.sum(1), 1, rtol=1e-5)
    assert ranks(points.wrong, found.suspicion) > 0.95
    assert (found.probs.argmax(1) == points.true).mean() > 0.9
    assert accuracy(learn, points) > 0.9


@pytest.mark.parametrize("form", ["simple", "complex"])
def test_the_layer_is_dropped_at_the_end(form):
    learn = head(blobs())
    names = set(learn.model.state_dict())
    fitted(noise_layer.fit, learn, 3, form=form)
    assert set(learn.model.state_dict()) == names
    assert not any(module._forward_hooks for module in learn.model.modules())


def test_a_model_that_does_not_end_in_a_linear_layer_has_no_complex_form():
    learn = head(blobs())
    learn.model = nn.Sequential(learn.model, nn.Hardtanh(-5, 4), nn.PReLU())
    with pytest.raises(RecordingError, match='form="simple"'):
        fitted(noise_layer.fit, learn, 2, form="complex")
    assert not any(module._forward_hooks for module in learn.model.modules())


def test_an_unknown_form_is_refused():
    with pytest.raises(O2UError, match="'hard'"):
        fitted(noise_layer.fit, head(blobs()), 2, form="hard")
