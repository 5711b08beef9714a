"""Read images and labels from a table: a DataFrame, or a file of labels.

In come the table and the folder that its paths are relative to; out comes `Checked`. Labels are
read as text, so that a class may be called "NA".
"""

import os
from collections.abc import Mapping, Sequence

import pandas as pd

from o2u_nb.data.checks import check, near_miss, raw_rows
from o2u_nb.data.images import GREY_COLUMNS
from o2u_nb.data.parallel import Progress
from o2u_nb.data.readers import cells
from o2u_nb.data.readers.folders import require_folder
from o2u_nb.data.readers.label_files import read_table
from o2u_nb.data.samples import Checked, printable, text
from o2u_nb.errors import SourceError

PathLike = str | os.PathLike
ROLES = ("path", "image", "label", "split", "id")
# Names of these columns in public data sets. They are used only for hints in error messages.
USUAL_NAMES = {
    "path": ("filename", "file", "file_name", "filepath", "file_path", "image_path", "img_path",
             "image_name", "img", "image", "image_id", "name", "fname"),
    "image": (),
    "label": ("class", "category", "class_name", "category_name", "label_name", "target", "labels",
              "y", "tag", "species", "breed", "diagnosis", "dx", "variety"),
}  # fmt: skip


def from_file(
    file: PathLike,
    root: PathLike | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    classes: Sequence[str] | None = None,
    check_images: bool = True,
    progress: Progress | None = None,
) -> Checked:
    """Read images and labels named in a file of labels: CSV, JSON, JSON lines, Parquet or Excel.

    Paths are relative to `root`, by default the file's folder. `columns`, `classes`, `check_images`
    and `progress` are those of `from_frame`; `encoding` is that of text files, see
    `label_files.read_table`. Other columns are ignored, and a class may be called "NA" or "None".
    Raises `SourceError` when the file cannot be read, a column is missing, or none of the images
    exists.
    """
    file = os.path.abspath(os.path.expanduser(os.fspath(file)))
    frame = read_table(file, encoding=encoding, wanted=list(_names(columns).values()))
    return from_frame(
        frame,
        root=os.path.dirname(file) if root is None else root,
        columns=columns,
        classes=classes,
        check_images=check_images,
        progress=progress,
        source=printable(file),
    )


def from_frame(
    frame: pd.DataFrame,
    *,
    root: PathLike | None = None,
    columns: Mapping[str, str] | None = None,
    classes: Sequence[str] | None = None,
    check_images: bool = True,
    progress: Progress | None = None,
    source: str = "the DataFrame",
) -> Checked:
    """Read images and labels named in a DataFrame; a samples table is checked again.

    Paths are relative to `root`, by default the working folder. `columns` maps "path", "image",
    "label", "split" and "id" to the names of these columns, such as
    `{"path": "filename", "label": "class"}`; by default they are called so. If there is no path
    column, the column "image" is used, which holds paths, encoded bytes, uint8 arrays, or dicts
    `{"bytes": ..., "path": ...}`. Ids are those of the id column if one is named, else the index if
    it is called sample_id, else the paths relative to `root`. If `classes` is given, rows with
    other labels are left out and listed. With `check_images` every image is decoded once, and
    `progress(done, total)` is called while this runs. `source` names the table in error messages.
    Raises `SourceError` when a column is missing or no file exists.
    """
    named = dict(columns or {})
    names = _names(columns)
    role = "image" if _holds_images(frame, named, names) else "path"
    extra = [names[role] for role in ("split", "id") if role in named]
    _require_columns(frame, {role: names[role], "label": names["label"]}, extra, source)
    base = None if root is None else require_folder(root)
    values = frame[names[role]]
    found = [cells.cell(value if role == "image" else _path(value)) for value in values]
    column, items = cells.in_one_column(found, base or os.getcwd())
    rows, problems = raw_rows(
        _ids(frame, named.get("id"), found, column, items, base or os.getcwd()),
        [text(label) for label in frame[names["label"]]],
        [text(split) for split in frame.get(names["split"], [""] * len(frame))],
        column,
        items,
    )
    return check(
        _with_known_range(rows, frame),
        problems,
        source=source,
        classes=classes,
        check_images=check_images,
        progress=progress,
        root=base,
    )


def _names(columns: Mapping[str, str] | None) -> dict[str, str]:
    """Return the name of each role's column: as `columns` says, else the role itself."""
    strange = [role for role in columns or {} if role not in ROLES]
    if strange:
        near = near_miss(str(strange[0]), ROLES)
        raise SourceError(
            f"no column {strange[0]!r} is read: name those of {', '.join(ROLES)}, such as "
            "columns={'path': 'filename', 'label': 'class'}"
            + (f"; did you mean {near!r}?" if near else "")
        )
    return {role: role for role in ROLES} | dict(columns or {})


def _holds_images(frame: pd.DataFrame, named: Mapping, names: Mapping[str, str]) -> bool:
    if "path" in named or "image" in named:
        return "path" not in named
    return names["path"] not in frame and names["image"] in frame


def _path(value: object) -> str:
    return os.fspath(value) if isinstance(value, os.PathLike) else text(value)


def _with_known_range(rows: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` with the range of grey of `frame`, if that is a samples table with one."""
    known = list(GREY_COLUMNS)
    if not set(known) <= set(frame.columns):
        return rows
    return rows.join(frame[known].reset_index(drop=True).astype(float))


def _ids(
    frame: pd.DataFrame,
    id_column: str | None,
    found: Sequence[cells.Cell],
    column: str,
    items: list,
    base: str,
) -> list[str]:
    if id_column:
        return [text(value) for value in frame[id_column]]
    if frame.index.name == "sample_id":
        return [text(value) for value in frame.index]
    if column == "path":
        return [relative_id(path, base) if path else "" for path in items]
    return cells.names(found) or [text(value) for value in frame.index]


def relative_id(path: str, base: str) -> str:
    """Return `path` with forward slashes, relative to the folder `base` if it is in there."""
    path = os.path.normpath(path)
    inside = path.startswith(os.path.join(base, ""))
    return (os.path.relpath(path, base) if inside else path).replace(os.sep, "/")


def _require_columns(
    frame: pd.DataFrame, roles: Mapping[str, str], others: Sequence[str], source: str
) -> None:
    found = [str(column) for column in frame.columns]
    needed = [*roles.values(), *others]
    twice = [column for column in needed if found.count(column) > 1]
    if twice:
        raise SourceError(f"{source} has several columns {twice[0]!r}: give each its own name")
    missing = [column for column in needed if column not in found]
    if not missing:
        return
    free = [column for column in found if column not in needed]
    near = [near_miss(column, free) for column in missing]
    hints = [f"; did you mean {name!r}?" for name in near if name]
    raise SourceError(
        f"{source} has no column {' and no column '.join(map(repr, missing))}; it has: "
        f"{', '.join(map(repr, found)) or 'none'}{''.join(hints)}{_naming_hint(roles, found)}"
    )


def _naming_hint(roles: Mapping[str, str], found: Sequence[str]) -> str:
    """Return a hint on how to name the columns, with a guess which they are."""
    guesses = {role: _guess(role, name, found) for role, name in roles.items()}
    asked = {role: guess for role, guess in guesses.items() if guess != role}
    if len(found) < 2 or not asked:
        return ""
    option = ",".join(f"{role}={guess}" for role, guess in asked.items())
    return f"; name yours with columns={asked} (--columns {option})"


def _guess(role: str, name: str, found: Sequence[str]) -> str:
    if name in found:
        return name
    folded = {column.strip().casefold(): column for column in reversed(found)}
    usual = (folded[near] for near in (role, *USUAL_NAMES[role]) if near in folded)
    return next(usual, "NAME")
