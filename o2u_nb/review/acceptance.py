"""Whether delivered labels meet a standard: how many to look at, when to accept, and at which risk.

In come a lot of labels and a standard; out come a sampling plan, its operating characteristic, and
a verdict. Single sampling plans with exact hypergeometric risks (E. G. Schilling, D. V. Neubauer,
"Acceptance Sampling in Quality Control"; J.-C. Klie et al. 2024, arXiv 2405.11919, for labels).
"""

from typing import NamedTuple

import numpy as np

from o2u_nb.errors import O2UError
from o2u_nb.review import tails
from o2u_nb.review.betting import EXPECTED, most_wrong_anytime
from o2u_nb.review.certificate import most_wrong, require_confidence

ACCEPT, REJECT, LOOK = "accept", "reject", "look"
POINTS = 200  # of a curve, at most
MOST_TRIED = 100_000  # looks without a wrong label that are tried out in sequential mode


class SamplingPlan(NamedTuple):
    """Look at `looks` of `rest` labels, and accept with at most `allowed` wrong ones among them.

    `bad` is the smallest number of wrong labels in `rest` with which the standard is not met, and
    `good` a number with which the lot should be accepted. A lot with `bad` or more wrong labels is
    accepted with probability `consumer_risk` at most, one with `good` or fewer is rejected with
    `producer_risk` at most; both are exact.
    """

    rest: int
    looks: int
    allowed: int
    bad: int
    good: int
    consumer_risk: float
    producer_risk: float


class Verdict(NamedTuple):
    """What a sample says so far: `decision` (accept, reject or look), and how many looks `more`."""

    decision: str
    more: int


def sampling_plan(
    rest: int, bad: int, good: int, *, consumer_risk: float = 0.05, producer_risk: float = 0.05
) -> SamplingPlan:
    """Return the plan with the fewest looks that keeps both risks.

    `rest` labels are to be judged; with `bad` wrong ones they must not be accepted, with `good`
    they should be. `consumer_risk` is the largest probability to accept the former, `producer_risk`
    that to reject the latter, both 0.05 by default. A look is one label inspected. Where no smaller
    sample keeps both risks, the plan looks at all. Raises `O2UError` where the counts or risks
    cannot be.

    >>> plan = sampling_plan(10_000, 501, 250)
    >>> plan.looks, plan.allowed
    (571, 20)
    """
    if not 0 <= good < bad <= rest:
        raise O2UError(
            f"Expected 0 <= good < bad <= rest, found good={good:,}, bad={bad:,}, rest={rest:,}: "
            "the good lot must be better than the standard."
        )
    for risk in (consumer_risk, producer_risk):
        require_confidence(1 - risk)
    for allowed in range(bad):
        looks = _fewest(rest, bad, allowed, consumer_risk)
        rejected = 1 - tails.at_most(allowed, rest, good, looks)
        if looks < rest and rejected <= producer_risk:
            accepted = tails.at_most(allowed, rest, bad, looks)
            return SamplingPlan(rest, looks, allowed, bad, good, accepted, rejected)
        if looks >= rest:
            break
    return SamplingPlan(rest, rest, bad - 1, bad, good, 0.0, 0.0)


def _fewest(rest: int, bad: int, allowed: int, risk: float) -> int:
    """Return the fewest looks with which `bad` wrong labels pass with at most the given `risk`."""
    too_few = tails.largest(
        allowed, rest, lambda looks: tails.at_most(allowed, rest, bad, looks) > risk
    )
    return min(too_few + 1, rest)


def verdict(plan: SamplingPlan, looked_at: int, wrong: int) -> Verdict:
    """Return what `looked_at` looks with `wrong` wrong labels say by a plan.

    The plan may be cut short, which changes no risk: one wrong label too many rejects at once, and
    the lot is accepted as soon as the looks that are left cannot reject it any more.
    """
    left = max(plan.looks - looked_at, 0)
    if wrong > plan.allowed:
        return Verdict(REJECT, 0)
    if wrong + left <= plan.allowed:
        return Verdict(ACCEPT, 0)
    return Verdict(LOOK, left)


def operating_characteristic(plan: SamplingPlan) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers of wrong labels in the lot, int (k,), and how probably each is accepted.

    The probabilities of `plan` are float (k,), 0 to 1. The numbers go from 0 to well beyond `bad`,
    at most 200 of them.
    """
    last = min(plan.rest, max(3 * plan.bad, 10))
    numbers = np.unique(np.linspace(0, last, min(POINTS, last + 1)).round().astype(int))
    chances = [tails.at_most(plan.allowed, plan.rest, int(n), plan.looks) for n in numbers]
    return numbers, np.array(chances)


def looks_needed(rest: int, possible: int, *, wrong: int = 0, confidence: float = 0.95) -> int:
    """Return the fewest looks after which at most `possible` wrong labels are possible.

    `rest` labels are to be judged, and the bound holds with `confidence`; `wrong` wrong labels are
    found by these looks. Where `possible` is less than `wrong`, no number of
    looks is enough, and the result is `rest` + 1.

    >>> looks_needed(9000, 450)
    59
    """
    if possible < wrong:
        return rest + 1
    too_few = tails.largest(
        wrong, rest, lambda looks: most_wrong(rest, looks, wrong, confidence) > possible
    )
    return too_few + 1 if most_wrong(rest, too_few, wrong, confidence) > possible else too_few


def more_looks(
    rest: int, found: list[bool], possible: int, *, confidence: float = 0.95,
    expected: float = EXPECTED,
) -> int | None:  # fmt: skip
    """Return how many more looks in sequential mode are enough if all of them find right labels.

    `found` says of each look so far whether the label was wrong; of the `rest` labels at most
    `possible` may then be wrong, with `confidence`. `expected` is the share of wrong labels for
    which the bound is tightest. 0 means that the looks so far are
    enough; None that not even all are, or that more than 100,000 are needed.
    """
    ahead = min(rest - len(found), MOST_TRIED)
    bounds = most_wrong_anytime(rest, [*found, *[False] * ahead], confidence, expected=expected)
    enough = np.flatnonzero(bounds[len(found) :] <= possible)
    return int(enough[0]) if len(enough) else None
