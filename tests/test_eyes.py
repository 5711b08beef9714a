"""Several eyes: how their evidence becomes one score, one suggestion and one number."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb.detect import eyes as said
from o2u_nb.detect import registry
from o2u_nb.detect.counts import RECOMMENDED, compare_estimators
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.odds import likeliest_other
from o2u_nb.detect.recommended import combined, eye_score, lookalike_margin, score, swap_odds
from o2u_nb.detect.scores import settled_margin
from o2u_nb.detect.table import eyes_agree, ranked, score_table
from o2u_nb.detect.threshold import FROZEN_SHARE, SURE_SHARE, basis, estimate, sure_rate
from o2u_nb.errors import O2UError
from o2u_nb.eye_names import NETWORK, column_name
from o2u_nb.review.columns import Columns
from tests.audits import eye_facts
from tests.traces import NAN, make, random_trace, several_eyes

EVEN = [[0.4, 0.3, 0.3]]


def eye(margin, probs=None, name=NETWORK, frozen=False, labels=None) -> Evidence:
    """One epoch's margins (n,), NaN where not seen, and probabilities (n, 3)."""
    margin = np.asarray(margin, float)
    probs = np.asarray(EVEN * len(margin) if probs is None else probs, float)
    probs = np.where(np.isnan(margin)[:, None], NAN, probs)
    trace = make(-margin[None], margin[None], labels=labels, probs=probs)
    return Evidence(replace(trace, frozen=frozen), eye=name)


def together(first: Evidence, *others: Evidence) -> Evidence:
    return replace(first, others=others)


def test_two_eyes_count_alike_and_one_that_has_not_seen_a_sample_is_left_out():
    # All margins speak for the label, so that no confusion counts, and an eye's score is -margin.
    both = together(eye([3, 1, 2, NAN]), eye([1, NAN, 4, 5], name="lite0", frozen=True))
    np.testing.assert_allclose(score(both), [-2, -1, -3, NAN])


def test_every_eye_counts_the_same_and_one_that_has_not_seen_a_sample_not_at_all():
    three = together(
        eye([3, 3]), eye([1, 1], name="a", frozen=True), eye([5, NAN], name="b", frozen=True)
    )
    np.testing.assert_allclose(score(three), [-3, -2])


def test_each_eye_s_own_mix_ups_and_look_alikes_make_its_part():
    evidence = several_eyes(n=300, wrong=60)
    parts = [
        combined(
            settled_margin(Evidence(one.trace)),
            lookalike_margin(Evidence(one.trace, one.embeddings)),
            swap_odds(Evidence(one.trace, one.embeddings)),
        )
        for one in evidence.eyes
    ]
    np.testing.assert_allclose(evidence.others[0].column(eye_score), parts[1])
    expected = np.where(np.isnan(parts[1]), parts[0], (parts[0] + parts[1]) / 2)
    np.testing.assert_allclose(score(evidence), expected)
    assert np.isnan(score(evidence)).tolist() == [k == 4 for k in range(300)]


@pytest.mark.parametrize("frozen", [(False, True), (True, True), (False, True, True)])
def test_permuted_samples_permute_everything(frozen):
    unseen = ((4,), (7,), (9,))[: len(frozen)]
    evidence = several_eyes(n=200, wrong=40, frozen=frozen, unseen=unseen)
    order = np.random.default_rng(1).permutation(200)
    table, found = ranked(evidence)
    moved, same = ranked(evidence.take(order))
    assert found[:3] == same[:3]
    pd.testing.assert_frame_equal(moved.reindex(table.index), table)
    np.testing.assert_allclose(evidence.take(order).agreed_probs, evidence.agreed_probs[order])


def test_probabilities_are_averaged_over_the_eyes_that_have_seen_the_sample():
    first = [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [1, 0, 0]]
    second = [[0.1, 0.1, 0.8], [0, 0, 1], [0, 1, 0]]
    both = together(eye([1, 1, NAN], first), eye([1, NAN, 1], second, name="lite0", frozen=True))
    expected = [[0.4, 0.15, 0.45], [0.6, 0.3, 0.1], [NAN] * 3]
    np.testing.assert_allclose(both.agreed_probs, expected, rtol=1e-6)
    assert both.suggested[:2].tolist() == [2, 1]  # the first eye alone suggests 1 for both
    np.testing.assert_allclose(both.class_probs[:2], first[:2], rtol=1e-6)  # the first eye's


def test_the_eyes_disagree_where_one_of_them_speaks_for_the_label():
    both = together(eye([-1, -1, 1, 1, -1]), eye([-2, 1, -1, 2, NAN], name="lite0", frozen=True))
    assert eyes_agree(both).tolist() == [True, False, False, False, True]
    assert eyes_agree(both.eyes[0]).all()


def test_suspects_on_which_the_eyes_disagree_are_ambiguous():
    evidence = several_eyes(n=300, wrong=60, clear=2.5)
    table, _ = ranked(evidence)
    suspects = table[table["suspect"]]
    disagree = (suspects[["score_eye0", "score_eye1"]] < 0).any(axis=1)
    unlikely = suspects["p_wrong"] < 0.5
    assert (disagree & ~unlikely).any() and (~disagree & ~unlikely).any()
    assert (suspects["kind"] == np.where(disagree | unlikely, "ambiguous", "wrong")).all()
    assert (table["kind"][~table["suspect"]] == "").all()


def test_the_table_names_each_eye_s_part():
    probs = [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.2, 0.7, 0.1]]
    own = eye([1, 2, 3], [[0.9, 0.05, 0.05]] * 3)
    table, _ = ranked(together(own, eye([1, 4, NAN], probs, name="timm/vit.a", frozen=True)))
    table = table.reindex(["s0", "s1", "s2"])
    names = ["score_network", "seen_as_network", "score_timm_vit_a", "seen_as_timm_vit_a"]
    assert list(table)[-4:] == names
    np.testing.assert_allclose(table["score_network"], [-1, -2, -3])
    np.testing.assert_allclose(table["score_timm_vit_a"], [-1, -4, NAN])
    assert table["seen_as_network"].tolist() == ["x", "x", "x"]
    assert table["seen_as_timm_vit_a"].tolist()[:2] == ["x", "z"]


def test_a_column_s_name_has_letters_digits_and_underscores_alone():
    assert column_name("efficientnet_lite0") == "efficientnet_lite0"
    assert f"score_{column_name('timm/vit-s.a:1')}".isidentifier()


@pytest.mark.parametrize(
    "change",
    [
        lambda trace: dict(ids=trace.ids[::-1]),
        lambda trace: dict(ids=trace.ids.str.upper()),
        lambda trace: dict(labels=(trace.labels + 1) % 3),
        lambda trace: dict(classes=trace.classes[::-1]),
    ],
)
def test_eyes_that_looked_at_other_samples_are_refused(change):
    evidence = several_eyes()
    (other,) = evidence.others
    changed = replace(other, trace=replace(other.trace, **change(other.trace)))
    with pytest.raises(O2UError, match="'eye1' was trained on others than 'eye0'"):
        together(evidence, changed)
    with pytest.raises(O2UError, match="same samples"):
        together(evidence, other.take(slice(10)))


def test_one_eye_gives_what_it_gave_before():
    trace = random_trace(n=300, wrong=50, unseen=[7])
    embeddings = np.random.default_rng(0).normal(size=(300, 4))
    evidence = Evidence(trace, embeddings)
    assert len(evidence.eyes) == 1 and not evidence.any_frozen
    np.testing.assert_array_equal(evidence.agreed_probs, evidence.pooled_probs)
    np.testing.assert_array_equal(score(evidence), eye_score(evidence))
    suggested = likeliest_other(evidence.pooled_probs, trace.labels)
    np.testing.assert_array_equal(evidence.suggested, suggested)
    table = score_table(trace, embeddings)
    assert {*registry.DERIVED} < set(table) < {*registry.DETECTORS, *registry.DERIVED}
    count = round(sure_rate(evidence.class_probs, trace.labels, SURE_SHARE) * 299)
    assert estimate(evidence, score(evidence)).count == count


@pytest.mark.parametrize(
    "frozen, share",
    [((False, False), SURE_SHARE), ((False, True), FROZEN_SHARE), ((True, True), FROZEN_SHARE)],
)
def test_wrong_labels_are_counted_by_what_all_eyes_see(frozen, share):
    evidence = several_eyes(n=300, wrong=60, frozen=frozen, unseen=((), (7,)), clear=4)
    probs, found = basis(evidence)
    assert found == share
    np.testing.assert_array_equal(probs, evidence.agreed_probs)
    count = round(sure_rate(evidence.agreed_probs, evidence.labels, share) * 300)
    table, estimated = ranked(evidence)
    assert estimated.count == count == table["suspect"].sum()
    compared = compare_estimators(evidence, score(evidence))
    assert round(compared.loc[RECOMMENDED, "count"]) == count


def test_a_single_frozen_eye_is_counted_with_its_look_alikes():
    head = several_eyes(unseen=((), ())).others[0]
    assert head.trace.frozen and head.any_frozen
    probs, share = basis(head)
    np.testing.assert_array_equal(probs, head.pooled_probs)
    assert share == FROZEN_SHARE and not np.allclose(probs, head.class_probs)
    own = replace(head, trace=replace(head.trace, frozen=False))
    assert basis(own)[1] == SURE_SHARE
    np.testing.assert_array_equal(basis(own)[0], own.class_probs)


@given(seed=st.integers(0, 1000), frozen=st.booleans(), n_same=st.integers(1, 2))
@settings(max_examples=15, deadline=None)
def test_the_same_eye_again_changes_no_rank(seed, frozen, n_same):
    first = several_eyes(seed, unseen=((4,), (7,))).eyes[0]
    trace = replace(first.trace, frozen=frozen)
    again = [replace(first, trace=trace, eye=f"again{k}") for k in range(n_same)]
    alone, _ = ranked(first)
    table, _ = ranked(together(first, *again))
    np.testing.assert_allclose(table["score"].reindex(alone.index), alone["score"], rtol=1e-9)
    assert table["rank"].reindex(alone.index).tolist() == alone["rank"].tolist()
    assert (table["suggested_label"].reindex(alone.index) == alone["suggested_label"]).all()


# What is said of them

OWN = said.Eye("network", "network trained here", "a small ResNet", False)
LITE0, LITE2 = (said.Eye(name, name, f"a head on features of {name}", True)
                for name in ("lite0", "lite2"))  # fmt: skip


def looks(**scores) -> list[said.Opinion]:
    eyes = dict(own=OWN, lite0=LITE0, lite2=LITE2)
    return [
        said.Opinion(eyes[name], None if value is None else "dog", value)
        for name, value in scores.items()
    ]


@pytest.mark.parametrize(
    "scores, verdict, sentence",
    [
        (dict(own=1, lite0=2), "both eyes", "both eyes speak against the label"),
        (dict(own=1, lite0=-2), "only the network trained here",
         "of the 2 eyes, only the network trained here speaks against the label"),
        (dict(own=-1, lite0=2), "only the pretrained one",
         "of the 2 eyes, only the pretrained one speaks against the label"),
        (dict(own=-1, lite0=0), "none", "of the 2 eyes, none speaks against the label"),
        (dict(own=1, lite0=2, lite2=3), "all 3 eyes", "all 3 eyes speak against the label"),
        (dict(own=-1, lite0=2, lite2=3), "2 of 3 eyes", "2 of 3 eyes speak against the label"),
        (dict(own=-1, lite0=2, lite2=-3), "only lite0",
         "of the 3 eyes, only lite0 speaks against the label"),
        (dict(own=1, lite0=None), "the only one that has seen it",
         "of the 2 eyes, the only one that has seen it speaks against the label"),
        (dict(own=1, lite0=None, lite2=-1), "1 of the 2 that have seen it",
         "of the 3 eyes, 1 of the 2 that have seen it speaks against the label"),
        (dict(own=None, lite0=None), "none", "of the 2 eyes, none speaks against the label"),
        (dict(own=1), "", ""),
    ],
)  # fmt: skip
def test_the_verdict(scores, verdict, sentence):
    assert said.verdict(looks(**scores)) == verdict
    assert said.sentence(looks(**scores)) == sentence


def test_the_eyes_are_read_from_the_table_and_called_as_the_facts_say():
    evidence = several_eyes()
    table, _ = ranked(evidence)
    facts = dict(eyes=[dict(name="eye0", title="one", frozen=False),
                       dict(name="eye1", title="other", frozen=True)])  # fmt: skip
    assert [eye[1:] for eye in said.eyes_of(table, facts)] == [
        ("eye0", "one", False),
        ("eye1", "other", True),
    ]
    assert [eye.name for eye in said.eyes_of(table, {})] == ["eye0", "eye1"]
    assert said.eyes_of(score_table(evidence.trace), facts) == []
    table, _ = ranked(replace(evidence, eye=NETWORK))
    first, second = said.eyes_of(table, eye_facts(("eye1",)))
    assert first == OWN and second.name == "eye1" and second.frozen


def test_an_opinion_is_that_of_the_row_and_none_where_not_seen():
    table, _ = ranked(several_eyes())
    eyes = said.eyes_of(table, {})
    first, second = said.opinions(table.loc["s7"], eyes)  # the second eye has not seen it
    assert first.score == table.loc["s7", "score_eye0"] and second[1:] == (None, None)
    assert first.seen_as == table.loc["s7", "seen_as_eye0"] and second.side == "has not seen it"


def test_agreement_by_hand():
    table = pd.DataFrame(
        {
            "suspect": [True, True, True, True, True, False],
            "score_a": [1.0, 2, -1, 1, -1, 9],
            "seen_as_a": ["x", "x", "y", "y", "y", "x"],
            "score_b": [1.0, 2, 3, -1, NAN, 9],
            "seen_as_b": ["x", "y", "x", "y", "y", "x"],
        }
    )
    found = said.agreement(table, said.eyes_of(table, {}))
    assert found == (5, [3, 3], [1, 1], 2, 1)


# Their columns


def test_an_eye_s_score_sorts_like_any_other_and_does_not_vote():
    table, _ = ranked(several_eyes())
    columns = Columns(table)
    assert {"score_eye0", "score_eye1"} <= set(columns.names)
    assert not any(name.startswith("seen_as") for name in columns.names)
    values = table["score_eye1"].to_numpy()[columns.order("score_eye1")]
    assert np.isnan(values[-1]) and (np.diff(values[:-1]) <= 0).all()
    assert not registry.votes("score_eye1")
    assert registry.describe("score_eye1") == "score of eye1 (nats)"
    assert registry.describe("seen_as_eye1") is None


@pytest.mark.parametrize("name", ["score_mine", "seen_as_mine"])
def test_detectors_leave_the_names_of_the_eyes_alone(name):
    with pytest.raises(O2UError, match="is taken"):
        registry.detector("Mine.", unit="nats", name=name)(lambda evidence: None)
    assert name not in registry.DETECTORS
