"""Class names that mean the same to people but differ for a program, such as 'cat' and 'Cat '.

In come the labels of a data set. Out comes, for each rarer spelling of a class, its most common
spelling, and how the two differ. Nothing is changed: a person decides whether they are one class.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple

import pandas as pd


class Spelling(NamedTuple):
    """A rarer spelling, `name`, its most common one, `usual`, and how the two differ."""

    name: str
    usual: str
    differs_in: str


def rarer_spellings(labels: pd.Series) -> dict[str, Spelling]:
    """Return each label that differs from a more common one only in its spelling, by its name.

    If two are equally common, the first in sorted order counts as the usual one.

    >>> found = rarer_spellings(pd.Series(["cat", "cat", "Cat ", "dog"]))
    >>> list(found.values())
    [Spelling(name='Cat ', usual='cat', differs_in='upper and lower case and white space')]
    """
    groups: dict[str, list[str]] = {}
    for name in (
        labels.value_counts().sort_index().sort_values(ascending=False, kind="stable").index
    ):
        groups.setdefault(folded(name), []).append(name)
    return {
        name: Spelling(name, usual, _difference(name, usual))
        for usual, *others in groups.values()
        for name in others
    }


def folded(name: str, leave: str | None = None) -> str:
    """Return `name` in a form in which spellings that people take for the same are equal.

    Differences of the kind `leave`, a key of `_STEPS`, are kept.
    """
    for kind, step in _STEPS.items():
        if kind != leave:
            name = step(name)
    return name


def _difference(name: str, usual: str) -> str:
    kinds = [kind for kind in _STEPS if folded(name, kind) != folded(usual, kind)]
    return " and ".join(kinds) or "the form of the text"


def _plain_form(name: str) -> str:
    """Bring accents, wide letters and special spaces into one form; drop invisible characters."""
    visible = (char for char in name if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", "".join(visible))


def _single_spaces(name: str) -> str:
    return re.sub(r"[ \t\r\n\f\v]+", " ", name).strip(" ")


def _no_joints(name: str) -> str:
    """Turn hyphens and underscores between letters or digits into spaces; a minus sign stays."""
    return re.sub(r"(?<=[^\W_])[-_]+(?=[^\W_])", " ", name)


_STEPS: dict[str, Callable[[str], str]] = {
    "Unicode form": _plain_form,
    "upper and lower case": str.casefold,
    "hyphens and underscores": _no_joints,
    "white space": _single_spaces,
}


def shown(names: Iterable[str]) -> list[str]:
    """Return `names` in quotes, with escapes if two of them would look the same.

    >>> shown(["cafe\\u0301", "caf\\xe9"])
    ["'cafe\\\\u0301'", "'caf\\\\xe9'"]
    """
    names = list(names)
    alike = len({_plain_form(name) for name in names}) < len(names)
    return [ascii(name) if alike else repr(name) for name in names]
