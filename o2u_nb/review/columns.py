"""The scores table as numpy columns, ready to be filtered and sorted a million rows at a time.

In comes a scores table; out come codes, values, orders and masks. A position is a row of that
table, 0 = most suspicious. Positions have a meaning within one session only and are never stored.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cached_property

import numpy as np
import pandas as pd

from o2u_nb.errors import O2UError
from o2u_nb.rows import rows_of

NOT_SCORES = ("rank",)  # not offered for sorting: the rank is the order of `score`


class Columns:
    """Hold `ids` (n,), `classes` (sorted names), and `label` and `suggested` (n,) as codes.

    A code is a position in `classes`; -1 = no suggestion. `names` are the columns to sort by, and
    `added` those of them that are not the audit's.
    """

    def __init__(self, scores: pd.DataFrame):
        self.scores = scores
        self.ids = scores.index
        label, given = _coded(scores["label"])
        suggested, others = _coded(scores["suggested_label"])
        self.classes: list[str] = sorted({*given, *others})
        self.label = self._recode(label, given)
        self.suggested = self._recode(suggested, others)
        self.names = [
            name
            for name in scores
            if name not in NOT_SCORES and pd.api.types.is_float_dtype(scores[name])
        ]
        self.added: list[str] = []
        self._orders: dict[tuple[str, bool], np.ndarray] = {}
        self._matched: tuple[str, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, ids: Iterable[str]) -> np.ndarray:
        """Return the positions (k,) of `ids`; raise `O2UError` naming the first unknown one."""
        return rows_of(self.ids, ids)

    def ids_at(self, positions: np.ndarray) -> list[str]:
        """Return the sample ids at `positions`."""
        return self.ids[positions].tolist()

    def code(self, label: str) -> int:
        """Return the code of a class; raise `O2UError` with the nearest name if there is none."""
        return self.classes.index(one_of(label, self.classes, "class"))

    def name(self, code: int) -> str | None:
        """Return the class of a code, None for -1."""
        return self.classes[code] if code >= 0 else None

    def values(self, name: str) -> np.ndarray:
        """Return a score column (n,) of float, NaN = never seen.

        Raises `O2UError`, which names the nearest column, if there is none of this name.
        """
        return self.scores[one_of(name, self.names, "score")].to_numpy()

    def add(self, name: str, values: np.ndarray) -> None:
        """Add the column `name` with `values` (n,) of float, NaN = not known.

        It replaces one of this name that was added before. Raises `O2UError` for a name that the
        audit's own table has.
        """
        if name in self.scores and name not in self.added:
            raise O2UError(f"The score table has a column {name!r} already: choose another name.")
        self.scores = self.scores.assign(**{name: values})
        self._orders = {key: order for key, order in self._orders.items() if key[0] != name}
        if name not in self.added:
            self.added.append(name)
            self.names.append(name)

    def order(self, name: str, *, descending: bool = True) -> np.ndarray:
        """Return all positions (n,) sorted by a score; ties are in rank order, NaN is last."""
        key = name, descending
        if key not in self._orders:
            values = self.values(name)
            self._orders[key] = np.argsort(-values if descending else values, kind="stable")
        return self._orders[key]

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the pairs of given and suggested class, codes (k, 2), and each sample's (n,)."""
        n = len(self.classes) + 1  # one more for no suggestion, whose code is -1
        codes = self.label.astype(np.int64) * n + self.suggested + 1
        found, pair = np.unique(codes, return_inverse=True)
        return np.column_stack([found // n, found % n - 1]), pair

    def matches(self, text: str) -> np.ndarray:
        """Return which samples (n,) bool have `text` in their id or given label, in any case.

        The result for the last text is kept, and must not be changed.
        """
        if self._matched is None or self._matched[0] != text:
            self._matched = text, self._search(text)
        return self._matched[1]

    def _search(self, text: str) -> np.ndarray:
        import pyarrow as pa
        import pyarrow.compute as pc

        found = [text.casefold() in name.casefold() for name in self.classes]
        in_id = pc.match_substring(pa.array(self.ids), text, ignore_case=True)
        return np.asarray(in_id) | np.array(found, dtype=bool)[self.label]

    def _recode(self, codes: np.ndarray, names: list[str]) -> np.ndarray:
        """Turn positions in `names` (-1 = missing) into positions in `classes`."""
        places = {name: place for place, name in enumerate(self.classes)}
        return np.array([*(places[name] for name in names), -1], dtype=np.int32)[codes]


def plain(value: float) -> float | None:
    """Return a number that JSON can hold: None for NaN."""
    return None if np.isnan(value) else float(value)


def one_of(name: str, names: list[str], what: str) -> str:
    """Return `name` if it is one of `names`; raise `O2UError` with the nearest one otherwise."""
    if name in names:
        return name
    near = get_close_matches(str(name), names, n=1) or names[:3]
    raise O2UError(f"No {what} {name!r} here: try {' or '.join(map(repr, near))}.")


def _coded(labels: pd.Series) -> tuple[np.ndarray, list[str]]:
    codes, names = pd.factorize(labels)
    return codes, [str(name) for name in names]
