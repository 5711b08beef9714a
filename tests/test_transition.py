"""The transition matrix, recovered from synthetic posteriors, and what follows from it by hand."""

import numpy as np
import pytest

from o2u_nb.detect.transition import (
    anchor_points,
    conditioned,
    confident_joint,
    estimate,
    posterior,
    weighted,
)
from o2u_nb.errors import O2UError

PLANTED = np.array([[0.7, 0.3, 0.0], [0.0, 0.8, 0.2], [0.1, 0.0, 0.9]])


def noisy(n: int = 6000, *, sure: float = 20.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw right classes and labels by `PLANTED`; return exact posteriors of labels, and labels.

    The larger `sure`, the surer are the posteriors of the right class.
    """
    random = np.random.default_rng(seed)
    right = random.integers(3, size=n)
    weights = random.dirichlet(np.ones(3), size=n) + sure * np.eye(3)[right]
    clean = weights / weights.sum(1, keepdims=True)
    given = np.array([random.choice(3, p=PLANTED[k]) for k in right])
    return clean @ PLANTED, given


@pytest.mark.parametrize("estimator", ["anchor_points", "confident_joint"])
def test_the_planted_matrix_is_recovered_from_exact_posteriors(estimator):
    found = estimate(*noisy(), estimator)
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_allclose(found, PLANTED, atol=0.05)


def test_anchor_points_are_the_surest_half_percent_averaged():
    probs = np.full((400, 2), 0.5)
    probs[7], probs[9], probs[11] = [0.9, 0.1], [0.8, 0.2], [0.7, 0.3]
    probs[20], probs[30] = [0.1, 0.9], [0.3, 0.7]
    np.testing.assert_allclose(anchor_points(probs), [[0.85, 0.15], [0.2, 0.8]])


def test_anchor_points_of_many_classes_are_no_more_than_a_tenth_of_a_class():
    probs = np.full((100, 10), 0.1)  # 0.5 % of 100 is one, and a tenth of a class of 10, too
    probs[3] = 0.01
    probs[3, 0] = 0.91
    assert anchor_points(probs)[0, 0] == pytest.approx(0.91)
    wide = np.full((4000, 400), 1 / 400)  # 0.5 % would be 20 samples, and a class has 10
    wide[5] = 0
    wide[5, 2] = 1
    assert anchor_points(wide)[2, 2] == pytest.approx(1)


@pytest.mark.parametrize("estimator", ["anchor_points", "confident_joint"])
def test_samples_that_were_not_seen_are_left_out(estimator):
    probs, given = noisy(600)
    unseen = np.concatenate([probs, np.full((50, 3), np.nan)])
    labels = np.concatenate([given, np.zeros(50, dtype=int)])
    np.testing.assert_allclose(
        estimate(unseen, labels, estimator), estimate(probs, given, estimator), atol=0.01
    )


def test_a_class_that_nothing_is_taken_for_is_taken_to_be_labelled_rightly():
    probs = np.array([[0.8, 0.2, 0.0], [0.1, 0.9, 0.0]] * 10)
    found = confident_joint(probs, np.array([0, 1] * 10))
    np.testing.assert_allclose(found, np.eye(3))


def test_an_unknown_estimator_is_answered_with_the_known_ones():
    with pytest.raises(O2UError, match="anchor_points, confident_joint"):
        estimate(*noisy(30), "guess")


def test_a_well_conditioned_matrix_stays_as_it_is():
    found, weight = conditioned(PLANTED)
    assert weight == 0
    np.testing.assert_array_equal(found, PLANTED)


def test_as_little_of_the_identity_is_blended_in_as_is_needed():
    # [[1 - a, a], [a, 1 - a]] has the eigenvalues 1 and 1 - 2a; blended by w, 1 - 2a (1 - w)
    found, weight = conditioned(np.full((2, 2), 0.5), most=4.01)
    assert weight == 0.25
    np.testing.assert_allclose(found, [[0.625, 0.375], [0.375, 0.625]])
    assert np.linalg.cond(found) == pytest.approx(4)


def test_the_posterior_by_hand():
    transition = np.array([[0.9, 0.1], [0.3, 0.7]])
    probs = np.array([[0.6, 0.4], [0.2, 0.8], [1.0, 0.0]])
    found = posterior(probs, np.array([0, 1, 1]), transition)
    # 0.6 * 0.9 = 0.54 against 0.4 * 0.3 = 0.12; 0.2 * 0.1 = 0.02 against 0.8 * 0.7 = 0.56
    np.testing.assert_allclose(found, [[54 / 66, 12 / 66], [2 / 58, 56 / 58], [1, 0]])


def test_a_label_that_cannot_be_leaves_the_network_its_opinion_and_nan_stays():
    found = weighted(np.array([[1.0, 0.0], [np.nan, np.nan]]), np.array([[0.0, 1.0], [0.5, 0.5]]))
    np.testing.assert_array_equal(found, [[1, 0], [np.nan, np.nan]])
