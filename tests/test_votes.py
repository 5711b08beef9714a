"""The votes of neighbours, against values worked out by hand."""

from functools import partial

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.metrics import roc_auc_score

from o2u_nb.detect import votes
from o2u_nb.detect.evidence import Evidence
from tests.traces import planted, random_trace

# Three samples of the classes 0, 1, 1, each with the two others as its neighbours.
NEAR = np.array([[1, 2], [2, 0], [1, 0]])
COSINES = np.array([[0.8, 0.6], [0.9, 0.8], [0.9, 0.6]])
GIVEN = np.array([0, 1, 1])


def test_the_vote_of_neighbours_by_hand():
    score, flagged = votes.knn(NEAR, COSINES, GIVEN)
    np.testing.assert_allclose(score, [1, 0.8 / 1.7, 0.6 / 1.5])
    assert flagged.tolist() == [True, False, False]


def test_soft_counts_by_hand():
    counts = votes.soft_counts(NEAR, COSINES, GIVEN)
    # own weights: 2 x .8 - .6 = 1.0, 2 x .9 - .8 = 1.0, 2 x .9 - .6 = 1.2
    raw = np.array([[1.0, 1.4], [0.8, 1.9], [0.6, 2.1]])
    np.testing.assert_allclose(counts, raw / np.linalg.norm(raw, axis=1, keepdims=True))


def test_simifeats_vote_and_rank_by_hand(monkeypatch):
    score, flagged = votes.simifeat_by_vote(NEAR, COSINES, GIVEN)
    lengths = np.sqrt([1 + 1.4**2, 0.8**2 + 1.9**2, 0.6**2 + 2.1**2])
    np.testing.assert_allclose(score, [0.4, -1.1, -1.5] / lengths)
    assert flagged.tolist() == [True, False, False]
    monkeypatch.setattr(votes, "reliability", lambda neighbours, labels: np.array([0.95, 0.4]))
    score, flagged = votes.simifeat_by_rank(NEAR, COSINES, GIVEN)
    np.testing.assert_allclose(score, -np.log([1, 1.9, 2.1] / lengths))
    assert flagged.tolist() == [False, True, False]  # .05 of 1, and .6 of 2: the more suspicious


def test_only_the_nine_nearest_count_beside_the_sample_itself():
    near, cosines = np.tile(np.arange(1, 11), (11, 1)), np.ones((11, 10))
    counts = votes.soft_counts(near, cosines, np.array([0] * 10 + [1]))
    np.testing.assert_allclose(counts[0], [1, 0], atol=1e-8)  # the tenth neighbour is of class 1


def test_agreement_by_hand():
    one, two, three = votes.agreement(NEAR, GIVEN)
    np.testing.assert_allclose(one, [1 / 3, 2 / 3])
    np.testing.assert_allclose(two, [[0, 1 / 3], [0, 2 / 3]])
    assert three[0, 1, 1] == pytest.approx(1 / 3) and three[1, 1, 0] == pytest.approx(2 / 3)


def test_the_noise_that_made_labels_meet_is_found():
    matrix = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.0, 0.1, 0.9]])
    shares = np.array([0.5, 0.3, 0.2])
    three = np.einsum("i,ij,ik,il->jkl", shares, matrix, matrix, matrix)
    found, sizes = votes.explain(three.sum((1, 2)), three.sum(2), three)
    np.testing.assert_allclose(found, matrix, atol=0.01)
    np.testing.assert_allclose(sizes, shares, atol=0.01)


def test_reliability_where_neighbours_are_of_one_class():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 1000)
    labels = np.where(rng.random(3000) < 0.2, (truth + 1) % 3, truth)
    near = np.stack([truth * 1000 + rng.integers(0, 1000, 3000) for _ in range(2)], axis=1)
    assert votes.reliability(near, labels) == pytest.approx(0.8, abs=0.04)


def test_a_reliability_that_is_no_probability_is_bounded(monkeypatch):
    monkeypatch.setattr(votes, "explain", lambda *parts: (np.diag([1.0, 0, 1]), np.ones(3)))
    reliable = votes.reliability(np.zeros((6, 2), int), np.array([0, 0, 1, 1, 2, 2]))
    assert reliable.tolist() == [0.95, 0.05, 0.95]


def test_the_slope_of_the_misfit_is_right():
    rng = np.random.default_rng(0)
    met = votes.agreement(np.array([[1, 2], [2, 3], [3, 0], [0, 1]]), np.array([0, 1, 2, 1]))
    misfit = partial(votes._misfit, one=met[0], two=met[1], three=met[2])
    off = check_grad(lambda x: misfit(x)[0], lambda x: misfit(x)[1], rng.normal(size=12))
    assert off < 1e-6


def test_the_columns_are_the_votes_on_the_embeddings():
    trace, embeddings, wrong = planted()
    evidence = Evidence(trace, embeddings)
    near, cosines = evidence.neighbours
    of = (near, cosines.astype(float), trace.labels)
    np.testing.assert_array_equal(votes.knn_vote(evidence), votes.knn(*of).score)
    np.testing.assert_array_equal(votes.simifeat_vote(evidence), votes.simifeat_by_vote(*of).score)
    ranked = votes.simifeat_by_rank(*of)
    np.testing.assert_array_equal(votes.simifeat_rank(evidence), ranked.score)
    assert roc_auc_score(wrong, ranked.score) > 0.8
    assert ranked.flagged.sum() == pytest.approx(wrong.sum(), rel=0.35)


def test_without_embeddings_or_neighbours_nobody_votes():
    columns = (votes.knn_vote, votes.simifeat_vote, votes.simifeat_rank)
    assert [column(Evidence(random_trace())) for column in columns] == [None] * 3
    pair = Evidence(random_trace(n=2), np.eye(2))
    assert all(np.isnan(column(pair)).all() for column in columns)
