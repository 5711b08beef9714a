"""Read a torchvision data set, or any with a length and items (image, class number).

In comes the data set, alone or inside torch's `Subset`, `random_split` or `ConcatDataset`; out
comes `Checked`. Files stay files. Neither torch nor torchvision is imported here.
"""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from o2u_nb.data.checks import check, raw_rows
from o2u_nb.data.parallel import Progress
from o2u_nb.data.readers import cells
from o2u_nb.data.readers.arrays import label_names, numbered
from o2u_nb.data.readers.fetching import fetch
from o2u_nb.data.readers.pixels import as_pixels, to_numpy
from o2u_nb.data.readers.tables import relative_id
from o2u_nb.data.readers.wrappers import Leaves, leaves
from o2u_nb.data.samples import Checked, Problem
from o2u_nb.errors import SourceError

# The attributes in which torchvision's data sets keep their files: lists of pairs (path, class
# number), or a list of paths and a list of class numbers.
PAIRED = ("samples", "imgs", "_samples")
APART = (("_image_files", "_labels"), ("_images", "_labels"))


class _Part(NamedTuple):
    """The items of one data set inside the wrappers; `root` is the folder of its files, or None."""

    ids: Sequence[str]
    cells: list[cells.Cell]
    labels: list[str]
    root: str | None
    problems: list[Problem]


def from_torchvision(
    dataset: Any,
    *,
    split: str = "train",
    check_images: bool = True,
    progress: Progress | None = None,
) -> Checked:
    """Read a torchvision data set, or anything with a length and items (image, class number).

    If the data set keeps files (as ImageFolder does) or arrays (`data` and `targets`), these are
    read directly: the pictures without the `transform`, the labels with the `target_transform`.
    This also works inside torch's `Subset` and `ConcatDataset`. Otherwise each item is fetched as
    the data set transforms it, and is shrunk to at most 256 pixels on its longest side; a warning
    says first how much memory that takes, if it is much. Class names are those of the attribute
    `classes`. Ids are paths relative to the root of the data sets, or "split/position". With
    `check_images` every file is decoded once; `progress(done, total)` is called while items are
    fetched or decoded. Raises `SourceError` when an item has no class number as its label, or
    nothing can be audited.
    """
    inside = leaves(dataset)
    source = type(dataset).__name__
    names = [f"{split}/{name}" for name in numbered(len(inside.which))]
    parts = [
        _part(part, inside.position[mine], [names[row] for row in mine], source, progress)
        for part, mine in zip(inside.datasets, _by_data_set(inside), strict=True)
        if len(mine)
    ]
    base = _common_root(parts)
    found = [cell for part in parts for cell in part.cells]
    column, items = cells.in_one_column(found, base or os.getcwd())
    ids = [name for part in parts for name in part.ids]
    labels = [label for part in parts for label in part.labels]
    rows, problems = raw_rows(
        [relative_id(path, base or "") for path in items] if column == "path" else ids,
        labels,
        [split] * len(labels),
        column,
        items,
    )
    return check(
        rows,
        [problem for part in parts for problem in part.problems] + problems,
        source=source,
        classes=_all_classes(inside.datasets),
        check_images=check_images and not all(isinstance(item, np.ndarray) for item in items),
        progress=progress,
        root=base,
    )


def _by_data_set(inside: Leaves) -> list[np.ndarray]:
    return [np.flatnonzero(inside.which == number) for number in range(len(inside.datasets))]


def _part(
    dataset: Any,
    positions: np.ndarray,
    ids: Sequence[str],
    source: str,
    progress: Progress | None,
) -> _Part:
    """Return the items of `dataset` at `positions`: files, else arrays, else fetched pictures."""
    files = _files(dataset)
    arrays = _arrays(dataset)
    if files:
        paths, codes = zip(*(files[row] for row in positions), strict=True)
        found = [cells.Cell(os.path.abspath(path)) for path in paths]
        return _Part(ids, found, _named(dataset, codes, ids), _root(dataset, paths), [])
    if arrays:
        pixels = as_pixels(arrays[0] if _all_of(positions, arrays[0]) else arrays[0][positions])
        labels = _named(dataset, arrays[1][positions], ids)
        return _Part(ids, [cells.Cell(image) for image in pixels], labels, None, [])
    fetched = fetch(
        lambda row: _pair(dataset[int(positions[row])]), ids, source=source, progress=progress
    )
    named = zip(fetched.labels, fetched.ids, strict=True)
    labels = _names([_one_label(label, name) for label, name in named], _classes(dataset))
    return _Part(fetched.ids, fetched.cells, labels, None, fetched.problems)


def _all_of(positions: np.ndarray, images: Any) -> bool:
    return len(positions) == len(images) and bool((positions == np.arange(len(images))).all())


def _pair(item: Any) -> tuple[Any, Any]:
    if not isinstance(item, (tuple, list)) or len(item) < 2:
        raise SourceError(
            f"expected items (image, class number), found {type(item).__name__}: only "
            "classification data can be audited"
        )
    return item[0], item[1]


def _named(dataset: Any, codes: Sequence, ids: Sequence[str]) -> list[str]:
    """Return the class names of `codes`, after the data set's `target_transform`."""
    change = getattr(dataset, "target_transform", None)
    codes = [_one_label(code, name) for code, name in zip(codes, ids, strict=True)]
    if change is not None:
        codes = [_one_label(change(code), name) for code, name in zip(codes, ids, strict=True)]
    return _names(codes, _classes(dataset))


def _names(codes: Sequence[str | int], classes: Sequence[str] | None) -> list[str]:
    return [
        code if isinstance(code, str) else label_names(np.asarray([code]), classes)[0]
        for code in codes
    ]


def _one_label(label: Any, name: str) -> str | int:
    try:
        number = label if isinstance(label, str) else int(label)
    except (TypeError, ValueError) as error:
        raise SourceError(_no_class(label, name)) from error
    if not isinstance(label, str) and number != label:
        raise SourceError(_no_class(label, name))
    return number


def _no_class(label: Any, name: str) -> str:
    return (
        f"expected items (image, class number), found {type(label).__name__} as the label of "
        f"item {name}: only classification data can be audited"
    )


def _all_classes(datasets: Sequence[Any]) -> list[str] | None:
    known = [_classes(dataset) for dataset in datasets]
    if None in known:
        return None
    return list(dict.fromkeys(name for names in known for name in names))


def _classes(dataset: Any) -> list[str] | None:
    """Return the class names, which a wrapper leaves in the data set that it wraps."""
    while not hasattr(dataset, "classes"):
        inner = [getattr(dataset, name) for name in ("dataset", "subset") if hasattr(dataset, name)]
        if not inner:
            return None
        dataset = inner[0]
    return [str(name) for name in dataset.classes]


def _files(dataset: Any) -> list[tuple[str, Any]]:
    """Return the path and class number of each item; [] if the data set does not keep files."""
    kept = [getattr(dataset, name, None) for name in PAIRED]
    for images, labels in APART:
        pair = getattr(dataset, images, None), getattr(dataset, labels, None)
        if all(isinstance(values, list) for values in pair) and len(pair[0]) == len(pair[1]):
            kept.append(list(zip(*pair, strict=True)))
    for entries in kept:
        if isinstance(entries, list) and entries and len(entries) == len(dataset):
            first = entries[0]
            if isinstance(first, (tuple, list)) and isinstance(first[0], (str, os.PathLike)):
                return [(entry[0], entry[1]) for entry in entries]
    return []


def _root(dataset: Any, paths: Sequence[str | os.PathLike]) -> str:
    """Return the folder that ids are relative to: the data set's, else that of all `paths`."""
    root = getattr(dataset, "root", None)
    if isinstance(root, (str, os.PathLike)) and os.path.isdir(root):
        return os.path.abspath(root)
    return os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths])


def _common_root(parts: Sequence[_Part]) -> str | None:
    roots = [part.root for part in parts if part.root is not None]
    return os.path.commonpath(roots) if roots else None


def _arrays(dataset: Any) -> tuple[Any, np.ndarray] | None:
    images = getattr(dataset, "data", None)
    labels = getattr(dataset, "targets", getattr(dataset, "labels", None))
    if not hasattr(images, "shape") or labels is None:
        return None
    labels = to_numpy(labels)
    return (images, labels) if labels.ndim == 1 and len(labels) == len(images) else None
