"""What was learned from the decisions of a review, in words.

In comes a session; out comes plain text: what has moved in all, and what moved one sample and why.
"""

import numpy as np

from o2u_nb.review.learning import P_WRONG
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import percent

NAMES = dict(
    overall="all labels alike",
    parts="the parts of its score",
    classes="its classes",
    alike="pictures like it",
)
LEAST = 0.05  # nats; a cause that moved a sample by less is not named
SEEN = 0.005  # a change of a probability that is shown, as half a percent


def in_all(session: ReviewSession) -> str:
    """Say how far the decisions have moved the probabilities of the samples not decided."""
    decided = len(session.found().positions)
    if not session.causes:
        return "Nothing is learned yet: decide some labels first."
    is_open = session.states == 0
    change = (session.p_wrong - session.columns.values(P_WRONG))[is_open]
    change = change[~np.isnan(change)]
    up, down = int((change > SEEN).sum()), int((change < -SEEN).sum())
    by = f"From {decided:,} decided labels: " + (
        f"of the labels that are not decided, {up:,} are more likely to be wrong now, and {down:,} "
        f"less likely; about {abs(change.sum()):,.0f} {'more' if change.sum() >= 0 else 'fewer'} "
        "wrong labels are expected among them."
    )
    if session.learning.problem:
        by += f" {session.learning.problem}"
    return by


def of_sample(session: ReviewSession, sample_id: str) -> str:
    """Say what moved the probability of one sample, in nats; "" where nothing did, or it is hidden.

    Raises `O2UError` for an unknown id.
    """
    (position,) = session.columns.positions([sample_id])
    before, now = session.columns.values(P_WRONG)[position], session.p_wrong[position]
    if not session.causes or np.isnan(now) or session.level(position):
        return ""
    nats = {name: float(moved[position]) for name, moved in session.causes.items()}
    told = sorted((name for name in nats if abs(nats[name]) >= LEAST), key=lambda n: -abs(nats[n]))
    causes = ", ".join(f"{NAMES[name]} {nats[name]:+.1f}" for name in told)
    why = f"; the change in nats: {causes}" if causes else ""
    return (
        f"Wrong with a probability of {percent(now)} now, and of {percent(before)} before any "
        f"decision{why}."
    )
