"""Blind mode: a reviewer names the class of each picture without seeing given or suggested label.

In comes a session; it then shows its suspects in random order, as pictures alone. A picture's given
label appears once it is decided. So a judgement follows what is seen, and not what is claimed.
"""

from typing import Any

import numpy as np

from o2u_nb.review.concealed import LABELS, NOTHING
from o2u_nb.review.session import ReviewSession


class BlindMode:
    """Switch blind mode on and off in `session`; panels share one, see `BlindMode.of`."""

    def __init__(self, session: ReviewSession):
        self.session = session
        self._before: dict[str, Any] = {}

    @classmethod
    def of(cls, session: ReviewSession) -> "BlindMode":
        """Return the one that all panels on `session` share."""
        return session.companion(cls)

    @property
    def is_on(self) -> bool:
        """Tell whether the session hides given and suggested labels."""
        return self.session.concealed == LABELS

    def begin(self, *, seed: int | None = None) -> None:
        """Hide the labels, and show the suspects in an order by chance, or by `seed`.

        The order is that of all suspects by the threshold as it is now, since the order of the
        ranking would say which pictures are the most suspicious. Where the session shows a random
        sample, it goes on to do so.
        """
        session = self.session
        if self.is_on:
            return
        self._before = dict(sequence=session.sequence, concealed=session.concealed)
        with session.hold_trait_notifications():
            if session.sequence is None:
                order = np.random.default_rng(seed).permutation(np.flatnonzero(session.suspects))
                session.sequence = order
            session.concealed = LABELS
        session.go_to_undecided()

    def end(self) -> None:
        """Show the labels and the list as they were before."""
        if not self.is_on:
            return
        before = self._before or dict(sequence=None, concealed=NOTHING)
        with self.session.hold_trait_notifications():
            for name, value in before.items():
                setattr(self.session, name, value)
