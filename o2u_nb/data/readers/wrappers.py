"""Torch's wrappers: which data sets hold the items of a `Subset` or `ConcatDataset`.

In comes any data set. Out come the data sets inside it that do not wrap another one, and the
position of each item in them. Only wrappers with torch's own code for fetching items are opened,
because others may change the items. Torch is not imported.
"""

from typing import Any, NamedTuple

import numpy as np

from o2u_nb.errors import SourceError


class Leaves(NamedTuple):
    """Data sets without wrappers; item i is item `position[i]` of `datasets[which[i]]`.

    `which` and `position` are int64 (n_items,).
    """

    datasets: list[Any]
    which: np.ndarray
    position: np.ndarray


def leaves(dataset: Any) -> Leaves:
    """Return the data sets inside `dataset`, and the positions of its items in them.

    Raises `SourceError` when a subset names items that its data set does not have.
    """
    if _fetches_like_torch(dataset) and hasattr(dataset, "indices"):
        return _subset(leaves(dataset.dataset), dataset)
    if _fetches_like_torch(dataset) and hasattr(dataset, "datasets"):
        return _joined([leaves(part) for part in dataset.datasets])
    count = len(dataset)
    return Leaves([dataset], np.zeros(count, np.int64), np.arange(count))


def _fetches_like_torch(dataset: Any) -> bool:
    """Return whether items are fetched by torch's own code, and not by that of a subclass."""
    fetch = getattr(type(dataset), "__getitem__", None)
    return getattr(fetch, "__module__", "").startswith("torch.utils.data")


def _subset(inner: Leaves, dataset: Any) -> Leaves:
    count = len(inner.which)
    expected = f"expected positions of {count:,} items in the {type(dataset).__name__}"
    try:
        rows = np.asarray(dataset.indices, dtype=np.int64).reshape(-1)
    except (TypeError, ValueError, OverflowError) as error:
        raise SourceError(f"{expected}, found {dataset.indices!r:.60}") from error
    if len(rows) and not (-count <= rows.min() and rows.max() < count):
        raise SourceError(f"{expected}, found {rows.min()} to {rows.max()}")
    return Leaves(inner.datasets, inner.which[rows], inner.position[rows])


def _joined(parts: list[Leaves]) -> Leaves:
    starts = np.cumsum([0] + [len(part.datasets) for part in parts])
    return Leaves(
        [dataset for part in parts for dataset in part.datasets],
        np.concatenate([part.which + start for part, start in zip(parts, starts, strict=False)]),
        np.concatenate([part.position for part in parts]),
    )
