"""Read labelled images from wherever they are into one checked samples table.

In comes a folder of class folders, a CSV or DataFrame of paths and labels, a torchvision data set,
or arrays; out comes `Checked(samples, problems)`. Nothing is written, nothing is repaired: what
cannot be used is left out and listed. `SourceError` means that nothing could be audited.
"""

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from o2u_nb.data import folders
from o2u_nb.data.arrays import as_pixels, to_numpy
from o2u_nb.data.checks import check, near_miss, raw_rows
from o2u_nb.data.parallel import Progress
from o2u_nb.data.samples import Checked, printable, text
from o2u_nb.errors import SourceError

PathLike = str | os.PathLike


def read(
    source: Any, labels: Any = None, *, progress: Progress | None = None, **options
) -> Checked:
    """Read `source` with the reader for its type; `options` go to that reader.

    A folder is read by class folders, or with `labels` (a CSV file or DataFrame of path and label)
    by that list; so are a CSV file alone (paths relative to it) and a DataFrame. A pair
    (images, labels), or images with `labels`, are arrays; anything with a length, items and classes
    is a torchvision-like data set. `progress(done, total)` hears of images that are decoded to be
    checked; arrays need no check.
    """
    if isinstance(source, (str, os.PathLike)):
        return _read_path(source, labels, options | {"progress": progress})
    if isinstance(source, pd.DataFrame):
        return from_frame(source, progress=progress, **options)
    if labels is not None:
        return from_arrays(source, labels, **options)
    if isinstance(source, tuple) and len(source) == 2:
        return from_arrays(*source, **options)
    if hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        return from_torchvision(source, progress=progress, **options)
    raise SourceError(
        "expected a folder, a CSV file, a DataFrame, (images, labels) or a torchvision data set, "
        f"found {type(source).__name__}"
    )


def _read_path(source: PathLike, labels: Any, options: dict) -> Checked:
    if isinstance(labels, pd.DataFrame):
        return from_frame(labels, root=source, **options)
    if labels is not None:
        return from_csv(labels, source, **options)
    if os.path.isfile(source) and os.fspath(source).casefold().endswith(".csv"):
        return from_csv(source, **options)
    return from_folder(source, **options)


def from_folder(
    root: PathLike, *, check_images: bool = True, progress: Progress | None = None
) -> Checked:
    """Read a folder of class folders: `[split/]class/any/depth/image`.

    The label is the class folder's name, the id the path relative to `root`. Raises `SourceError`
    for a missing, unlistable or empty folder, and when fewer than two classes are left.
    """
    folder = folders.require_folder(root)
    entries, problems = folders.scan(folder)
    if not entries:
        raise SourceError(_no_images(folder, [problem.problem for problem in problems]))
    ids, labels, splits, paths = zip(*entries, strict=True)
    rows, unnameable = raw_rows(ids, labels, splits, "path", paths)
    return check(
        rows,
        problems + unnameable,
        source=printable(folder),
        check_images=check_images,
        progress=progress,
        hint=_wrapper_hint(folder),
    )


def _no_images(folder: str, problems: list[str]) -> str:
    name = printable(folder)
    loose = problems.count("outside any class folder")
    if loose:
        return (
            f"no class folders in {name}, but {loose} images directly in it: put each class into "
            "a folder of its own, or give a CSV of path,label"
        )
    if "no permission" in problems:
        return f"no images in {name}: there is no permission to list the folders in it"
    return f"no images in {name}: expected folders named after the classes, with images in them"


def _wrapper_hint(folder: str) -> str:
    inner = folders.subfolders(folder)
    if len(inner) == 1 and len(folders.subfolders(os.path.join(folder, inner[0]))) > 1:
        return f"; if {inner[0]!r} holds the class folders, give that folder instead"
    return ""


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
    base = None if root is None else folders.require_folder(root)
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


def _ids(frame, id_col: str | None, column: str, items: list, base: str | None) -> list[str]:
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


def from_arrays(
    images: Any,
    labels: Any,
    *,
    ids: Sequence | None = None,
    classes: Sequence[str] | None = None,
    split: str = "train",
    channels: str | None = None,
    source: str = "the arrays",
) -> Checked:
    """Read images and labels from numpy arrays or tensors.

    `images` as in `arrays.as_pixels`: uint8, or floats in [0, 1], which are scaled. `labels` are
    numbers into `classes` (or become text without it) or names. Ids default to the position with
    leading zeros. Raises `SourceError` when lengths, shapes or values do not fit.
    """
    pixels = as_pixels(images, channels=channels)
    names = _label_names(to_numpy(labels), classes)
    ids = _numbered(len(pixels)) if ids is None else [text(value) for value in ids]
    if not len(pixels) == len(names) == len(ids):
        raise SourceError(
            f"expected as many labels and ids as images, found {len(pixels)} images, "
            f"{len(names)} labels and {len(ids)} ids"
        )
    rows, problems = raw_rows(ids, names, [split] * len(pixels), "image", pixels)
    return check(rows, problems, source=source, classes=classes, check_images=False)


def _numbered(count: int) -> list[str]:
    width = len(str(max(count - 1, 0)))
    return [f"{position:0{width}d}" for position in range(count)]


def _label_names(labels: np.ndarray, classes: Sequence[str] | None) -> list[str]:
    if labels.ndim != 1:
        raise SourceError(f"expected one label per image, found labels of shape {labels.shape}")
    if classes is None or not np.issubdtype(labels.dtype, np.integer):
        return [text(label) for label in labels]
    return [_class_name(int(code), classes) for code in labels]


def _class_name(code: int, classes: Sequence[str]) -> str:
    return str(classes[code]) if 0 <= code < len(classes) else f"label number {code}"


def from_torchvision(
    dataset: Any,
    *,
    split: str = "train",
    check_images: bool = True,
    progress: Progress | None = None,
) -> Checked:
    """Read a torchvision data set, or anything with a length, items (image, number) and `classes`.

    Files are taken as files (`samples` or `imgs`, as in ImageFolder), arrays as arrays (`data` and
    `targets`), both without transforms; else each item is fetched, as the data set transforms it.
    Ids are paths relative to the data set's root, or "split/position". No torch is imported.
    """
    classes = _classes(dataset)
    plain = getattr(dataset, "target_transform", None) is None
    if plain and (files := _files(dataset)):
        return _from_files(files, dataset, classes, split, check_images, progress)
    images, labels = (plain and _arrays(dataset)) or _fetched(dataset, progress)
    ids = [f"{split}/{name}" for name in _numbered(len(labels))]
    name = type(dataset).__name__
    return from_arrays(images, labels, ids=ids, classes=classes, split=split, source=name)


def _classes(dataset: Any) -> list[str] | None:
    """Find the class names, also of a Subset, which keeps them in the data set it is part of."""
    while not hasattr(dataset, "classes") and hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    classes = getattr(dataset, "classes", None)
    return None if classes is None else [str(name) for name in classes]


def _files(dataset: Any) -> list[tuple[str, int]]:
    for name in ("samples", "imgs"):
        entries = getattr(dataset, name, None)
        if isinstance(entries, list) and entries and isinstance(entries[0][0], (str, os.PathLike)):
            return entries
    return []


def _from_files(files, dataset, classes, split, check_images, progress) -> Checked:
    paths, codes = zip(*files, strict=True)
    labels = _label_names(np.asarray(codes), classes)
    frame = pd.DataFrame({"path": list(map(os.path.abspath, paths)), "label": labels})
    return from_frame(
        frame.assign(split=split),
        root=getattr(dataset, "root", None),
        classes=classes,
        check_images=check_images,
        progress=progress,
        source=type(dataset).__name__,
    )


def _arrays(dataset: Any) -> tuple[Any, np.ndarray] | None:
    images = getattr(dataset, "data", None)
    labels = getattr(dataset, "targets", getattr(dataset, "labels", None))
    if not hasattr(images, "shape") or labels is None:
        return None
    labels = to_numpy(labels)
    return (images, labels) if labels.ndim == 1 and len(labels) == len(images) else None


def _fetched(dataset: Any, progress: Progress | None) -> tuple[list, np.ndarray]:
    images, labels = [], []
    for position in range(len(dataset)):
        image, label = dataset[position][:2]
        images.append(to_numpy(image))
        labels.append(_one_label(label, position))
        if progress:
            progress(position + 1, len(dataset))
    return images, np.asarray(labels)


def _one_label(label: Any, position: int) -> str | int:
    try:
        return label if isinstance(label, str) else int(label)
    except (TypeError, ValueError) as error:
        raise SourceError(
            f"expected items (image, class number), found {type(label).__name__} as the label of "
            f"item {position}: only classification data can be audited"
        ) from error
