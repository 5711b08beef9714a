"""Notes and tags: what reviewers said of samples beside their decisions.

In come the notes and tags of samples as they change; out come the text of each, the tags that are
in use, and which samples have them. What a reviewer typed is checked here before it is recorded.
"""

from collections import Counter
from collections.abc import Iterable

from o2u_nb.data.samples import printable
from o2u_nb.errors import DecisionsError

# Our choices: a note is a remark on a picture, and a tag a name that fits on a button.
LONGEST_NOTE = 2000
LONGEST_TAG = 60


class Remarks:
    """Follow the notes and tags of samples; samples that have neither are not held."""

    def __init__(self) -> None:
        self._notes: dict[str, str] = {}
        self._tags: dict[str, tuple[str, ...]] = {}
        self._in_use: Counter[str] = Counter()

    @property
    def in_use(self) -> tuple[str, ...]:
        """Return the tags that samples have: those of the most samples first, then by name."""
        return tuple(sorted(self._in_use, key=lambda tag: (-self._in_use[tag], tag)))

    def take(self, sample_id: str, note: str, tags: tuple[str, ...]) -> None:
        """Take in what is said of a sample now."""
        self._notes.pop(sample_id, None)
        if note:
            self._notes[sample_id] = note
        self._in_use -= Counter(self._tags.pop(sample_id, ()))
        if tags:
            self._tags[sample_id] = tags
            self._in_use += Counter(tags)

    def note(self, sample_id: str) -> str:
        """Return the note on a sample, "" where there is none."""
        return self._notes.get(sample_id, "")

    def tags(self, sample_id: str) -> tuple[str, ...]:
        """Return the tags of a sample, sorted."""
        return self._tags.get(sample_id, ())

    @property
    def noted(self) -> list[str]:
        """Return the samples that have a note."""
        return list(self._notes)

    def tagged(self, tag: str) -> list[str]:
        """Return the samples that have this tag."""
        return [sample_id for sample_id, tags in self._tags.items() if tag in tags]


def as_note(text: str) -> str:
    """Return a typed note without the space around it; raise `DecisionsError` if it is too long."""
    note = printable(text.strip())
    if len(note) > LONGEST_NOTE:
        raise DecisionsError(
            f"Expected a note of at most {LONGEST_NOTE:,} characters, found {len(note):,}: "
            "shorten it, or keep the long text elsewhere and note where."
        )
    return note


def as_tags(typed: str | Iterable[str]) -> tuple[str, ...]:
    """Return typed tags, each once: in a text they are separated by commas.

    Space around a tag is left out, and further space within it is one blank. Raises
    `DecisionsError` where there is no tag, or one that is too long.

    >>> as_tags("blurred,  two   cats, blurred,")
    ('blurred', 'two cats')
    """
    texts = [typed] if isinstance(typed, str) else list(typed)
    pieces = [" ".join(printable(piece).split()) for text in texts for piece in text.split(",")]
    tags = tuple(dict.fromkeys(filter(None, pieces)))
    if not tags:
        raise DecisionsError("Expected a tag, found none: type a name, or several with commas.")
    for tag in tags:
        if len(tag) > LONGEST_TAG:
            raise DecisionsError(
                f"Expected a tag of at most {LONGEST_TAG} characters, found {len(tag)} "
                f"({tag[:LONGEST_TAG]!r}...): shorten it, or write a note."
            )
    return tags
