"""The labels, files and pictures of torch's and torchvision's data sets.

In comes a data set, alone or inside wrappers such as `Subset`. Out come lists with one entry per
item. They are read from the attributes in which the data set keeps them, so that pictures are not
opened or transformed without need. Torch is not imported.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np

from o2u_nb.data.readers import wrappers
from o2u_nb.data.readers.arrays import to_numpy
from o2u_nb.errors import RecordingError

# The attributes in which torchvision's data sets keep pairs (file, label), files, and labels. The
# names without an underscore are also usual in data sets that users write themselves.
PAIRS = ("samples", "imgs", "_samples")
FILES = ("_image_files", "_images", "paths", "image_paths", "files")
LABELS = ("targets", "labels", "_labels")

Place = tuple[Any, int]  # a data set that is not a wrapper, and the position of an item in it


def places_of(data: Any) -> list[Place]:
    """Return, for each item of `data`, the data set inside the wrappers and the position in it."""
    inside = wrappers.leaves(data)
    pairs = zip(inside.which.tolist(), inside.position.tolist(), strict=True)
    return [(inside.datasets[which], position) for which, position in pairs]


def labels(places: list[Place]) -> list:
    """Return the label of each item; items are fetched only if no attribute has the labels."""
    return [_label(leaf, k) for leaf, k in places]


def paths(places: list[Place]) -> list[str | Path] | None:
    """Return the file of each item; None unless all items are files."""
    found = [_path(leaf, k) for leaf, k in places]
    return None if None in found else found


def pictures(places: list[Place]) -> list[np.ndarray]:
    """Return the picture of each item without the data set's `transform`, as a numpy array."""
    plain = {id(leaf): _without_transform(leaf) for leaf, _ in places}
    return [to_numpy(plain[id(leaf)][k][0]) for leaf, k in places]


def classes(data: Any, places: list[Place], labels: np.ndarray) -> list[str]:
    """Return the names of the classes of `data`.

    They are those of the attribute `classes` of `data`, or of the data sets inside its wrappers;
    without one, the class numbers as text. Raises `RecordingError` when the data sets have
    different classes.
    """
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
    """Return the first of the attributes `names` of `data` that has one value for each item."""
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
    """Return a copy of a data set that serves its pictures without a transform."""
    plain = copy.copy(data)
    for name in ("transform", "transforms"):
        if hasattr(plain, name):
            setattr(plain, name, None)
    return plain
