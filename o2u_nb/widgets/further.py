"""What the grid can do beyond deciding on samples: notes, tags, groups, and many at once.

In come a session and messages from the browser, whose places the grid has turned into ids; out come
one line that says what was done, and previews with pictures.
"""

from collections.abc import Callable, Sequence

from o2u_nb.errors import O2UError
from o2u_nb.review.bulk import Above
from o2u_nb.review.filters import HIDING
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.saying import UNDOES

PICTURES = 12  # in a preview: two rows of six
PICTURE_SIZE = 128  # pixels of the longest side; as for tiles, so that most are in the cache
PAIRS = 6  # listed in a preview, the largest first
TAGS = 40  # offered, the commonest first

# What people call each of the filters.
FILTER_WORDS = {
    "only_suspects": "suspects only",
    "label_filter": "class",
    "pair_filter": "pair",
    "decision_filter": "decision",
    "note_filter": "with a note",
    "tag_filter": "tag",
    "text_filter": "text",
    "position_filter": "picked in a plot",
    "alike_filter": "similar samples",
}
assert tuple(FILTER_WORDS) == HIDING, "each filter has a name for people"


class Further:
    """Carry out these messages; `send` sends one to the browser, with buffers."""

    def __init__(self, session: ReviewSession, send: Callable):
        self.session = session
        self._send = send

    def note(self, message: dict, ids: Sequence[str]) -> str:
        """Note a text on samples, or remove what was noted."""
        changed = self.session.note(message["text"], _some(ids))
        if not changed:
            return "The note is unchanged."
        did = "Noted on" if message["text"].strip() else "Removed the note of"
        return f"{did} {_named(changed)}, {UNDOES}"

    def tag(self, message: dict, ids: Sequence[str]) -> str:
        """Add tags to samples."""
        changed = self.session.tag(message["tags"], _some(ids))
        return f"Tagged {_named(changed)}, {UNDOES}" if changed else "All have this tag already."

    def untag(self, message: dict, ids: Sequence[str]) -> str:
        """Take tags away from samples."""
        changed = self.session.untag(message["tags"], _some(ids))
        return f"Untagged {_named(changed)}, {UNDOES}" if changed else "None has this tag."

    def preview(self, message: dict) -> None:
        """Send what accepting all suggestions above a probability would do, and first pictures."""
        found = self.session.preview_above(float(message["p"]))
        ids = self.session.columns.ids_at(found.positions[:PICTURES])
        pairs = found.pairs[:PAIRS]
        self._send(
            dict(
                kind="above", p=found.p, count=found.count, decided=found.decided,
                unsuggested=found.unsuggested, pairs=[list(pair) for pair in pairs],
                more=len(found.pairs) - len(pairs), ids=ids,
                captions=[_caption(self.session.row(k)) for k in found.positions[:PICTURES]],
            ),
            buffers=self.session.page_thumbnails(ids, PICTURE_SIZE),
        )  # fmt: skip

    def accept(self, message: dict) -> str:
        """Accept all suggestions above a probability, if they are as many as the preview said."""
        p = float(message["p"])
        self.session.catch_up()
        found: Above = self.session.preview_above(p)
        if found.count != message["count"]:
            raise O2UError(
                f"There are {found.count:,} samples now, not {message['count']:,}, so nothing is "
                "recorded: look at the preview again."
            )
        done = self.session.accept_above(p)
        return f"{_named(done)}: changed to the suggested label, {UNDOES}"

    def reveal_matches(self, _: dict) -> None:
        """Show all that the search finds."""
        self.session.reveal_matches()

    def find(self, message: dict) -> str:
        """Show what contains a text, also where only other filters hide it."""
        session = self.session
        session.text_filter = message["text"]
        hiding = session.hidden_matches.filters
        relaxed = ""
        if not len(session.visible) and hiding:
            relaxed = f"; switched off: {', '.join(FILTER_WORDS[name] for name in hiding)}"
            session.reveal_matches()
        return f"{len(session.visible):,} found{relaxed}"

    def traits(self) -> dict:
        """Return the traits of the grid that are about this, as plain values.

        `groups` are [start, stop, title] of the list; `hidden` tells the count of what a search
        found that is not shown, and the filters that hide it, in words; `tags` are those in use,
        and `noted` counts the samples with a note; `hint` says where missing pictures were
        expected, "" where none is missing.
        """
        session = self.session
        hidden = session.hidden_matches
        return dict(
            groups=[[group.start, group.stop, group.title] for group in session.groups],
            hidden=dict(
                count=hidden.count, filters=[FILTER_WORDS[name] for name in hidden.filters]
            ),
            tags=list(session.tags[:TAGS]),
            noted=session.noted,
            hint=session.pictures_hint,
        )


def _some(ids: Sequence[str]) -> Sequence[str]:
    if not ids:
        raise O2UError("Nothing is selected: pick a picture first.")
    return ids


def _named(ids: Sequence[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{len(ids):,} samples"


def _caption(row: dict) -> str:
    return f"{row['label']} → {row['suggested']}"
