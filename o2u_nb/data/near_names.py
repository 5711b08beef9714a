"""Which known name was probably meant by another one, for one name or for thousands.

In come names; out comes for a name the known one that is most similar to it, or None. The known
names are indexed by what is left of them when one or two letters are taken away, so that a name is
compared with a few others only. Ten thousand names take seconds, and not the hours that comparing
all pairs takes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import combinations

# Smallest similarity that counts, as difflib measures it. difflib's own default is 0.6, with which
# short names of different things count as near.
CUTOFF = 0.75
# Names up to this length are indexed without each two of their letters, longer ones without each
# one. A second mistake is likely in a long name too, but every pair of its letters would be costly.
TWO_LETTERS = 10
ONE_LETTER = 60  # longer names are found only where they are equal but for case and white space
# Names of a part that so many names share are a series, such as "plate 017"; in such a series,
# another number is no typing error. Our choice.
SERIES = 12
LOOKED_AT = 40  # names that are compared letter by letter, those that share most first; our choice


class NearNames:
    """Find the nearest of `known` names; case and outer white space are ignored."""

    def __init__(self, known: Sequence[str]):
        self._written: dict[str, list[str]] = defaultdict(list)
        for name in known:
            self._written[folded(name)].append(name)
        self._by_part: dict[str, list[str]] = defaultdict(list)
        for name in self._written:
            for part in _parts(name):
                self._by_part[part].append(name)

    def near(self, name: str) -> str | None:
        """Return the known name that is most similar to `name`, but not equal to it, or None.

        The similarity must be at least `CUTOFF`. Names that differ in digits alone are not similar.

        >>> NearNames(["cat", "dog"]).near("Catt"), NearNames(["plate 1"]).near("plate 2")
        ('cat', None)
        """
        own = folded(name)
        alike = [other for other in self._written.get(own, ()) if other != name]
        if alike:
            return alike[0]
        shared: Counter[str] = Counter()
        for part in _parts(own):
            names = self._by_part.get(part, ())
            if len(names) <= SERIES:
                shared.update(names)
        plain = _without_digits(own)
        likely = sorted(shared, key=lambda other: (-shared[other], other))
        likely = [other for other in likely if _without_digits(other) != plain][:LOOKED_AT]
        measured = [(SequenceMatcher(None, other, own).ratio(), other) for other in likely]
        similarity, best = max(measured, default=(0.0, ""))
        return self._written[best][0] if similarity >= CUTOFF else None


def folded(name: str) -> str:
    """Return `name` without the differences that do not count: case and outer white space."""
    return name.strip().casefold()


def _parts(name: str) -> Iterator[str]:
    """Yield `name`, and what is left of it without each one or two of its letters."""
    found = {name}
    if len(name) <= ONE_LETTER:
        most = min(2 if len(name) <= TWO_LETTERS else 1, len(name) - 1)
        for count in range(1, most + 1):
            for kept in combinations(name, len(name) - count):
                found.add("".join(kept))
    yield from found


def _without_digits(name: str) -> str:
    return "".join("0" if letter.isdigit() else letter for letter in name)
