"""Similar samples: which of a data set are like some of them, or like a picture from elsewhere.

In come rows of features (n, d), one per sample, in memory or mapped from a file; out come positions
and similarities, most similar first. Up to `EXACT_UP_TO` samples every row is compared. Beyond
that an index answers, if faiss is installed, whose recall is measured when it is built; until it is
there, and without faiss, every row is compared, which takes longer.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from o2u_nb.data import array_file
from o2u_nb.data.array_file import Damage
from o2u_nb.data.parallel import in_threads
from o2u_nb.detect.neighbours import largest, unit_rows
from o2u_nb.detect.similar_index import SimilarIndex
from o2u_nb.errors import O2UError, OutputError
from o2u_nb.rows import evenly
from o2u_nb.text import percent

# Samples up to which every row is compared, index or not. Our choice; how long that takes is timed
# by benchmarks/similar.py.
EXACT_UP_TO = 50_000
ROWS_AT_ONCE = 1024  # rows that are scaled at a time
# Rows as they are compared, float32, are kept in a file if they take up to so many bytes: comparing
# rows that have to be scaled first takes twenty times as long. Our choice.
MOST_KEPT = 1 << 30
NOTHING = 1e-3  # length of a difference that the digits of float16 cannot tell from 0
IN_MEMORY = 32 << 20  # bytes of scaled rows that need no file
# Samples that stand for all others when a direction is looked for. Our choice: with more of them
# it hardly changes.
CROWD = 4_000
# How far the directions in which rows vary are made equal before marked samples are compared with
# the others, see `direction`. Our choice; benchmarks/similar.py measures it.
RIDGE = 30.0


class Found(NamedTuple):
    """The samples that were found, most similar first.

    `positions` int64 (k,) are rows of the features, and `similarities` float32 (k,) from -1 to 1,
    higher = more alike.
    """

    positions: np.ndarray
    similarities: np.ndarray


class Search:
    """Find what is similar by one network's features; see `Found` for what comes out.

    `rows` is (n, d) float, and need not be scaled; rows of zeros are similar to nothing. Similarity
    is the cosine of two rows as they are seen from the mean of all, each scaled to length 1 first:
    what all samples share does not make any two of them alike. (benchmarks/similar.py
    compares that with the plain cosine.)

    `place` is a file name without a suffix, below which scaled rows and an index are kept for the
    next time; None to keep nothing. Files there are taken as they are, so that the name must be
    another one when the rows are different. Raises `O2UError` unless `rows` has two dimensions.
    """

    def __init__(self, rows: np.ndarray, place: Path | None = None):
        if rows.ndim != 2:
            raise O2UError(
                f"Expected features of shape (n, d), a row for each sample; found {rows.shape}."
            )
        self.rows = rows
        self.place = place
        self.index: SimilarIndex | None = None
        if len(rows) > EXACT_UP_TO and place is not None:
            path = place.with_suffix(".faiss")
            self.index = SimilarIndex.if_installed(rows, self.scaled, path)

    @property
    def how(self) -> str:
        """Say whether every sample is compared, or how good the index is, in a few words."""
        if self.index is None or not self.index.is_ready:
            return "every sample was compared"
        return f"by an index that finds {percent(self.index.recall)} of the nearest"

    def like(self, positions: np.ndarray, k: int) -> Found:
        """Return the `k` samples most similar to any of those at `positions` (m,), without these.

        To several samples, the similarity is that to the nearest of them.
        """
        positions = np.unique(np.asarray(positions, dtype=np.int64))
        return self._nearest(self.scaled(self.rows[positions]), k, without=positions)

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
        return self._nearest(self.scaled(rows), k, without=np.empty(0, dtype=np.int64))

    def more_like(self, positions: np.ndarray, k: int) -> Found:
        """Return the `k` samples that have most of what those at `positions` (m,) have in common.

        One sample has nothing in common with others: for it this is `like`. For more, similarity is
        the cosine with the `direction` that tells these from all.
        """
        positions = np.unique(np.asarray(positions, dtype=np.int64))
        if len(positions) < 2:
            return self.like(positions, k)
        return self.exact(self.direction(positions)[None], k, without=positions)

    def direction(self, positions: np.ndarray) -> np.ndarray:
        """Return what tells the samples at `positions` (m,) from all: float32 (d,), of length 1.

        It is the direction of Fisher's discriminant, with the covariance of all rows instead of
        that of the few samples, and a ridge (Hariharan, Malik and Ramanan, "Discriminative
        decorrelation for clustering and classification", ECCV 2012).
        """
        mean, axes, weights = self.spread
        marked = self.scaled(self.rows[positions]).mean(0) - mean
        along = axes @ (weights * (axes.T @ marked))
        return unit_rows(along[None])[0]

    def scaled(self, rows: np.ndarray) -> np.ndarray:
        """Return `rows` (m, d) as they are compared: float32, of length 1.

        Zeros stay zeros, and so does a row that differs from the mean by less than its own digits.
        """
        own = unit_rows(rows)
        is_known = np.any(own, axis=1)
        own -= self._mean
        is_known &= np.einsum("ij,ij->i", own, own) > NOTHING**2
        own[~is_known] = 0
        return unit_rows(own)

    def exact(self, wanted: np.ndarray, k: int, *, without: np.ndarray) -> Found:
        """Return the `k` nearest to any of `wanted`, scaled rows (m, d), after comparing all."""
        alike = np.concatenate([(rows @ wanted.T).max(1) for rows in self.pieces()])
        return _best(alike, k, without=without)

    def _nearest(self, wanted: np.ndarray, k: int, *, without: np.ndarray) -> Found:
        if self.index is None or not self.index.is_ready:
            if self.index is not None:
                self.index.build_meanwhile()
            return self.exact(wanted, k, without=without)
        candidates = self.index.candidates(wanted, k + len(without))
        alike = (self.scaled(self.rows[candidates]) @ wanted.T).max(1)
        found = _best(alike, k, without=np.flatnonzero(np.isin(candidates, without)))
        return Found(candidates[found.positions], found.similarities)

    @cached_property
    def spread(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the mean (d,) of scaled rows, the axes (d, d) along which they vary, and weights.

        An axis along which they vary much has a small weight (d,).
        """
        crowd = self.scaled(self.rows[evenly(len(self.rows), CROWD)])
        mean = crowd.mean(0)
        variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(crowd - mean, rowvar=False, ddof=0)))
        usual = max(float(variances.mean()), 1e-12)
        weights = usual / (variances.clip(0) + RIDGE * usual)
        return mean, axes.astype(np.float32), weights.astype(np.float32)

    @cached_property
    def _mean(self) -> np.ndarray:
        """Return the mean (d,) of all rows, scaled to length 1, but for those that are zeros."""
        total = np.zeros(self.rows.shape[1])
        count = 0
        for own in in_threads(lambda start: unit_rows(self.rows[_piece(start)]), self._starts):
            total += own.sum(0, dtype=np.float64)
            count += int(np.any(own, axis=1).sum())
        return (total / max(count, 1)).astype(np.float32)

    @property
    def _starts(self) -> Sequence[int]:
        return range(0, len(self.rows), ROWS_AT_ONCE)

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield all rows as they are compared, piece by piece."""
        if self._kept is not None:
            yield self._kept
        else:
            yield from in_threads(lambda start: self.scaled(self.rows[_piece(start)]), self._starts)

    @cached_property
    def _kept(self) -> np.ndarray | None:
        """Return all rows as they are compared, memory-mapped; None where they are too large."""
        n_bytes = self.rows.size * np.dtype(np.float32).itemsize
        if n_bytes <= IN_MEMORY:
            return self.scaled(self.rows)
        if n_bytes > MOST_KEPT or self.place is None:
            return None
        path = self.place.with_suffix(".npy")
        with suppress(OSError, Damage):
            return self._read(path)
        try:
            self._write(path)
            return self._read(path)
        except (OutputError, OSError, Damage):  # a folder that cannot be written, or a full disk
            return None

    def _read(self, path: Path) -> np.ndarray:
        kept = array_file.read(path)
        array_file.expect(kept, [np.float32], self.rows.shape)
        return kept

    def _write(self, path: Path) -> None:
        with suppress(OSError):  # then writing into it fails, and says so
            path.parent.mkdir(parents=True, exist_ok=True)
        header = {"descr": "<f4", "fortran_order": False, "shape": self.rows.shape}
        pieces = (self.scaled(self.rows[_piece(start)]).astype("<f4") for start in self._starts)
        array_file.write_blocks(path, header, pieces, durable=False)


def _piece(start: int) -> slice:
    return slice(start, start + ROWS_AT_ONCE)


def _best(values: np.ndarray, k: int, *, without: np.ndarray) -> Found:
    positions = largest(values, k, without=without)
    return Found(positions, values[positions].clip(-1, 1))
