"""Read a repository of Hugging Face that lies on disk.

In comes the folder; out comes `Checked`. Three layouts are known: an imagefolder, in which files
called `metadata` name the pictures and their labels; Parquet files that hold the pictures; and what
`Dataset.save_to_disk` writes. `datasets` itself is not needed.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from o2u_nb.data.readers.folders import SPLITS, subfolders
from o2u_nb.data.readers.huggingface import IMAGE_NAMES, LABEL_NAMES, from_dicts
from o2u_nb.data.readers.label_files import named_classes, read_table
from o2u_nb.data.readers.places import below
from o2u_nb.data.readers.tables import from_frame
from o2u_nb.data.samples import Checked, printable
from o2u_nb.errors import SourceError

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
FILE_NAME = "file_name"  # the column of a metadata file that names the picture
PARQUET, ARROW = ".parquet", ".arrow"
STATE, SPLITS_OF = "state.json", "dataset_dict.json"  # what save_to_disk writes beside the data
SNIFFED = 2**16  # bytes of a metadata file that are looked at before it is read; our choice


class Repository(NamedTuple):
    """What was found in a folder: files of `metadata`, or `tables` with pictures by their split."""

    metadata: list[Path]
    tables: dict[str, list[Path]]


def repository_in(root: str | os.PathLike) -> Repository | None:
    """Return what a repository on disk is made of; None where the folder is laid out otherwise.

    Raises `SourceError` where the folder holds several data sets, from which one is to be chosen.
    """
    folder = Path(root)
    if metadata := _metadata_in(folder):
        return Repository(metadata, {})
    tables = _arrow_in(folder) or _parquet_in(folder)
    return Repository([], tables) if tables else None


def from_repository(
    root: str | os.PathLike,
    found: Repository,
    *,
    columns: Mapping[str, str] | None = None,
    classes: Any = None,
    **options: Any,
) -> Checked:
    """Read the repository `found` in the folder `root`, which `repository_in` returned.

    Class numbers become the names that the files hold. Ids are paths relative to `root`, or those
    of `from_dicts`. `columns` maps "image", "label" and "id" to the names of these columns, and
    `options` are `check_images` and `progress`. Raises `SourceError` for files that cannot be read,
    missing columns, several labels for a picture, and pictures outside of `root`.
    """
    if found.metadata:
        return _from_metadata(Path(root), found.metadata, dict(columns or {}), classes, options)
    parts = {split: _rows(files) for split, files in found.tables.items()}
    return from_dicts(parts, columns=columns, **options)


# Files of metadata


def _metadata_in(folder: Path) -> list[Path]:
    """Return the files of metadata that name pictures: at the root, or in folders of splits."""
    inner = [folder / name for name in subfolders(str(folder))]
    deeper = [
        place / name
        for place in inner
        if place.name.casefold() in ("data", *SPLITS)
        for name in subfolders(str(place))
    ]
    files = [place / name for place in (folder, *inner, *deeper) for name in METADATA]
    return [path for path in files if path.is_file() and _names_labels(path)]


def _names_labels(path: Path) -> bool:
    """Tell whether a file called metadata names pictures and, by its first bytes, their labels."""
    try:
        if path.suffix == PARQUET:
            import pyarrow.parquet as pq

            names = pq.read_schema(path).names
            return FILE_NAME in names and any(name in names for name in LABEL_NAMES)
        with open(path, "rb") as file:
            start = file.read(SNIFFED).splitlines()[:1]
    except Exception:  # what is no file of Hugging Face may be anything
        return False
    words = re.findall(rb"[\w]+", start[0]) if start else []
    return FILE_NAME.encode() in words and any(name.encode() in words for name in LABEL_NAMES)


def _from_metadata(
    root: Path, files: list[Path], columns: dict[str, str], classes: Any, options: dict
) -> Checked:
    tables = [_named(root, path, columns) for path in files]
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return from_frame(
        pd.concat(tables, ignore_index=True),
        root=root,
        classes=classes,
        source=f"{printable(str(files[0]))}{more}",
        **options,
    )


def _named(root: Path, path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return path, label and split of the pictures that a file of metadata names."""
    table = read_table(str(path), wanted=[FILE_NAME, *LABEL_NAMES])
    names = [columns["label"]] if "label" in columns else LABEL_NAMES
    label = next((name for name in names if name in table), None)
    if label is None or FILE_NAME not in table:
        raise SourceError(
            f"{printable(str(path))} has no column {FILE_NAME!r} or none that is plainly the "
            f"label; it has: {', '.join(map(repr, table))}; name that with "
            "columns={'label': 'NAME'}"
        )
    many = [value for value in table[label] if isinstance(value, (list, Mapping))]
    if many:
        raise SourceError(
            f"expected one class for each picture, found {many[0]!r:.80} in the column {label!r} "
            f"of {printable(str(path))}: only classification data can be audited"
        )
    above = path.parent.relative_to(root)
    try:
        places = [below((above / below(name)).as_posix()) for name in table[FILE_NAME]]
    except ValueError as error:
        raise SourceError(f"cannot read {printable(str(path))}: {error}") from error
    words = [part.casefold() for part in reversed(above.parts)]
    split = next((SPLITS[word] for word in words if word in SPLITS), "train")
    return pd.DataFrame({"path": places, "label": table[label].tolist(), "split": split})


# Files that hold the pictures


def _arrow_in(folder: Path) -> dict[str, list[Path]]:
    """Return what `save_to_disk` has written, by split: one set, or a folder for each split."""
    folders = [folder]
    if (folder / SPLITS_OF).is_file():
        folders = [folder / name for name in subfolders(str(folder))]
    return {
        SPLITS.get(place.name.casefold(), place.name if len(folders) > 1 else "train"): files
        for place in folders
        if (place / STATE).is_file() and (files := sorted(place.glob(f"*{ARROW}")))
    }


def _parquet_in(folder: Path) -> dict[str, list[Path]]:
    """Return the Parquet files with pictures by split: at the root, or in the folder data."""
    for place in (folder, folder / "data"):
        files = [path for path in sorted(place.glob(f"*{PARQUET}")) if _holds_pictures(path)]
        if files:
            return _by_split(files)
    configurations = [
        name for name in subfolders(str(folder))
        if any(map(_holds_pictures, sorted((folder / name).glob(f"*{PARQUET}"))[:1]))
    ]  # fmt: skip
    if configurations:
        raise SourceError(
            f"{printable(str(folder))} holds the pictures of {len(configurations)} data sets, in "
            f"the folders {', '.join(configurations)}: give one of these folders"
        )
    return {}


def _by_split(files: list[Path]) -> dict[str, list[Path]]:
    """Group files by the split in their names, such as `train-00000-of-00002.parquet`."""
    found: dict[str, list[Path]] = {}
    for path in files:
        name = re.split(r"-\d+-of-\d+|-\d+$", path.stem)[0]
        found.setdefault(SPLITS.get(name.casefold(), "train"), []).append(path)
    return found


def _holds_pictures(path: Path) -> bool:
    """Tell whether a Parquet file has a column of encoded pictures, as bytes and a path."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (OSError, ValueError):  # errors of pyarrow are ValueErrors
        return False
    return any(
        pa.types.is_struct(field.type) and {"bytes", "path"} <= {part.name for part in field.type}
        for field in schema
        if field.name in IMAGE_NAMES or pa.types.is_struct(field.type)
    )


def _rows(files: list[Path]) -> list[dict]:
    """Return the rows of the files of a split, with names in the place of class numbers."""
    return [row for path in files for row in _table(path).to_dict("records")]


def _table(path: Path) -> pd.DataFrame:
    if path.suffix == PARQUET:
        return read_table(str(path))
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as stream:
            table = stream.read_all()
        table.validate(full=True)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise SourceError(f"cannot read {printable(str(path))}: {said}") from error
    return named_classes(table)
