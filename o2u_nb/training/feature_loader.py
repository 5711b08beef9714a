"""Loaders of features: rows of numbers that a frozen network has computed for each picture.

In come features in the order of a samples table; out go fastai `DataLoaders` that know the id of
every sample, as those of `loaders` do for pictures, so that everything that trains on pictures and
records them works on features too.
"""

import copy
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import psutil
import torch
from fastai.data.core import DataLoaders
from fastai.torch_core import default_device

from o2u_nb.errors import FeaturesError, SourceError
from o2u_nb.training.batches import (
    MEMORY_SHARE,
    SampleData,
    SampleLoader,
    as_tensor,
    class_codes,
    require_known,
    require_text_labels,
)

# Rows that are checked at a time for values that are not finite. Our choice: 40 MB of float32 for
# 1,280 features.
CHUNK = 8192


class FeatureData(SampleData):
    """Hold features with their ids and labels.

    `features` is float32 or float16 (n_samples, d), an array or a memory map. They are held as
    float32 if they fit into 40 % of the free memory, else as they are given. Indexing returns a
    pair (features, label); the features are float32 (d,). Raises `FeaturesError` when they are not
    such an array, or hold NaN or infinite values.
    """

    held = "features"
    frozen = True

    def __init__(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        ids: pd.Index,
        vocab: Sequence[str],
        samples: pd.DataFrame | None = None,
    ):
        super().__init__(labels, ids, vocab, samples)
        _require_rows(features, ids)
        self.features, self.mapped = _in_memory(features)
        _require_finite(self.features, ids)

    def relabelled(self, samples: pd.DataFrame, vocab: Sequence[str]) -> "FeatureData":
        """Return the same features, not copied, with the labels of `samples` as in `vocab`.

        Raises `FeaturesError` when the table has other samples.
        """
        _require_same_ids(self.ids, samples.index)
        other = copy.copy(self)
        SampleData.__init__(other, class_codes(samples, vocab), self.ids, vocab, samples)
        return other

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.features[i].float(), self.labels[i]

    def new_empty(self) -> "FeatureData":
        """Return a copy without samples, which fastai's `export` needs."""
        empty = np.empty((0, self.features.shape[1]), np.float32)
        return FeatureData(empty, [], self.ids[:0], self.vocab)


class FeatureLoader(SampleLoader):
    """Serve batches of `FeatureData`: float32 (n, d), and labels (n,)."""

    def do_batch(self, b: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the batch of features and labels at the positions `b` of the data set."""
        data = self.dataset
        rows = torch.as_tensor(b, device=data.features.device)
        return data.features.index_select(0, rows).float(), data.labels.index_select(0, rows)


def feature_loaders(
    features: Any,
    samples: pd.DataFrame,
    *,
    valid: tuple[Any, pd.DataFrame] | None = None,
    bs: int = 64,
    device: str | torch.device | None = None,
    seed: int = 0,
) -> DataLoaders:
    """Serve `features`, float (n_samples, d) in the order of `samples`, as fastai `DataLoaders`.

    `samples` is a samples table; of its columns only `label` is needed. If the features are a table
    too, or the `FeatureData` of an earlier loader, whose numbers are then shared, they must have
    the ids of `samples`. `valid` are features and samples to validate on, whose
    labels must occur in `samples`. `bs` is the number of samples in a batch; `seed` determines
    their order, and `device` is where they go (default: the GPU where there is one).

    Raises `FeaturesError` when features do not fit their samples, or are not finite, and
    `SourceError` when a table has no labels, or `valid` has a class that `samples` lacks.
    """
    _require_labels(samples)
    vocab = sorted(samples["label"].unique())
    train = FeatureLoader(_data(features, samples, vocab), bs=bs, shuffle=True)
    train.rng = random.Random(seed)
    held_out = train.dataset.new_empty() if valid is None else _held_out(*valid, vocab)
    return DataLoaders(
        train,
        train.new(held_out, shuffle=False),
        device=torch.device(device) if device else default_device(),
    )


def _held_out(features: Any, samples: pd.DataFrame, vocab: list[str]) -> FeatureData:
    _require_labels(samples)
    require_known(samples, vocab)
    return _data(features, samples, vocab)


def _data(features: Any, samples: pd.DataFrame, vocab: list[str]) -> FeatureData:
    if isinstance(features, FeatureData):
        return features.relabelled(samples, vocab)
    if isinstance(features, pd.DataFrame):
        _require_same_ids(features.index, samples.index)
        features = features.to_numpy()
    return FeatureData(features, class_codes(samples, vocab), samples.index, vocab, samples)


def _in_memory(features: np.ndarray) -> tuple[torch.Tensor, bool]:
    """Return `features` as a tensor, and whether it stays in a memory-mapped file."""
    if features.size * 4 < MEMORY_SHARE * psutil.virtual_memory().available:
        return as_tensor(features).to(torch.float32, copy=True), False
    return as_tensor(features), isinstance(features, np.memmap)


def _require_labels(samples: pd.DataFrame) -> None:
    if samples.empty or "label" not in samples.columns:
        raise SourceError(
            f"Expected a samples table with the column label, found {len(samples):,} rows with "
            f"{', '.join(map(str, samples.columns)) or 'no columns'}. Make one with `sources.read`."
        )
    require_text_labels(samples)


def _require_rows(features: np.ndarray, ids: pd.Index) -> None:
    shape, dtype = np.shape(features), getattr(features, "dtype", type(features).__name__)
    if len(shape) != 2 or dtype not in (np.float16, np.float32):
        raise FeaturesError(
            f"Expected features as a float16 or float32 array (n_samples, d), found {dtype} of "
            f"shape {shape}. Compute them with `features(samples, backbone)`, or turn them into "
            "float32."
        )
    if shape[0] != len(ids):
        raise FeaturesError(
            f"Expected one row of features for each of {len(ids):,} samples, found {shape[0]:,} "
            "rows: pass the features and the table that belong together."
        )


def _require_same_ids(found: pd.Index, expected: pd.Index) -> None:
    if found.equals(expected):
        return
    strangers = found.difference(expected)
    what = (
        f"{len(strangers):,} of other samples, such as {strangers[0]!r}"
        if len(strangers)
        else f"{len(found):,} rows of them in another order or number"
    )
    raise FeaturesError(
        f"Expected features of the {len(expected):,} samples of the table, in its order, found "
        f"{what}: pass `features.loc[samples.index]` if it holds them all, or compute them again."
    )


def _require_finite(features: torch.Tensor, ids: pd.Index) -> None:
    wrong = [
        start + int(k)
        for start in range(0, len(features), CHUNK)
        for k in torch.nonzero(~features[start : start + CHUNK].isfinite().all(1))
    ]
    if wrong:
        raise FeaturesError(
            f"Expected finite features, found NaN or infinite values in {len(wrong):,} of "
            f"{len(features):,} rows, such as that of sample {ids[wrong[0]]!r}. Compute these "
            "again, or leave the samples out."
        )
