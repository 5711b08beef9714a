"""Density: how crowded the neighbourhood of each sample is among the samples with its label.

In come features and labels; out comes a density for each sample, and the three parts, from clean to
noisy, that CurriculumNet trains on one after the other. Guo, Huang, Zhang, Zhuang, Dong, Scott and
Huang, "CurriculumNet: Weakly Supervised Learning from Large-Scale Web Images", ECCV 2018.
"""

import numpy as np

from o2u_nb.detect.evidence import Evidence
from o2u_nb.errors import O2UError
from o2u_nb.rows import evenly

PERCENTILE = 60.0  # of the distances within a class, below which two samples are near; as published
PARTS = 3  # as published
STARTS = 10  # of k-means, of which the best counts. Our choice.
# Largest number of samples of a class with which each of its samples is compared. Our choice: the
# time grows with it.
MOST_COMPARED = 1000
DECIMALS = 9  # to which squared distances are rounded, in units of the mean one to the centre
ROWS_AT_ONCE = 1024  # samples whose distances are computed at the same time


def density(evidence: Evidence) -> np.ndarray | None:
    """Return how sparse the neighbourhood of each sample is: float64 (n_samples,), 0 to 1.

    It is `ranks_within` of the densities among samples with the same given label, by the
    embeddings: higher = more suspicious. None without embeddings. The paper has no such score, but
    takes the samples of low density for those with wrong labels.
    """
    if evidence.embeddings is None:
        return None
    return ranks_within(densities(evidence.embeddings, evidence.labels), evidence.labels)


def densities(
    features: np.ndarray, labels: np.ndarray, *, percentile: float = PERCENTILE
) -> np.ndarray:
    """Return the density of each sample among those of its class: float64 (n,), 0 to 1.

    It is the share of the other samples with the same label whose Euclidean distance is below d_c,
    the `percentile` (0 to 100) of all distances within the class. The paper counts these samples
    where we take their share, which does not depend on the size of the class. `features` is (n, d)
    float, `labels` (n,) text or numbers. NaN where a class has only one sample. In a class of more
    than `MOST_COMPARED` samples, each is compared with so many of them, evenly spaced; the paper
    compares all, and shortens the features to 256 numbers first. Raises `O2UError` when the two
    have different lengths.

    >>> features = np.array([[0.0], [1.0], [2.0], [9.0], [0.0]])
    >>> densities(features, np.array(["cat", "cat", "cat", "cat", "dog"])).round(2).tolist()
    [0.67, 0.67, 0.67, 0.0, nan]
    """
    labels = np.asarray(labels)
    if len(features) != len(labels):
        raise O2UError(
            f"Expected a label for each of {len(features):,} rows of features, found "
            f"{len(labels):,}: pass both of the same samples."
        )
    found = np.full(len(labels), np.nan)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) > 1:
            found[members] = _densities_of_class(features[members], percentile)
    return found


def ranks_within(density: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how sparse each sample's neighbourhood is for its class: float64 (n,), 0 to 1.

    The suspicion of CurriculumNet: the share of the class's samples with a higher density, equal
    ones counting half. NaN where `density` is.

    >>> ranks_within(np.array([0.9, 0.5, 0.1, 0.3]), np.array([0, 0, 0, 1])).round(2).tolist()
    [0.17, 0.5, 0.83, 0.5]
    """
    from scipy.stats import rankdata  # slow to import

    found = np.full(len(density), np.nan)
    for label in np.unique(labels):
        members = np.flatnonzero((labels == label) & ~np.isnan(density))
        if len(members):
            found[members] = (rankdata(-density[members]) - 0.5) / len(members)
    return found


def parts(density: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the part of each sample: int (n,), 0 (dense: clean), 1, or 2 (sparse: noisy).

    In each class the densities are divided by k-means with k = 3, always with the same seed. A
    class with fewer than three different densities has fewer parts. Samples without a density are
    in the part 0.

    >>> density = np.array([0.9, 0.1, 0.85, 0.5, 0.12, 0.52])
    >>> parts(density, np.zeros(6, int)).tolist()
    [0, 2, 0, 1, 2, 1]
    """
    found = np.zeros(len(density), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero((labels == label) & ~np.isnan(density))
        if len(members):
            found[members] = _parts_of_class(density[members])
    return found


def _densities_of_class(features: np.ndarray, percentile: float) -> np.ndarray:
    """Return the densities of all samples of one class: (n,)."""
    n = len(features)
    compared = evenly(n, MOST_COMPARED)
    mean = features.mean(0, dtype=np.float64)
    others = features[compared] - mean
    scale = np.sqrt(np.einsum("ij,ij->i", others, others).mean()) or 1.0
    others /= scale
    place = np.full(n, -1)
    place[compared] = np.arange(len(compared))
    some = others[evenly(len(others), ROWS_AT_ONCE)]
    near = np.percentile(_squares(some, some)[np.triu_indices(len(some), 1)], percentile)
    found = np.empty(n)
    for start in range(0, n, ROWS_AT_ONCE):
        block = slice(start, min(start + ROWS_AT_ONCE, n))
        squares = _squares((features[block] - mean) / scale, others)
        own = place[block]
        mine = np.flatnonzero(own >= 0)
        squares[mine, own[mine]] = np.inf  # a sample is not its own neighbour
        found[block] = (squares < near).sum(1) / (len(compared) - (own >= 0))
    return found


def _squares(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the squared distances between `rows` (n, d) and `others` (m, d), rounded: (n, m).

    Rounding makes equal distances equal, which are computed in several ways. `rows` are about 1
    long.
    """
    lengths = np.einsum("ij,ij->i", rows, rows)
    squares = lengths[:, None] - 2 * rows @ others.T + np.einsum("ij,ij->i", others, others)
    return squares.round(DECIMALS)


def _parts_of_class(density: np.ndarray) -> np.ndarray:
    from sklearn.cluster import KMeans  # slow to import

    k = min(PARTS, len(np.unique(density)))
    clusters = KMeans(k, n_init=STARTS, random_state=0).fit(density[:, None])
    order = np.argsort(-clusters.cluster_centers_[:, 0], kind="stable")
    return np.argsort(order)[clusters.labels_]
