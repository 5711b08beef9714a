"""Read a classification data set that FiftyOne has exported: `labels.json` beside `data`.

In comes the folder, or one with such folders for train, validation and test; out comes `Checked`.
FiftyOne itself is not needed. The layout is that of `FiftyOneImageClassificationDataset`, in which
a picture is named by its path in `data` without the suffix.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from o2u_nb.data.images import suffixes
from o2u_nb.data.readers.folders import SPLITS, subfolders
from o2u_nb.data.readers.places import below
from o2u_nb.data.readers.tables import from_frame
from o2u_nb.data.samples import Checked, printable
from o2u_nb.errors import SourceError

LABELS, DATA = "labels.json", "data"


def exports_in(root: str | os.PathLike) -> dict[str, Path]:
    """Return the exports in the folder `root` by their split; none where it is laid out otherwise.

    An export is a folder with `labels.json` in which `data` is the only folder.
    """
    if _is_export(os.fspath(root)):
        return {"train": Path(root)}
    inner = subfolders(os.fspath(root))
    folders = {SPLITS.get(name.casefold(), ""): Path(root, name) for name in inner}
    is_whole = len(folders) == len(inner) and all(folders)
    return folders if is_whole and all(map(_is_export, map(os.fspath, folders.values()))) else {}


def _is_export(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, LABELS)) and subfolders(folder) == [DATA]


def from_fiftyone(root: str | os.PathLike, **options: Any) -> Checked:
    """Read the classification exports of FiftyOne in the folder `root`.

    The label is the name of the class, and the id is the picture's path relative to `root`; what
    else a label holds, such as its confidence, is not looked at. `options` are those of
    `from_frame`, such as `check_images` and `progress`. Raises `SourceError` for a list of labels
    that cannot be read, class numbers without a name, several labels for a picture, and what
    `from_frame` raises.
    """
    parts = [_table(folder, Path(root), split) for split, folder in exports_in(root).items()]
    source = printable(os.path.join(os.fspath(root), "" if len(parts) > 1 else LABELS))
    return from_frame(pd.concat(parts), root=root, source=source, **options)


def _table(folder: Path, root: Path, split: str) -> pd.DataFrame:
    path = folder / LABELS
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        found = _labelled(value)
        places = _places(folder / DATA)
        rows = [(_file(name, places), label) for name, label in found.items()]
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise SourceError(
            f"cannot read {printable(str(path))} as the labels of a FiftyOne export: {reason}"
        ) from error
    above = (folder / DATA).relative_to(root).as_posix()
    table = pd.DataFrame(rows, columns=["path", "label"], dtype="str")
    return table.assign(path=f"{above}/" + table["path"], split=split)


def _labelled(value: Any) -> dict[str, str]:
    """Return the label of each picture's name, "" where it has none."""
    labels = value.get("labels") if isinstance(value, Mapping) else None
    if not isinstance(labels, Mapping) or not labels:
        raise ValueError("expected an object with 'labels', an object of names and labels")
    classes = value.get("classes")
    if classes is not None and not isinstance(classes, list):
        raise ValueError("its 'classes' should be a list of names")
    return {below(name): _label(target, classes, name) for name, target in labels.items()}


def _label(target: Any, classes: Sequence | None, name: str) -> str:
    if isinstance(target, Mapping):
        target = target.get("label")
    if target is None or isinstance(target, str):
        return target or ""
    if isinstance(target, bool) or not isinstance(target, int):
        raise ValueError(
            f"expected one class for the picture {name!r:.200}, found {target!r:.80}: only "
            "classification data can be audited"
        )
    if not 0 <= target < len(classes or []):
        raise ValueError(
            f"the picture {name!r:.200} has the class number {target}, and 'classes' has "
            f"{len(classes or [])} names"
        )
    return str((classes or [])[target])


def _places(data: Path) -> dict[str, list[str]]:
    """Return the files of pictures below `data` by their paths without a suffix."""
    found: dict[str, list[str]] = {}
    for folder, _, files in os.walk(data):
        above = Path(folder).relative_to(data)
        for file in files:
            place = (above / file).as_posix()
            if os.path.splitext(file)[1].casefold() in suffixes():
                found.setdefault(str(PurePosixPath(place).with_suffix("")), []).append(place)
    return found


def _file(name: str, places: Mapping[str, list[str]]) -> str:
    """Return the file that `name` means, or `name` itself, which the checks list as missing."""
    files = places.get(name, [name])
    if len(files) > 1:
        raise ValueError(f"the name {name!r} means several files: {', '.join(sorted(files))}")
    return files[0]
