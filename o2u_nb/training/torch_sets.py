"""Torch's and torchvision's data sets, as they are and within wrappers such as `Subset`.

In comes a data set; out come, item by item, labels, files and pictures from where the data set
keeps them, so that nothing is opened or transformed that need not be. Torch is not imported.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np

from o2u_nb.data.readers import wrappers
from o2u_nb.data.readers.arrays import to_numpy
from o2u_nb.errors import RecordingError

# The attributes in which torchvision's data sets keep pairs (file, label), files, and labels;
# the names without an underscore are usual in data sets that people write themselves.
PAIRS = ("samples", "imgs", "_samples")
FILES = ("_image_files", "_images", "paths", "image_paths", "files")
LABELS = ("targets", "labels", "_labels")


Place = tuple[Any, int]  # a data set that is no wrapper, and an item's position in it


def places_of(data: Any) -> list[Place]:
    """Say in which data set, and where in it, each item lies that a `Subset` or chain serves."""
    inside = wrappers.leaves(data)
    pairs = zip(inside.which.tolist(), inside.position.tolist(), strict=True)
    return [(inside.datasets[which], position) for which, position in pairs]


def labels(places: list[Place]) -> list:
    """Return the label of each item; an item is fetched only where its label is kept nowhere."""
    return [_label(leaf, k) for leaf, k in places]


def paths(places: list[Place]) -> list[str | Path] | None:
    """Return the file of each item; None when not all of them are files."""
    found = [_path(leaf, k) for leaf, k in places]
    return None if None in found else found


def pictures(places: list[Place]) -> list[np.ndarray]:
    """Return the picture of each item as the data set keeps it, before its `transform`."""
    plain = {id(leaf): _without_transform(leaf) for leaf, _ in places}
    return [to_numpy(plain[id(leaf)][k][0]) for leaf, k in places]


def classes(data: Any, places: list[Place], labels: np.ndarray) -> list[str]:
    """Find the class names, which wrappers leave in the data set that they wrap."""
    leaves = {id(leaf): leaf for leaf, _ in places}
    lists = [getattr(leaf, "classes", None) for leaf in [data, *leaves.values()]]
    named = [[str(name) for name in names] for names in lists if names is not None]
    if any(names != named[0] for names in named):
        raise RecordingError(
            "Expected one list of classes in all parts of the training set, found several, such as "
            f"{named[0][:3]} and {next(n for n in named if n != named[0])[:3]}: give the parts the "
            "same classes in the same order."
        )
    if named:
        return named[0]
    counts = [getattr(leaf, "num_classes", 0) for leaf in leaves.values()]
    return [str(k) for k in range(max([*counts, int(labels.max(initial=-1)) + 1]))]


def _first(data: Any, names: tuple[str, ...]) -> Any:
    """Return the first of the attributes `names` that holds a value for each item."""
    for name in names:
        values = getattr(data, name, None)
        if values is not None and hasattr(values, "__len__") and len(values) == len(data):
            return values
    return None


def _label(data: Any, position: int) -> Any:
    if getattr(data, "target_transform", None) is None:
        labels = _first(data, LABELS)
        pairs = _first(data, PAIRS)
        if labels is not None:
            return labels[position]
        if pairs is not None:
            return pairs[position][1]
    return data[position][1]


def _path(data: Any, position: int) -> str | Path | None:
    pairs = _first(data, PAIRS)
    files = _first(data, FILES)
    if pairs is not None:
        found = pairs[position][0]
    elif files is not None:
        found = files[position]
    else:
        return None
    return found if isinstance(found, str | Path) and Path(found).is_file() else None


def _without_transform(data: Any) -> Any:
    """Copy a torchvision data set so that it serves pictures as they are stored."""
    plain = copy.copy(data)
    for name in ("transform", "transforms"):
        if hasattr(plain, name):
            setattr(plain, name, None)
    return plain
