"""Which known name was probably meant by another one, for one name or for thousands.

In come names; out comes for a name the known one that is most similar to it, or None. The known
names are indexed by each three letters in a row, and a name is compared letter by letter with the
few that share most of its rare ones. Ten thousand names take seconds, and not the hours that
comparing all pairs takes. A misspelling that shares too little is not found.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import islice

# Smallest similarity that counts, as difflib measures it. difflib's own default is 0.6, with which
# short names of different things count as near.
CUTOFF = 0.75
ROW = 3  # letters in a row that names share; with two, 10,000 names take longer and fewer are found
# Names that are counted for one name, those of its rarest letters first, and how many of them are
# compared letter by letter. More of both finds hardly more of 1,000 names of ImageNet with one or
# two mistakes among 10,000 names, and takes longer.
COUNTED = 2_000
COMPARED = 20
FEWEST = 4  # of the rows that are counted, at least the fourth part must be shared; our choice
DIGITS = re.compile(r"\d")
LONGEST = 200  # longer names are found only where they are equal but for case and white space


class NearNames:
    """Find the nearest of `known` names; case and outer white space are ignored."""

    def __init__(self, known: Sequence[str]):
        self._written: dict[str, list[str]] = defaultdict(list)
        for name in known:
            self._written[folded(name)].append(name)
        self._by_row: dict[str, list[str]] = defaultdict(list)
        self._plain = {name: _without_digits(name) for name in self._written}
        for name in self._written:
            for row in _rows(name):
                self._by_row[row].append(name)

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
        best = get_close_matches(own, self._likely(own), n=1, cutoff=CUTOFF)
        return self._written[best[0]][0] if best else None

    def _likely(self, own: str) -> list[str]:
        """Return the known names that share most rows of letters with `own`, at most `COMPARED`."""
        shared: Counter[str] = Counter()
        left, rows = COUNTED, 0
        for names in sorted((self._by_row.get(row, []) for row in _rows(own)), key=len):
            left -= len(names)
            if left < 0:
                break
            shared.update(names)
            rows += 1
        enough = max(1, rows // FEWEST)
        likely = [other for other in shared if shared[other] >= enough]
        likely.sort(key=lambda other: (-shared[other], other))
        plain = _without_digits(own)
        others = (other for other in likely if self._plain[other] != plain)
        return list(islice(others, COMPARED))


def folded(name: str) -> str:
    """Return `name` without the differences that do not count: case and outer white space."""
    return name.strip().casefold()


def _rows(name: str) -> list[str]:
    """List each `ROW` letters in a row of `name`, those that reach over its ends too, once each."""
    if len(name) > LONGEST:
        return []
    padded = f"{'':{ROW - 1}}{name}{'':{ROW - 1}}"
    rows = (padded[start : start + ROW] for start in range(len(padded) - ROW + 1))
    return list(dict.fromkeys(rows))


def _without_digits(name: str) -> str:
    return DIGITS.sub("0", name)
