"""What the grid can do with similar samples: list them, some of them, or what was there before.

In come a session and messages from the browser, whose places the grid has turned into ids; out come
lines that say what is listed, and what the browser shows of the listing.
"""

from collections.abc import Sequence

from o2u_nb.review.alike import Alike
from o2u_nb.review.session import ReviewSession

PICTURES = 3  # of the samples that were searched for, in the line above the list


class AlikeMessages:
    """Carry out these messages."""

    def __init__(self, session: ReviewSession):
        self.session = session

    def like(self, ids: Sequence[str]) -> str:
        """List what is like samples: like one of them, or like what several have in common."""
        found = self.session.show_more_like(ids or None)
        return f"{found.title}: {len(found.ids):,} samples, most similar first; Escape goes back"

    def choose(self, message: dict) -> None:
        """List of the similar samples those with the same label, or with other ones, or all."""
        self.session.choose_labels(message["labels"])

    def stop(self, _: dict) -> str:
        """Go back to what was listed before."""
        self.session.stop_alike()
        return "Back from similar samples."


def plain(alike: Alike | None) -> dict | None:
    """Return what the browser shows of a listing, as plain values; see `types.js`."""
    if alike is None:
        return None
    return dict(
        title=alike.title,
        by=alike.by,
        how=alike.how,
        of=list(alike.of[:PICTURES]),
        count=len(alike.ids),
        same=alike.n_same,
        knows_labels=alike.knows_labels,
        labels=alike.labels,
    )
