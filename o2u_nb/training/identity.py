"""The identity of samples: ids, given labels and classes of a Learner's loaders.

In comes any fastai loader: ours, or one that the user built with `ImageDataLoaders` or a
`DataBlock`. Out comes an `Identity`, whose row i describes item i of the loader's data set.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from fastai.data.load import DataLoader

from o2u_nb.errors import RecordingError
from o2u_nb.training.batches import SampleData
from o2u_nb.training.items import file_paths, labels_and_classes


class Identity(NamedTuple):
    """The rows of a data set: `ids` (n,) str, and `labels` (n,) int, positions in `classes`."""

    ids: pd.Index
    labels: np.ndarray
    classes: list[str]


def identity(
    dl: DataLoader,
    *,
    root: Path | None = None,
    ids: Sequence[str] | None = None,
    split: str = "train",
) -> Identity:
    """Read ids, labels and classes from the loader `dl`.

    For our loaders, the ids are those of the samples table. For other loaders they are the paths of
    the items' files, relative to `root` if the files are in it. Without files they are the index of
    a DataFrame of items, or "`split`/position" in a torch data set. `ids`, one for each item in the
    order of the items, replaces all of these. Raises `RecordingError` when the loader has no ids,
    labels or classes, when ids or classes repeat, or when labels are not positions in the classes.
    """
    if not isinstance(dl, DataLoader):
        raise RecordingError(
            f"Expected a fastai DataLoader for training, found {type(dl).__module__}."
            f"{type(dl).__name__}: it does not say which samples are in a batch. Build the loaders "
            "with o2u_nb's `dataloaders(samples)` or fastai's ImageDataLoaders."
        )
    labels, classes = labels_and_classes(dl)
    names = _ids(dl, root, split) if ids is None else [str(id) for id in ids]
    found = Identity(pd.Index(names, dtype="str", name="sample_id"), labels, classes)
    _check(found)
    return found


def joined(
    loaders: Sequence[DataLoader],
    *,
    root: Path | None = None,
    ids: Sequence[str] | None = None,
) -> Identity:
    """Read the identity of the training samples, followed by that of the validation samples.

    `loaders` are the training loader and, if wanted, the validation loader. `ids`, if given, has
    one id for each item of both, in this order; `root` is explained at `identity`. Raises
    `RecordingError` as `identity` does, and when the two loaders have different classes.
    """
    if len(loaders) == 1:
        return identity(loaders[0], root=root, ids=ids)
    n_train = len(loaders[0].dataset)
    ids = None if ids is None else list(ids)
    train = identity(loaders[0], root=root, ids=ids and ids[:n_train])
    valid = identity(loaders[1], root=root, ids=ids and ids[n_train:], split="valid")
    shorter, longer = sorted([train.classes, valid.classes], key=len)
    if longer[: len(shorter)] != shorter:
        raise RecordingError(
            f"Expected the same classes in training and validation, found {train.classes[:5]} and "
            f"{valid.classes[:5]}: build both with the same vocabulary."
        )
    labels = np.concatenate([train.labels, valid.labels])
    both = Identity(train.ids.append(valid.ids), labels, longer)
    _check(both)
    return both


def _ids(dl: DataLoader, root: Path | None, split: str) -> list[str]:
    data = dl.dataset
    if isinstance(data, SampleData):
        return list(data.ids)
    if (paths := file_paths(dl)) is not None:
        return [_relative(Path(path), root) for path in paths]
    if isinstance(getattr(data, "items", None), pd.DataFrame):
        return [str(name) for name in data.items.index]
    if hasattr(data, "tls"):
        raise RecordingError(
            "Expected the loader's items to be file paths, or to lead to files, or to be rows of a "
            f"DataFrame; found {type(dl.items[0]).__name__}: pass ids=, one name for each item, in "
            "the items' order."
        )
    width = len(str(max(len(data) - 1, 0)))
    return [f"{split}/{position:0{width}d}" for position in range(len(data))]


def _relative(path: Path, root: Path | None) -> str:
    inside = root is not None and path.is_relative_to(root.absolute())
    return (path.relative_to(root.absolute()) if inside else path).as_posix()


def _check(found: Identity) -> None:
    if len(found.ids) != len(found.labels):
        raise RecordingError(
            f"Expected one id for each of the {len(found.labels)} samples, found {len(found.ids)}: "
            "pass ids= in the order of the loader's items."
        )
    if not found.ids.is_unique:
        repeated = ", ".join(map(repr, found.ids[found.ids.duplicated()].unique()[:3]))
        raise RecordingError(
            f"Sample ids must be unique, but these repeat: {repeated}. Pass ids=, one unique name "
            "for each item of the loader."
        )
    n_classes = len(found.classes)
    if len(set(found.classes)) < n_classes:
        repeated = next(name for name in found.classes if found.classes.count(name) > 1)
        raise RecordingError(
            f"Expected classes with different names, found {repeated!r} more than once: names are "
            "compared as text, so that 1 and '1' are the same. Rename one of them."
        )
    if len(found.labels) and not 0 <= found.labels.min() <= found.labels.max() < n_classes:
        raise RecordingError(
            f"Expected class numbers from 0 to {n_classes - 1}, one for each of {n_classes} "
            f"classes; found labels from {found.labels.min()} to {found.labels.max()}."
        )
