"""A bound on the wrong labels that holds at every moment, so that one may stop when one likes.

In come the looks at a random order of samples, one after the other; out comes after each look the
largest number of wrong labels that is still possible.

For each candidate number of wrong labels somebody bets against it, look by look, with the odds that
the candidate itself says are fair (I. Waudby-Smith, A. Ramdas, "Estimating means of bounded random
variables by betting", JRSS B 2024, section 5, on sampling without replacement; and "RiLACS", 2021).
If the candidate is the truth, the wealth is a nonnegative martingale that begins at 1. By Ville's
inequality it ever reaches 1 / level with a probability of at most `level`, however long one goes
on. A candidate against which somebody has become that rich is rejected for good.

The bet: before look i, the chance of a wrong label is m = (W - found) / (N - i + 1) by the
candidate W, and q = (a + found) / (a + b + i - 1) by the bettor, who has learned from the looks
before. The stake λ = (q - m) / (m (1 - m)) makes the wealth grow by 1 + λ (x - m), which is q / m
for a wrong label (x = 1) and (1 - q) / (1 - m) for a right one. The product has a closed form: the
probability of the looks by a beta-binomial prior, divided by that by the candidate.
"""

from collections.abc import Sequence

import numpy as np

from o2u_nb.review.certificate import require_confidence, require_counts

# The bettor's first opinion, as a beta distribution: how large a share is wrong, and how many looks
# that opinion is worth. Chosen on simulations with seeds 0 and 11, see benchmarks/certificate.py.
EXPECTED = 0.01
WORTH = 50.0
LEAST_EXPECTED = 0.001


def most_wrong_anytime(
    rest: int, found: Sequence[bool], confidence: float = 0.95, *, expected: float = EXPECTED
) -> np.ndarray:
    """Return the largest number of wrong labels among `rest` after each look: int (n_looks + 1,).

    `found` (n_looks,) says of each look whether the label was wrong, in the order of the looks,
    which must be a uniform random order of the `rest` labels that was fixed before. The first
    entry, before any look, is `rest`. The entries never grow. The true number is larger than any of
    them, at any time, with a probability of at most 1 - `confidence`; so one may stop at any time,
    for any reason. `expected` is the share of wrong labels for which the bound is to be best; it
    must be chosen before the first look, and any value is valid. Raises `O2UError` for counts that
    cannot be.

    >>> most_wrong_anytime(1000, [False] * 200)[[0, 50, 100, 200]].tolist()
    [1000, 63, 33, 16]
    """
    wrong = np.asarray(found, dtype=np.int64)
    require_counts(rest, len(wrong), int(wrong.sum()))
    level = 1 - require_confidence(confidence)
    looks = np.arange(1, len(wrong) + 1)
    counts = np.cumsum(wrong)
    bounds = _not_rejected(rest, looks, counts, level, expected)
    return np.minimum.accumulate(np.concatenate([[rest], bounds]))


def _not_rejected(
    rest: int, looks: np.ndarray, counts: np.ndarray, level: float, expected: float
) -> np.ndarray:
    """Return after each of `looks` (k,) the largest candidate that is not rejected then."""
    own = _log_bettor(looks, counts, expected)
    # Above the best fitting candidate the wealth grows with the candidate, so the largest one that
    # is not rejected can be found by halving, for all looks at once.
    low = np.maximum(counts, np.minimum(rest * counts // np.maximum(looks, 1), rest))
    high = rest - (looks - counts)
    low = np.minimum(low, high)
    while (low < high).any():
        middle = (low + high + 1) // 2
        holds = own - _log_candidate(rest, middle, looks, counts) < -np.log(level)
        low = np.where(holds, middle, low)
        high = np.where(holds, high, np.minimum(high, middle - 1))
        high = np.maximum(high, low)
    return low


def _log_bettor(looks: np.ndarray, counts: np.ndarray, expected: float) -> np.ndarray:
    """Return the logarithm of the probability of the looks by the bettor's opinion."""
    from scipy.special import betaln  # slow to import, and only certificates need it

    a = WORTH * min(max(expected, LEAST_EXPECTED), 0.5)
    b = WORTH - a
    return betaln(a + counts, b + looks - counts) - betaln(a, b)


def _log_candidate(
    rest: int, wrong: np.ndarray, looks: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Return the logarithm of the probability of the looks if `wrong` of `rest` are wrong."""
    right_looks = looks - counts
    return (
        _log_falling(wrong, counts)
        + _log_falling(rest - wrong, right_looks)
        - _log_falling(np.full_like(wrong, rest), looks)
    )


def _log_falling(numbers: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return the logarithm of numbers x (numbers - 1) x ..., with so many factors as `steps`."""
    from scipy.special import gammaln

    return gammaln(numbers + 1.0) - gammaln(numbers - steps + 1.0)
