"""Every score against values worked out by hand; higher is always more suspicious."""

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from o2u_nb.detect import blocks, recommended, scores
from o2u_nb.detect.dynamics import class_probs
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.loss_mixture import loss_mixture
from o2u_nb.detect.neighbours import lookalike_probs
from o2u_nb.detect.odds import likeliest_other, log_odds_against
from o2u_nb.detect.recommended import combined
from o2u_nb.detect.swaps import swap_odds
from o2u_nb.detect.table import score_table
from o2u_nb.detect.threshold import BENT, KNEE, SURE_SHARE, calibrated, estimate, sure_rate
from o2u_nb.errors import O2UError
from o2u_nb.trace import Trace
from tests.traces import NAN, make, of_logits, random_trace

OF_THE_TRACE = (
    scores.o2u_mean, scores.o2u_var, scores.aum, scores.cyclic_margin, scores.settled_margin,
    scores.average_probability_margin, scores.forgetting, scores.low_confidence, scores.variability,
    scores.error_share, scores.el2n,
)  # fmt: skip
LOSS = [[9, 9, 9, 9], [1, 2, 3, 6], [0, 0, 4, 4], [2, 1, 2, 3]]
PHASE = ["warmup", "cyclic", "cyclic", "cyclic"]


def evidence_of(*args, **options) -> Evidence:
    return Evidence(make(*args, **options))


def test_o2u_mean_and_variance_by_hand():
    evidence = evidence_of(LOSS, phase=PHASE)
    # epoch means of the cyclic epochs: 3, 2, 2
    np.testing.assert_allclose(
        scores.o2u_mean(evidence),
        [(-2 - 2 + 0) / 3, (-1 - 2 - 1) / 3, (0 + 2 + 0) / 3, (3 + 2 + 1) / 3],
    )
    np.testing.assert_allclose(
        scores.o2u_var(evidence),
        [2 / 3, 2 / 3, 2 / 3, ((5 / 3) ** 2 + (1 / 3) ** 2 + (4 / 3) ** 2) / 3],
    )


def test_centring_protects_samples_that_missed_an_easy_epoch():
    # sample 2 was dropped from the easy epoch: its plain mean (5) would beat sample 1's (4)
    evidence = evidence_of([[4, 5, 5], [1, 3, NAN]])
    # seen epoch means: 14/3 and 2
    expected = [(4 - 14 / 3 - 1) / 2, (5 - 14 / 3 + 1) / 2, 5 - 14 / 3]
    np.testing.assert_allclose(scores.o2u_mean(evidence), expected, rtol=1e-6)
    assert np.argmax(scores.o2u_mean(evidence)) == 1


def test_aum_skips_the_first_epoch_and_is_negated():
    evidence = evidence_of(np.zeros((3, 2)), margin=[[100, 100], [1, -2], [3, NAN]])
    np.testing.assert_allclose(scores.aum(evidence), [-2, 2])


def test_margin_of_the_cyclic_epochs():
    evidence = evidence_of(np.zeros((3, 2)), margin=[[100, 100], [1, -2], [3, -4]], phase=PHASE[:3])
    np.testing.assert_allclose(scores.cyclic_margin(evidence), [-2, 3])


def test_settled_margin_counts_epochs_at_a_low_rate_more():
    margin = [[100, 100, 100], [1, -2, 3], [3, -4, NAN], [-1, 0, NAN]]
    evidence = evidence_of(np.zeros((4, 3)), margin=margin, phase=PHASE, lr=[1, 0.4, 0.2, 0.1])
    # weights 1 : 2 : 4
    np.testing.assert_allclose(scores.settled_margin(evidence), [-(1 + 6 - 4) / 7, 10 / 7, -3])


def test_no_epoch_counts_more_than_ten_times_another_for_its_rate():
    margin = [[1, -1], [10, 4]]
    falling = evidence_of(np.zeros((2, 2)), margin=margin, lr=[0.1, 0])
    np.testing.assert_allclose(scores.settled_margin(falling), [-101 / 11, -39 / 11])
    for rates in ([0, 0], [NAN, 0.1], [0.1, 0.1]):
        plain = evidence_of(np.zeros((2, 2)), margin=margin, lr=rates)
        np.testing.assert_allclose(scores.settled_margin(plain), scores.cyclic_margin(plain))


def test_the_score_is_what_the_pictures_say_times_how_common_the_mix_up_is():
    dynamics, common = np.array([2.0, -1, NAN, 3, 1]), np.log([2, 3, 5, 0.5, 7])
    found = combined(dynamics, np.array([1.0, -4, 2, NAN, -3]), common)
    np.testing.assert_allclose(found, [3, -2.5, NAN, 1.5, -1])  # nothing where it is for the label
    np.testing.assert_allclose(combined(dynamics, None, common), [4, -1, NAN, 1.5, 7])


def test_the_table_takes_look_alikes_and_mix_ups_into_account():
    trace = random_trace(n=600, unseen=[7], wrong=200)
    near = np.eye(len(trace.classes))[np.maximum(trace.pred[-1], 0)]  # those predicted alike
    embeddings = near + 0.1 * np.random.default_rng(1).normal(size=near.shape)
    found = score_table(trace, embeddings).reindex(trace.ids)
    probs = class_probs(trace)
    alike = lookalike_probs(embeddings, probs)
    both = np.where(np.isnan(probs), alike, (probs + alike) / 2)
    other = likeliest_other(np.where(np.isnan(probs), NAN, both), trace.labels)
    votes, prior = (
        log_odds_against(alike + 1e-3, trace.labels),
        swap_odds(np.where(np.isnan(probs), NAN, alike), trace.labels, other),
    )
    votes[7] = prior[7] = NAN  # never seen
    np.testing.assert_allclose(found["lookalike_margin"], votes)
    np.testing.assert_allclose(found["swap_odds"], prior)
    assert np.nanmax(prior) - np.nanmin(prior) > 0.1  # wrong labels are all the next class
    said = (scores.settled_margin(Evidence(trace)) + votes) / 2
    expected = np.where(said > 0, said * np.exp(prior), said)
    assert (said > 0).any() and (said < 0).any()
    np.testing.assert_allclose(found["score"], expected)
    suggested = np.asarray(trace.classes)[other]
    assert (found["suggested_label"] == suggested).all()
    assert np.isnan(found["score"].iloc[7]) and found["rank"].iloc[7] == 600
    assert "lookalike_margin" not in score_table(trace)
    with pytest.raises(O2UError, match="599 embeddings"):
        score_table(trace, embeddings[:599])


def test_average_probability_margin_by_hand():
    evidence = evidence_of(
        np.zeros((1, 2)), labels=[0, 2], probs=[[0.5, 0.25, 0.25], [0.7, 0.2, 0.1]]
    )
    np.testing.assert_allclose(
        scores.average_probability_margin(evidence),
        [np.log(0.25 / 0.5), np.log(0.7 / 0.1)],
        rtol=1e-6,
    )
    assert np.isnan(scores.average_probability_margin(evidence_of(np.zeros((1, 2))))).all()


def test_forgetting_counts_falls_from_right_to_wrong():
    pred = np.array([[0, 1, 0, 0, 1], [1, 1, -1, 0, 0], [0, 2, 1, 0, 1], [1, 1, 0, 0, -1]])
    evidence = evidence_of(np.where(pred < 0, NAN, 0), pred=pred)
    # right-wrong-right-wrong; never right; right, unseen, wrong, right; always; wrong-right-wrong
    np.testing.assert_array_equal(scores.forgetting(evidence), [2, 4, 1, 0, 1])


def test_a_sample_never_seen_was_never_forgotten_either():
    pred = np.array([[0, -1, 1], [-1, -1, 1]])
    evidence = evidence_of(np.where(pred < 0, NAN, 0), pred=pred)
    np.testing.assert_array_equal(scores.forgetting(evidence), [0, NAN, 2])


def test_data_map_by_hand():
    evidence = evidence_of(-np.log([[0.5, 0.1], [1.0, 0.1]]))
    np.testing.assert_allclose(scores.low_confidence(evidence), [0.25, 0.9], rtol=1e-6)
    np.testing.assert_allclose(scores.variability(evidence), [0.25, 0], atol=1e-6)


def test_error_share_aleatoric_and_el2n_by_hand():
    pred = np.array([[0, 1, -1], [0, 1, 2], [1, 0, -1], [0, 1, 0]])
    probs = np.array([[0.5, 0.1, NAN], [0.8, 0.2, 0.5], [0.5, 0.5, NAN], [1.0, 0.2, 1.0]])
    evidence = evidence_of(-np.log(probs), pred=pred)
    np.testing.assert_allclose(scores.error_share(evidence), [1 / 4, 3 / 4, 1 / 2])
    spread = [(0.25 + 0.16 + 0.25) / 4, (0.09 + 0.16 + 0.25 + 0.16) / 4, 0.125]
    np.testing.assert_allclose(scores.aleatoric(evidence), spread, rtol=1e-6, atol=1e-9)
    mean = [[0.5, 0.25, 0.25], [0.6, 0.4, 0.0]]
    late = make(np.zeros((1, 2)), labels=[0, 2], probs=mean)
    expected = [np.sqrt(0.25 + 2 / 16), np.sqrt(0.36 + 0.16 + 1)]
    np.testing.assert_allclose(scores.el2n(Evidence(late)), expected, rtol=1e-6)
    early = dict(late.mean_probs, warmup=np.array([[1.0, 0, 0], [1.0, 0, 0]], np.float32))
    early = dataclasses.replace(late, mean_probs=early)
    np.testing.assert_allclose(scores.el2n(Evidence(early)), [0, 2**0.5], rtol=1e-6)
    assert np.isnan(scores.el2n(evidence)).all()


def test_the_mixture_of_losses_divides_two_heaps_after_the_warm_up():
    rng = np.random.default_rng(0)
    small, large = rng.normal(0.3, 0.1, 700), rng.normal(3, 0.4, 300)
    loss = np.concatenate([small, large])
    early, cyclic = rng.permutation(loss), rng.permutation(loss)  # other epochs say nothing
    rows = [early, *[loss] * 5, cyclic]
    evidence = evidence_of(rows, phase=["warmup"] * 6 + ["cyclic"])
    found = loss_mixture(evidence)
    assert (found[:700] < 0.05).all() and (found[700:] > 0.95).all()
    # halfway between the heaps it is the wider one's, by the density of two normal distributions
    one = evidence_of(np.r_[loss, 1.2][None], phase=["warmup"])
    scaled = [(m - loss.min()) / np.ptp(loss) for m in (0.3, 3.0, 1.2)]
    fitted = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=0)
    values = np.sort((np.r_[loss, 1.2] - loss.min()) / np.ptp(loss))[:, None]
    fitted.fit(values)
    expected = fitted.predict_proba([[scaled[2]]])[0, np.argmax(fitted.means_)]
    assert loss_mixture(one)[-1] == pytest.approx(expected, abs=1e-4)


def test_the_mixture_leaves_out_gaps_and_refuses_equal_losses():
    rows = np.array([[0.1, NAN, 3.0, NAN], [0.3, 0.2, NAN, NAN]])
    whole = loss_mixture(evidence_of([[0.2, 0.2, 3.0]], phase=["warmup"]))
    found = loss_mixture(evidence_of(rows, phase=["warmup"] * 2))
    np.testing.assert_allclose(found, [*whole, NAN], atol=1e-6)
    assert np.isnan(loss_mixture(evidence_of(np.ones((2, 5))))).all()


def test_without_cyclic_epochs_all_count():
    evidence = evidence_of([[1, 3], [3, 7]], phase=["warmup"] * 2)
    np.testing.assert_allclose(scores.o2u_mean(evidence), [-1.5, 1.5])


@pytest.mark.parametrize("detector", OF_THE_TRACE)
def test_higher_is_more_suspicious(detector):
    right = dict(
        loss=np.full((6, 1), 0.01), margin=np.full((6, 1), 5.0), pred=np.zeros((6, 1), int)
    )
    swinging = np.array([[2.0], [6.0]] * 3)
    wrong = dict(loss=swinging, margin=np.full((6, 1), -5.0), pred=np.ones((6, 1), int))
    both = {key: np.hstack([right[key], wrong[key]]) for key in right}
    trace = make(**both, probs=[[0.98, 0.01, 0.01], [0.02, 0.97, 0.01]])
    values = detector(Evidence(trace))
    assert values[1] > values[0]


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_permuted_samples_permute_the_table(seed):
    trace = random_trace(seed)
    order = np.random.default_rng(seed).permutation(trace.n_samples)
    embeddings = np.random.default_rng(seed).normal(size=(trace.n_samples, 4))
    found = score_table(trace, embeddings)
    moved = score_table(trace.take(order), embeddings[order])
    pd.testing.assert_frame_equal(found.sort_index(), moved.sort_index(), check_exact=False)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 300), st.booleans())
def test_blocks_of_any_size_give_the_same_table(seed, size, kept):
    trace = random_trace(seed, unseen=[seed % 30])
    trace.loss[seed % 6, seed % 7 :: 4] = trace.margin[seed % 6, seed % 7 :: 4] = NAN
    trace.pred[seed % 6, seed % 7 :: 4] = -1
    trace = trace if kept else dataclasses.replace(trace, mean_probs={})
    expected = score_table(trace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        assert len(blocks.blocks(trace)) == -(-30 // max(1, size // 6))
        pd.testing.assert_frame_equal(score_table(trace), expected, check_exact=True)


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_gaps_are_left_out_of_every_mean(seed):
    trace = random_trace(seed)
    gaps = np.random.default_rng(seed).random(trace.loss.shape) < 0.2
    trace.loss[gaps] = trace.margin[gaps] = NAN
    trace.pred[gaps] = -1
    trace = trace.take(np.flatnonzero((~gaps[2:]).any(0)))
    cyclic, probs = trace.loss[2:].astype(float), np.exp(-trace.loss)
    expected = dict(
        o2u_mean=np.nanmean(cyclic - np.nanmean(cyclic, 1, keepdims=True), 0),
        o2u_var=np.nanvar(cyclic, 0),
        aum=-np.nanmean(trace.margin[1:], 0),
        cyclic_margin=-np.nanmean(trace.margin[2:], 0),
        settled_margin=-np.ma.average(
            np.ma.masked_invalid(trace.margin[2:].astype(float)), axis=0, weights=1 / trace.lr[2:]
        ).filled(NAN),
        low_confidence=1 - np.nanmean(probs, 0),
        variability=np.nanstd(probs, 0),
    )
    for name, values in expected.items():
        found = getattr(scores, name)(Evidence(trace))
        np.testing.assert_allclose(found, values, rtol=1e-4, atol=1e-6)


def test_a_detector_that_compares_samples_sees_all_of_them(monkeypatch):
    trace = random_trace(n=40)
    monkeypatch.setattr(blocks, "BLOCK", 7)
    expected = trace.loss[-1] - trace.loss[-1].mean()
    found = Evidence(trace).column(
        lambda evidence: evidence.trace.loss[-1] - evidence.trace.loss[-1].mean()
    )
    np.testing.assert_array_equal(found, expected)


def test_table_is_complete_and_sorted():
    table = score_table(random_trace(n=50, unseen=[7], wrong=8))
    assert table.index.name == "sample_id" and table.index.is_unique and len(table) == 50
    assert list(table["rank"]) == list(range(1, 51))
    assert table["score"].head(49).is_monotonic_decreasing
    assert table.index[-1] == "s7" and np.isnan(table["p_wrong"].iloc[-1])
    assert not table["suspect"].iloc[-1]
    assert (table["suggested_label"] != table["label"]).all()
    assert table["suspect"].dtype == bool
    planted = [f"s{i}" for i in range(8) if i != 7]
    assert set(planted) <= set(table.index[:8])
    assert (
        (table.loc[planted[0], "suggested_label"])
        == "xyz"[("xyz".index(table.loc[planted[0], "label"]) + 1) % 3]
    )


def test_kind_tells_doubtful_suspects_apart():
    table = score_table(random_trace(n=400, n_epochs=3, wrong=60))
    suspects = table[table["suspect"]]
    assert set(suspects["kind"]) <= {"wrong", "ambiguous"} and "wrong" in set(suspects["kind"])
    assert ((suspects["kind"] == "wrong") == (suspects["p_wrong"] >= 0.5)).all()
    assert (table["kind"][~table["suspect"]] == "").all()


def test_suggestion_without_probabilities_is_the_vote_of_the_epochs():
    pred = np.array([[0, 1], [2, 1], [2, 0], [2, 2]])
    trace = make(np.zeros((4, 2)), pred=pred, labels=[0, 1])
    assert score_table(trace).loc[trace.ids, "suggested_label"].tolist() == ["z", "x"]


def test_sure_disagreement_by_hand():
    # peaks .9 .8 .7 .6; contradicted: the second and the fourth
    probs = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]]
    labels = np.zeros(4, int)
    assert sure_rate(np.array(probs), labels, 0.25) == 0
    assert sure_rate(np.array(probs), labels, 0.5) == 0.5
    assert sure_rate(np.array(probs), labels, 1.0) == 0.5


def test_probabilities_follow_the_score_and_add_up_to_the_count():
    trace = random_trace(n=2000, wrong=300)
    table = score_table(trace)
    found = estimate(Evidence(trace), scores.cyclic_margin(Evidence(trace)))
    assert found.low <= found.count <= found.high
    assert 250 <= found.count <= 350 and table["suspect"].sum() == found.count
    np.testing.assert_allclose(np.nansum(found.p_wrong), found.count, rtol=1e-6)
    assert table["p_wrong"].is_monotonic_decreasing


def test_two_clear_groups_get_the_odds_of_their_normals():
    rng = np.random.default_rng(0)
    n, wrong = 20_000, 4_000
    score = np.concatenate([rng.normal(2, 1, wrong), rng.normal(-2, 1, n - wrong)])
    expected = 1 / (1 + np.exp(-(4 * score - np.log((n - wrong) / wrong))))  # Bayes' rule
    found = calibrated(score, wrong)
    assert found.sum() == pytest.approx(wrong)
    assert np.abs(found - expected).max() < 0.04  # near certainty, less is said
    assert np.abs(found - expected).mean() < 0.005


def test_one_heap_keeps_the_networks_own_odds():
    score = np.random.default_rng(0).normal(-2, 2, 5_000)
    found = calibrated(score, 500)
    odds = np.log(found / (1 - found))
    below = odds < KNEE
    assert np.polyfit(score[below], odds[below], 1)[0] == pytest.approx(1)
    assert np.polyfit(score[~below], odds[~below], 1)[0] == pytest.approx(BENT)


@pytest.mark.parametrize("score", [np.zeros(10), np.r_[np.zeros(9), 1e6], np.r_[-1e6, np.zeros(9)]])
def test_odd_scores_still_give_probabilities(score):
    found = calibrated(score, 2)
    assert ((found >= 0) & (found <= 1)).all() and found.sum() == pytest.approx(2)


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from([2, 3, 7, 60, 900]), st.booleans())
def test_probabilities_add_up_and_follow_the_score(seed, n, ties):
    rng = np.random.default_rng(seed)
    score = rng.standard_t(2, n) * rng.choice([0.1, 1, 30])
    score = np.round(score) if ties else score
    count = int(rng.integers(1, n))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = calibrated(score, count)
    assert found.sum() == pytest.approx(count, rel=1e-9)
    assert ((found >= 0) & (found <= 1)).all() and (np.diff(found[np.argsort(score)]) >= 0).all()


def unlearned(seed=0, n=600, n_classes=200, signal=0.1, wrong=60) -> tuple[Trace, np.ndarray]:
    """Simulate a network that has hardly learned: all its classes are nearly equally likely."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    truth = np.where(np.arange(n) < wrong, (labels + 1) % n_classes, labels)
    logits = 0.5 * rng.normal(size=(6, n, n_classes)) + signal * np.eye(n_classes)[truth]
    trace = of_logits(logits, labels, np.full(6, 0.1), ["warmup"] * 2 + ["cyclic"] * 4)
    return trace, np.arange(n) < wrong


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_network_that_has_not_learned_does_not_call_nearly_all_labels_wrong(seed):
    trace, wrong = unlearned(seed)
    evidence = Evidence(trace)
    score = evidence.column(recommended.score)
    found = estimate(evidence, score)
    before = round(sure_rate(evidence.class_probs, trace.labels, SURE_SHARE) * 600)
    assert before > 500  # what the network contradicts
    assert found.learned < 0.1 and found.low < 60 < found.high and 30 < found.count < 90
    assert np.sum(found.p_wrong) == pytest.approx(found.count)
    suspects = np.argsort(-score)[: found.count]
    assert abs(found.p_wrong[suspects].mean() - wrong[suspects].mean()) < 0.2
    assert found.p_wrong.max() < 0.5  # 97 % was said where the network gave 3.2 % against 0.9 %
    falling = found.p_wrong[np.argsort(-score, kind="stable")]
    assert (np.diff(falling) <= 0).all() and falling[0] > falling[-1]


def test_a_network_that_has_learned_is_believed():
    trace = random_trace(n=2000, wrong=300)
    evidence = Evidence(trace)
    found = estimate(evidence, scores.cyclic_margin(evidence))
    rate = sure_rate(evidence.class_probs, trace.labels, SURE_SHARE)
    assert found.learned == 1 and found.count == round(rate * 2000)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1), st.integers(1, 299))
def test_probabilities_add_up_however_little_was_learned(seed, learned, count):
    score = np.sort(np.random.default_rng(seed).standard_t(3, 300) * 4)
    found = calibrated(score, count, learned)
    assert found.sum() == pytest.approx(count, rel=1e-9) and (np.diff(found) >= 0).all()
    assert found[-1] <= calibrated(score, count)[-1] + 1e-9  # never more certain


def test_clean_data_has_no_suspects():
    found = score_table(random_trace(n=100, wrong=0))
    assert found["suspect"].sum() == 0 and (found["p_wrong"] == 0).all()


def test_scores_do_not_change_the_trace():
    trace = random_trace()
    before = {
        f.name: np.copy(getattr(trace, f.name))
        for f in dataclasses.fields(trace)
        if f.name in ("loss", "margin", "pred")
    }
    probs = trace.mean_probs["cyclic"].copy()
    score_table(trace)
    for name, values in before.items():
        np.testing.assert_array_equal(values, getattr(trace, name))
    np.testing.assert_array_equal(probs, trace.mean_probs["cyclic"])
