"""The border of a threshold: what there would be at a value, before the session's threshold moves.

In come a session's columns and a value; out come the number of suspects from it on, how many of
them would be wrong, and the two samples on either side. A panel shows these while a line is
dragged, ten times a second, and leaves the list of samples alone until the line is let go.
"""

from typing import NamedTuple

import numpy as np

from o2u_nb.review.columns import Columns


class Border(NamedTuple):
    """What a threshold would do: `suspects` samples are at or above it.

    `precision` is the mean `p_wrong` of these, None without any. `last` is the position of the
    lowest of them, and `first_out` that of the highest below; None where there is none.
    """

    suspects: int
    precision: float | None
    last: int | None
    first_out: int | None


def border(columns: Columns, name: str, threshold: float, p_wrong: np.ndarray) -> Border:
    """Return the border at `threshold` on the score `name`; samples never seen are on neither side.

    `p_wrong` (n,), 0 to 1, is the probability that each label is wrong, NaN where not known. Raises
    `O2UError`, which names the nearest column, if there is none of this name.
    """
    values = columns.values(name)
    order = columns.order(name)
    count = int(np.count_nonzero(values >= threshold))  # NaN is not
    known = int(np.count_nonzero(~np.isnan(values)))
    expected = p_wrong[order[:count]]
    expected = expected[~np.isnan(expected)]
    return Border(
        suspects=count,
        precision=float(expected.mean()) if len(expected) else None,
        last=int(order[count - 1]) if count else None,
        first_out=int(order[count]) if count < known else None,
    )
