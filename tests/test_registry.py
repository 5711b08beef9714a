"""The contract of every registered detector, who votes, and how a user adds one."""

import dataclasses
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from o2u_nb.detect import registry
from o2u_nb.detect.confident import out_of_sample_probs
from o2u_nb.detect.counts import TITLES, compare_estimators
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.registry import DERIVED, DETECTORS, called, describe, detector
from o2u_nb.detect.table import detector_columns, score_table
from o2u_nb.errors import O2UError
from tests.traces import NAN, planted, random_trace

EVERY = pytest.mark.parametrize("name", DETECTORS)
UNSEEN = [4, 17]
NEEDS_NO_MEASUREMENT = {name: "measured" not in entry.needs for name, entry in DETECTORS.items()}


# Columns that hand on what was measured with a network; each has a test beside what measures it.
HANDED_ON = ("self_influence", "valid_influence", "tracin", "near_boundary", "threshold_margin")


def evidence(seed=3, n=40, **changes) -> Evidence:
    trace = random_trace(seed, n=n, unseen=UNSEEN, wrong=9)
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(n, 4))
    measured = {name: rng.random(n) for name in HANDED_ON}
    measured["out_of_sample_probs"] = rng.dirichlet(np.ones(3), n)
    return Evidence(dataclasses.replace(trace, **changes), embeddings, measured=measured)


def column(name: str, of: Evidence) -> np.ndarray | None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return of.column(DETECTORS[name].function)


@EVERY
def test_one_number_for_each_sample_and_nan_for_the_never_seen(name):
    values = column(name, evidence())
    assert values.shape == (40,) and values.dtype == np.float64
    assert np.isnan(values[UNSEEN]).all()
    assert np.isfinite(np.delete(values, UNSEEN)).all()


@EVERY
def test_permuted_samples_permute_the_column(name):
    whole = evidence()
    order = np.random.default_rng(0).permutation(40)
    moved = column(name, whole.take(order))
    np.testing.assert_allclose(moved, column(name, whole)[order], rtol=1e-9, atol=1e-12)


@EVERY
def test_the_evidence_is_not_changed(name):
    of = evidence()
    before = [of.trace.loss.copy(), of.trace.margin.copy(), of.trace.pred.copy(),
              of.class_probs.copy(), of.embeddings.copy()]  # fmt: skip
    column(name, of)
    after = [of.trace.loss, of.trace.margin, of.trace.pred, of.class_probs, of.embeddings]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


@EVERY
def test_less_evidence_is_no_error(name):
    without_probs = evidence(mean_probs={})
    for of in (without_probs, Evidence(without_probs.trace), Evidence(evidence().trace)):
        values = column(name, of)
        assert values is None or (values.shape == (40,) and np.isnan(values[UNSEEN]).all())
    nobody = Evidence(random_trace(n=3, unseen=range(3)), np.ones((3, 2)))
    values = column(name, nobody)
    assert np.isnan(values).all() if NEEDS_NO_MEASUREMENT[name] else values is None


@EVERY
def test_higher_is_more_suspicious_and_voters_rank_planted_noise_clearly_above_chance(name):
    trace, embeddings, wrong = planted()
    probs = out_of_sample_probs(embeddings, trace.given.to_frame())
    values = column(name, Evidence(trace, embeddings, measured={"out_of_sample_probs": probs}))
    if name in HANDED_ON or DETECTORS[name].demonstration:
        return
    assert roc_auc_score(wrong, values) > (0.75 if DETECTORS[name].votes else 0.6)


def test_a_demonstration_never_votes_and_says_that_it_does_not_mean_the_label():
    shown = [entry for entry in DETECTORS.values() if entry.demonstration]
    assert [entry.name for entry in shown] == ["aleatoric", "near_boundary"]
    assert not any(entry.votes for entry in shown)


@EVERY
def test_every_entry_says_what_it_is(name):
    entry = DETECTORS[name]
    assert entry.name == name == entry.function.__name__
    assert entry.paper.startswith("our own") or re.search(r"[A-Z]\w+.*\d{4}", entry.paper)
    assert entry.sentence.endswith(".") and entry.sentence.count(". ") == 0
    assert describe(name) == f"{entry.title} ({entry.unit})" and entry.unit


def test_titles_are_short_and_p_wrong_and_strangers_are_told_apart():
    assert all(len(describe(name)) <= 80 for name in DETECTORS)  # what an axis shows in full
    assert describe("p_wrong") == "probability of a wrong label (0 to 1)"
    assert describe("a_column_of_another_kernel") is None


def test_titles_are_words_for_people():
    titles = [called(name) for name in DETECTORS]
    assert len(set(titles)) == len(titles)  # told apart in a menu
    assert not any("_" in title for title in titles)
    assert called("a_user_s_own") == "a_user_s_own"
    assert set(TITLES) == set(compare_estimators(evidence(), np.zeros(40)).index)
    assert not any("_" in title for title in TITLES.values())


def test_the_table_begins_with_what_people_look_at():
    of = evidence()
    table = score_table(of.trace, of.embeddings)
    first = ["label", "suggested_label", "p_wrong", "score", "rank", "suspect", "kind"]
    assert list(table)[:7] == first


def test_few_vote_and_none_that_only_repeats_another_or_is_a_prior():
    voters = [name for name in DETECTORS if registry.votes(name)]
    assert voters == ["o2u_mean", "settled_margin", "forgetting", "lookalike_margin"]


def test_every_detector_is_a_column_of_the_table_and_there_are_no_others():
    of = evidence()
    usual = {name for name, entry in DETECTORS.items() if not entry.on_demand}
    assert set(score_table(of.trace, of.embeddings)) == {*usual, *DERIVED} - {*HANDED_ON}
    on_demand = [name for name, entry in DETECTORS.items() if entry.on_demand]
    table = score_table(of.trace, of.embeddings, also=on_demand, measured=of.measured)
    assert set(table) == {*DETECTORS, *DERIVED}
    for name, entry in DETECTORS.items():
        expected = pd.Series(of.column(entry.function), of.trace.ids)[table.index]
        np.testing.assert_array_equal(table[name], expected)


def test_the_columns_alone_are_in_the_order_of_the_trace():
    of = evidence()
    found = detector_columns(of, ["knn_vote", "tracin"])
    assert list(found) == ["knn_vote", "tracin"] and found.index.equals(of.trace.ids)
    np.testing.assert_array_equal(found["tracin"].to_numpy()[5:9], of.measured["tracin"][5:9])
    assert set(detector_columns(of)) == set(DETECTORS)
    assert set(DETECTORS) - set(detector_columns(Evidence(of.trace, of.embeddings))) == {
        *HANDED_ON, "self_confidence", "normalised_margin", "confident_learning",
    }  # fmt: skip


def test_nothing_on_demand_is_computed_unasked(registered):
    def slow(evidence):
        raise AssertionError("nobody asked")

    registered["knn_vote"] = dataclasses.replace(registered["knn_vote"], function=slow)
    score_table(evidence().trace, evidence().embeddings)


def test_a_detector_that_is_asked_for_must_be_there_and_have_its_evidence():
    of = evidence()
    with pytest.raises(O2UError, match=r"'knn_vote' lacks its evidence.*needs embeddings"):
        score_table(of.trace, also=["knn_vote"])
    with pytest.raises(O2UError, match="try 'knn_vote'"):
        detector_columns(of, ["knn_votes"])
    with pytest.raises(O2UError, match="39 rows of the measurement 'tracin'"):
        score_table(of.trace, measured={"tracin": np.zeros(39)})


@pytest.fixture
def registered():
    """The registry, which is put back afterwards."""
    before = dict(DETECTORS)
    yield DETECTORS
    DETECTORS.clear()
    DETECTORS.update(before)


def test_a_user_adds_a_detector(registered):
    @detector("How high the loss was in the last epoch.", unit="nats", title="last loss")
    def last_loss(evidence):
        return evidence.trace.loss[-1]

    trace = random_trace(n=30, unseen=[7])
    table = score_table(trace)
    expected = pd.Series(trace.loss[-1].astype(float), trace.ids)[table.index]
    np.testing.assert_array_equal(table["last_loss"], expected)
    assert describe("last_loss") == "last loss (nats)" and not registry.votes("last_loss")
    pd.testing.assert_frame_equal(table.drop(columns="last_loss"), without("last_loss", trace))


def without(name, trace):
    found = DETECTORS.pop(name)
    table = score_table(trace)
    DETECTORS[name] = found
    return table


def test_a_lambda_is_a_detector_and_a_cell_can_be_run_again(registered):
    for shift in (1, 2):
        rival = detector("Twice.", unit="none", name="rival", votes=True)
        rival(lambda evidence, shift=shift: evidence.trace.loss[-1] + shift)
    trace = random_trace(n=30)
    found = score_table(trace)["rival"][trace.ids]
    np.testing.assert_array_equal(found, trace.loss[-1] + np.float32(2))
    assert registry.votes("rival") and describe("rival") == "rival (none)"


def test_whatever_a_detector_says_of_a_sample_never_seen_it_is_nan(registered):
    detector("A count.", unit="times", name="count")(lambda evidence: np.arange(40))
    values = column("count", evidence())
    np.testing.assert_array_equal(values, [NAN if k in UNSEEN else k for k in range(40)])


def test_a_detector_without_its_evidence_makes_no_column(registered):
    @detector("How far away a second network sees it.", unit="none")
    def far_away(evidence):
        rows = evidence.features.get("second")
        return None if rows is None else np.linalg.norm(rows, axis=1)

    of = evidence()
    assert "far_away" not in score_table(of.trace)
    rows = np.full((40, 4), 3.0)
    assert column("far_away", Evidence(of.trace, features={"second": rows}))[0] == 6
    assert column("far_away", Evidence(of.trace, features={"second": None})) is None


TAKEN = ["score", "aum", "label", "rank", "p_wrong"]


@pytest.mark.parametrize("name", [*TAKEN, "my score", "<lambda>"])
def test_names_that_are_taken_or_no_names_are_refused(registered, name):
    before = dict(registered)
    with pytest.raises(O2UError, match="name="):
        detector("Mine.", unit="none", name=name)(lambda evidence: evidence.trace.loss[-1])
    assert registered == before


@pytest.mark.parametrize("result", [np.zeros(39), np.zeros((40, 2)), np.array(["a"] * 40), 1.0])
def test_what_is_not_one_number_for_each_sample_is_refused(result):
    def odd_one(evidence):
        return result

    with pytest.raises(O2UError, match=r"'odd_one'.*40 samples"):
        evidence().column(odd_one)


def test_each_column_is_computed_once():
    calls = []

    def counted(evidence):
        calls.append(1)
        return evidence.trace.loss[0]

    of = evidence()
    assert of.column(counted) is of.column(counted) and len(calls) == 1


def test_embeddings_and_features_must_be_of_the_same_samples():
    trace = evidence().trace
    with pytest.raises(O2UError, match="39 embeddings"):
        Evidence(trace, np.zeros((39, 2)))
    with pytest.raises(O2UError, match="41 rows of the features 'second'"):
        Evidence(trace, features={"second": np.zeros((41, 2))})


def test_taking_samples_takes_all_their_evidence():
    of = evidence()
    features = {"second": np.arange(80.0).reshape(40, 2), "third": None}
    part = Evidence(of.trace, of.embeddings, features).take(np.array([5, 2]))
    assert list(part.trace.ids) == ["s5", "s2"] and part.features["third"] is None
    np.testing.assert_array_equal(part.embeddings, of.embeddings[[5, 2]])
    np.testing.assert_array_equal(part.features["second"], [[10, 11], [4, 5]])
