"""Read a torchvision data set, or whatever has a length, items (image, number) and `classes`.

In comes the data set; out comes `Checked`. Neither torch nor torchvision is imported here.
"""

import os
from typing import Any

import numpy as np
import pandas as pd

from o2u_nb.data.parallel import Progress
from o2u_nb.data.readers.arrays import from_arrays, label_names, numbered, to_numpy
from o2u_nb.data.readers.tables import from_frame
from o2u_nb.data.samples import Checked
from o2u_nb.errors import SourceError


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
    ids = [f"{split}/{name}" for name in numbered(len(labels))]
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


def _from_files(
    files: list[tuple[str, int]],
    dataset: Any,
    classes: list[str] | None,
    split: str,
    check_images: bool,
    progress: Progress | None,
) -> Checked:
    paths, codes = zip(*files, strict=True)
    labels = label_names(np.asarray(codes), classes)
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
    images: Any = getattr(dataset, "data", None)
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
