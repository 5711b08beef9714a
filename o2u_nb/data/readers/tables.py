"""Read images and labels that a table names: a CSV file or a DataFrame.

In comes the table, with the folder that its paths are relative to; out comes `Checked`. Cells are
text, so that a class may be called "NA".
"""

import os
import warnings
from collections.abc import Sequence

import pandas as pd

from o2u_nb.data.checks import check, near_miss, raw_rows
from o2u_nb.data.parallel import Progress
from o2u_nb.data.readers.folders import require_folder
from o2u_nb.data.samples import Checked, printable, text
from o2u_nb.errors import SourceError

PathLike = str | os.PathLike


def from_csv(
    csv: PathLike,
    root: PathLike | None = None,
    *,
    path_col: str = "path",
    label_col: str = "label",
    split_col: str = "split",
    classes: Sequence[str] | None = None,
    check_images: bool = True,
    progress: Progress | None = None,
) -> Checked:
    """Read images and labels named in a CSV file with the columns path and label, as text.

    Paths are relative to `root`, by default the CSV file's folder. A split column is used if there
    is one, other columns are ignored, and a class may be called "NA" or "None". Raises
    `SourceError` when the file cannot be read, a column is missing, or none of the images exists.
    """
    csv = os.path.abspath(os.path.expanduser(os.fspath(csv)))
    frame = _read_csv(csv)
    return from_frame(
        frame,
        root=os.path.dirname(csv) if root is None else root,
        path_col=path_col,
        label_col=label_col,
        split_col=split_col,
        classes=classes,
        check_images=check_images,
        progress=progress,
        source=printable(csv),
    )


def _read_csv(csv: str) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            # A row with too many fields would only warn, and shift or lose its cells.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                csv, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False
            )
    except (OSError, ValueError, pd.errors.ParserWarning) as error:
        raise SourceError(f"cannot read {printable(csv)}: {_csv_reason(error)}") from error


def _csv_reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text; save it as UTF-8"
    if isinstance(error, pd.errors.EmptyDataError):
        return "it is empty; expected the columns path and label"
    if isinstance(error, pd.errors.ParserWarning):
        return "a row has more fields than the header; put names that hold a comma in quotes"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())


def from_frame(
    frame: pd.DataFrame,
    *,
    root: PathLike | None = None,
    path_col: str = "path",
    label_col: str = "label",
    id_col: str | None = None,
    split_col: str = "split",
    classes: Sequence[str] | None = None,
    check_images: bool = True,
    progress: Progress | None = None,
    source: str = "the DataFrame",
) -> Checked:
    """Read images and labels named in a DataFrame; a samples table comes back checked.

    Paths are relative to `root` (by default the working folder). The id is `id_col`, or else the
    index if it is named sample_id, or else the path relative to `root`. Where there is no path
    column, a column `image` of arrays or encoded bytes is used. Labels outside `classes`, if given,
    are reported. Raises `SourceError` when a column is missing or no file exists.
    """
    item_col = "image" if path_col not in frame and "image" in frame else path_col
    _require_columns(frame, [item_col, label_col, *([id_col] if id_col else [])], source)
    base = None if root is None else require_folder(root)
    column, items = _items(frame[item_col], item_col == path_col, base)
    rows, problems = raw_rows(
        _ids(frame, id_col, column, items, base),
        [text(label) for label in frame[label_col]],
        [text(split) for split in frame.get(split_col, [""] * len(frame))],
        column,
        items,
    )
    return check(
        rows,
        problems,
        source=source,
        classes=classes,
        check_images=check_images,
        progress=progress,
    )


def _items(values: pd.Series, are_paths: bool, base: str | None) -> tuple[str, list]:
    if not are_paths:
        return "image", list(values)
    paths = [
        text(os.fspath(value) if isinstance(value, os.PathLike) else value) for value in values
    ]
    return "path", [os.path.join(base or os.getcwd(), path) if path else "" for path in paths]


def _ids(
    frame: pd.DataFrame, id_col: str | None, column: str, items: list, base: str | None) -> list[str]:
    if id_col:
        return [text(value) for value in frame[id_col]]
    if frame.index.name == "sample_id" or column == "image":
        return [text(value) for value in frame.index]
    return [_relative_id(path, base or os.getcwd()) if path else "" for path in items]


def _relative_id(path: str, base: str) -> str:
    """Return `path` relative to `base` with forward slashes, or whole if it lies elsewhere."""
    path = os.path.normpath(path)
    inside = path.startswith(os.path.join(base, ""))
    return (os.path.relpath(path, base) if inside else path).replace(os.sep, "/")


def _require_columns(frame: pd.DataFrame, needed: Sequence[str], source: str) -> None:
    found = [str(column) for column in frame.columns]
    missing = [column for column in needed if column not in found]
    if not missing:
        return
    free = [column for column in found if column not in needed]
    near = [near_miss(column, free) for column in missing]
    hints = [f"did you mean {name!r}?" for name in near if name]
    raise SourceError(
        f"{source} has no column {' and no column '.join(map(repr, missing))}; it has: "
        f"{', '.join(map(repr, found)) or 'none'}" + "".join(f"; {hint}" for hint in hints)
    )
