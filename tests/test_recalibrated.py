"""Recalibration: few decisions move little, many move all, and the order never changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb.detect.recalibrated import adding_up_to, recalibrated


def said_and_true(n=5000, seed=0, shift=-2.0, slope=0.5):
    """Probabilities that are too high, and who is wrong: the truth is a + b x in log-odds."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.normal(0, 4, n))[::-1]
    true = 1 / (1 + np.exp(-(shift + slope * x)))
    return 1 / (1 + np.exp(-x)), true, rng.random(n) < true


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 5, 40]), st.sampled_from([0.0, 0.5, 1.0]))
def test_the_order_stays_and_all_are_probabilities(seed, k, share):
    rng = np.random.default_rng(seed)
    p = np.sort(np.r_[rng.random(50) ** rng.choice([0.1, 1, 9]), 0, 1, np.nan])[::-1]
    p = np.r_[p[~np.isnan(p)], np.nan]
    decided = rng.choice(len(p), k, replace=False)
    found = recalibrated(p, decided, rng.random(k) < share)
    assert np.isnan(found[-1]) and (np.diff(found[:-1]) <= 0).all()
    assert ((found[:-1] >= 0) & (found[:-1] <= 1)).all()
    apart = np.diff(np.clip(p[:-1], 1e-6, 1 - 1e-6)) < -1e-3
    assert (np.diff(found[:-1])[apart] < 0).all()  # those that differed still differ


def test_nothing_decided_changes_nothing():
    p = np.array([0.9, np.nan, 0.0])
    assert recalibrated(p, np.array([], int), np.array([], bool)) is p
    np.testing.assert_array_equal(recalibrated(p, np.array([1]), np.array([True])), p)


def test_few_decisions_move_little_and_many_find_the_truth():
    said, true, wrong = said_and_true()
    few = recalibrated(said, np.arange(2), wrong[:2])
    assert np.abs(few - said).mean() < 0.05
    everything = np.arange(0, 5000, 2)
    many = recalibrated(said, everything, wrong[everything])
    assert np.abs(many - true).mean() < 0.02 < 0.15 < np.abs(said - true).mean()


def test_decisions_pull_towards_what_was_found():
    p = np.full(10, 0.97)
    kept = recalibrated(p, np.arange(3), np.zeros(3, bool))[0]
    assert 0.7 < kept < 0.8
    confirmed = recalibrated(np.full(10, 0.6), np.arange(8), np.ones(8, bool))[0]
    assert confirmed > 0.75


def test_all_against_the_ranking_still_keeps_it():
    p = np.linspace(0.99, 0.01, 400)
    found = recalibrated(p, np.arange(400), p < 0.5)
    assert (np.diff(found) < 0).all()


def test_probabilities_add_up_to_another_count():
    said, _, _ = said_and_true(n=400)
    p = np.r_[said, np.nan]
    for count in (1, 40, 399.5):
        found = adding_up_to(p, count)
        assert (
            np.nansum(found) == pytest.approx(count, rel=0.01) and (np.diff(found[:-1]) <= 0).all()
        )
    assert np.nansum(adding_up_to(p, 0)) == 0 and np.nansum(adding_up_to(p, 400)) == 400
