"""What a review has come to: how many labels are changed, and how right the suspects were.

In comes a session; out come counts, and the sentences that the finish card shows.
"""

from typing import NamedTuple

from o2u_nb.review.certificate import Measured
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import percent


class Outcome(NamedTuple):
    """Counts of samples by what was decided; `left` are the suspects without any decision.

    `precision` is the measured precision of the suspects, None before one of them is decided.
    """

    relabelled: int
    dropped: int
    kept: int
    unsure: int
    left: int
    precision: Measured | None

    @property
    def decided(self) -> int:
        """Count the samples that are decided."""
        return self.relabelled + self.dropped + self.kept + self.unsure

    def words(self) -> str:
        """Say the counts in one sentence."""
        done = (
            f"{self.relabelled:,} relabelled, {self.dropped:,} dropped, {self.kept:,} kept as they "
            f"are, {self.unsure:,} unsure"
        )
        return f"{done}; {self.left:,} suspects are left to look at."

    def certificate(self) -> str:
        """Say how many of the decided suspects were wrong, and how sure that is."""
        found = self.precision
        if found is None:
            return "How many of the suspects are wrong is measured as soon as you decide some."
        return (
            f"Of {found.decided:,} decided suspects, {percent(found.precision)} were wrong: "
            f"{percent(found.low)} to {percent(found.high)} with 95 % confidence, as far as the "
            "decided ones are like the others."
        )


def outcome(session: ReviewSession) -> Outcome:
    """Return what the review of `session` has come to."""
    counts = session.counts
    return Outcome(
        relabelled=counts["relabel"],
        dropped=counts["drop"],
        kept=counts["keep"],
        unsure=counts["unsure"],
        left=counts["remaining"],
        precision=session.measured_precision,
    )
