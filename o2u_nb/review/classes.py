"""The classes of a review: those of the scores, and those that decisions have made.

In come new labels as they are decided; out come the names to offer, the samples that were given a
new one, and whether a name may be a typing error.
"""

from o2u_nb.data.checks import near_miss
from o2u_nb.errors import O2UError
from o2u_nb.review.columns import one_of


class Classes:
    """Hold the class names of the scores, `known`, and follow the labels that are decided."""

    def __init__(self, known: list[str]):
        self.known = known
        self._named_anew: dict[str, str] = {}  # sample id -> a label that is none of `known`

    @property
    def made(self) -> tuple[str, ...]:
        """Return the names of the classes that decisions have made, sorted."""
        return tuple(sorted(set(self._named_anew.values())))

    @property
    def names(self) -> list[str]:
        """Return all class names, sorted."""
        return sorted({*self.known, *self.made})

    def note(self, sample_id: str, new_label: str | None) -> None:
        """Take in the current decision on a sample: its new label, None where it has none."""
        if new_label is None or new_label in self.known:
            self._named_anew.pop(sample_id, None)
        else:
            self._named_anew[sample_id] = new_label

    def ids_of(self, name: str) -> list[str]:
        """Return the samples that were given the new class `name`."""
        return [sample_id for sample_id, label in self._named_anew.items() if label == name]

    def near(self, name: str) -> str | None:
        """Return the class that `name` is probably meant to be, None where no class is near.

        For the name of a class it is None. One wrong letter is near even in a short name, so that
        "kat" is near "cat".
        """
        if name in self.names:
            return None
        letters = max(len(name.strip()), 2)
        # 0.75 is the cutoff of `near_miss`; with one wrong letter of three the similarity is 2 / 3.
        return near_miss(name, self.names, cutoff=min(0.75, (letters - 1) / letters))

    def require(self, name: str, new_class: bool | str) -> None:
        """Raise `O2UError` unless `name` is a class, or is clearly meant to become one.

        `new_class` must be true for a new name. Where that is close to a class, `new_class` must be
        the name once more.
        """
        if name in self.names:
            return
        if not (new_class and name.strip()):
            one_of(name, self.names, "class")
        near = self.near(name)
        if near and new_class != name:
            raise O2UError(
                f"{name!r} is not a class yet, but close to {near!r}: is that meant? To make a new "
                f"class of this name, pass new_class={name!r}."
            )
