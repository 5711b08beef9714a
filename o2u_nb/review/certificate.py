"""What decisions say about the labels: how many of the suspects were wrong, and how sure that is.

In come counts of decisions; out come figures with an interval.
"""

from typing import NamedTuple

import numpy as np

Z = 1.959964  # the 97.5 % quantile of the standard normal distribution, for a 95 % interval


class Measured(NamedTuple):
    """The measured precision of the suspects, from `low` to `high` its 95 % Wilson interval.

    `precision` is the share of the `decided` suspects that were relabelled or dropped. All but the
    count `decided` are in [0, 1].
    """

    precision: float
    low: float
    high: float
    decided: int


def measured(wrong: int, decided: int) -> Measured | None:
    """Return the share of `wrong` among `decided` (both counts) with its 95 % interval.

    The interval is Wilson's (E. B. Wilson, JASA 1927). None where nothing is decided.

    >>> [round(figure, 3) for figure in measured(8, 10)]
    [0.8, 0.49, 0.943, 10]
    """
    if not decided:
        return None
    share = wrong / decided
    scale = 1 + Z**2 / decided
    middle = (share + Z**2 / (2 * decided)) / scale
    half = Z * np.sqrt(share * (1 - share) / decided + Z**2 / (4 * decided**2)) / scale
    return Measured(share, float(max(middle - half, 0)), float(min(middle + half, 1)), decided)
