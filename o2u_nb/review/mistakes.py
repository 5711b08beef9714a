"""What a reviewer's own mistakes change in a certificate: hidden checks in, wrong labels left out.

In come the answers to planted known cases and hidden repeats, and what the review found; out comes
a bound on the wrong labels that are left, the reviewer's mistakes included.

The model: a wrong label that is looked at stays wrong (it is kept, or changed to another wrong
class) with a probability of at most `missed`, and a right one is changed to a wrong one with a
probability of at most `spoiled`, each independently of the others. Both are estimated from checks,
by the upper bound of Clopper and Pearson. The wrong labels that are left are then of three kinds.
The error is split evenly over `PARTS` bounds, so that all of them hold together (Bonferroni):

1. `missed` and `spoiled` are at most their upper bounds (two parts).
2. Unseen: whether a wrong label would be noticed can be thought of as settled in advance. So the
   wrong labels noticed in a sample without replacement are at most those found, and the chance to
   notice as few grows with `missed` and falls with the number of wrong labels in the rest. The
   largest number that is not rejected is a bound on all wrong labels of the rest (one part). In
   sequential mode, the bound that holds at any time is one on those that would be noticed, and a
   second step leads from these to all (two parts).
3. Seen and left: of `there` wrong labels among those looked at, a binomial number was noticed, at
   most those found. This bounds `there` (one part), and then those left by a quantile (one part).
4. Spoiled: a quantile of the binomial for all that were looked at, at most those relabelled (one
   part).
"""

from typing import NamedTuple

from o2u_nb.errors import O2UError
from o2u_nb.review import tails
from o2u_nb.review.certificate import require_counts

PARTS = 7
MOST = 10_000_000  # wrong labels; a number at which the search for a bound gives up


class Checks(NamedTuple):
    """What hidden checks of a reviewer came to.

    Of `wrong` labels known to be wrong, `missed` stayed wrong; of `right` labels known to be right,
    `spoiled` were made wrong.
    """

    wrong: int
    missed: int
    right: int
    spoiled: int


class Left(NamedTuple):
    """Upper bounds on the wrong labels that are left: not looked at, missed, and made wrong.

    `missed_share` and `spoiled_share` are the bounds on the reviewer's probabilities.
    """

    unseen: int
    missed: int
    spoiled: int
    missed_share: float
    spoiled_share: float

    @property
    def total(self) -> int:
        """Return the bound on all wrong labels that are left."""
        return self.unseen + self.missed + self.spoiled


def upper_share(found: int, tries: int, level: float) -> float:
    """Return the upper bound on a probability, after `found` successes in `tries`.

    It is too small with a probability of at most `level` (Clopper and Pearson, Biometrika 1934).

    >>> round(upper_share(0, 59, 0.05), 4), upper_share(0, 0, 0.05)
    (0.0495, 1.0)
    """
    from scipy.special import betaincinv  # slow to import, and only certificates need it

    require_counts(tries, tries, found)
    return 1.0 if found == tries else float(betaincinv(found + 1, tries - found, 1 - level))


def most_there(noticed: int, missed: float, level: float, most: int = MOST) -> int:
    """Return the largest number of wrong labels of which so few may be noticed, at most `most`.

    Each is noticed with a probability of 1 - `missed`.

    >>> most_there(5, 0.0, 0.05), most_there(0, 0.5, 0.05)
    (5, 4)
    """
    if missed >= 1:
        return most
    high = noticed + 1
    while high < most and _few_noticed(noticed, high, missed) > level:
        high = min(2 * high, most)
    return tails.largest(
        min(noticed, most), high, lambda there: _few_noticed(noticed, there, missed) > level
    )


def _few_noticed(noticed: int, there: int, missed: float) -> float:
    return float(tails.binomial_at_most(noticed, there, 1 - missed)[0])


def most_of(tries: int, p: float, level: float) -> int:
    """Return a number that a binomial count exceeds with a probability of at most `level`.

    >>> most_of(100, 0.02, 0.05), most_of(100, 0.0, 0.05)
    (5, 0)
    """
    if tries == 0 or p <= 0:
        return 0
    if p >= 1:
        return tries
    too_few = lambda k: float(tails.binomial_at_most(k - 1, tries, p)[0]) < 1 - level  # noqa: E731
    return tails.largest(0, tries, too_few)


def most_left(
    *,
    rest: int,
    looked_at: int,
    wrong: int,
    unlooked: int,
    seen: int,
    found: int,
    relabelled: int,
    checks: Checks,
    confidence: float = 0.95,
    possible: int | None = None,
) -> Left:
    """Return what may be left wrong when the reviewer makes mistakes; see the module.

    `wrong` of `looked_at` labels were found wrong in the sample of `rest`, of which `unlooked` were
    never looked at. In sample and ranked review together, `seen` labels were looked at, `found` of
    them found wrong (relabelled, dropped or unsure), and `relabelled` of them changed. In
    sequential mode `possible` is the bound at the level `part(confidence)`, and the sample's own
    counts are not used. Raises `O2UError` without checks on wrong labels.
    """
    if not checks.wrong:
        raise O2UError(
            "The reviewer's error is not known yet: plant known cases or repeat samples first."
        )
    level = part(confidence)
    missed = upper_share(checks.missed, checks.wrong, level)
    spoiled = upper_share(checks.spoiled, checks.right, level)
    if possible is None:
        unseen = _most_in_rest(rest, looked_at, wrong, missed, level)
    else:
        unseen = most_there(possible, missed, level, most=rest)
    there = most_there(found, missed, level, most=seen)
    return Left(
        unseen=min(unseen, unlooked),
        missed=most_of(there, missed, level),
        spoiled=min(relabelled, most_of(seen, spoiled, level)),
        missed_share=missed,
        spoiled_share=spoiled,
    )


def part(confidence: float) -> float:
    """Return the share of the error that each of the bounds has."""
    return (1 - confidence) / PARTS


def _most_in_rest(rest: int, looked_at: int, wrong: int, missed: float, level: float) -> int:
    if missed >= 1:
        return rest
    few = lambda there: tails.at_most_noticed(wrong, rest, there, looked_at, missed)  # noqa: E731
    return tails.largest(wrong, rest, lambda there: few(there) > level)
