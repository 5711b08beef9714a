"""Accepting many suggestions at once: what a probability lets through, before it is decided.

In come the samples that are shown, with their suggestions, probabilities and decisions; out comes
an `Above`, which says what would be accepted and what is left alone. Nothing is decided here.
"""

from dataclasses import dataclass

import numpy as np

from o2u_nb.errors import O2UError
from o2u_nb.review.columns import Columns


@dataclass(frozen=True)
class Above:
    """Say what accepting all suggestions from the probability `p` on would do.

    `positions` int (k,) are the samples whose label would change, in display order. Of the samples
    that reach `p`, `decided` counts those that have a decision already, and `unsuggested` those to
    which no other label is suggested; both are left alone. `pairs` are (given label, suggested
    label, count), the largest count first.
    """

    p: float
    positions: np.ndarray
    pairs: tuple[tuple[str, str, int], ...]
    decided: int
    unsuggested: int

    @property
    def count(self) -> int:
        """Return how many labels would change."""
        return len(self.positions)


def above(
    p: float, shown: np.ndarray, columns: Columns, p_wrong: np.ndarray, is_open: np.ndarray
) -> Above:
    """Return what accepting the suggestions of samples with `p_wrong` >= `p` would do.

    `shown` int (k,) are positions in display order; `p_wrong` float (n,), in 0 to 1, NaN = unknown,
    and `is_open` bool (n,), whether a sample is undecided, are about all samples. Raises `O2UError`
    unless `p` is from 0 to 1.
    """
    if not 0 <= p <= 1:
        raise O2UError(f"Expected a probability from 0 to 1, found {p}: 0.9 stands for 90 %.")
    reached = shown[p_wrong[shown] >= p]
    undecided = reached[is_open[reached]]
    given = columns.label[undecided]
    suggested = columns.suggested[undecided]
    has_other = (suggested >= 0) & (suggested != given)
    return Above(
        p=p,
        positions=undecided[has_other],
        pairs=_pairs(given[has_other], suggested[has_other], columns.classes),
        decided=len(reached) - len(undecided),
        unsuggested=int(np.count_nonzero(~has_other)),
    )


def _pairs(
    given: np.ndarray, suggested: np.ndarray, classes: list[str]
) -> tuple[tuple[str, str, int], ...]:
    n = len(classes)
    codes, counts = np.unique(given.astype(np.int64) * n + suggested, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return tuple(
        (classes[codes[k] // n], classes[codes[k] % n], int(counts[k])) for k in order.tolist()
    )
