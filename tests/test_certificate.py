"""The bounds of a certificate: exact values, values of slower formulas, and what they promise."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, hypergeom

from o2u_nb.errors import O2UError
from o2u_nb.review import acceptance, mistakes, tails
from o2u_nb.review.acceptance import ACCEPT, LOOK, REJECT, Verdict
from o2u_nb.review.betting import EXPECTED, WORTH, most_wrong_anytime
from o2u_nb.review.certificate import most_wrong
from o2u_nb.review.mistakes import Checks


def slow_most_wrong(rest: int, looked_at: int, wrong: int, level: Fraction) -> int:
    """Try every number, with whole numbers only."""
    everything = comb(rest, looked_at)
    found = [
        number
        for number in range(wrong, rest - (looked_at - wrong) + 1)
        if sum(comb(number, k) * comb(rest - number, looked_at - k) for k in range(wrong + 1))
        > level * everything
    ]
    return max(found)


@st.composite
def counts(draw, most=40):
    rest = draw(st.integers(1, most))
    looked_at = draw(st.integers(0, rest))
    return rest, looked_at, draw(st.integers(0, looked_at))


@given(counts(), st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]))
@settings(deadline=None, max_examples=150)
def test_the_bound_is_the_largest_number_that_is_not_rejected(counts, confidence):
    expected = slow_most_wrong(*counts, Fraction(1 - confidence))
    assert most_wrong(*counts, confidence) == expected


def test_known_values():
    assert most_wrong(20, 1, 0) == 18  # with 19 wrong, a right one is drawn with 1/20: rejected
    assert most_wrong(100, 100, 7) == 7  # everything was looked at
    assert most_wrong(100, 0, 0) == 100
    assert most_wrong(10, 10, 10) == 10
    assert most_wrong(10, 4, 4) == 10


@pytest.mark.parametrize("case", [(1_000_000, 3000, 40), (5_000_000, 200_000, 1234), (9000, 300, 3),
                                  (60_000, 59_000, 800), (1_000_000, 300, 0)])  # fmt: skip
def test_the_bound_of_large_sets_is_that_of_scipy(case):
    found = most_wrong(*case)
    rest, looked_at, wrong = case
    assert hypergeom.cdf(wrong, rest, found, looked_at) > 0.05
    assert hypergeom.cdf(wrong, rest, found + 1, looked_at) <= 0.05


def test_every_set_is_covered():
    """For each true number, the chance that the bound is too small is at most 5 %, exactly."""
    rest, looked_at = 60, 17
    bound = [most_wrong(rest, looked_at, wrong) for wrong in range(looked_at + 1)]
    for wrong in range(rest + 1):
        missed = sum(
            hypergeom.pmf(k, rest, wrong, looked_at)
            for k in range(looked_at + 1)
            if bound[k] < wrong
        )
        assert missed <= 0.05 + 1e-12


@pytest.mark.parametrize("bad", [(10, 11, 0), (10, 5, 6), (10, 5, -1), (-1, 0, 0)])
def test_counts_that_cannot_be_are_refused(bad):
    with pytest.raises(O2UError, match="Expected 0 <= wrong"):
        most_wrong(*bad)


@pytest.mark.parametrize("confidence", [0, 1, 1.5, float("nan"), 95])
def test_a_confidence_is_between_0_and_1(confidence):
    with pytest.raises(O2UError, match=r"such as 0\.95"):
        most_wrong(10, 5, 0, confidence)


@given(counts(60), st.integers(0, 60))
@settings(deadline=None, max_examples=60)
def test_tails_are_those_of_scipy(counts, wrong):
    rest, looked_at, found = counts
    wrong = min(wrong, rest)
    assert tails.at_most(found, rest, wrong, looked_at) == pytest.approx(
        hypergeom.cdf(found, rest, wrong, looked_at), abs=1e-12
    )
    p = 0.3
    slow = sum(
        hypergeom.pmf(k, rest, wrong, looked_at) * binom.cdf(found, k, 1 - p)
        for k in range(looked_at + 1)
    )
    assert tails.at_most_noticed(found, rest, wrong, looked_at, p) == pytest.approx(slow, abs=1e-9)


@pytest.mark.parametrize("p", [0.0, 0.02, 0.5, 0.97, 1.0])
def test_binomial_tails_are_those_of_scipy(p):
    tries = np.array([0, 1, 5, 40, 400])
    for found in (-1, 0, 3, 39, 500):
        np.testing.assert_allclose(
            tails.binomial_at_most(found, tries, p), binom.cdf(found, tries, p), atol=1e-11
        )


# Stopping at any time


def slow_wealth(rest: int, wrong: int, found: list[bool]) -> float:
    """Bet against `wrong` look by look, with the stake of the paper; return the wealth."""
    a, wealth, seen = WORTH * EXPECTED, 1.0, 0
    for look, x in enumerate(found):
        m = (wrong - seen) / (rest - look)
        q = (a + seen) / (WORTH + look)
        if not 0 < m < 1:  # the candidate is certain of the next look, and is it wrong?
            wealth = wealth * ((q if x else 1 - q) if m == x else np.inf)
        else:
            wealth *= 1 + (q - m) / (m * (1 - m)) * (x - m)
        seen += x
    return wealth


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_after_each_look_is_that_of_the_bets(seed):
    rng = np.random.default_rng(seed)
    rest = 40
    found = (rng.permutation(rest) < rng.integers(0, 12)).tolist()
    rejected = {
        number: [slow_wealth(rest, number, found[:look]) >= 20 for look in range(rest + 1)]
        for number in range(rest + 1)
    }
    slow = [
        max(n for n in range(rest + 1) if not any(rejected[n][: look + 1]))
        for look in range(rest + 1)
    ]
    bounds = most_wrong_anytime(rest, found)
    assert bounds[0] == rest and bounds[-1] == sum(found)
    # A number below the best fitting one may be rejected too, which changes no upper bound.
    assert bounds.tolist() == slow


def test_the_order_of_the_looks_is_what_counts():
    late = most_wrong_anytime(500, [False] * 60 + [True])
    early = most_wrong_anytime(500, [True] + [False] * 60)
    assert late[60] < early[60] and (np.diff(late) <= 0).all()


def test_any_time_costs_little():
    rng = np.random.default_rng(0)
    found = (rng.permutation(9000) < 90)[:300].tolist()
    fixed = most_wrong(9000, 300, sum(found))
    assert fixed < most_wrong_anytime(9000, found)[-1] < 1.6 * fixed


# Acceptance


def test_a_plan_keeps_both_risks_and_no_smaller_one_does():
    plan = acceptance.sampling_plan(2000, 101, 40, consumer_risk=0.05, producer_risk=0.1)
    accepts = lambda n, c, wrong: hypergeom.cdf(c, 2000, wrong, n)  # noqa: E731
    assert accepts(plan.looks, plan.allowed, 101) == pytest.approx(plan.consumer_risk)
    assert plan.consumer_risk <= 0.05 and plan.producer_risk <= 0.1
    assert 1 - accepts(plan.looks, plan.allowed, 40) == pytest.approx(plan.producer_risk)
    smaller = plan.looks - 1
    assert not any(
        accepts(smaller, c, 101) <= 0.05 and 1 - accepts(smaller, c, 40) <= 0.1 for c in range(30)
    )


def test_a_lot_that_is_too_small_for_a_plan_is_looked_at_completely():
    plan = acceptance.sampling_plan(20, 2, 1)
    assert (plan.looks, plan.allowed) == (20, 1)
    with pytest.raises(O2UError, match="better than the standard"):
        acceptance.sampling_plan(20, 2, 2)


def test_verdicts():
    plan = acceptance.sampling_plan(2000, 101, 40)
    n, c = plan.looks, plan.allowed
    assert acceptance.verdict(plan, n, c) == Verdict(ACCEPT, 0)
    assert acceptance.verdict(plan, n, c + 1) == Verdict(REJECT, 0)
    assert acceptance.verdict(plan, 10, c + 1) == Verdict(REJECT, 0)
    assert acceptance.verdict(plan, n - 5, c - 5) == Verdict(ACCEPT, 0)
    assert acceptance.verdict(plan, n - 5, c - 4) == Verdict(LOOK, 5)


def test_the_curve_falls_from_1_through_both_risks():
    plan = acceptance.sampling_plan(2000, 101, 40)
    numbers, chances = acceptance.operating_characteristic(plan)
    assert chances[0] == 1 and (np.diff(chances) <= 1e-12).all() and chances[-1] < 0.01
    assert np.interp(101, numbers, chances) == pytest.approx(plan.consumer_risk, abs=0.01)


@given(counts(200), st.integers(0, 200))
@settings(deadline=None, max_examples=60)
def test_looks_needed_is_the_first_number_that_is_enough(counts, possible):
    rest, _, wrong = counts
    found = acceptance.looks_needed(rest, possible, wrong=wrong)
    enough = [n for n in range(wrong, rest + 1) if most_wrong(rest, n, wrong) <= possible]
    assert found == (enough[0] if enough else rest + 1)


def test_more_looks_in_sequence():
    found = [False] * 30 + [True]
    more = acceptance.more_looks(800, found, 40)
    bounds = most_wrong_anytime(800, found + [False] * more)
    assert bounds[-1] <= 40 < bounds[-2]
    assert acceptance.more_looks(800, found, 0) is None  # one is found already


# The reviewer's mistakes


@pytest.mark.parametrize(("found", "tries"), [(0, 30), (3, 40), (39, 40), (40, 40)])
def test_the_bound_on_a_share_is_that_of_clopper_and_pearson(found, tries):
    expected = 1.0 if found == tries else beta.ppf(0.95, found + 1, tries - found)
    assert mistakes.upper_share(found, tries, 0.05) == pytest.approx(expected)


def test_without_mistakes_all_that_was_noticed_is_all_there_was():
    assert mistakes.most_there(7, 0.0, 0.01) == 7
    there = mistakes.most_there(7, 0.1, 0.01)
    assert binom.cdf(7, there, 0.9) > 0.01 >= binom.cdf(7, there + 1, 0.9)
    assert mistakes.most_there(7, 1.0, 0.01, most=50) == 50


@pytest.mark.parametrize("level", [0.01, 0.2])
def test_a_quantile_of_the_binomial(level):
    for tries, p in [(50, 0.1), (3, 0.9), (1, 0.5), (200, 0.004)]:
        found = mistakes.most_of(tries, p, level)
        assert found == binom.ppf(1 - level, tries, p)


def left(**changes):
    usual = dict(
        rest=9000, looked_at=300, wrong=3, unlooked=8700, seen=1300, found=600, relabelled=580,
        checks=Checks(wrong=100, missed=2, right=400, spoiled=1),
    )  # fmt: skip
    return mistakes.most_left(**(usual | changes))


def test_more_mistakes_leave_more_wrong_labels():
    usual = left()
    assert usual.total == usual.unseen + usual.missed + usual.spoiled
    assert usual.unseen > most_wrong(9000, 300, 3, 1 - mistakes.part(0.95))
    assert left(checks=Checks(100, 9, 400, 1)).missed > usual.missed
    assert left(checks=Checks(100, 2, 400, 30)).spoiled > usual.spoiled
    assert left(checks=Checks(10, 0, 400, 1)).total > left(checks=Checks(1000, 0, 400, 1)).total
    assert left(relabelled=0).spoiled == 0
    assert left(unlooked=0).unseen == 0
    with pytest.raises(O2UError, match="plant known cases"):
        left(checks=Checks(0, 0, 10, 0))


def test_an_honest_simulation_of_a_reviewer_who_makes_mistakes_is_covered():
    rng = np.random.default_rng(0)
    bad = 0
    for _ in range(60):
        there, in_rest = 600, 100
        sampled = rng.hypergeometric(in_rest, 8900, 300)
        noticed = rng.binomial(there, 0.95)
        caught = rng.binomial(sampled, 0.95)
        spoiled = rng.binomial(1300 - there, 0.005)
        truly_left = in_rest + there - noticed - caught + spoiled
        checks = Checks(100, rng.binomial(100, 0.05), 200, rng.binomial(200, 0.005))
        found = left(wrong=caught, found=noticed + caught + spoiled,
                     relabelled=noticed + caught + spoiled, checks=checks)  # fmt: skip
        bad += truly_left > found.total
    assert bad <= 3
