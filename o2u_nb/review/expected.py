"""How many of the suspects are wrong, as far as an audit can tell, and the words for it.

In comes a review session; out come figures and plain text. Where the audit doubts its own estimate,
no single number is said, since that would be read as if it were known.
"""

from typing import NamedTuple

import numpy as np

from o2u_nb.detect.learned import HARDLY
from o2u_nb.detect.recalibrated import adding_up_to
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import percent

ENOUGH_DECIDED = 10  # decided suspects from which on a range is said whatever was doubted; ours


class Expected(NamedTuple):
    """The share of the suspects that is wrong, 0 to 1: `low` to `high`, and the likeliest."""

    share: float
    low: float
    high: float


def doubts(session: ReviewSession) -> list[str]:
    """Return the reasons to doubt the audit's estimate: full sentences; none where it is sound."""
    return list(session.audit.facts.get("warnings", ()))


def expected(session: ReviewSession) -> Expected | None:
    """Return how many of the suspects are wrong; None without suspects.

    The ends are those of the estimated number of wrong labels, each moved by the decisions so far
    as `session.p_wrong` is. Where an audit recorded no range, they are equal.
    """
    share = session.estimated_precision
    ends = session.audit.facts.get("estimated_range")
    if share is None or ends is None:
        return None if share is None else Expected(share, share, share)
    low, high = (_share_if(session, count) for count in ends)
    return Expected(share, min(low, share), max(high, share))


def said(session: ReviewSession) -> str:
    """Say how many of the suspects are wrong by the estimate, as a part of a sentence.

    "" without suspects. Where the audit has doubts, it is a range, or says that it cannot be told.
    """
    if not doubts(session) or session.estimated_precision is None:
        return said_of(session, session.estimated_precision)
    measured = session.measured_precision
    decided = measured.decided if measured else 0
    if session.audit.facts.get("learned", 1) < HARDLY and decided < ENOUGH_DECIDED:
        return f"how many of them are wrong cannot be told before {ENOUGH_DECIDED} are decided"
    found = expected(session)
    assert found is not None, "there are suspects"
    return f"{percent(found.low)} to {percent(found.high)} of them wrong, by a doubtful estimate"


def said_of(session: ReviewSession, share: float | None) -> str:
    """Say that `share` (0 to 1) of some samples is wrong, as a part of a sentence.

    "" where `share` is None, or where the audit has doubts.
    """
    if share is None or doubts(session):
        return ""
    return f"about {percent(share)} of them wrong, by the estimate"


def range_said(session: ReviewSession) -> str:
    """Say how many labels of the whole data set are wrong by the estimate; "" where not known."""
    ends = session.audit.facts.get("estimated_range")
    return "" if ends is None else f"{ends[0]:,} to {ends[1]:,} wrong labels in the whole set"


def _share_if(session: ReviewSession, count: int) -> float:
    """Return the share of the suspects that is wrong if there are `count` wrong labels in all."""
    p_wrong = adding_up_to(session.columns.values("p_wrong"), count)
    moved = session.moved(p_wrong)[session.suspects]
    return float(np.mean(moved[~np.isnan(moved)]))
