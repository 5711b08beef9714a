"""Groups of the list: samples of one pair of given and suggested label stand together.

In come positions in display order; out come the same positions with equal pairs side by side, the
largest pair first, and where each group begins and ends.
"""

from dataclasses import dataclass

import numpy as np

from o2u_nb.review.columns import Columns

GROUPINGS = ("", "pair")  # what `group_by` may be; "" = one list


@dataclass(frozen=True)
class Group:
    """The samples from `start` to `stop` (places in the list, `stop` left out) have one pair.

    `suggested` is None where nothing is suggested.
    """

    start: int
    stop: int
    given: str
    suggested: str | None

    @property
    def count(self) -> int:
        """Return how many samples the group has in the list."""
        return self.stop - self.start

    @property
    def title(self) -> str:
        """Name the group."""
        return f"{self.given} → {self.suggested or '(nothing suggested)'}"


def by_pair(
    listed: np.ndarray, columns: Columns, counted: np.ndarray
) -> tuple[np.ndarray, tuple[Group, ...]]:
    """Return the positions `listed` int (k,) grouped by pair, and the groups.

    Within a group the order stays. Groups with more samples in `counted` int (m,) come first, and
    of groups that are equally large the one whose first sample stands earlier there. `counted` are
    positions in display order, at least those listed; there may be more, so that groups do not
    change places while they are decided.
    """
    if not len(listed):
        return listed, ()
    found, pairs = columns.pairs
    sizes = np.bincount(pairs[counted], minlength=len(found))
    own = pairs[listed]
    first = np.full(len(found), len(counted))
    np.minimum.at(first, pairs[counted], np.arange(len(counted)))
    order = np.lexsort((np.arange(len(listed)), first[own], -sizes[own]))
    ordered = own[order]
    starts = [0, *(np.flatnonzero(np.diff(ordered)) + 1).tolist()]
    stops = [*starts[1:], len(listed)]
    groups = tuple(
        Group(start, stop, columns.classes[given], columns.name(suggested))
        for start, stop, (given, suggested) in zip(
            starts, stops, found[ordered[starts]].tolist(), strict=True
        )
    )
    return listed[order], groups
