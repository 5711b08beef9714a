"""What our loaders have in common: they serve whole batches, and know the id of every sample.

In come the inputs of a network, held as one tensor with a row for each sample, with ids, labels and
class names. Out come batches in an order drawn from a seed. `loaders` does this for pictures, and
`feature_loader` for features of a frozen network.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

import numpy as np
import pandas as pd
import torch
from fastai.data.load import DataLoader

from o2u_nb.errors import SourceError

# Largest share (0 to 1) of the free memory that the inputs may take. Our choice: the network needs
# some of the rest.
MEMORY_SHARE = 0.4


class SampleData:
    """Hold the label, the id and the inputs of each sample.

    `labels` (n_samples,) int are positions in `vocab`, the names of the classes; `ids` are unique.
    `samples` is the samples table with these rows, or None. A subclass holds the inputs as a tensor
    whose attribute's name is `held`; `mapped` says that it lies in a memory-mapped file, and
    `frozen` that it holds features of a frozen network.
    """

    held: str
    mapped = False
    frozen = False

    def __init__(
        self,
        labels: np.ndarray,
        ids: pd.Index,
        vocab: Sequence[str],
        samples: pd.DataFrame | None = None,
    ):
        self.labels = torch.as_tensor(labels, dtype=torch.long)
        self.ids = ids
        self.vocab = list(vocab)
        self.samples = samples

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def inputs(self) -> torch.Tensor:
        """Return the inputs of all samples as they are held, one row for each."""
        return getattr(self, self.held)

    def to(self, device: torch.device) -> Self:
        """Move inputs and labels to `device`, unless they are memory-mapped; return self."""
        if not self.mapped:
            setattr(self, self.held, self.inputs.to(device))
            self.labels = self.labels.to(device)
        return self

    def new_empty(self) -> Self:
        """Return a copy without samples, which fastai's `export` needs."""
        raise NotImplementedError

    def pictures(self) -> list[np.ndarray | bytes]:
        """Return the picture of each sample as its table holds it: an array or encoded bytes.

        Raises `SourceError` when the table holds none.
        """
        if self.samples is None or "image" not in self.samples:
            raise SourceError(
                f"Expected samples with pictures, found {len(self):,} samples whose table has "
                "neither the column path nor image: pass the table that `sources.read` made."
            )
        return list(self.samples["image"])


class SampleLoader(DataLoader):
    """Serve batches of a `SampleData`, each of which a subclass makes at once in `do_batch`."""

    def __init__(self, dataset: SampleData, bs: int = 64, **kwargs):
        kwargs["num_workers"] = 0  # everything is in memory, so worker processes have no work
        super().__init__(dataset, bs=bs, **kwargs)

    @property
    def vocab(self) -> list[str]:
        """Return the names of the classes; a label is a position in them."""
        return self.dataset.vocab

    def to(self, device: torch.device) -> Self:
        """Send batches to `device`, and also the inputs if they are in memory; return self."""
        self.dataset.to(device)
        self.device = device
        return self

    def shuffle_fn(self, idxs: list[int]) -> list[int]:
        """Return `idxs` in a random order, drawn many times faster than by Python's `random`."""
        order = torch.randperm(len(idxs), generator=self._generator())
        return [idxs[i] for i in order.tolist()]

    def create_batches(self, samps: Iterable[int]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the batches of the samples at the positions `samps`.

        fastai's own method would handle the samples one by one.
        """
        positions = torch.from_numpy(np.fromiter(samps, np.int64))
        sizes = self.sizes(len(positions))
        yield from map(self.do_batch, positions[: sum(sizes)].split(sizes))

    def __len__(self) -> int:
        return len(self.sizes(self.n))

    def sizes(self, n: int) -> list[int]:
        """Return the sizes of the batches of `n` samples.

        A last batch of a single sample is added to the batch before it, because the batch
        normalisation in the head of some networks, such as fastai's, cannot train on one sample.
        """
        whole, rest = divmod(n, self.bs)
        sizes = [self.bs] * whole
        if rest == 1 and sizes and not self.drop_last:
            sizes[-1] += 1
        elif rest and not self.drop_last:
            sizes.append(rest)
        return sizes

    def do_batch(self, b: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the inputs and the labels at the positions `b` of the data set."""
        raise NotImplementedError

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.rng.getrandbits(63))


def renewed(dl: DataLoader, **changes) -> DataLoader:
    """Return `dl.new(**changes)` with the random numbers of `dl`; fastai's `new` loses the seed."""
    new = dl.new(**changes)
    new.rng = dl.rng
    return new


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """Return a numpy array, or a memory map, as a tensor; a contiguous one is not copied."""
    with warnings.catch_warnings():
        # torch warns that a read-only memory map must not be written to; it never is here.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(array))


def class_codes(samples: pd.DataFrame, vocab: Sequence[str]) -> np.ndarray:
    """Return the label of each row of `samples` as a position in `vocab`: int64 (n_samples,)."""
    return pd.Categorical(samples["label"], categories=vocab).codes.astype(np.int64)


def require_text_labels(samples: pd.DataFrame) -> None:
    """Raise `SourceError` unless every label of the samples table is text."""
    for sample_id, label in samples["label"].items():
        if not isinstance(label, str):
            raise SourceError(
                f"Expected class names as text in the column label, found {label!r} of type "
                f"{type(label).__name__} for sample {sample_id!r}. Make the table with "
                "`sources.read`, or turn the labels into text."
            )


def require_known(valid: pd.DataFrame, vocab: Sequence[str]) -> None:
    """Raise `SourceError` when a label of the samples `valid` is not in `vocab`."""
    unknown = sorted(set(valid["label"]) - set(vocab))
    if unknown:
        raise SourceError(
            f"The validation samples have classes that the training samples lack: "
            f"{', '.join(map(repr, unknown[:5]))}. Leave them out or add training samples."
        )
