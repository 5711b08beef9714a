"""Trusted samples: those of a training set whose right labels are known.

In come ids, or a table of ids and labels; out come positions in the training set and in its
classes.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from o2u_nb.errors import O2UError
from o2u_nb.training.identity import Identity

# What the option `trusted` of a method takes.
TrustedLabels: TypeAlias = Iterable[str] | pd.Series | pd.DataFrame | None
NONE_TRUSTED = (
    "This method needs trusted samples, whose labels somebody has verified; found none. Pass "
    "trusted=: a list of ids whose labels are right, or labels by id, as "
    "`o2u_nb.review.verified.verified` reads them from the decisions of a review or from a file."
)


class Trusted(NamedTuple):
    """Hold positions in the training set, int (k,), and right labels, int (k,), of samples."""

    rows: np.ndarray
    labels: np.ndarray


def trusted_among(trusted: TrustedLabels, who: Identity) -> Trusted:
    """Return which of the samples `who` are trusted, and their right labels.

    `trusted` are ids of samples whose given labels are right, or a series of labels by id, or a
    table with the column `label` indexed by id, such as `review.verified.verified` makes. Raises
    `O2UError` when there are none, when an id is not in the training set or comes twice, or when a
    label is not one of its classes.
    """
    if trusted is None or not len(index := ids_of(trusted)):
        raise O2UError(NONE_TRUSTED)
    rows = who.ids.get_indexer(index)
    if (rows < 0).any():
        raise O2UError(
            f"Expected trusted samples of the training set; {(rows < 0).sum():,} of {len(rows):,} "
            f"are not in it, such as {index[int(np.argmin(rows))]!r}."
        )
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise O2UError(f"Expected each trusted sample once, found {twice!r} more than once.")
    labels = _labels(trusted)
    if labels is None:
        return Trusted(rows, who.labels[rows].astype(np.int64))
    codes = pd.Index(who.classes).get_indexer(labels)
    if (codes < 0).any():
        raise O2UError(
            f"Expected labels among the {len(who.classes)} classes of the training set, found "
            f"{labels[int(np.argmin(codes))]!r} for the trusted sample "
            f"{index[int(np.argmin(codes))]!r}: leave such samples out."
        )
    return Trusted(rows, codes.astype(np.int64))


def listed(trusted: TrustedLabels) -> TrustedLabels:
    """Return `trusted`, an iterator as a list, so that it can be looked through several times.

    >>> listed(iter(["a.png", "b.png"]))
    ['a.png', 'b.png']
    """
    is_table = trusted is None or isinstance(trusted, pd.Series | pd.DataFrame)
    return trusted if is_table else list(trusted)


def digest(trusted: TrustedLabels) -> str:
    """Return 16 hex digits that show whether two trainings have the same trusted samples.

    >>> digest(["a.png"]) == digest(["a.png"]), digest(["a.png"]) == digest(["b.png"])
    (True, False)
    """
    if trusted is None:
        return ""
    pairs = list(zip(ids_of(trusted), _labels(trusted) or (), strict=False))
    told = repr(pairs or list(ids_of(trusted)))
    return hashlib.blake2b(told.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def ids_of(trusted: Iterable[str] | pd.Series | pd.DataFrame) -> pd.Index:
    """Return the ids of trusted samples, however they are passed."""
    labelled = isinstance(trusted, pd.Series | pd.DataFrame)
    return trusted.index if labelled else pd.Index(list(trusted), dtype=object)


def _labels(trusted: TrustedLabels) -> list | None:
    if isinstance(trusted, pd.DataFrame):
        if "label" not in trusted:
            found = ", ".join(map(str, trusted.columns)) or "none"
            raise O2UError(f"Expected a column label in the table of trusted samples; has {found}.")
        trusted = trusted["label"]
    return [str(label) for label in trusted] if isinstance(trusted, pd.Series) else None
