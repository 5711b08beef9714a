"""The samples table and the problems table: what every source hands over.

Samples: a DataFrame indexed by `sample_id` (unique text, sorted) with `label`, `split` and either
`path` (absolute) or `image` (uint8 array or encoded bytes), so that filtering rows filters images.
Where grey pictures deeper than 8 bits use little of what their format holds, `grey_low` and
`grey_high` (float, equal in every row) say which values are shown and trained as black and white;
a table read on its own has a range of its own, so copy them to a validation set.
Problems: one row per thing found wrong, with what happened to the sample.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.data import atomic
from o2u_nb.data.images import png_bytes
from o2u_nb.data.parallel import in_threads
from o2u_nb.errors import SourceError

UNREADABLE_IMAGE = "unreadable image"
ZERO_BYTE_FILE = "zero-byte file"
FILE_NOT_FOUND = "file not found"
MISSING_ID = "missing id"
MISSING_LABEL = "missing label"
UNKNOWN_LABEL = "unknown label"
DUPLICATE_ID = "duplicate id"
CONFLICTING_LABELS = "conflicting labels"
SINGLE_SAMPLE = "class with one sample"
GREY_RANGE = "grey range unknown"
SPELLINGS = "class spelt in several ways"
GONE = "gone since it was read"
NOT_AN_IMAGE = "not an image file"
OUTSIDE_CLASSES = "outside any class folder"
NOT_UTF8 = "file name is not UTF-8"
EMPTY_CLASS = "empty class folder"
NO_PERMISSION = "no permission"
LINK_LOOP = "link to a folder above"


class Problem(NamedTuple):
    """One thing found wrong: whose, what (a fixed phrase), the details, and what was done."""

    sample_id: str
    problem: str
    detail: str
    action: str


class Checked(NamedTuple):
    """What every source returns: the samples that can be audited, and what was wrong."""

    samples: pd.DataFrame
    problems: pd.DataFrame


def problems_table(problems: Iterable[Problem]) -> pd.DataFrame:
    """Return `problems` as a table of text with columns sample_id, problem, detail, action.

    >>> problems_table([Problem("a.png", ZERO_BYTE_FILE, "0 bytes", "left out")]).shape
    (1, 4)
    """
    rows = [[printable(cell) for cell in problem] for problem in problems]
    return pd.DataFrame(rows, columns=list(Problem._fields), dtype="str")


def told(problems: pd.DataFrame, *, most: int = 10) -> list[str]:
    """Return a problems table as lines for people, those with equal details in one line.

    At most `most` lines say what is wrong; one more says how many problems are left.

    >>> told(problems_table([Problem("a.png", ZERO_BYTE_FILE, "0 bytes", "left out")]))
    ['a.png: zero-byte file (0 bytes), left out']
    """
    alike = problems.groupby(["problem", "detail", "action"], sort=False)["sample_id"].agg(list)
    lines = [_line(ids, *what) for what, ids in alike.head(most).items()]
    left = sum(map(len, alike.iloc[most:]))
    return lines + ([f"and {left:,} more"] if left else [])


def _line(ids: list[str], problem: str, detail: str, action: str) -> str:
    who = ids[0] if len(ids) == 1 else f"{len(ids):,} samples, {ids[0]} for one"
    return f"{who}: {problem} ({detail}), {action}"


def samples_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return raw `rows` (a column sample_id and those of a samples table) as a samples table."""
    return rows.set_index("sample_id").sort_index()


def printable(text: str) -> str:
    """Return `text` with anything that UTF-8 cannot hold written as an escape.

    >>> printable("caf\\udce9.png")
    'caf\\\\udce9.png'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def text(value: object) -> str:
    """Return a label or id as text; a missing one (None, NaN) is "".

    Whole floats lose their ".0": a column of integers becomes one of floats when a cell is empty.

    >>> text("None"), text(None), text(3.0), text(b"cat")
    ('None', '', '3', 'cat')
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return ""
    if isinstance(value, (float, np.floating)) and value.is_integer():
        return str(int(value))
    return str(value)


def write(samples: pd.DataFrame, path: str | os.PathLike) -> None:
    """Write `samples` to the Parquet file `path`, whole or not at all.

    Image arrays become PNG bytes, pixel for pixel. Raises `OutputError` when it cannot be written.
    """
    if "image" in samples:
        encoded = list(in_threads(png_bytes, samples["image"].tolist()))
        samples = samples.assign(image=encoded)
    with atomic.replacing(path) as file:
        samples.to_parquet(file)


def read(path: str | os.PathLike) -> pd.DataFrame:
    """Read a samples table that `write` has written; images come back as PNG bytes.

    Raises `SourceError` when the file is missing, damaged or holds another table.
    """
    if not Path(path).is_file():
        raise SourceError(f"expected a samples table at {path}, found no such file")
    try:
        samples = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read the samples table {path}: {error}") from error
    if samples.index.name != "sample_id" or not {"label", "split"} <= set(samples.columns):
        raise SourceError(
            f"{path} is a table, but no samples table: expected the index sample_id with columns "
            f"label and split, found {samples.index.name} with {', '.join(samples.columns)}"
        )
    return samples
