"""Common confusions: counts by hand, even noise that says nothing, uneven noise that does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb.detect import swaps
from o2u_nb.detect.swaps import swap_odds, swap_ratios


def sure_of(classes, n_classes: int, peak=0.9) -> np.ndarray:
    """Probabilities that peak at `classes`."""
    classes, peak = np.asarray(classes), np.broadcast_to(peak, len(classes))
    probs = np.repeat((1 - peak)[:, None] / (n_classes - 1), n_classes, axis=1)
    probs[np.arange(len(classes)), classes] = peak
    return probs


def test_ratios_by_hand(monkeypatch):
    monkeypatch.setattr(swaps, "SURE_PART", 1)
    monkeypatch.setattr(swaps, "LEAST_SHAPE", 0.5)
    # taken for 0, 1, 2: ten each; labelled otherwise: eight of those taken for 0, all as 1
    taken = np.repeat([0, 1, 2], 10)
    labels = taken.copy()
    labels[:8] = 1
    # 60 chances, 8 swaps: 4/3 in each of the 6 cells if even
    m = 4 / 3
    excess = (8 - m) ** 2 + 5 * m**2 - 6 * m
    shape = 6 * m**2 / excess
    assert shape < 0.5
    expected = np.full((3, 3), 0.5 / (m + 0.5))
    expected[1, 0] = 8.5 / (m + 0.5)
    np.fill_diagonal(expected, 1)
    np.testing.assert_allclose(swap_ratios(sure_of(taken, 3), labels), expected)
    found = swap_odds(sure_of(taken, 3), labels, np.where(taken == labels, (taken + 1) % 3, taken))
    np.testing.assert_allclose(found[:8], swaps.WEIGHT * np.log(8.5 / (m + 0.5)))


def test_the_shape_is_the_one_of_the_counts_when_that_is_larger(monkeypatch):
    monkeypatch.setattr(swaps, "SURE_PART", 1)
    monkeypatch.setattr(swaps, "LEAST_SHAPE", 0.1)
    taken, labels = np.repeat([0, 1, 2], 100), np.repeat([0, 1, 2], 100)
    labels[:60] = [1] * 40 + [2] * 20
    labels[100:130], labels[200:230] = [0] * 15 + [2] * 15, [0] * 15 + [1] * 15
    m = 20  # 120 swaps in six cells
    shape = 6 * m**2 / (20**2 + 0 + 4 * 5**2 - 6 * m)
    ratios = swap_ratios(sure_of(taken, 3), labels)
    assert ratios[1, 0] == pytest.approx((40 + shape) / (m + shape))
    assert ratios[0, 2] == pytest.approx((15 + shape) / (m + shape))


def test_only_the_surest_of_each_class_count(monkeypatch):
    monkeypatch.setattr(swaps, "SURE_PART", 0.5)
    monkeypatch.setattr(swaps, "LEAST_SHAPE", 1)
    taken = np.repeat([0, 1], 8)
    labels, peak = taken.copy(), np.tile(np.linspace(0.6, 0.9, 8), 2)
    labels[:4] = 1  # the four least sure of class 0: they do not count
    ratios = swap_ratios(sure_of(taken, 2, peak), labels)
    np.testing.assert_array_equal(ratios, 1)
    labels[4:8] = 1  # the four surest
    assert swap_ratios(sure_of(taken, 2, peak), labels)[1, 0] > 1


def test_the_surest_are_found_as_class_by_class():
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.full(4, 0.3), 400).astype(np.float32)
    probs[7:60] = np.nan
    probs[100] = [0, 1 + 2e-7, 0, 0]  # what a mean of softmaxes can come to
    found, taken_for = swaps._surest(probs)
    expected = []
    for k in range(4):
        members = [i for i in range(400) if probs[i].max() >= 0 and taken_for[i] == k]
        members.sort(key=lambda i: -probs[i].max())
        expected += members[: round(0.25 * len(members))]  # fewer than 100, so a quarter
    assert sorted(found) == sorted(expected) and 100 in found


def test_of_small_classes_more_samples_count():
    sizes = np.array([0, 40, 500, 2000])
    assert swaps._places(sizes).tolist() == [0, 10, 100, 200]


def test_even_noise_says_nothing_and_pair_flips_speak():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 10, 20_000)
    probs = sure_of(truth, 10, rng.uniform(0.5, 1, len(truth)))
    flipped = rng.random(len(truth)) < 0.2
    even = np.where(flipped, (truth + rng.integers(1, 10, len(truth))) % 10, truth)
    assert np.abs(np.log(swap_ratios(probs, even))).max() < 0.3
    paired = np.where(flipped, (truth + 1) % 10, truth)
    ratios = swap_ratios(probs, paired)
    next_one = ratios[(np.arange(10) + 1) % 10, np.arange(10)]
    assert next_one.min() > 4 > 0.5 > ratios[(np.arange(10) + 2) % 10, np.arange(10)].max()


@settings(max_examples=30)
@given(st.integers(0, 999))
def test_permuted_samples_permute_and_the_unseen_do_not_count(seed):
    rng = np.random.default_rng(seed)
    probs, labels = rng.dirichlet(np.ones(4) / 3, 80), rng.integers(0, 4, 80)
    other = rng.integers(0, 4, 80)
    found, order = swap_odds(probs, labels, other), rng.permutation(80)
    np.testing.assert_allclose(swap_odds(probs[order], labels[order], other[order]), found[order])
    more = np.vstack([probs, np.full((5, 4), np.nan)])
    np.testing.assert_allclose(swap_ratios(more, np.append(labels, [0] * 5)),
                               swap_ratios(probs, labels))  # fmt: skip


def test_nothing_to_count_says_nothing():
    assert swap_ratios(np.empty((0, 3)), np.empty(0, int)).tolist() == np.ones((3, 3)).tolist()
    assert swap_ratios(np.ones((5, 1)), np.zeros(5, int)).tolist() == [[1]]
    assert swap_ratios(np.full((4, 2), np.nan), np.zeros(4, int)).tolist() == [[1, 1], [1, 1]]
