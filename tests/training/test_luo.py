"""LUO: the penalty by hand, its meaning as a Jacobian, and what it does to a training."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from o2u_nb.training.methods import luo, plain
from o2u_nb.training.methods.luo import Steady, variance
from tests.features import accuracy, blobs, fitted, head


def steady(model: nn.Module, x: torch.Tensor, *, weight=1.0, noise=0.5, seed=0) -> Steady:
    callback = Steady(SimpleNamespace(who=SimpleNamespace(classes=["a", "b"])), weight, noise, seed)
    callback.learn = SimpleNamespace(model=model, xb=(x,))
    return callback


def test_the_variance_of_two_predictions_by_hand():
    found = variance(torch.tensor([[0.7, 0.3], [0.5, 0.5]]), torch.tensor([[0.5, 0.5], [0.5, 0.5]]))
    torch.testing.assert_close(found, torch.tensor([0.04, 0.0]))
    assert found[0].item() == pytest.approx(2 * np.var([0.7, 0.5], ddof=1))


def test_the_loss_is_cross_entropy_plus_the_weighted_penalty():
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    model, labels = nn.Linear(3, 2), torch.tensor([0, 1] * 4)
    losses = [
        steady(model, x, weight=weight).loss_of(model(x), labels, labels) for weight in (0, 1, 3)
    ]
    torch.testing.assert_close(losses[0], F.cross_entropy(model(x), labels))
    torch.testing.assert_close(losses[2] - losses[0], 3 * (losses[1] - losses[0]))
    assert losses[1] > losses[0]


def test_for_small_noise_the_penalty_is_half_the_squared_jacobian():
    x = torch.tensor([[1.0, -1.0]]).repeat(20_000, 1)  # standard deviation 1
    model = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.5, 0.0], [0.0, 0.3]]))
        labels = torch.zeros(len(x), dtype=torch.long)
        callback = steady(model, x, noise=0.01)
        penalty = callback.loss_of(model(x), labels, labels) - F.cross_entropy(model(x), labels)
    jacobian = torch.autograd.functional.jacobian(lambda v: model(v).softmax(0), x[0])
    expected = 0.01**2 * (jacobian**2).sum().item() / 2
    assert penalty.item() == pytest.approx(expected, rel=0.05)


def test_inputs_of_whole_numbers_stay_as_they_are():
    x = torch.arange(6)
    assert steady(nn.Identity(), x)._perturbed(x) is x


def test_the_noise_has_its_own_seed_and_leaves_the_global_one_alone():
    def state_after(method, **options) -> torch.Tensor:
        torch.manual_seed(0)
        fitted(method, head(blobs(30)), 2, **options)
        return torch.get_rng_state()

    assert torch.equal(state_after(luo.fit), state_after(plain.fit))
    one, other = (fitted(luo.fit, head(blobs(30)), 2, seed=seed)[1].trace.loss for seed in (0, 1))
    assert (one[-1] != other[-1]).any()


def test_predictions_vary_less_and_wrong_labels_are_memorised_less():
    """With half of the default weight: with all of it, one seed learns too little on some CPUs."""
    spreads = {plain: 0.0, luo: 0.0}  # in sum, because that of one seed depends on the processor
    for seed in range(5):
        points = blobs(150, wrong=0.3, seed=seed)
        random = torch.Generator().manual_seed(1)
        found = {}
        for method in (plain, luo):
            options = dict(weight=luo.WEIGHT / 2) if method is luo else {}
            learner = head(points, hidden=64, dropout=0.0)
            learn, trained = fitted(method.fit, learner, 40, lr=0.2, **options)
            x = torch.from_numpy(points.features)
            moved = x + 0.3 * torch.randn(x.shape, generator=random)
            learn.model.eval()
            with torch.no_grad():
                spread = variance(learn.model(x).softmax(1), learn.model(moved).softmax(1)).mean()
            spreads[method] += spread.item()
            memorised = (trained.trace.pred[-1] == points.given)[points.wrong].mean()
            found[method] = memorised, accuracy(learn, points)
        assert found[luo][0] < found[plain][0] - 0.2
        assert found[luo][1] > found[plain][1]
    assert spreads[luo] < spreads[plain] / 2


def test_negative_options_are_refused():
    with pytest.raises(ValueError, match="0 or more"):
        fitted(luo.fit, head(blobs(12)), 2, weight=-1)
