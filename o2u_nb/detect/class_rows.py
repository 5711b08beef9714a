"""Class probabilities of so many samples and classes that they are made a block at a time.

In come arrays (n_samples, n_classes), or functions that make their rows; out come numbers by sample
that need a block of rows at a time. So a million samples in a thousand classes, whose probabilities
would take 8 GB in float64, need no array of that size.
"""

from collections.abc import Callable

import numpy as np

# Largest number of samples times classes for which the probabilities are kept as an array: 200 MB
# in float32. Our choice; it is up to so many that a training keeps each sample's softmax, too.
MOST_KEPT = 50_000_000
# Samples times classes that are looked at together: 16 MB in float64, which stays near the
# processor. Our choice.
BLOCK = 2_000_000

Rows = slice | np.ndarray  # of samples: a slice, positions (int) or a mask (bool)


class ClassRows:
    """Class probabilities, float (n_samples, n_classes), whose rows are made when asked for.

    `shape` is theirs as an array; `make(rows)` returns those of some samples as an array.
    """

    def __init__(self, shape: tuple[int, int], make: Callable[[Rows], np.ndarray]):
        self.shape = shape
        self.make = make
        self.peaks: tuple[np.ndarray, np.ndarray] | None = None  # kept, since several ask for them

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Rows) -> np.ndarray:
        return self.make(rows)


Probs = np.ndarray | ClassRows


def are_many(n_samples: int, n_classes: int) -> bool:
    """Tell whether so many class probabilities are too many to be kept."""
    return n_samples * n_classes > MOST_KEPT


def row_by_row(function: Callable[..., np.ndarray], *parts: Probs) -> Probs:
    """Return `function(*parts)`, which must give a row for each row of the `parts`.

    Where one of them is `ClassRows`, so is the result, and the function is called for each block.
    """
    if not any(isinstance(part, ClassRows) for part in parts):
        return function(*parts)
    first = parts[0]
    return ClassRows(
        (first.shape[0], first.shape[1]), lambda rows: function(*(part[rows] for part in parts))
    )


def taken(probs: Probs, which: np.ndarray | slice) -> Probs:
    """Return the rows `which` of `probs`, a mask or a full slice; an array as an array."""
    if isinstance(which, slice):
        return probs
    if not isinstance(probs, ClassRows):
        return probs[which]
    places = np.flatnonzero(which)
    return ClassRows((len(places), probs.shape[1]), lambda rows: probs[places[rows]])


def by_sample(
    function: Callable[..., np.ndarray], probs: Probs, *columns: np.ndarray
) -> np.ndarray:
    """Return `function(probs, *columns)`, one number for each sample, computed block by block.

    `columns` (n_samples,) belong to the rows of `probs`; the function must look at each row alone.
    """
    found = [function(probs[rows], *(column[rows] for column in columns)) for rows in blocks(probs)]
    return np.concatenate(found) if found else function(probs[:0], *(c[:0] for c in columns))


def peaks(probs: Probs) -> tuple[np.ndarray, np.ndarray]:
    """Return the likeliest class of each row, int (n,), and its probability, float (n,)."""
    if isinstance(probs, ClassRows) and probs.peaks is not None:
        return probs.peaks
    found = by_sample(_peaks, probs)
    both = found["place"], found["peak"]
    if isinstance(probs, ClassRows):
        probs.peaks = both
    return both


def _peaks(probs: np.ndarray) -> np.ndarray:
    found = np.empty(len(probs), [("place", np.int64), ("peak", probs.dtype)])
    found["place"] = probs.argmax(1)
    found["peak"] = np.take_along_axis(probs, found["place"][:, None], 1)[:, 0]
    return found


def blocks(probs: Probs) -> list[slice]:
    """Return slices that together cover the rows of `probs`, of about `BLOCK` numbers each."""
    step = max(1, BLOCK // max(1, probs.shape[1]))
    return [slice(start, start + step) for start in range(0, len(probs), step)]
