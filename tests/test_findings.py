"""Findings: computed once, and the same again from what an audit folder keeps of them."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from o2u_nb.detect import findings
from o2u_nb.detect.counts import compare_estimators
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.findings import Findings, doubts
from o2u_nb.detect.stability import stability
from o2u_nb.detect.table import score_table
from o2u_nb.detect.threshold import Estimate, estimate
from o2u_nb.errors import O2UError
from tests.traces import random_trace


def two_cycles(**options):
    """A trace of four cyclic epochs in two cycles, with an embedding for each sample."""
    trace = random_trace(**options)
    trace.lr[:] = [0.1, 0.1, 0.1, 0.01, 0.1, 0.01]
    return trace, np.random.default_rng(0).normal(size=(trace.n_samples, 4))


def through_json(found: Findings) -> Findings:
    facts = json.loads(json.dumps(found.facts(), allow_nan=False))
    return Findings.stored(found.trace, found.scores, facts)


def test_they_are_what_each_part_says_alone():
    trace, embeddings = two_cycles(n=400, wrong=60, unseen=[7])
    found = Findings.of(Evidence(trace, embeddings))
    pd.testing.assert_frame_equal(found.scores, score_table(trace, embeddings))
    score = found.scores["score"].reindex(trace.ids).to_numpy()
    expected = estimate(Evidence(trace), score)
    assert found.estimate[:3] == expected[:3]
    np.testing.assert_array_equal(found.estimate.p_wrong, expected.p_wrong)
    pd.testing.assert_frame_equal(found.estimators, compare_estimators(Evidence(trace), score))
    assert found.stability == stability(trace)[-1] and found.doubts == []


def test_what_is_stored_comes_back_and_is_not_computed_again(monkeypatch):
    trace, embeddings = two_cycles(n=400, wrong=60, unseen=[7])
    found = replace(Findings.of(Evidence(trace, embeddings)), doubts=["Careful with this."])
    found.facts()

    def again(*_, **__):
        raise AssertionError("computed again")

    expected = found.estimators
    for name in ("ranked", "estimate", "compare_estimators", "stability"):
        monkeypatch.setattr(findings, name, again)
    back = through_json(found)
    assert back.estimate[:3] == found.estimate[:3]
    np.testing.assert_array_equal(back.estimate.p_wrong, found.estimate.p_wrong)
    pd.testing.assert_frame_equal(back.estimators, expected)
    assert back.stability == found.stability and back.doubts == ["Careful with this."]
    assert back.facts() == found.facts()


def test_an_estimator_that_refuses_and_a_single_cycle_come_back_too():
    trace = random_trace(n=60, wrong=9)
    trace.lr[:] = 0.1
    found = Findings.of(Evidence(trace))
    assert found.stability is None
    back = through_json(replace(found, kept_estimators=refusing(found.estimators)))
    assert back.stability is None
    pd.testing.assert_frame_equal(back.estimators, refusing(found.estimators))


def refusing(estimators: pd.DataFrame) -> pd.DataFrame:
    estimators = estimators.copy()
    estimators.loc["mixture", ["count", "rate"]] = np.nan
    return estimators


def test_what_an_older_audit_did_not_store_is_computed():
    trace, embeddings = two_cycles(n=400, wrong=60, unseen=[7])
    found = Findings.of(Evidence(trace, embeddings))
    back = Findings.stored(trace, found.scores, {})
    assert back.estimate[:3] == found.estimate[:3]
    np.testing.assert_array_equal(back.estimate.p_wrong, found.estimate.p_wrong)
    pd.testing.assert_frame_equal(back.estimators, found.estimators)
    assert (back.stability, back.doubts) == (found.stability, found.doubts)


def test_the_same_picture_under_two_labels_is_marked():
    trace = random_trace(n=50, wrong=8)
    first, other, same = (trace.ids.get_loc(name) for name in ("s3", "s40", "s5"))
    trace.labels[[first, other, same]] = [0, 1, 0]
    copies = np.arange(trace.n_samples)
    copies[other], copies[same + 1] = first, same
    trace.labels[same + 1] = 0  # a copy with the same label is no conflict
    found = Findings.of(Evidence(trace, copies=copies))
    marked = found.scores.index[found.scores["kind"] == "duplicate conflict"]
    assert sorted(marked) == ["s3", "s40"]
    unmarked = Findings.of(Evidence(trace)).scores.drop(marked)
    pd.testing.assert_frame_equal(found.scores.drop(marked), unmarked)


def test_embeddings_of_other_samples_are_refused():
    trace, embeddings = two_cycles(n=40)
    with pytest.raises(O2UError, match="39 embeddings"):
        Findings.of(Evidence(trace, embeddings[:39]))


def test_equal_scores_say_nothing_of_stability():
    trace, _ = two_cycles(n=40)
    equal = replace(trace, margin=np.ones_like(trace.margin))
    assert len(stability(equal)) == 1 and Findings.of(Evidence(equal)).stability is None


def test_more_than_half_wrong_is_doubted():
    assert doubts(Estimate(50, 42, 57, np.zeros(100)), 100) == []
    (doubt,) = doubts(Estimate(51, 42, 57, np.zeros(100)), 100)
    assert "did not learn" in doubt and "thorough" in doubt


def test_a_wide_range_is_doubted():
    assert doubts(Estimate(1100, 1000, 2500, np.zeros(10_000)), 10_000) == []
    (doubt,) = doubts(Estimate(1100, 1000, 2501, np.zeros(10_000)), 10_000)
    assert "Between 1,000 and 2,501 labels" in doubt


def test_a_network_that_has_not_learned_is_doubted_in_one_sentence_of_its_own():
    found = Estimate(240, 24, 2376, np.zeros(2400), learned=0.02)
    (doubt,) = doubts(found, 2400)
    assert "has hardly learned" in doubt and "cannot be told" in doubt
    assert (
        "between 24 and 2,376 is possible" in doubt
        and "shifted towards" in doubt
        and "number 240 and" in doubt
    )
    assert "only partly learned" in doubts(found._replace(learned=0.7), 2400)[0]
    trace, _ = two_cycles(n=400, wrong=60)
    kept = replace(Findings.of(Evidence(trace)), estimate=found)
    assert kept.facts()["learned"] == 0.02
    assert Findings.stored(trace, kept.scores, kept.facts()).estimate.learned == 0.02
