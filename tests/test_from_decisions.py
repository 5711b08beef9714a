"""Learning from decisions: what a few of them change, what moved a label, and what never may."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb.detect import from_decisions
from o2u_nb.detect.from_decisions import Decided, LeftOut, Prior
from o2u_nb.detect.recalibrated import expit


@dataclass
class Points:
    """Three groups of points, a class each; some have the label of the next class."""

    p_wrong: np.ndarray
    given: np.ndarray
    suggested: np.ndarray
    true: np.ndarray
    features: np.ndarray

    def prior(self, rows=slice(None), **options) -> Prior:
        return Prior(
            self.p_wrong[rows], self.given[rows], self.suggested[rows], 3,
            options.pop("features", [self.features[rows]]), **options,
        )  # fmt: skip

    def decided(self, *positions) -> Decided:
        at = np.array(positions, dtype=np.int64)
        return Decided(at, self.given[at] != self.true[at], self.true[at])


def points(n=90, seed=0) -> Points:
    rng = np.random.default_rng(seed)
    true = np.arange(n) % 3
    given = np.where(rng.random(n) < 0.3, (true + 1) % 3, true)
    features = np.eye(3)[true] * 3 + rng.normal(0, 1, (n, 3))
    p_wrong = expit(np.where(given != true, 1.0, -1.0) + rng.normal(0, 1.5, n))
    return Points(p_wrong, given, np.where(given != true, true, (given + 1) % 3), true, features)


NOTHING = Decided(np.empty(0, int), np.empty(0, bool), np.empty(0, int))


def test_no_decision_changes_nothing():
    found = points()
    found.p_wrong[5] = np.nan
    learned = found.prior().after(NOTHING)
    np.testing.assert_array_equal(learned.log_odds, found.prior().log_odds)
    assert not any(np.any(part) for part in learned[1:])
    only_unseen = found.prior().after(found.decided(5))  # says nothing: the audit has not seen it
    np.testing.assert_array_equal(only_unseen.log_odds, learned.log_odds)


def test_what_moved_a_label_adds_up():
    found = points()
    found.p_wrong[7] = np.nan
    column = np.random.default_rng(1).random(90)
    learned = found.prior(parts=[column]).after(found.decided(0, 1, 2, 30, 41))
    total = found.prior().log_odds + sum(learned[1:])
    np.testing.assert_allclose(learned.log_odds, total, atol=1e-12)
    assert all(np.ptp(part[~np.isnan(part)]) > 0 for part in learned[1:])
    assert np.isnan(learned.log_odds[7]) and np.isnan(learned.log_odds).sum() == 1


def test_a_part_that_is_nan_or_constant_counts_as_its_mean():
    found = points()
    column = np.random.default_rng(1).random(90)
    column[:45] = np.nan
    parts = [column, np.full(90, 3.0), np.full(90, np.nan)]
    learned = found.prior(parts=parts).after(found.decided(*range(45, 60)))
    assert (learned.parts[:45] == 0).all() and np.abs(learned.parts[45:]).max() > 0


@pytest.mark.parametrize("wrong", [False, True])
def test_few_and_one_sided_decisions_stay_near_the_audit(wrong):
    found = points()
    at = np.arange(3)
    said = Decided(at, np.full(3, wrong), np.where(wrong, found.true[at], found.given[at]))
    prior = found.prior(features=[])
    moved = prior.after(said).log_odds - prior.log_odds
    assert (np.sign(moved[at]) == (1 if wrong else -1)).all()
    assert np.abs(moved).max() < 1.5
    many = np.arange(60)
    said = Decided(
        many, np.full(60, wrong), np.where(wrong, (found.given + 1) % 3, found.given)[many]
    )
    learned = prior.after(said).log_odds
    assert np.isfinite(learned).all() and np.abs(learned - prior.log_odds).max() < 10


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 30))
def test_the_order_of_samples_and_of_decisions_does_not_matter(seed, k):
    found, rng = points(seed=seed % 5), np.random.default_rng(seed)
    at = rng.choice(90, k, replace=False)
    learned = found.prior().after(found.decided(*at))
    again = found.prior().after(found.decided(*rng.permutation(at)))
    np.testing.assert_allclose(again.log_odds, learned.log_odds, atol=1e-4)
    rows = rng.permutation(90)
    place = np.argsort(rows)  # of each sample in the new order
    mixed = found.decided(*at)._replace(positions=place[at])
    np.testing.assert_allclose(
        found.prior(rows).after(mixed).log_odds, learned.log_odds[rows], atol=2e-3
    )


def test_what_was_found_of_a_pair_of_classes_moves_that_pair_only():
    given, suggested = np.array([0, 0, 0, 0, 1, 1]), np.array([1, 1, 1, 2, 2, -1])
    prior = Prior(np.full(6, 0.5), given, suggested, 3)
    right = Decided(np.array([0, 1]), np.zeros(2, bool), np.zeros(2, int))
    classes = prior.after(right).classes
    assert classes[2] < classes[3] < 0  # the pair, and only the given class
    assert classes[4] == classes[5] == 0
    assert classes[0] == classes[1] == classes[2]


def test_the_margin_is_that_of_a_classifier_which_never_saw_the_sample(monkeypatch):
    """Compare one fit on all with as many fits as there are samples, each of them without one."""
    monkeypatch.setattr(from_decisions, "DIRECTIONS", 2)
    monkeypatch.setattr(from_decisions, "LOOK_ALIKES", 0)
    found = points(n=12)
    model = LeftOut([found.features], found.given, 3)
    at = found.decided(1, 4, 6, 9)
    at.right[2:] = -1  # of samples that were dropped nobody said the class
    labels = found.given.copy()
    labels[[1, 4]] = found.true[[1, 4]]
    rows = model._rows.astype(float)
    for decided, without, own in ((NOTHING, [], found.given), (at, [6, 9], labels)):
        by_hand = []
        for k in range(12):
            others = np.setdiff1d(np.arange(12), [k, *without])
            x, y = rows[others], np.eye(3)[own[others]]
            said = rows[k] @ np.linalg.solve(x.T @ x + np.eye(3), x.T @ y)
            by_hand.append(np.delete(said, found.given[k]).max() - said[found.given[k]])
        np.testing.assert_allclose(model.margin(decided), by_hand, atol=1e-5)
    np.testing.assert_array_equal(model.before, model.margin(NOTHING))


def test_a_margin_computed_by_hand(monkeypatch):
    """Two equal pictures, one of each class: each is taken for what the other one is called.

    Features are centred, so both rows are only the constant c = 0.3. Without the sample itself
    c^2 + 1 = 1.09, the fit is 0.3 / 1.09 for the other one's class, and it says 0.09 / 1.09. Of the
    other one it says as much for the class of the sample itself, so it misses 1 of the other class
    and -0.09 / 1.09 of the sample's own, and the sample's look-alike corrects it by that.
    """
    monkeypatch.setattr(from_decisions, "DIRECTIONS", 1)
    model = LeftOut([np.ones((2, 2))], np.array([0, 1]), 2)
    np.testing.assert_allclose(model.before, [1 + 0.18 / 1.09] * 2, atol=1e-6)
    monkeypatch.setattr(from_decisions, "LOOK_ALIKES", 0)
    model = LeftOut([np.ones((2, 2))], np.array([0, 1]), 2)
    np.testing.assert_allclose(model.before, [0.09 / 1.09] * 2, atol=1e-6)


def test_near_look_alikes_have_a_larger_share_and_too_many_samples_have_none(monkeypatch):
    rows = np.array([[2.0, 0], [1, 0], [0, 1]])
    positions, share = from_decisions._look_alikes(rows)
    assert positions.tolist() == [[1, 2], [0, 2], [0, 1]]
    far = np.exp(-8)  # of a cosine similarity of 0, where the nearest has 1
    np.testing.assert_allclose(share[0], [1 / (1 + far), far / (1 + far)], rtol=1e-5)
    np.testing.assert_allclose(share[2], [0.5, 0.5], rtol=1e-5)
    monkeypatch.setattr(from_decisions, "MOST_COMPARED", 2)
    assert from_decisions._look_alikes(rows)[1].shape == (3, 0)


def test_a_dropped_sample_says_nothing_of_its_look_alikes():
    """Its own label is no more counted than if it had not been there."""
    found = points()
    said = found.decided(*range(5))._replace(right=np.full(5, -1))
    other = found.given.copy()
    other[:5] = (other[:5] + 1) % 3
    one, two = (
        LeftOut([found.features], labels, 3).margin(said) for labels in (found.given, other)
    )
    np.testing.assert_allclose(one[5:], two[5:], atol=1e-5)


def test_look_alikes_of_a_wrong_label_become_more_suspicious():
    given = np.repeat([0, 1], 20)
    given[15:20] = 1  # five pictures of the first kind with the label of the second
    features = np.repeat([[1.0, 0.0], [0.0, 1.0]], 20, axis=0)
    features += np.random.default_rng(0).normal(0, 0.05, features.shape)
    prior = Prior(np.full(40, 0.3), given, 1 - given, 2, [features])
    found = prior.after(
        Decided(np.array([15, 16, 25, 5]), np.array([1, 1, 0, 0], bool), np.array([0, 0, 1, 0]))
    )
    assert found.alike[17:20].min() > found.alike[20:].max()
    assert found.p_wrong[17:20].min() > 0.3 > np.median(found.p_wrong[20:])


def test_another_start_shares_the_features_and_leaves_the_first_alone():
    found = points()
    prior = found.prior()
    before = prior.log_odds.copy()
    other = prior.starting_from(found.p_wrong / 2)
    np.testing.assert_array_equal(prior.log_odds, before)
    fresh = Points(**{**vars(found), "p_wrong": found.p_wrong / 2}).prior()
    at = found.decided(3, 4, 5)
    np.testing.assert_array_equal(other.after(at).log_odds, fresh.after(at).log_odds)
