"""Similar samples: the nearest ones by embedding, and what the network thinks of them.

In come embeddings, one row per sample, in memory or mapped from a file. Out come the positions of
neighbours, or one score per sample. Neighbours are found exactly, without a search index: every
sample is compared with all others, or, where there are very many, with an evenly spaced part of
them.
"""

from collections.abc import Iterator

import numpy as np

from o2u_nb.detect.class_rows import ClassRows
from o2u_nb.errors import O2UError
from o2u_nb.rows import evenly

# Samples whose similarities are computed at the same time. With `MOST_COMPARED` similarities of 4
# bytes for each of them, that takes at most 80 MB.
ROWS_AT_ONCE = 1024
# Largest number of samples among which neighbours are searched. Our choice: the time grows with it.
MOST_COMPARED = 20_000
# Number of neighbours that are averaged for each sample; chosen on development sets.
LOOK_ALIKES = 50
# Number of neighbours that vote on a label: that of Zhu, Dong and Liu (ICML 2022).
VOTERS = 10
# Similarities are rounded to this many decimals: in float32 the sums of equal rows can differ after
# them, and ties must stay ties.
DECIMALS = 6


def neighbourhoods(embeddings: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each sample, the `k` samples most similar to it, and their cosine similarities.

    `embeddings` is (n, d) float; its rows need not have length 1. Returns positions, int64, and
    similarities, float32 in [-1, 1], both (n, k), or with fewer columns where there are fewer than
    `k` other samples: most similar first, ties in the order of the positions, the sample itself
    left out. With more than `MOST_COMPARED` samples, neighbours are searched only among
    `MOST_COMPARED` of them, which are evenly spaced. It takes n * min(n, MOST_COMPARED) * d
    operations, so that for large n the time grows with n and not with its square.

    >>> positions, similarities = neighbourhoods(np.array([[1, 0], [0, 2], [3, 0], [1, 1]]), k=2)
    >>> positions.tolist()
    [[2, 3], [3, 0], [0, 3], [0, 1]]
    """
    n = len(embeddings)
    compared = evenly(n, MOST_COMPARED)
    k = _at_most(k, compared)
    positions = np.empty((n, k), np.int64)
    similarities = np.empty((n, k), np.float32)
    for rows, found, alike in _nearest(embeddings, compared, k):
        positions[rows], similarities[rows] = compared[found], alike
    return positions, similarities.clip(-1, 1)


def _at_most(k: int, compared: np.ndarray) -> int:
    return max(0, min(k, len(compared) - 1))


def _nearest(
    embeddings: np.ndarray, compared: np.ndarray, k: int
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield blocks of samples with their `k` nearest among those `compared`, and how similar.

    Each is a slice of the samples, places in `compared`, int (m, k), and similarities, float32
    (m, k), as `neighbourhoods` has them.
    """
    n = len(embeddings)
    others = unit_rows(embeddings[compared], compared, n).T
    place = np.full(n, -1)  # position of each sample among those compared; -1 if it is not one
    place[compared] = np.arange(len(compared))
    for start in range(0, n, ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, n))
        unit = unit_rows(embeddings[rows], np.arange(rows.start, rows.stop), n)
        if k:
            yield rows, *_most_similar_of_each(unit @ others, place[rows], k)


def lookalike_probs(embeddings: np.ndarray, probs: np.ndarray, k: int = LOOK_ALIKES) -> np.ndarray:
    """Return the mean of `probs` over the look-alikes of each sample: float (n, n_classes).

    `embeddings` is (n, d) float; `probs` (n, n_classes) float are the network's probabilities, with
    rows of NaN for samples that training has not seen. Look-alikes are the `k` nearest samples;
    those not seen are left out of the mean. So is the sample's own softmax, because its label,
    which may be wrong, has influenced it. Rows of NaN where an embedding is all zeros, or where no
    neighbour was seen. This is a soft form of the k-NN vote of Bahri, Jiang and Gupta (ICML 2020).
    It uses what the network predicts for the neighbours and not their labels, because similar
    samples often have the same wrong label. Raises `O2UError` when `embeddings` and `probs` have
    different lengths.

    >>> embeddings, probs = np.ones((3, 2)), np.array([[0.5, 0.5], [0.9, 0.1], [1, 0]])
    >>> lookalike_probs(embeddings, probs, k=1).tolist()
    [[0.9, 0.1], [0.5, 0.5], [0.5, 0.5]]
    """
    _require_rows(embeddings, probs.shape[:1], "probabilities")
    positions, _ = neighbourhoods(embeddings, k)
    return _averaged(positions, probs, np.any(embeddings, axis=1))


def lookalike_rows(embeddings: np.ndarray, probs: ClassRows, k: int = LOOK_ALIKES) -> ClassRows:
    """Return `lookalike_probs` of more samples and classes than an array should hold.

    Of `probs` only the rows of the samples that are compared are looked at, and only numbers other
    than 0 are kept. There are few of them, since `probs` are so many only where they are the share
    of the epochs in which a class was predicted.
    """
    from scipy import sparse

    _require_rows(embeddings, probs.shape[:1], "probabilities")
    compared = evenly(len(embeddings), MOST_COMPARED)
    k = _at_most(k, compared)
    rows_of = probs[compared].astype(np.float64)
    seen = ~np.isnan(rows_of[:, 0])
    numbers = sparse.csr_array(np.nan_to_num(rows_of))
    sums, counts = [], []
    for rows, found, _ in _nearest(embeddings, compared, k):
        ends = np.arange(0, found.size + 1, k)
        chosen = sparse.csr_array(
            (np.ones(found.size), found.ravel(), ends), shape=(len(found), len(compared))
        )
        sums.append(chosen @ numbers)
        counts.append(seen[found].sum(1) * np.any(embeddings[rows], axis=1))
    total, count = sparse.vstack(sums, format="csr"), np.concatenate(counts)
    total.data /= np.repeat(np.maximum(count, 1), np.diff(total.indptr))

    def make(rows: slice | np.ndarray) -> np.ndarray:
        found = total[rows].toarray()
        found[count[rows] == 0] = np.nan
        return found

    return ClassRows(probs.shape, make)


class Known:
    """Samples whose looks are known, to find the look-alikes of others among them.

    `embeddings` (n, d) and `probs` (n, n_classes) are those of `lookalike_probs`. The time for each
    other sample grows with n: pass at most `MOST_COMPARED` rows.
    """

    def __init__(self, embeddings: np.ndarray, probs: np.ndarray):
        _require_rows(embeddings, probs.shape[:1], "probabilities")
        self.columns = unit_rows(embeddings).T
        self.probs = probs

    def probs_of(self, rows: np.ndarray, k: int = LOOK_ALIKES) -> np.ndarray:
        """Return the mean of the probabilities of the look-alikes of `rows` (m, d) float.

        float (m, n_classes): as `lookalike_probs`, but of samples that are not among the known.

        >>> known = Known(np.array([[1, 0], [0, 1]]), np.array([[0.9, 0.1], [0.2, 0.8]]))
        >>> known.probs_of(np.array([[2.0, 1.0]]), k=1).tolist()
        [[0.9, 0.1]]
        """
        n = self.columns.shape[1]
        alike = unit_rows(rows) @ self.columns
        positions, _ = _most_similar_of_each(alike, np.full(len(rows), -1), min(k, n))
        return _averaged(positions, self.probs, np.any(rows, axis=1))


def _averaged(positions: np.ndarray, probs: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the mean of the rows of `probs` at the `positions` (m, k): float (m, n_classes).

    Rows of NaN in `probs` are left out. NaN where `known` (m,) is false, or no row was left.
    """
    seen = ~np.isnan(probs[:, 0])
    numbers = np.nan_to_num(probs)
    total = np.zeros((len(positions), probs.shape[1]))
    for column in positions.T:  # one neighbour at a time, so that memory stays at m * n_classes
        total += numbers[column]
    count = seen[positions].sum(1) * known
    unknown = np.full(total.shape, np.nan)
    return np.divide(total, count[:, None], out=unknown, where=count[:, None] > 0)


def _require_rows(embeddings: np.ndarray, shape: tuple[int, ...], of: str) -> None:
    if shape != (len(embeddings),):
        raise O2UError(
            f"Expected {of} for each of the {len(embeddings):,} embeddings, found {of} of shape "
            f"{shape}: pass both of the same samples."
        )


def _most_similar_of_each(
    similarities: np.ndarray, own: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of the `k` largest values of each row, and the values: both (n_rows, k).

    `similarities` is (n_rows, n_columns) float32; it is overwritten. `own` (n_rows,) int is the
    column that a row must not choose, -1 for none. Largest first. Values that are equal when they
    are rounded to `DECIMALS` are ties, and come in the order of the columns.
    """
    n_columns = similarities.shape[1]
    mine = np.flatnonzero(own >= 0)
    similarities[mine, own[mine]] = -np.inf
    smallest = np.partition(similarities, n_columns - k, axis=1)[:, n_columns - k]
    rows, columns = np.nonzero(similarities >= smallest[:, None] - 10.0**-DECIMALS)
    candidates = np.round(similarities[rows, columns], DECIMALS)
    order = np.lexsort((columns, -candidates, rows))
    # `rows` is sorted, so this finds the first candidate of each row.
    first = np.searchsorted(rows, np.arange(len(similarities)))
    best = order[first[:, None] + np.arange(k)]
    return columns[best], candidates[best]


def unit_rows(
    rows: np.ndarray, places: np.ndarray | None = None, n: int | None = None
) -> np.ndarray:
    """Return `rows` (n, d) scaled to length 1, in float32; rows of zeros stay as they are.

    Raises `O2UError` for NaN or infinite numbers, which names the row: that in the array of `n`
    rows from whose `places` these are taken, if they are.
    """
    rows = rows.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    if not np.isfinite(lengths).all():
        bad = int(np.flatnonzero(~np.isfinite(lengths))[0])
        raise O2UError(
            f"Expected finite embeddings, found NaN or infinity in row "
            f"{bad if places is None else places[bad]} of {n or len(rows)} (or "
            "numbers too large to square): set such rows to zero, and they count as similar to "
            "nothing."
        )
    rows /= np.where(lengths > 0, lengths, 1)[:, None]
    return rows


def largest(values: np.ndarray, k: int, *, without: np.ndarray) -> np.ndarray:
    """Return the positions, int64, of the `k` largest of `values` (n,) float, largest first.

    Those at the positions `without` (m,) are left out. Values that are equal when they are rounded
    to `DECIMALS` are ties, and come in the order of their positions. `values` is rounded in place,
    and overwritten at `without`.
    """
    k = min(k, len(values) - len(without))
    if k <= 0:
        return np.empty(0, dtype=np.int64)
    values[without] = -np.inf
    np.round(values, DECIMALS, out=values)
    smallest = np.partition(values, len(values) - k)[len(values) - k]
    candidates = np.flatnonzero(values >= smallest)
    return candidates[np.argsort(-values[candidates], kind="stable")][:k]
