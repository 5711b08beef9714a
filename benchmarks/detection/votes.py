"""Detectors that only look at neighbours: in come neighbours and given labels, out come scores.

Neighbours are those of frozen features, most similar first, the sample itself left out; nothing is
trained. SimiFeat is Zhu, Dong and Liu, ICML 2022, written from its formulas: once on the pictures
as they are, where its authors take a majority of 21 augmented repeats.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

K = 10  # neighbours of a vote, in SimiFeat with the sample itself among them: the authors' number
SMALLEST_COUNT = 1e-8  # of a class, so that a logarithm can be taken
# Reliability of a class's labels where the estimate is no probability: the authors' numbers.
LEAST_RELIABLE, MOST_RELIABLE = 0.05, 0.95
STEPS = 500  # of the search for a transition matrix; it settles within a tenth of that


class Vote(NamedTuple):
    """Scores (n,), higher = more suspicious, and which samples are called wrong, bool (n,)."""

    score: np.ndarray
    flagged: np.ndarray


def knn(neighbours: np.ndarray, similarities: np.ndarray, labels: np.ndarray) -> Vote:
    """Compare each label with those of the nearest, weighted by cosine similarity.

    `neighbours` (n, k) int are positions of samples, `similarities` (n, k) are in [-1, 1], `labels`
    (n,) are class codes. The score is 1 less the given label's share of the weights, 0 to 1.
    Flagged is a label other than the class with the largest weight. Bahri, Jiang and Gupta (ICML
    2020), in the weighted form.
    """
    weights = similarities.clip(0)
    counts = class_sums(labels[neighbours], weights, labels.max() + 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), SMALLEST_COUNT)
    return Vote(1 - given(shares, labels), counts.argmax(1) != labels)


def simifeat_vote(neighbours: np.ndarray, similarities: np.ndarray, labels: np.ndarray) -> Vote:
    """Flag a label that is not the class with the largest soft count; see `soft_counts`.

    The score is the largest count of another class, less that of the given label.
    """
    counts = soft_counts(neighbours, similarities, labels)
    mine = given(counts, labels)
    others = counts.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return Vote(others.max(1) - mine, others.max(1) > mine)


def simifeat_rank(neighbours: np.ndarray, similarities: np.ndarray, labels: np.ndarray) -> Vote:
    """Rank by -log of the given label's soft count; flag in each class as many as look wrong.

    How many that is comes from `reliability`.
    """
    score = -np.log(given(soft_counts(neighbours, similarities, labels), labels))
    flagged = np.zeros(len(labels), dtype=bool)
    for label, reliable in enumerate(reliability(neighbours, labels)):
        rows = np.flatnonzero(labels == label)
        n_wrong = round((1 - reliable) * len(rows))
        flagged[rows[np.argsort(-score[rows], kind="stable")[:n_wrong]]] = True
    return Vote(score, flagged)


def soft_counts(neighbours: np.ndarray, similarities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count the labels around each sample and its own: float (n, n_classes), rows of length 1.

    Each of `K` labels counts 1 less its distance, which is 1 less the cosine. The sample's own
    distance is taken to be 2 d_1 - d_2, from those of its two nearest.
    """
    near, weights = neighbours[:, : K - 1], similarities[:, : K - 1]
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
    wanted = [torch.tensor(part, dtype=torch.float64) for part in (one, two, three)]
    n_classes = len(one)
    # Most labels are taken to be right, which says what each true class is called.
    matrix = (np.log(4 * n_classes) * torch.eye(n_classes, dtype=torch.float64)).requires_grad_()
    shares = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS(
        [matrix, shares], max_iter=STEPS, tolerance_grad=1e-10, tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def misfit() -> torch.Tensor:
        search.zero_grad()
        t, p = F.softmax(matrix, 1), F.softmax(shares, 0)
        made = (
            p @ t,
            torch.einsum("i,ij,ik->jk", p, t, t),
            torch.einsum("i,ij,ik,il->jkl", p, t, t, t),
        )
        loss = sum(((a - b) ** 2).sum() for a, b in zip(made, wanted, strict=True))
        loss.backward()
        return loss

    search.step(misfit)
    return F.softmax(matrix, 1).detach().numpy(), F.softmax(shares, 0).detach().numpy()


def class_sums(classes: np.ndarray, weights: np.ndarray, n_classes: int) -> np.ndarray:
    """Add up `weights` (n, k) by their `classes` (n, k) int: float (n, n_classes)."""
    sums = np.zeros((len(classes), n_classes))
    np.add.at(sums, (np.arange(len(classes))[:, None], classes), weights)
    return sums


def given(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Take from each row of `values` (n, n_classes) that of the given label: (n,)."""
    return values[np.arange(len(labels)), labels]
