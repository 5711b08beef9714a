"""Which sample is which: ids, given labels and classes of a training loader.

In comes any fastai loader, ours or one that the user built with `ImageDataLoaders` or a
`DataBlock`; out comes an `Identity`, whose row i speaks of item i of the loader's data set.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from fastai.data.load import DataLoader

from o2u_nb.errors import RecordingError
from o2u_nb.training.loaders import PixelData


class Identity(NamedTuple):
    """Name the rows of a data set: `ids` (n,) str, `labels` (n,) int positions in `classes`."""

    ids: pd.Index
    labels: np.ndarray
    classes: list[str]


def identity(
    dl: DataLoader, *, root: Path | None = None, ids: Sequence[str] | None = None
) -> Identity:
    """Read ids, labels and classes from the loader `dl`.

    Ids are the samples table's own for our loaders; for fastai's they are the items' paths
    relative to `root`, or the index of a DataFrame of items; `ids`, one for each item, overrides
    both. Raises `RecordingError` when the loader holds no such things, or ids repeat.
    """
    if not isinstance(dl, DataLoader):
        raise RecordingError(
            f"Expected a fastai DataLoader for training, found {type(dl).__module__}."
            f"{type(dl).__name__}: it does not say which samples are in a batch. Build the loaders "
            "with o2u_nb's `dataloaders(samples)` or fastai's ImageDataLoaders."
        )
    data = dl.dataset
    if isinstance(data, PixelData):
        found = Identity(data.ids, data.labels.cpu().numpy(), data.vocab)
    else:
        labels, classes = _stock_labels(dl)
        found = Identity(_stock_ids(dl, root) if ids is None else None, labels, classes)
    if ids is not None:
        found = found._replace(ids=pd.Index([str(id) for id in ids], name="sample_id"))
    return _checked(found)


def _stock_labels(dl: DataLoader) -> tuple[np.ndarray, list[str]]:
    """Read labels through the data set's own label transforms; pictures are not opened."""
    lists, vocab = getattr(dl.dataset, "tls", None), getattr(dl, "vocab", None)
    if lists is None or vocab is None or len(lists) != 2:
        raise RecordingError(
            "Expected a training loader with one picture and one class label per sample, as "
            f"fastai's ImageDataLoaders build it; found a data set of type "
            f"{type(dl.dataset).__name__} with "
            f"{'no vocabulary' if vocab is None else f'{len(lists or [])} parts'}. "
            "Build the loaders with o2u_nb's `dataloaders(samples)`."
        )
    labels = list(lists[1])
    if any(getattr(label, "ndim", 0) for label in labels[:1]):
        raise RecordingError(
            "Expected one class label per sample, found several: losses of multi-label data "
            "cannot be ranked by this package."
        )
    return np.array([int(label) for label in labels]), [str(name) for name in vocab]


def _stock_ids(dl: DataLoader, root: Path | None) -> pd.Index:
    items = dl.items
    if isinstance(items, pd.DataFrame):
        return pd.Index([str(id) for id in items.index], name="sample_id")
    return pd.Index([_item_id(item, root) for item in items], name="sample_id")


def _item_id(item, root: Path | None) -> str:
    if not isinstance(item, (str, Path)):
        raise RecordingError(
            f"Expected the loader's items to be file paths or rows of a DataFrame, found "
            f"{type(item).__name__}: pass ids=, one name for each item, in the items' order."
        )
    path = Path(item)
    inside = root is not None and path.is_relative_to(root)
    return (path.relative_to(root) if inside else path).as_posix()


def _checked(found: Identity) -> Identity:
    if len(found.ids) != len(found.labels):
        raise RecordingError(
            f"Expected one id for each of the {len(found.labels)} training samples, found "
            f"{len(found.ids)}: pass ids= in the order of the loader's items."
        )
    if not found.ids.is_unique:
        repeated = ", ".join(map(repr, found.ids[found.ids.duplicated()].unique()[:3]))
        raise RecordingError(
            f"Sample ids must be unique, but these repeat: {repeated}. Pass ids=, one unique name "
            "for each item of the training loader."
        )
    return found
