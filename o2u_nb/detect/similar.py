"""Similar samples: which of a data set are most like some of them, or like a picture from elsewhere.

In come rows of features (n, d), one per sample, in memory or mapped from a file; out come positions
and similarities, most similar first. Up to `EXACT_UP_TO` samples every row is compared. Beyond
that an index answers, if faiss is installed, whose recall is measured when it is built; until it is
there, and without faiss, every row is compared, which takes longer.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from o2u_nb.data import atomic
from o2u_nb.data.parallel import in_threads
from o2u_nb.detect.neighbours import largest, unit_rows
from o2u_nb.detect.similar_index import SimilarIndex
from o2u_nb.errors import O2UError, OutputError
from o2u_nb.rows import evenly

# Samples up to which every row is compared, index or not: that takes less than 100 ms, see
# benchmarks/results/similar.md.
EXACT_UP_TO = 50_000
ROWS_AT_ONCE = 1024  # rows that are scaled at a time
# Rows scaled to length 1, float32, are kept in a file if they take up to so many bytes: comparing
# rows that have to be scaled first takes twenty times as long. Our choice.
MOST_KEPT = 1 << 30
IN_MEMORY = 32 << 20  # bytes of scaled rows that need no file
# Samples that stand for all others when a direction is looked for. Our choice: with more of them
# it hardly changes.
CROWD = 4_000
# How far the directions in which rows vary are made equal before marked samples are compared with
# the others, see `direction`. Chosen on seeds 0 and 11, see benchmarks/results/similar.md.
RIDGE = 1.0


class Found(NamedTuple):
    """The samples that were found, most similar first.

    `positions` int64 (k,) are rows of the features, and `similarities` float32 (k,) from -1 to 1,
    higher = more alike.
    """

    positions: np.ndarray
    similarities: np.ndarray


class Search:
    """Find what is similar by one network's features; see `Found` for what comes out.

    `rows` is (n, d) float, and need not be scaled; rows of zeros are similar to nothing. `place` is
    a file name without a suffix, below which scaled rows and an index are kept for the next time;
    None to keep nothing. Files there are taken as they are, so that the name must be another one
    when the rows are others.
    """

    def __init__(self, rows: np.ndarray, place: Path | None = None):
        if rows.ndim != 2:
            raise O2UError(f"Expected features of shape (n, d), found {rows.shape}.")
        self.rows = rows
        self.place = place
        self.index: SimilarIndex | None = None
        if len(rows) > EXACT_UP_TO and place is not None:
            self.index = SimilarIndex.if_installed(rows, place.with_suffix(".faiss"))

    @property
    def how(self) -> str:
        """Say whether every sample is compared, or how good the index is, in a few words."""
        if self.index is None or not self.index.is_ready:
            return "every sample was compared"
        return f"by an index that finds {self.index.recall:.1%} of the nearest"

    def like(self, positions: np.ndarray, k: int) -> Found:
        """Return the `k` samples most similar to any of those at `positions` (m,), without these.

        Similarity is the cosine of the rows, and to several samples that to the nearest of them.
        """
        positions = np.asarray(positions, dtype=np.int64)
        return self._nearest(unit_rows(self.rows[positions]), k, without=positions)

    def like_rows(self, rows: np.ndarray, k: int) -> Found:
        """Return the `k` samples most similar to any of `rows` (m, d), which are of no sample.

        Raises `O2UError` when they are features of another length.
        """
        rows = np.atleast_2d(rows)
        if rows.shape[1] != self.rows.shape[1]:
            raise O2UError(
                f"Expected rows of {self.rows.shape[1]} features, as the samples have; found "
                f"{rows.shape[1]}: they are of another network."
            )
        return self._nearest(unit_rows(rows), k, without=np.empty(0, dtype=np.int64))

    def more_like(self, positions: np.ndarray, k: int) -> Found:
        """Return the `k` samples that have most of what those at `positions` (m,) have in common.

        One sample has nothing in common with others: for it this is `like`. For more, samples are
        ranked along the `direction` that tells these from the rest, and similarity is the cosine
        between that and a sample's row, seen from the mean of all.
        """
        positions = np.unique(np.asarray(positions, dtype=np.int64))
        if len(positions) < 2:
            return self.like(positions, k)
        mean, along = self.direction(positions)
        values = np.concatenate(list(self._pieces(lambda rows: _along(rows, mean, along))))
        return _best(values, k, without=positions)

    def direction(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean row (d,), and what tells the samples at `positions` from the others (d,).

        It is the direction of Fisher's discriminant, by the covariance of all rows and not by that
        of the few samples, with a ridge (Hariharan, Malik and Ramanan, "Discriminative
        decorrelation for clustering and classification", ECCV 2012).
        """
        mean, axes, weights = self._spread
        marked = unit_rows(self.rows[positions]).mean(0) - mean
        along = axes @ (weights * (axes.T @ marked))
        return mean, along / max(float(np.linalg.norm(along)), 1e-12)

    @cached_property
    def _spread(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the mean (d,) of the rows, the axes (d, d) along which they vary, and weights.

        An axis along which they vary much has a small weight (d,).
        """
        crowd = unit_rows(self.rows[evenly(len(self.rows), CROWD)])
        mean = crowd.mean(0)
        variances, axes = np.linalg.eigh(np.cov(crowd - mean, rowvar=False, ddof=0))
        usual = max(float(variances.mean()), 1e-12)
        return mean, axes, (usual / (variances.clip(0) + RIDGE * usual)).astype(np.float32)

    def exact(self, wanted: np.ndarray, k: int, *, without: np.ndarray) -> Found:
        """Return the `k` nearest to any of `wanted`, unit rows (m, d), after comparing all."""
        alike = np.concatenate(list(self._pieces(lambda rows: (rows @ wanted.T).max(1))))
        return _best(alike, k, without=without)

    def _nearest(self, wanted: np.ndarray, k: int, *, without: np.ndarray) -> Found:
        if self.index is None or not self.index.is_ready:
            if self.index is not None:
                self.index.build_meanwhile()
            return self.exact(wanted, k, without=without)
        candidates = self.index.candidates(wanted, k + len(without))
        alike = (unit_rows(self.rows[candidates]) @ wanted.T).max(1)
        found = _best(alike, k, without=np.flatnonzero(np.isin(candidates, without)))
        return Found(candidates[found.positions], found.similarities)

    def _pieces(self, compute: Callable[[np.ndarray], np.ndarray]) -> Iterator[np.ndarray]:
        """Yield `compute(rows)` of all rows, scaled to length 1, piece by piece."""
        kept = self._kept
        if kept is not None:
            yield compute(kept)
            return
        starts = range(0, len(self.rows), ROWS_AT_ONCE)
        yield from in_threads(
            lambda start: compute(unit_rows(self.rows[start : start + ROWS_AT_ONCE])), list(starts)
        )

    @cached_property
    def _kept(self) -> np.ndarray | None:
        """Return all rows scaled to length 1, float32, memory-mapped; None where too large."""
        n_bytes = self.rows.size * np.dtype(np.float32).itemsize
        if n_bytes <= IN_MEMORY:
            return unit_rows(self.rows)
        if n_bytes > MOST_KEPT or self.place is None:
            return None
        path = self.place.with_suffix(".npy")
        with suppress(OSError, ValueError):
            found = np.load(path, mmap_mode="r", allow_pickle=False)
            if found.shape == self.rows.shape and found.dtype == np.float32:
                return found
        try:
            self._write(path)
        except OutputError:  # a folder that cannot be written, or a full disk: go on without
            return None
        return np.load(path, mmap_mode="r", allow_pickle=False)

    def _write(self, path: Path) -> None:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(path, shared=True) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": self.rows.shape}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, len(self.rows), ROWS_AT_ONCE):
                file.write(
                    unit_rows(self.rows[start : start + ROWS_AT_ONCE]).astype("<f4").tobytes()
                )


def _along(rows: np.ndarray, mean: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Return the cosine between `along` and each of `rows` (n, d) as seen from `mean`.

    `rows` have length 1, or are all zeros, which gives 0.
    """
    by_along, by_mean = (rows @ np.column_stack([along, mean])).T
    lengths = np.sqrt((1 - 2 * by_mean + mean @ mean).clip(1e-9))
    return np.where((by_along == 0) & (by_mean == 0), 0, (by_along - mean @ along) / lengths)


def _best(values: np.ndarray, k: int, *, without: np.ndarray) -> Found:
    positions = largest(values, k, without=without)
    return Found(positions, values[positions].clip(-1, 1))
