"""What decisions say about the labels: how many of the suspects were wrong, and how sure that is.

In come counts of decisions; out come figures with an interval, and the largest number of wrong
labels that a random sample leaves possible. `statement` makes a certificate of them.
"""

from typing import NamedTuple

import numpy as np

from o2u_nb.errors import O2UError
from o2u_nb.review import tails

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


def most_wrong(rest: int, looked_at: int, wrong: int, confidence: float = 0.95) -> int:
    """Return the largest number of wrong labels among `rest` that a sample leaves possible.

    `looked_at` of the `rest` labels were drawn uniformly without replacement, and `wrong` of those
    drawn were found wrong. The result counts the wrong labels of all `rest`, those found included.
    It is the largest number that is not rejected at the level 1 - `confidence`: with so many wrong
    labels, a sample holds at most `wrong` of them with a probability above that level; with one
    more, it does not. So the true number is larger than the result with a probability of at most
    1 - `confidence`, whatever it is: the exact one-sided bound of the hypergeometric distribution
    (the finite counterpart of Clopper and Pearson, Biometrika 1934).

    The size of the sample must be fixed before the first look; `betting.most_wrong_anytime` is for
    those who want to stop when they like. Raises `O2UError` for counts that cannot be.

    >>> most_wrong(9000, 300, 0), most_wrong(9000, 300, 3)
    (87, 228)
    """
    require_counts(rest, looked_at, wrong)
    level = 1 - require_confidence(confidence)
    return tails.largest(
        wrong,
        rest - (looked_at - wrong),
        lambda number: tails.exceeds(wrong, rest, number, looked_at, level),
    )


def require_counts(rest: int, looked_at: int, wrong: int) -> None:
    """Raise `O2UError` unless `wrong` of `looked_at` of `rest` can be."""
    if not 0 <= wrong <= looked_at <= rest:
        raise O2UError(
            f"Expected 0 <= wrong <= looked_at <= rest, found wrong={wrong:,}, "
            f"looked_at={looked_at:,}, rest={rest:,}: count the sample and what it was drawn from."
        )


def require_confidence(confidence: float) -> float:
    """Return `confidence`; raise `O2UError` unless it is between 0 and 1."""
    if not 0 < confidence < 1:
        raise O2UError(
            f"Expected a confidence between 0 and 1, such as 0.95, found {confidence!r}."
        )
    return confidence
