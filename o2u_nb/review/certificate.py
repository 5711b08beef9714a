"""What decisions say about the labels: how many of the suspects were wrong, and how sure that is.

In come counts of decisions; out come figures with an interval.
"""

from typing import NamedTuple

import numpy as np

Z = 1.959964  # of the normal distribution, for an interval that holds the truth 95 times in 100


class Measured(NamedTuple):
    """Precision among decided suspects (relabelled or dropped), with its 95 % Wilson interval."""

    precision: float
    low: float
    high: float
    decided: int


def measured(wrong: int, decided: int) -> Measured | None:
    """Return the share of `wrong` among `decided` with its 95 % interval, None for none.

    The interval is Wilson's (E. B. Wilson, JASA 1927).

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
