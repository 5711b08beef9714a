"""What similar samples are listed: those that were found, and what they are similar to.

In come ids and similarities; out comes an `Alike`, a value that a review takes as a filter.
"""

from dataclasses import dataclass
from functools import cached_property

LABELS = ("all", "same", "other")  # which of the similar samples are listed, by their given labels


@dataclass(frozen=True)
class Alike:
    """What is listed: samples `ids`, most similar first, with their `similarities` (-1 to 1).

    They are similar to the samples `of`, or to a picture from elsewhere, whose name is `title`;
    `by` is the eye that compared. `same` says of each whether its given label is one of `of`'s.
    `labels` is one of `LABELS`: only those with the same label, or with other ones, may be shown.
    """

    title: str
    by: str
    of: tuple[str, ...]
    ids: tuple[str, ...]
    similarities: tuple[float, ...]
    same: tuple[bool, ...]
    how: str = ""
    labels: str = "all"

    @property
    def n_same(self) -> int:
        """Return how many have the same label."""
        return sum(self.same)

    @property
    def knows_labels(self) -> bool:
        """Tell whether there is a label that others can have, too."""
        return bool(self.of)

    def shown(self) -> list[str]:
        """Return the ids that are shown, by `labels`, most similar first."""
        wanted = {"same": True, "other": False}.get(self.labels)
        pairs = zip(self.ids, self.same, strict=True)
        return [id for id, same in pairs if wanted is None or same == wanted]

    def about(self, sample_id: str) -> tuple[float | None, bool | None]:
        """Return how similar a sample is, and whether its label is the same; None if not known."""
        place = self._places.get(sample_id)
        if place is None:
            return None, None
        return self.similarities[place], self.same[place] if self.knows_labels else None

    @cached_property
    def _places(self) -> dict[str, int]:
        return {id: place for place, id in enumerate(self.ids)}
