"""How settled a ranking is, against ranks and overlaps worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.scores import cyclic_margin
from o2u_nb.detect.stability import Stability, cycle_length, stability
from o2u_nb.trace import Trace
from tests.traces import NAN, make


def of_scores(*epochs, phase=None, probs=None) -> Trace:
    """A trace whose samples have these scores, one row for each epoch."""
    scores = np.array(epochs, float)
    return make(np.zeros_like(scores), margin=-scores, phase=phase, probs=probs)


# cumulative scores: 8 6 4 2, then 5 7 4 2, then 6 7 4 3 2 / 3
THREE = [[8, 6, 4, 2], [2, 8, 4, 2], [8, 7, 4, 5]]


def test_each_cycle_is_compared_with_the_one_before_by_hand():
    second, third = stability(of_scores(*THREE), 1, n_top=1)
    # the first two change places: 1 - 6 (1 + 1) / (4 (16 - 1))
    assert second == Stability(2, pytest.approx(0.8), 0.0, 1)
    assert third == Stability(3, pytest.approx(1.0), 1.0, 1)
    assert [found.top_overlap for found in stability(of_scores(*THREE), 1, n_top=2)] == [1, 1]


def test_overlap_is_the_share_of_the_top_that_stayed():
    trace = of_scores([9, 8, 7, 6, 5], [0, 8, 2, 6, 6])  # then 4.5 8 4.5 6 5.5
    found = [stability(trace, 1, n_top=n)[0].top_overlap for n in (1, 2, 3, 4, 5)]
    # top before: 0 1 2 3 4; now: 1 3 4 0 2
    np.testing.assert_allclose(found, [0, 1 / 2, 1 / 3, 3 / 4, 1])


def test_tied_scores_share_their_mean_rank():
    trace = of_scores([4, 3, 2, 1], [0, 1, 0, 1])  # sums 4 4 2 2: ranks 3.5 3.5 1.5 1.5
    # centred: (1.5 .5 -.5 -1.5) . (1 1 -1 -1) / sqrt(5 x 4)
    assert stability(trace, 1, n_top=1)[0].rank_correlation == pytest.approx(4 / math.sqrt(20))


def test_only_finished_cycles_of_cyclic_epochs_count():
    warm, swapped = [1, 2, 3, 4], [[8, 6, 4, 2], [0, 0, 0, 0], [8, 6, 4, 2], [0, 9, 0, 0]]
    phase = ["warmup"] + ["cyclic"] * 5
    trace = of_scores(warm, *swapped, [0, 0, 0, 99], phase=phase)
    # by 2 epochs 8 6 4 2, by 4 epochs 16 21 8 4; the fifth one belongs to no finished cycle
    (found,) = stability(trace, 2, n_top=2)
    assert found == Stability(2, pytest.approx(0.8), 1.0, 2)
    assert stability(trace, 3) == stability(trace, 5) == []


def test_no_cyclic_epochs_no_figures():
    assert stability(of_scores([1, 2], [3, 4], phase=["warmup"] * 2), 1) == []
    assert stability(of_scores([1, 2], [3, 4], phase=["high"] * 2)) == []


def test_samples_not_seen_stood_last_and_never_seen_ones_do_not_count():
    trace = of_scores([4, NAN, 2, 1, NAN], [4, 3, 2, 1, NAN])
    (found,) = stability(trace, 1, n_top=2)
    # ranks before 4 1 3 2, now 4 3 2 1: 1 - 6 (4 + 1 + 1) / 60; top before 0 2, now 0 1
    assert found == Stability(2, pytest.approx(0.4), 0.5, 2)


@pytest.mark.parametrize("value", [1.0, NAN])
def test_where_nothing_can_be_told_nothing_is_reached(value):
    (found,) = stability(of_scores(*[[value] * 4] * 2), 1)
    assert math.isnan(found.rank_correlation) and not found.reaches(0.0)


def test_both_figures_must_reach_the_share():
    assert Stability(2, 0.97, 0.98, 5).reaches(0.97)
    assert not Stability(2, 0.96, 0.98, 5).reaches(0.97)
    assert not Stability(2, 0.98, 0.96, 5).reaches(0.97)


def test_the_top_is_the_estimated_number_of_wrong_labels_and_one_per_cent_at_least():
    score = np.arange(300.0)
    probs = np.tile([0.9, 0.1, 0.0], (300, 1))
    assert stability(of_scores(score, score, probs=probs), 1)[0].n_top == 3
    probs[:60] = [0.0, 1.0, 0.0]  # surest, and against the label: 60 of the surest 180
    assert stability(of_scores(score, score, probs=probs), 1)[0].n_top == 100


def test_a_cycle_ends_where_the_rate_goes_up():
    trace = of_scores(*[[2, 1]] * 7, phase=["warmup"] + ["cyclic"] * 6)
    trace.lr[:] = [0.01, 0.3, 0.2, 0.1, 0.3, 0.2, 0.1]
    assert cycle_length(trace) == 3
    assert [found.cycle for found in stability(trace)] == [2]
    trace.lr[:] = 0.1
    trace.lr[4] *= 1 + 1e-12  # rounding is no new cycle
    assert cycle_length(trace) == 6 and stability(trace) == []


def test_a_cycle_without_epochs_is_refused():
    with pytest.raises(ValueError, match="at least 1 epoch, found 0"):
        stability(of_scores(*THREE), 0)


def test_it_reads_as_a_sentence():
    text = "97 % of the top 1,012 suspects are the same as a cycle ago (rank correlation 0.996)"
    assert str(Stability(2, 0.9961, 0.9674, 1012)) == text


@given(st.integers(0, 2**32 - 1), st.integers(3, 40), st.integers(1, 3), st.integers(2, 4))
def test_the_order_of_the_samples_does_not_matter_and_scipy_agrees(seed, n, cycle, cycles):
    rng = np.random.default_rng(seed)
    trace = of_scores(*rng.normal(size=(cycle * cycles, n)))
    found = stability(trace, cycle, n_top=n // 2)
    again = stability(trace.take(rng.permutation(n)), cycle, n_top=n // 2)
    assert [f.top_overlap for f in found] == [f.top_overlap for f in again]
    shuffled = [f.rank_correlation for f in again]
    np.testing.assert_allclose([f.rank_correlation for f in found], shuffled, atol=1e-12)
    before = -trace.margin[:-cycle].mean(0, dtype=float)
    expected = spearmanr(before, cyclic_margin(Evidence(trace))).statistic
    assert found[-1].rank_correlation == pytest.approx(expected)
