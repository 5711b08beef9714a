"""The items of a loader: their labels, and their files or pictures.

In comes any fastai loader: ours, one that the user built with `ImageDataLoaders` or a `DataBlock`,
or one of a torch data set. Out come lists whose entry i belongs to item i of the data set.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fastai.data.core import DataLoaders, Datasets, TfmdLists
from fastai.data.load import DataLoader

from o2u_nb.data.readers.arrays import as_pixels, to_numpy
from o2u_nb.errors import RecordingError
from o2u_nb.training import torch_sets
from o2u_nb.training.batches import SampleData


def loaders_of(dls: DataLoaders, *, valid: bool) -> list[DataLoader]:
    """Return the training loader and, with `valid`, the validation loader unless it is empty."""
    has_valid = valid and len(dls.loaders) > 1 and len(dls.valid.dataset)
    return [dls.train, dls.valid] if has_valid else [dls.train]


def labels_and_classes(dl: DataLoader) -> tuple[np.ndarray, list[str]]:
    """Return class numbers, int (n,), and the names of the classes.

    Pictures are opened only if the data set does not keep the labels separately. Raises
    `RecordingError` when the items are not pictures with one class label each.
    """
    data = dl.dataset
    if isinstance(data, SampleData):
        return data.labels.cpu().numpy(), data.vocab
    if _is_fastai(data):
        return _fastai_labels(dl)
    if hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        places = torch_sets.places_of(data)
        labels = class_numbers(torch_sets.labels(places))
        return labels, torch_sets.classes(data, places, labels)
    raise RecordingError(
        "Expected a training loader with one picture and one class label per sample, as fastai's "
        f"ImageDataLoaders build it; found a data set of type {type(data).__name__}, whose items "
        "cannot be looked up by position. Build the loaders with o2u_nb's `dataloaders(samples)`."
    )


def file_paths(dl: DataLoader) -> list[str] | None:
    """Return the absolute path of each item's file; None unless all items are files."""
    data = dl.dataset
    if isinstance(data, SampleData):
        found = None if data.samples is None else data.samples.get("path")
    elif _is_fastai(data):
        found = _fastai_paths(data.tls[0])
    else:
        found = torch_sets.paths(torch_sets.places_of(data))
    return None if found is None else [str(Path(path).absolute()) for path in found]


def pictures(dl: DataLoader) -> list[np.ndarray | bytes]:
    """Return the picture of each item, without augmentation, for items that are not files.

    A picture is uint8 (height, width) or (height, width, 3), or encoded bytes if the samples table
    of our loader holds these. Raises `SourceError` when the items of the data set are not pixels,
    but for example normalised numbers.
    """
    data = dl.dataset
    if isinstance(data, SampleData):
        return data.pictures()
    if _is_fastai(data):
        return as_pixels([to_numpy(data.tls[0][k]) for k in range(len(data))])
    return as_pixels(torch_sets.pictures(torch_sets.places_of(data)))


def _is_fastai(data: Any) -> bool:
    return isinstance(data, Datasets | TfmdLists)


def _fastai_labels(dl: DataLoader) -> tuple[np.ndarray, list[str]]:
    """Return class numbers, int (n,), by the data set's own label transforms, and class names."""
    lists = getattr(dl.dataset, "tls", None)
    vocab = getattr(dl, "vocab", None)
    if lists is None or vocab is None or len(lists) != 2:
        raise RecordingError(
            "Expected a training loader with one picture and one class label per sample, as "
            f"fastai's ImageDataLoaders build it; found a data set of type "
            f"{type(dl.dataset).__name__} with "
            f"{'no vocabulary' if vocab is None else f'{len(lists or [])} parts'}. "
            "Build the loaders with o2u_nb's `dataloaders(samples)`."
        )
    return class_numbers(list(lists[1])), [str(name) for name in vocab]


def _fastai_paths(pictures: TfmdLists) -> list[str | Path] | None:
    """Return the path of each item's file, or None if the items do not lead to files.

    The path is the item itself, or what the first transforms (`ColReader`, a `get_x`) make of it.
    """
    if not len(pictures):
        return []
    items = getattr(pictures.items, "iloc", pictures.items)
    steps = _steps_to_file(items[0], list(pictures.tfms.fs))
    if steps is None:
        return None
    return [_after(items[k], steps) for k in range(len(pictures))]


def _steps_to_file(item: Any, steps: list[Callable]) -> list[Callable] | None:
    """Return the first transforms, which turn `item` into a file's path; None if none does."""
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


def class_numbers(labels: list) -> np.ndarray:
    """Return `labels` as class numbers, int (n,).

    Raises `RecordingError` unless each label is a single whole number.
    """
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
