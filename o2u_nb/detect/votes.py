"""Votes of neighbours: how the labels of the most similar samples contradict a sample's own.

In come neighbours and given labels; out come scores, and which labels are called wrong. Neighbours
are those of embeddings or frozen features, most similar first, the sample itself left out; nothing
is trained. The columns are `knn_vote`, `simifeat_vote` and `simifeat_rank`.

SimiFeat is Zhu, Dong and Liu, "Detecting Corrupted Labels Without Training a Model to Predict",
ICML 2022, written from its formulas: once on the pictures as they are, where its authors take a
majority of 21 augmented repeats.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.neighbours import VOTERS

SMALLEST_COUNT = 1e-8  # of a class, so that a logarithm can be taken
# Reliability of a class's labels where the estimate is no probability: the authors' numbers.
LEAST_RELIABLE, MOST_RELIABLE = 0.05, 0.95
STEPS = (
    500  # of the search for a transition matrix; 100 classes take minutes, 10 less than a second
)


class Vote(NamedTuple):
    """Scores (n,), higher = more suspicious, and which samples are called wrong, bool (n,)."""

    score: np.ndarray
    flagged: np.ndarray


def knn_vote(evidence: Evidence) -> np.ndarray | None:
    """Return how much the `VOTERS` nearest samples contradict each label; see `knn`.

    float (n_samples,), 0 to 1, higher = more suspicious; NaN where no neighbour has a
    similarity above 0. None without embeddings. The vote is taken on the embeddings of the
    evidence: the features of a frozen network for a head, else the last layer's inputs of the
    network that was trained, which has seen the labels. Bahri, Jiang and Gupta take it on the
    logits of a preliminary network.
    """
    return _voted(evidence, knn)


def simifeat_vote(evidence: Evidence) -> np.ndarray | None:
    """Return by how much the best other class has a larger soft count; see `simifeat_by_vote`.

    float (n_samples,), -1 to 1, higher = more suspicious; a label is called wrong above 0. None
    without embeddings. NaN everywhere with fewer than 3 samples.
    """
    return _voted(evidence, simifeat_by_vote)


def simifeat_rank(evidence: Evidence) -> np.ndarray | None:
    """Return minus the logarithm of the given label's soft count; see `simifeat_by_rank`.

    float (n_samples,), nats, higher = more suspicious. None without embeddings. NaN everywhere with
    fewer than 3 samples. In each class the first are called wrong, as many as `reliability` says.
    """
    return _voted(evidence, lambda *of: Vote(rank_score(*of), np.empty(0, bool)))


def knn(neighbours: np.ndarray, similarities: np.ndarray, labels: np.ndarray) -> Vote:
    """Compare each label with those of the nearest, weighted by cosine similarity.

    `neighbours` (n, k) int are positions of samples, `similarities` (n, k) are in [-1, 1], `labels`
    (n,) are class codes. The score is 1 less the given label's share of the weights, 0 to 1:
    S_i = 1 - sum_j w_ij [y_j = y_i] / sum_j w_ij over the neighbours j of i, with the weights
    w_ij = max(cos(i, j), 0). NaN where all weights are 0. Flagged is a label other than the class
    with the largest weight. Bahri, Jiang and Gupta, "Deep k-NN for Noisy Labels", ICML 2020, in a
    weighted form. Remove near-duplicates first: they would confirm each other's labels.
    """
    weights = similarities.clip(0)
    counts = class_sums(labels[neighbours], weights, labels.max(initial=0) + 1)
    total = counts.sum(1)
    unknown = np.full(len(labels), np.nan)
    share = np.divide(given(counts, labels), total, out=unknown, where=total > 0)
    return Vote((1 - share).clip(0, 1), (counts.argmax(1) != labels) & (total > 0))


def simifeat_by_vote(neighbours: np.ndarray, similarities: np.ndarray, labels: np.ndarray) -> Vote:
    """Flag a label that is not the class with the largest soft count; see `soft_counts`.

    The score is the largest count of another class, less that of the given label.
    """
    counts = soft_counts(neighbours, similarities, labels)
    mine = given(counts, labels)
    others = counts.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return Vote(others.max(1) - mine, others.max(1) > mine)


def simifeat_by_rank(neighbours: np.ndarray, similarities: np.ndarray, labels: np.ndarray) -> Vote:
    """Rank by -log of the given label's soft count; flag in each class as many as look wrong.

    How many that is comes from `reliability`.
    """
    score = rank_score(neighbours, similarities, labels)
    flagged = np.zeros(len(labels), dtype=bool)
    for label, reliable in enumerate(reliability(neighbours, labels)):
        rows = np.flatnonzero(labels == label)
        n_wrong = round((1 - reliable) * len(rows))
        flagged[rows[np.argsort(-score[rows], kind="stable")[:n_wrong]]] = True
    return Vote(score, flagged)


def rank_score(neighbours: np.ndarray, similarities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return -log of the given label's soft count: float (n,), higher = more suspicious."""
    return -np.log(given(soft_counts(neighbours, similarities, labels), labels))


def soft_counts(neighbours: np.ndarray, similarities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count the labels around each sample and its own: float (n, n_classes), rows of length 1.

    Each of `VOTERS` labels counts 1 less its distance, which is 1 less the cosine. The sample's own
    distance is taken to be 2 d_1 - d_2, from those of its two nearest.
    """
    near, weights = neighbours[:, : VOTERS - 1], similarities[:, : VOTERS - 1]
    around = np.concatenate([labels[:, None], labels[near]], axis=1)
    own = 2 * weights[:, :1] - weights[:, 1:2]  # 1 - (2 d_1 - d_2), with d = 1 - cosine
    counts = class_sums(around, np.concatenate([own, weights], axis=1), labels.max() + 1)
    counts = counts.clip(SMALLEST_COUNT)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def reliability(neighbours: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Estimate P(true = y | given = y) of each class y from labels alone: float (n_classes,).

    A sample and its two nearest are taken to have the same true class, so that how often which
    labels meet tells the noise (Zhu, Song and Liu, ICML 2021).
    """
    transition, shares = explain(*agreement(neighbours, labels))
    given_shares = np.bincount(labels) / len(labels)
    reliable = shares * transition.diagonal() / np.maximum(given_shares, SMALLEST_COUNT)
    reliable = np.where(reliable >= 1, MOST_RELIABLE, reliable)
    return np.where(reliable <= 0, LEAST_RELIABLE, reliable)


def agreement(neighbours: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return how often labels meet: shares (K,) of one, (K, K) of two, (K, K, K) of three labels.

    The labels are those of a sample, of its nearest and of its second nearest, in this order; K is
    the number of classes.
    """
    triples = (labels, labels[neighbours[:, 0]], labels[neighbours[:, 1]])
    n_classes = labels.max() + 1
    found = []
    for order in (1, 2, 3):
        counts = np.zeros((n_classes,) * order)
        np.add.at(counts, triples[:order], 1 / len(labels))
        found.append(counts)
    return tuple(found)


def explain(one: np.ndarray, two: np.ndarray, three: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the noise that makes labels meet as often as they do.

    Returns the transition matrix T (K, K), T[i, j] = P(given j | true i), and the shares of the
    true classes (K,), such that one[j] = sum_i p_i T_ij, two[j, k] = sum_i p_i T_ij T_ik, and so on
    for `three`, as nearly as possible in the sum of squares.
    """
    from scipy.optimize import minimize

    n_classes = len(one)
    # Most labels are taken to be right, which says what each true class is called.
    start = np.concatenate([np.log(4 * n_classes) * np.eye(n_classes), np.zeros((1, n_classes))])
    found = minimize(
        _misfit, start.ravel(), args=(one, two, three), jac=True, method="L-BFGS-B",
        options=dict(maxiter=STEPS, maxfun=2 * STEPS, ftol=1e-14, gtol=1e-10),
    )  # fmt: skip
    *matrix, shares = _softmax(found.x.reshape(-1, n_classes))
    return np.array(matrix), shares


def _misfit(
    x: np.ndarray, one: np.ndarray, two: np.ndarray, three: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the sum of squares that `explain` makes small, and its gradient in `x`.

    `x` (n_classes + 1, n_classes), flat, holds logarithms: those of the rows of the transition
    matrix, then those of the shares, up to a constant each.
    """
    n_classes = len(one)
    rows = _softmax(x.reshape(-1, n_classes))
    t, p = rows[:-1], rows[-1]
    pairs = (t[:, :, None] * t[:, None, :]).reshape(n_classes, -1)  # T_ij T_ik
    off_one = p @ t - one
    off_two = (p @ pairs).reshape(two.shape) - two
    off_three = ((p[:, None] * t).T @ pairs).reshape(three.shape) - three
    misfit = (off_one**2).sum() + (off_two**2).sum() + (off_three**2).sum()

    by_two = t @ off_two.T  # sum over k of (off_two)_jk T_ik
    by_three = pairs @ off_three.reshape(n_classes, -1).T  # and over l, too
    to_p = 2 * (t @ off_one + (t * by_two).sum(1) + (t * by_three).sum(1))
    # A label is the first, second or third of those that meet.
    turned = [off_three.transpose(1, 0, 2), off_three.transpose(2, 0, 1)]
    by_three = by_three + sum(pairs @ part.reshape(n_classes, -1).T for part in turned)
    to_t = 2 * p[:, None] * (off_one + by_two + t @ off_two + by_three)
    to_rows = np.concatenate([to_t, to_p[None]])
    slope = rows * (to_rows - (rows * to_rows).sum(1, keepdims=True))  # through the softmax
    return float(misfit), slope.ravel()


def _softmax(logs: np.ndarray) -> np.ndarray:
    """Return the softmax of each row."""
    powers = np.exp(logs - logs.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _voted(evidence: Evidence, vote: Callable[..., Vote]) -> np.ndarray | None:
    """Return the scores of `vote` on the evidence's embeddings, None where there are none."""
    if evidence.neighbours is None:
        return None
    neighbours, similarities = evidence.neighbours
    if neighbours.shape[1] < 2:
        return np.full(evidence.n_samples, np.nan)
    return vote(neighbours, similarities.astype(np.float64), evidence.labels).score


def class_sums(classes: np.ndarray, weights: np.ndarray, n_classes: int) -> np.ndarray:
    """Add up `weights` (n, k) by their `classes` (n, k) int: float (n, n_classes)."""
    sums = np.zeros((len(classes), n_classes))
    np.add.at(sums, (np.arange(len(classes))[:, None], classes), weights)
    return sums


def given(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Take from each row of `values` (n, n_classes) that of the given label: (n,)."""
    return values[np.arange(len(labels)), labels]
