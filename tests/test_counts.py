"""How many labels are wrong: each estimator against counts worked out by hand."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb.detect import counts
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.scores import cyclic_margin
from o2u_nb.detect.table import score_table
from o2u_nb.detect.threshold import estimate, sure_rate
from o2u_nb.errors import O2UError
from tests.traces import make, random_trace

NAN = np.nan
ESTIMATORS = ["sure_disagreement", "disagreement", "mixture", "otsu", "confident_joint", "odd"]


def compared(trace) -> pd.DataFrame:
    evidence = Evidence(trace)
    return counts.compare_estimators(evidence, cyclic_margin(evidence))


def test_clear_groups_are_counted_by_all():
    table = compared(random_trace(n=2000, wrong=300))
    assert list(table.index) == ESTIMATORS and table.index.name == "estimator"
    assert list(table.columns) == ["count", "rate", "note"]
    expected = [300] * 5 + [303.3]  # ODD: 273 above the percentile, divided by 0.9
    assert table["count"].to_numpy() == pytest.approx(expected, rel=0.05)
    np.testing.assert_allclose(table["rate"], table["count"] / 2000)
    assert all(note.endswith(".") for note in table["note"])


def test_the_recommended_count_is_the_one_of_the_score_table():
    trace = random_trace(n=501, wrong=60, unseen=[3, 70])
    count = compared(trace).loc[counts.RECOMMENDED, "count"]
    assert round(count) == estimate(Evidence(trace), cyclic_margin(Evidence(trace))).count
    assert round(count) == score_table(trace)["suspect"].sum()


def test_disagreement_by_hand():
    # peaks .9 .8 .7 .6 .5; contradicted: the second and the last; surest 60 % = the first three
    probs = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4], [0.49, 0.51]]
    trace = make(np.zeros((1, 5)), probs=probs, classes=("x", "y"))
    table = counts.compare_estimators(Evidence(trace), np.arange(5.0))
    assert table.loc["disagreement", ["count", "rate"]].tolist() == [2, pytest.approx(0.4)]
    assert table.loc["sure_disagreement", "count"] == pytest.approx(5 / 3)


def test_samples_that_tie_for_the_last_places_count_in_part():
    # 4 of 8 places: one sure and right; six tie for three places, three of them contradicted
    probs = np.array([[0.9, 0.1], *[[0.7, 0.3]] * 3, *[[0.3, 0.7]] * 3, [0.6, 0.4]])
    assert sure_rate(probs, np.zeros(8, int), 0.5) == pytest.approx((0 + 3 * 0.5) / 4)
    assert sure_rate(probs[::-1], np.zeros(8, int), 0.5) == pytest.approx(1.5 / 4)


def test_odd_by_hand():
    # the less likely class has the losses 1, 2, 3, 4; their median, 2.5, is exceeded by one label
    p = np.exp([-1.0, -2.0, -3.0, -4.0])
    probs = np.column_stack([1 - p, p])
    assert counts.odd_percentile(probs, np.array([1, 1, 1, 0]), 50.0).count == 2  # 3 > 2.5: 1 / 0.5
    assert counts.odd_percentile(probs, np.array([0, 0, 0, 0]), 50.0).count == 0
    assert np.isnan(counts.odd_percentile(probs[:0], np.array([], int)).count)


@pytest.mark.parametrize(
    ("score", "count"),
    [
        # n0 n1 (m1 - m0)^2: after two 2·3·4² = 96, after three 3·2·(31/6)² = 160, after four 81
        ([6, 0, 1, 5, 0], 2),
        ([0, 1, 2], 1),  # 4.5 after one and after two: the fewer
        ([-3, -3, -3, 10], 1),
        ([1e6, 1e6 + 1, 1e6 + 1], 2),
    ],
)
def test_otsu_by_hand(score, count):
    assert counts.otsu(np.array(score, float)).count == count


@settings(max_examples=50)
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=30))
def test_otsu_is_the_best_of_all_splits(score):
    values = np.sort(np.array(score, float))
    cuts = [k for k in range(1, len(values)) if values[k - 1] < values[k]]
    if not cuts:
        assert np.isnan(counts.otsu(values).count)
        return
    within = [k * values[:k].var() + (len(values) - k) * values[k:].var() for k in cuts]
    found = len(values) - int(counts.otsu(values).count)
    assert within[cuts.index(found)] == pytest.approx(min(within), abs=1e-6)


def two_groups(n, wrong, apart=6.0, seed=0):
    rng = np.random.default_rng(seed)
    return np.r_[rng.normal(apart, 1, wrong), rng.normal(0, 1.5, n - wrong)]


@pytest.mark.parametrize(("wrong", "within"), [(100, 0.25), (1_000, 0.05), (4_000, 0.03)])
def test_mixture_counts_the_upper_group(wrong, within):
    found = counts.mixture(two_groups(10_000, wrong))
    assert found.count == pytest.approx(wrong, rel=within)
    assert "D = 4." in found.note  # sqrt(2) 6 / sqrt(1 + 1.5²) = 4.7


def test_mixture_of_many_is_the_mixture_of_their_quantiles():
    found = counts.mixture(two_groups(100_000, 20_000))
    assert found.count == pytest.approx(20_000, rel=0.02)


def test_mixture_does_not_depend_on_the_unit():
    score = two_groups(2_000, 300)
    assert counts.mixture(1e-3 * score + 7).count == pytest.approx(counts.mixture(score).count)


@pytest.mark.parametrize(
    ("score", "why"),
    [
        (np.random.default_rng(0).normal(size=3000), "BIC"),
        (-np.random.default_rng(0).gamma(4, size=3000), "overlap"),  # one heap, leaning
        (np.repeat([0.0, 1.0], 50), "different scores"),
        (np.array([]), "different scores"),
    ],
)
def test_mixture_refuses(score, why):
    found = counts.mixture(score)
    assert np.isnan(found.count) and why in found.note


def test_separation_by_hand():
    assert counts.ashman_d(np.array([1.0, -1.0]), np.array([0.5, 1.5])) == pytest.approx(2)


def joint_example():
    """Nine labelled 0 and two labelled 1; thresholds are 5.3 / 9 = .589 and .9.

    Four are confidently 0, two confidently 1, three neither: the row (4, 2) is scaled to nine, so
    (6, 3). The row of label 1 is (0, 2). Off the diagonal: 3.
    """
    first = np.r_[[0.9] * 4, [0.1] * 2, [0.5] * 3, [0.1] * 2]
    return np.stack([first, 1 - first], axis=1), np.repeat([0, 1], [9, 2])


def test_confident_joint_by_hand():
    assert counts.confident_joint(*joint_example()).count == pytest.approx(3)


def test_confident_joint_with_a_class_without_samples():
    probs, labels = joint_example()
    probs = np.stack([probs[:, 0], np.zeros(11), probs[:, 1]], axis=1)
    assert counts.confident_joint(probs, 2 * labels).count == pytest.approx(3)


def test_confident_joint_leaves_out_what_has_no_probabilities():
    probs, labels = joint_example()
    found = counts.confident_joint(np.vstack([probs, [[NAN, NAN]]]), np.append(labels, 1))
    assert found.count == pytest.approx(12 * 3 / 11)


def test_confident_joint_of_one_class_refuses():
    probs, _ = joint_example()
    found = counts.confident_joint(probs, np.zeros(11, int))
    assert np.isnan(found.count) and "two classes" in found.note


@settings(max_examples=15)
@given(st.integers(0, 1000), st.booleans())
def test_the_order_of_the_samples_does_not_matter(seed, votes):
    trace = random_trace(seed, n=80, wrong=10, unseen=[5])
    trace = replace(trace, mean_probs={}) if votes else trace  # votes tie
    order = np.random.default_rng(seed).permutation(trace.n_samples)
    table, moved = compared(trace), compared(trace.take(order))
    np.testing.assert_allclose(moved["count"], table["count"], rtol=1e-9)
    assert list(moved["note"]) == list(table["note"])


def test_samples_never_seen_are_left_out():
    trace = random_trace(n=300, wrong=40, unseen=[0, 50, 299])
    seen = trace.take(np.delete(np.arange(300), [0, 50, 299]))
    pd.testing.assert_frame_equal(compared(trace), compared(seen))
    # also those that have probabilities but no score
    score = cyclic_margin(Evidence(seen)).copy()
    score[:7] = NAN
    pd.testing.assert_frame_equal(
        counts.compare_estimators(Evidence(seen), score), compared(seen.take(np.arange(7, 297)))
    )


def test_nobody_seen_is_nobody_wrong():
    table = compared(random_trace(n=4, unseen=range(4)))
    assert table["count"].dropna().tolist() == [0, 0]


def test_the_extremes_leave_out_who_refused():
    table = pd.DataFrame({"count": [5.0, NAN, 2.0, 9.5]})
    assert counts.extremes(table) == (2.0, 9.5)
    assert np.isnan(counts.extremes(table.iloc[1:2])).all()


def test_wrong_scores_are_refused():
    trace = random_trace(n=30)
    with pytest.raises(O2UError, match=r"30 samples.*\(29,\)"):
        counts.compare_estimators(Evidence(trace), np.zeros(29))
    with pytest.raises(O2UError, match="2 scores are infinite"):
        counts.compare_estimators(Evidence(trace), np.r_[np.inf, -np.inf, np.zeros(28)])


def test_wrong_labels_per_class_by_hand():
    scores = pd.DataFrame(
        {
            "label": ["cat", "cat", "dog", "dog", "cow"],
            "score": [3.0, 1.0, 4.0, NAN, NAN],
            "p_wrong": [0.5, 0.25, 0.9, NAN, NAN],
            "suspect": [True, False, True, False, False],
        }
    )
    table = counts.wrong_per_class(scores)
    assert table.index.name == "label" and list(table.index) == ["dog", "cat", "cow"]
    assert table["samples"].tolist() == [1, 2, 0]
    assert table["suspects"].tolist() == [1, 1, 0]
    np.testing.assert_allclose(table["wrong"], [0.9, 0.75, 0])
    np.testing.assert_allclose(table["rate"], [0.9, 0.375, NAN])


def test_classes_add_up_to_the_whole():
    trace = random_trace(n=400, wrong=50, unseen=[9])
    scores = score_table(trace)
    table = counts.wrong_per_class(scores)
    assert table["samples"].sum() == 399 and table["suspects"].sum() == scores["suspect"].sum()
    assert table["wrong"].sum() == pytest.approx(scores["suspect"].sum())


def test_it_loads_without_what_only_the_counting_needs():
    code = (
        "import o2u_nb.detect.counts, sys; sys.exit(bool({'cleanlab', 'sklearn'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_nobody_elses_random_numbers_are_drawn():
    before = np.random.get_state()[1:3]  # noqa: NPY002
    compared(random_trace(n=200, wrong=40))
    after = np.random.get_state()[1:3]  # noqa: NPY002
    assert (before[0] == after[0]).all() and before[1] == after[1]
