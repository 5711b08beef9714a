"""Exact chances of a sample without replacement: how few wrong labels one may find by luck.

In come counts; out come probabilities of the hypergeometric distribution, and of one in which a
reviewer misses some of the wrong labels. Nothing is approximated but for rounding; with numpy
alone, since scipy is slow to import and a review needs none of it.
"""

from collections.abc import Callable
from fractions import Fraction
from math import comb

import numpy as np

TIE = 1e-9  # relative; nearer to a level than this, floating point cannot tell the side


def support(rest: int, wrong: int, looked_at: int) -> tuple[int, int]:
    """Return the smallest and largest number of wrong labels that a sample can hold."""
    return max(0, looked_at - (rest - wrong)), min(looked_at, wrong)


def chances(rest: int, wrong: int, looked_at: int) -> np.ndarray:
    """Return the chance of each possible number of wrong labels in a sample.

    `looked_at` of `rest` labels are drawn without replacement, and `wrong` of `rest` are wrong. The
    result is float (k,), for the numbers from the first to the last of `support`; it adds up to 1.
    Each chance follows from its neighbour by a ratio of whole numbers, so that no difference of
    large logarithms loses digits.
    """
    low, high = support(rest, wrong, looked_at)
    found = np.arange(low, high, dtype=np.float64)
    up = np.log(wrong - found) + np.log(looked_at - found)
    down = np.log(found + 1) + np.log(rest - wrong - looked_at + found + 1)
    logs = np.concatenate([[0.0], np.cumsum(up - down)])
    weights = np.exp(logs - logs.max())
    return weights / weights.sum()


def at_most(found: int, rest: int, wrong: int, looked_at: int) -> float:
    """Return the chance that a sample holds at most `found` wrong labels; see `chances`.

    >>> round(at_most(0, 20, 5, 4), 6)  # (15 * 14 * 13 * 12) / (20 * 19 * 18 * 17)
    0.281734
    """
    low, high = support(rest, wrong, looked_at)
    if found < low:
        return 0.0
    if found >= high:
        return 1.0
    return float(chances(rest, wrong, looked_at)[: found - low + 1].sum())


def exceeds(found: int, rest: int, wrong: int, looked_at: int, level: float) -> bool:
    """Tell whether `at_most` is greater than `level`; exactly, also where both are equal."""
    chance = at_most(found, rest, wrong, looked_at)
    if abs(chance - level) > TIE * level:
        return chance > level
    ways = range(support(rest, wrong, looked_at)[0], found + 1)
    cases = sum(comb(wrong, k) * comb(rest - wrong, looked_at - k) for k in ways)
    return cases > Fraction(level) * comb(rest, looked_at)


def at_most_noticed(found: int, rest: int, wrong: int, looked_at: int, missed: float) -> float:
    """Return the chance to notice at most `found` wrong labels, where some are missed.

    Each wrong label in the sample is missed with probability `missed`, independently of the others.
    """
    if missed == 0:
        return at_most(found, rest, wrong, looked_at)
    low, high = support(rest, wrong, looked_at)
    there = np.arange(low, high + 1)
    return float(chances(rest, wrong, looked_at) @ binomial_at_most(found, there, 1 - missed))


def binomial_at_most(found: int, tries: np.ndarray | int, p: float) -> np.ndarray:
    """Return the chance of at most `found` successes in `tries` (k,), each with probability `p`."""
    tries = np.atleast_1d(tries)
    if found < 0:
        return np.zeros(len(tries))
    result = np.ones(len(tries))
    above = tries > found
    if p <= 0 or not above.any():
        return result
    if p >= 1:
        return np.where(above, 0.0, 1.0)
    # Of one more try, P(X <= found) loses the chance that it is the success number found + 1.
    # That is the negative binomial distribution: summed over the tries from found + 1 on.
    last = int(tries.max())
    numbers = np.arange(found + 1, last + 1, dtype=np.float64)
    steps = np.log(numbers[1:] - 1) - np.log(numbers[1:] - 1 - found) + np.log1p(-p)
    logs = (found + 1) * np.log(p) + np.concatenate([[0.0], np.cumsum(steps)])
    reached = np.cumsum(np.exp(logs))
    result[above] = np.clip(1 - reached[tries[above] - found - 1], 0, 1)
    return result


def largest(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the largest whole number from `low` to `high` for which `holds`.

    It holds for `low`, and from some number on no more.

    >>> largest(3, 100, lambda number: number * number <= 50)
    7
    """
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low
