"""Picking samples in a plot: an area, a bar or a point fills the list of every panel.

In come positions; out goes the session's `position_filter`. What is picked is shown whole, suspects
or not, and when the filter is cleared, here or elsewhere, the list is as it was before.
"""

import numpy as np

from o2u_nb.review.session import ReviewSession


class Picking:
    """Pick samples of `session`; `restore` must be called when its `position_filter` changes."""

    def __init__(self, session: ReviewSession):
        self.session = session
        self._only_suspects: bool | None = None  # the session's setting before anything was picked

    def pick(self, positions: np.ndarray) -> str:
        """Show the samples at `positions` (n,), and nothing else; return what was picked."""
        session = self.session
        session.stop_alike()  # else only those of the similar samples would be shown
        if session.position_filter is None:
            self._only_suspects = session.only_suspects
        with session.hold_trait_notifications():
            session.only_suspects = False
            session.position_filter = positions
        suspects = np.count_nonzero(session.suspects[positions])
        samples = "1 sample" if len(positions) == 1 else f"{len(positions):,} samples"
        return f"{samples} picked, {suspects:,} of them suspects."

    def toggle(self, positions: np.ndarray) -> str:
        """Pick the samples at `positions`, or where just these are picked, show all again."""
        picked = self.session.position_filter
        if picked is not None and np.array_equal(picked, positions):
            self.session.position_filter = None
            return "All are shown again."
        return self.pick(positions)

    def go_to(self, position: int) -> str:
        """Make the sample at `position` the current one; where it is hidden, pick it alone."""
        sample_id = self.session.id_of(position)
        if not self.session.is_shown(sample_id):
            return f"{sample_id} was hidden by the filters. {self.pick(np.array([position]))}"
        self.session.current = sample_id
        return ""

    def restore(self, change) -> None:
        """Show again what was shown before, once the filter is cleared.

        While similar samples are listed it is only set aside, and comes back with all else.
        """
        if self.session.alike_filter is not None:
            return
        if change["new"] is None and self._only_suspects is not None:
            self.session.only_suspects = self._only_suspects
            self._only_suspects = None
