"""What a loader's items are: each one's label and, where there is a file, its path.

In comes any fastai loader: ours, one that the user built with `ImageDataLoaders` or a `DataBlock`,
or one over a torch data set. Out come lists whose entry i speaks of item i of the data set.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fastai.data.core import DataLoaders, Datasets, TfmdLists
from fastai.data.load import DataLoader

from o2u_nb.data.arrays import as_pixels, to_numpy
from o2u_nb.errors import RecordingError
from o2u_nb.training.loaders import PixelData

# Where torch and torchvision data sets keep files, files with labels, and labels.
PAIRS = ("samples", "imgs", "_samples")
FILES = ("_image_files", "_images")
LABELS = ("targets", "labels", "_labels")


def loaders_of(dls: DataLoaders, *, valid: bool) -> list[DataLoader]:
    """Return the training loader and, with `valid`, the validation loader unless it is empty."""
    has_valid = valid and len(dls.loaders) > 1 and len(dls.valid.dataset)
    return [dls.train, dls.valid] if has_valid else [dls.train]


def labels_and_classes(dl: DataLoader) -> tuple[np.ndarray, list[str]]:
    """Return class numbers (n,) int and class names; pictures are not opened where labels are kept.

    Raises `RecordingError` when the items are not pictures with one class label each.
    """
    data = dl.dataset
    if isinstance(data, PixelData):
        return data.labels.cpu().numpy(), data.vocab
    if _is_fastai(data):
        return _fastai_labels(dl)
    if hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        return _torch_labels(data)
    raise RecordingError(
        "Expected a training loader with one picture and one class label per sample, as fastai's "
        f"ImageDataLoaders build it; found a data set of type {type(data).__name__}, whose items "
        "cannot be looked up by position. Build the loaders with o2u_nb's `dataloaders(samples)`."
    )


def file_paths(dl: DataLoader) -> list[str] | None:
    """Return the absolute path of each item's file; None when not all of them are files."""
    data = dl.dataset
    if isinstance(data, PixelData):
        found = None if data.samples is None else data.samples.get("path")
    elif _is_fastai(data):
        found = _fastai_paths(data.tls[0])
    else:
        found = _torch_paths(data)
    return None if found is None else [str(Path(path).absolute()) for path in found]


def pictures(dl: DataLoader) -> list[np.ndarray | bytes]:
    """Return the picture of each item without augmentation, for items that are no files.

    uint8 (height, width[, 3]), or encoded bytes where our loader's table holds those. Raises
    `SourceError` when the data set holds no pixels, but normalised numbers for instance.
    """
    data = dl.dataset
    if isinstance(data, PixelData):
        if data.samples is not None and "image" in data.samples:
            return list(data.samples["image"])
        return list(data.pixels.cpu().numpy())
    if _is_fastai(data):
        return as_pixels([to_numpy(data.tls[0][k]) for k in range(len(data))])
    places = _leaves(data)
    plain = {id(leaf): _without_transform(leaf) for leaf, _ in places}
    return as_pixels([to_numpy(plain[id(leaf)][k][0]) for leaf, k in places])


# fastai's data sets


def _is_fastai(data: Any) -> bool:
    return isinstance(data, Datasets | TfmdLists)


def _fastai_labels(dl: DataLoader) -> tuple[np.ndarray, list[str]]:
    """Read labels through the data set's own label transforms."""
    lists, vocab = getattr(dl.dataset, "tls", None), getattr(dl, "vocab", None)
    if lists is None or vocab is None or len(lists) != 2:
        raise RecordingError(
            "Expected a training loader with one picture and one class label per sample, as "
            f"fastai's ImageDataLoaders build it; found a data set of type "
            f"{type(dl.dataset).__name__} with "
            f"{'no vocabulary' if vocab is None else f'{len(lists or [])} parts'}. "
            "Build the loaders with o2u_nb's `dataloaders(samples)`."
        )
    return _class_numbers(list(lists[1])), [str(name) for name in vocab]


def _fastai_paths(pictures: TfmdLists) -> list[str | Path] | None:
    """Follow each item through the transforms that lead to its file (`ColReader`, a `get_x`)."""
    if not len(pictures):
        return []
    items = getattr(pictures.items, "iloc", pictures.items)
    steps = _steps_to_file(items[0], list(pictures.tfms.fs))
    if steps is None:
        return None
    return [_after(items[k], steps) for k in range(len(pictures))]


def _steps_to_file(item: Any, steps: list[Callable]) -> list[Callable] | None:
    """Return the first transforms that make a file's path of `item`; None when none does."""
    for count in range(len(steps) + 1):
        if isinstance(item, str | Path) and Path(item).is_file():
            return steps[:count]
        if count < len(steps):
            item = steps[count](item)
    return None


def _after(item: Any, steps: list[Callable]) -> Any:
    for step in steps:
        item = step(item)
    return item


# torch's data sets, as they are and in wrappers


def _torch_labels(data: Any) -> tuple[np.ndarray, list[str]]:
    places = _leaves(data)
    labels = _class_numbers([_label(leaf, k) for leaf, k in places])
    return labels, _torch_classes(data, places, labels)


def _torch_paths(data: Any) -> list[str | Path] | None:
    paths = [_path(leaf, k) for leaf, k in _leaves(data)]
    return None if None in paths else paths


def _leaves(data: Any) -> list[tuple[Any, int]]:
    """Say in which data set, and where in it, each item lies that a `Subset` or chain serves."""
    if hasattr(data, "indices") and hasattr(data, "dataset"):
        inside = _leaves(data.dataset)
        return [inside[int(k)] for k in data.indices]
    if hasattr(data, "cumulative_sizes") and hasattr(data, "datasets"):
        return [place for part in data.datasets for place in _leaves(part)]
    return [(data, k) for k in range(len(data))]


def _first(data: Any, names: tuple[str, ...]) -> Any:
    """Return the first of the attributes `names` that holds a value for each item."""
    for name in names:
        values = getattr(data, name, None)
        if values is not None and hasattr(values, "__len__") and len(values) == len(data):
            return values
    return None


def _label(data: Any, position: int) -> Any:
    if getattr(data, "target_transform", None) is None:
        labels, pairs = _first(data, LABELS), _first(data, PAIRS)
        if labels is not None:
            return labels[position]
        if pairs is not None:
            return pairs[position][1]
    return data[position][1]


def _path(data: Any, position: int) -> str | Path | None:
    pairs, files = _first(data, PAIRS), _first(data, FILES)
    found = pairs[position][0] if pairs is not None else None
    if found is None and files is not None:
        found = files[position]
    return found if isinstance(found, str | Path) else None


def _torch_classes(data: Any, places: list[tuple[Any, int]], labels: np.ndarray) -> list[str]:
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


def _without_transform(data: Any) -> Any:
    """Copy a torchvision data set so that it serves pictures as they are stored."""
    plain = copy.copy(data)
    for name in ("transform", "transforms"):
        if hasattr(plain, name):
            setattr(plain, name, None)
    return plain


def _class_numbers(labels: list) -> np.ndarray:
    """Return labels as int (n,); raise `RecordingError` unless each is one class number."""
    if any(getattr(label, "ndim", 0) for label in labels[:1]):
        raise RecordingError(
            "Expected one class label per sample, found several: losses of multi-label data "
            "cannot be ranked by this package."
        )
    numbers = []
    for position, label in enumerate(labels):
        try:
            number = int(label)
            whole = number == float(label)
        except (TypeError, ValueError):
            whole = False
        if not whole:
            raise RecordingError(
                f"Expected a class number as the label of each sample, found {label!r} of type "
                f"{type(label).__name__} at position {position}. Use fastai's CategoryBlock, or "
                "number the classes."
            )
        numbers.append(number)
    return np.array(numbers, dtype=np.int64)
