"""LCCN: the draws of the latent labels against their posterior by hand, and what it learns."""

import numpy as np
import pytest
import torch

from o2u_nb.training.methods import lccn
from o2u_nb.training.methods.lccn import Latent
from tests.features import accuracy, blobs, fitted, head, ranks


def latent(right, given, n_classes=2, *, alpha=1.0, seed=0) -> Latent:
    return Latent(np.array(right), np.array(given), n_classes, alpha=alpha, seed=seed)


def test_the_transition_is_the_posterior_mean_by_hand():
    found = latent([0, 0, 0, 1], [0, 0, 1, 1], alpha=2.0)
    assert found.counts.tolist() == [[2, 1], [0, 1]]
    np.testing.assert_allclose(found.transition(), [[4 / 7, 3 / 7], [2 / 5, 3 / 5]])


def test_a_draw_follows_the_posterior_without_the_samples_own_counts():
    # Without sample 0 the counts are [[3, 1], [1, 2]]; its label is 1, and the softmax even, so
    # that z = 0 has the weight (1 + 1) / (4 + 2) = 1/3 and z = 1 (2 + 1) / (3 + 2) = 3/5.
    found = latent([0, 0, 0, 0, 0, 1, 1, 1], [1, 0, 0, 0, 1, 0, 1, 1])
    rows, even = torch.tensor([0]), torch.tensor([[0.5, 0.5]])
    drawn = np.array([found.draw(rows, even).item() for _ in range(4000)])
    expected = (3 / 5) / (1 / 3 + 3 / 5)
    assert drawn.mean() == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 4000))


def test_the_counts_follow_the_draws_and_a_sure_network_decides():
    found = latent([0, 0, 1], [0, 1, 1])
    rows = torch.tensor([2, 1])
    assert found.draw(rows, torch.tensor([[1.0, 0.0], [0.0, 1.0]])).tolist() == [0, 1]
    assert found.right.tolist() == [0, 1, 0]
    assert found.counts.tolist() == [[1, 1], [0, 1]]


def test_a_sample_that_is_in_a_batch_twice_counts_once():
    found = latent([0, 0, 1], [0, 1, 1])
    drawn = found.draw(torch.tensor([1, 1]), torch.tensor([[0.0, 1.0], [0.0, 1.0]]))
    assert drawn.tolist() == [1, 1] and found.counts.tolist() == [[1, 0], [0, 2]]


def test_the_draws_have_their_own_seed_and_leave_the_global_one_alone():
    rows, even = torch.arange(50), torch.full((50, 2), 0.5)
    before = torch.get_rng_state()
    one, same, other = (
        latent(np.arange(50) % 2, np.arange(50) % 2, seed=seed).draw(rows, even).tolist()
        for seed in (0, 0, 1)
    )
    assert one == same != other
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("seed", range(2))
def test_the_noise_is_learnt_and_wrong_labels_are_found(seed):
    points = blobs(600, wrong=0.3, seed=seed)
    learn, found = fitted(lccn.fit, head(points), lr=0.02)
    planted = 0.7 * np.eye(3) + 0.3 * np.roll(np.eye(3), 1, axis=1)
    assert np.abs(found.transition - planted).max() < 0.15
    assert ranks(points.wrong, found.suspicion) > 0.95
    assert (found.probs.argmax(1) == points.true).mean() > 0.9
    assert accuracy(learn, points) > 0.9


def test_an_impossible_prior_is_refused():
    with pytest.raises(ValueError, match="alpha"):
        fitted(lccn.fit, head(blobs(12)), 2, alpha=0)
