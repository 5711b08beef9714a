"""The samples table and the problems table: the result of reading any source.

The samples table is a DataFrame indexed by `sample_id` (unique text, sorted) with the columns
`label`, `split` and either `path` (absolute) or `image` (uint8 array or encoded bytes). If grey
pictures deeper than 8 bits use only a part of the range of their format, the columns `grey_low` and
`grey_high` (float, equal in every row) say which values are shown and trained as black and as
white. Each table that is read gets a range of its own, so copy these columns to the table of a
validation set. The problems table has one row for each problem, with what was done about it.
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
CHANGED = "changed since it was read"
LOST = "lost before it was trained on"
SEVERAL_SPLITS = "same picture in several splits"
NOT_AN_IMAGE = "not an image file"
OUTSIDE_CLASSES = "outside any class folder"
NOT_UTF8 = "file name is not UTF-8"
EMPTY_CLASS = "empty class folder"
NO_PERMISSION = "no permission"
LINK_LOOP = "link to a folder above"


class Problem(NamedTuple):
    """One problem: the sample, the kind (one of the phrases above), details, and what was done."""

    sample_id: str
    problem: str
    detail: str
    action: str


class Checked(NamedTuple):
    """The result of reading a source: the samples that can be audited, and the problems."""

    samples: pd.DataFrame
    problems: pd.DataFrame


def problems_table(problems: Iterable[Problem]) -> pd.DataFrame:
    """Return `problems` as a table of text with columns sample_id, problem, detail, action.

    >>> problems_table([Problem("a.png", ZERO_BYTE_FILE, "0 bytes", "left out")]).shape
    (1, 4)
    """
    rows = [[printable(cell) for cell in problem] for problem in problems]
    return pd.DataFrame(rows, columns=list(Problem._fields), dtype="str")


def named_problems(problems: pd.DataFrame, *, most: int = 10) -> list[str]:
    """Return a problems table as lines of text that name up to `most` samples.

    Problems with equal details share a line, those of samples that were left out come first, and
    each line names at least one sample. A last line says how many more there are.

    >>> empty = [Problem(name, ZERO_BYTE_FILE, "0 bytes", "left out") for name in "abc"]
    >>> named_problems(problems_table(empty))
    ['a, b, c: zero-byte file (0 bytes), left out']
    >>> named_problems(problems_table(empty), most=2)
    ['a, b and 1 more: zero-byte file (0 bytes), left out']
    """
    alike = problems.groupby(["problem", "detail", "action"], sort=False)["sample_id"].agg(list)
    groups = sorted(alike.items(), key=lambda found: not found[0][2].startswith("left out"))
    shown, left = groups[:most], groups[most:]
    room = most - len(shown)
    lines = []
    for what, ids in shown:
        named = 1 + min(room, len(ids) - 1)
        room -= named - 1
        lines.append(_line(ids, named, *what))
    more = sum(len(ids) for _, ids in left)
    return lines + ([f"and {more:,} more"] if more else [])


def _line(ids: list[str], named: int, problem: str, detail: str, action: str) -> str:
    others = f" and {len(ids) - named:,} more" if len(ids) > named else ""
    return f"{', '.join(ids[:named])}{others}: {problem} ({detail}), {action}"


def samples_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return raw `rows`, in which sample_id is a column, as a samples table."""
    return rows.set_index("sample_id").sort_index()


def printable(text: str) -> str:
    """Return `text` with escapes for the characters that UTF-8 cannot encode.

    >>> printable("caf\\udce9.png")
    'caf\\\\udce9.png'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def text(value: object) -> str:
    """Return a label or id as text; a missing one (None, NaN) becomes "".

    Floats that are whole numbers lose their ".0", because pandas turns a column of integers into
    floats when a cell is empty.

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
    """Write `samples` to the Parquet file `path`, completely or not at all.

    Image arrays are stored as PNG, which keeps every pixel. Raises `OutputError` when the file
    cannot be written.
    """
    if "image" in samples:
        encoded = list(in_threads(png_bytes, samples["image"].tolist()))
        samples = samples.assign(image=encoded)
    with atomic.replacing(path) as file:
        samples.to_parquet(file)


def read(path: str | os.PathLike, *, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a samples table that `write` has written; image arrays are then PNG bytes.

    `columns` reads only some of the columns, `label` and `split` among them. Raises `SourceError`
    when the file is missing, damaged or holds another table.
    """
    if not Path(path).is_file():
        raise SourceError(f"expected a samples table at {path}, found no such file")
    samples = table_in(path, columns=columns)
    if samples.index.name != "sample_id" or not {"label", "split"} <= set(samples.columns):
        raise SourceError(
            f"{path} is a table, but not a samples table: expected the index sample_id with "
            "columns "
            f"label and split, found the index {samples.index.name} with the columns "
            f"{', '.join(samples.columns)}"
        )
    return samples


def table_in(path: str | os.PathLike, *, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a Parquet file; raise `SourceError` when it is damaged."""
    try:
        return pd.read_parquet(path, columns=columns)
    except Exception as error:  # damaged bytes can raise nearly anything from pyarrow and pandas
        said = " ".join(str(error).split())[:200]  # pyarrow lists all columns, one in a line
        raise SourceError(f"cannot read the table {path}: {said}") from error
