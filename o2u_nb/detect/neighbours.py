"""Similar samples: the nearest by embedding, and how far they agree with a sample's label.

In come embeddings, a row per sample, in memory or mapped from a file; out come positions of
neighbours, or one score per sample. Exact search: no index to build, to keep or to doubt.
"""

import numpy as np

from o2u_nb.errors import O2UError

ROWS_AT_ONCE = 1024  # that many fit into a processor's cache
MATRIX_BYTES = 64_000_000  # of similarities held at once
DECIMALS = 6  # of a similarity; float32 sums of equal rows may differ beyond, and ties must be ties


def nearest(embeddings: np.ndarray, position: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `k` samples most like the one at `position`, and their cosine similarities.

    `embeddings` is (n, d) float, rows of any length. Out come int64 positions and float32
    similarities in [-1, 1], (min(k, n - 1),) each: most similar first, ties by position, the sample
    itself left out. A row of zeros is as similar as 0 to all.

    >>> embeddings = np.array([[1, 0], [0, 2], [3, 0], [1, 1]])
    >>> positions, similarities = nearest(embeddings, 0, k=2)
    >>> positions.tolist(), [f"{similarity:.2f}" for similarity in similarities]
    ([2, 3], ['1.00', '0.71'])
    """
    (wanted,) = _unit(embeddings[position : position + 1])
    similarities = np.empty(len(embeddings), dtype=np.float32)
    for start in range(0, len(embeddings), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        similarities[rows] = _unit(embeddings[rows]) @ wanted
    found = _most_similar(similarities, position, k)
    return found, similarities[found].clip(-1, 1)


def label_agreement(embeddings: np.ndarray, labels: np.ndarray, k: int = 10) -> np.ndarray:
    """Return how much the `k` nearest samples contradict each label: float64 (n,) in [0, 1].

    S_i = 1 - sum_j w_ij [y_j = y_i] / sum_j w_ij over the neighbours j of i, with the weights
    w_ij = max(cos(i, j), 0); higher = more suspicious. NaN where no neighbour is similar at all.
    A weighted form of the k-NN vote of Bahri, Jiang and Gupta (ICML 2020). `embeddings` (n, d)
    and `labels` (n,), of any kind that can be compared, speak of the same samples; take
    near-duplicates out first, which vouch for each other. Takes n * n * d operations; memory for
    the embeddings in float32 and 64 MB.

    >>> embeddings = np.array([[1, 0], [1, 0], [1, 0], [0, 1]])
    >>> label_agreement(embeddings, np.array(["cat", "cat", "dog", "dog"]), k=2).tolist()
    [0.5, 0.5, 1.0, nan]
    """
    labels = np.asarray(labels)
    if labels.shape != (len(embeddings),):
        raise O2UError(
            f"Expected one label for each of the {len(embeddings):,} embeddings, found labels of "
            f"shape {labels.shape}: pass both of the same samples."
        )
    unit, scores = _unit(embeddings), np.empty(len(embeddings))
    at_once = max(1, MATRIX_BYTES // (4 * max(len(unit), 1)))
    for start in range(0, len(unit), at_once):
        similarities = unit[start : start + at_once] @ unit.T
        for position, row in enumerate(similarities, start):
            found = _most_similar(row, position, k)
            weights = row[found].clip(0, 1).astype(np.float64)
            same = weights[labels[found] == labels[position]].sum()
            scores[position] = 1 - same / weights.sum() if weights.any() else np.nan
    return scores


def _unit(rows: np.ndarray) -> np.ndarray:
    """Scale rows to length 1, in float32; rows of zeros stay."""
    rows = rows.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    rows /= np.where(lengths > 0, lengths, 1)[:, None]
    return rows


def _most_similar(similarities: np.ndarray, position: int, k: int) -> np.ndarray:
    """Return the positions of the `k` largest, but for `position`: largest first, ties in order.

    `similarities` (n,) is rounded in place, and overwritten at `position`.
    """
    k = min(k, len(similarities) - 1)
    if k <= 0:
        return np.empty(0, dtype=np.int64)
    similarities[position] = -np.inf
    np.round(similarities, DECIMALS, out=similarities)
    smallest = np.partition(similarities, len(similarities) - k)[len(similarities) - k]
    candidates = np.flatnonzero(similarities >= smallest)
    return candidates[np.argsort(-similarities[candidates], kind="stable")][:k]
