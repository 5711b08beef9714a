"""Loaders over pixels that were decoded once, with crop and flip done on whole batches of tensors.

In comes a samples table; out go fastai `DataLoaders` that know the id of every sample. The pixels
lie in memory or, when they would not fit, in a memory-mapped file: same loader, same batches.
"""

import os
import random
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import torch
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.torch_core import default_device

from o2u_nb.data import images
from o2u_nb.data.parallel import Progress
from o2u_nb.errors import SourceError

# Share of the free memory that decoded pictures may take; the network needs some of the rest.
MEMORY_SHARE = 0.4
# Side in pixels to which larger pictures are shrunk: a compact network from scratch takes four
# times as long for twice the side.
SMALL = 64


class PixelData:
    """Hold decoded pictures with their ids and labels.

    `pixels` is uint8 (n_samples, height, width, 3), an array or a memory map; `labels` int
    (n_samples,) are positions in `vocab`. Indexing gives one pair (picture, label), the picture
    float32 (3, height, width) in [0, 1].
    """

    def __init__(self, pixels: np.ndarray, labels: np.ndarray, ids: pd.Index, vocab: list[str]):
        with warnings.catch_warnings():
            # a read-only memory map makes torch warn about writing to it; nobody here does
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            self.pixels = torch.from_numpy(np.ascontiguousarray(pixels))  # no copy as a rule
        self.labels = torch.as_tensor(labels, dtype=torch.long)
        self.ids, self.vocab = ids, list(vocab)
        self.mapped = isinstance(pixels, np.memmap)
        # The folder of the memory map, which is deleted with this object.
        self.folder: tempfile.TemporaryDirectory | None = None
        # The samples table that was decoded, row by row, where there was one.
        self.samples: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.pixels[i].permute(2, 0, 1).float() / 255, self.labels[i]

    def to(self, device: torch.device) -> "PixelData":
        """Move the pictures to `device`, unless they are mapped from a file."""
        if not self.mapped:
            self.pixels = self.pixels.to(device)
            self.labels = self.labels.to(device)
        return self

    def new_empty(self) -> "PixelData":
        """Give a copy without samples, as fastai's `export` asks for."""
        return PixelData(
            np.empty((0, *self.pixels.shape[1:]), np.uint8), [], self.ids[:0], self.vocab
        )

    def statistics(self, sample: int = 5000) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation of each colour channel, (3,) each, in [0, 1]."""
        step = -(-len(self) // sample)
        some = self.pixels[::step].float().div(255).flatten(0, 2)
        return some.mean(0), some.std(0).clamp_min(1e-3)


class PixelLoader(DataLoader):
    """Serve batches of `PixelData`: gather, crop, flip and normalise a whole batch at once.

    `crop` is the largest shift in pixels (borders are reflected); `flip` mirrors half of the
    pictures left to right. Both act only when the loader shuffles: `new(shuffle=False)` serves the
    clean pictures, the same on every pass. Batches are float32 (n, 3, height, width) in
    channels-last layout, which is how the pixels lie in memory.
    """

    def __init__(
        self,
        dataset: PixelData,
        bs: int = 64,
        *,
        crop: int = 0,
        flip: bool = False,
        stats: tuple[torch.Tensor, torch.Tensor] | None = None,
        **kwargs,
    ):
        kwargs["num_workers"] = 0  # The pictures are decoded already: no work is left for workers.
        super().__init__(dataset, bs=bs, **kwargs)
        self.crop, self.flip = crop, flip
        self.stats = stats or dataset.statistics()
        self.lines = tuple((s.cpu() * 255).repeat(dataset.pixels.shape[2]) for s in self.stats)

    def new(self, dataset=None, cls=None, **kwargs) -> "PixelLoader":
        """Copy this loader with some settings changed."""
        own = dict(crop=self.crop, flip=self.flip, stats=self.stats)
        return super().new(dataset, cls, **{**own, **kwargs})

    @property
    def vocab(self) -> list[str]:
        """Return the class names in label order."""
        return self.dataset.vocab

    def to(self, device: torch.device) -> "PixelLoader":
        """Send batches to `device`, and the pictures too when they are in memory."""
        self.dataset.to(device)
        self.device = device
        return self

    def shuffle_fn(self, idxs: list[int]) -> list[int]:
        """Draw an order from the loader's own random numbers, many times faster than `random`."""
        order = torch.randperm(len(idxs), generator=self._generator())
        return [idxs[i] for i in order.tolist()]

    def create_batches(self, samps: Iterable[int]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Serve the positions `samps` batch by batch; fastai would go through them one by one."""
        positions = torch.from_numpy(np.fromiter(samps, np.int64))
        sizes = self._sizes(len(positions))
        yield from map(self.do_batch, positions[: sum(sizes)].split(sizes))

    def __len__(self) -> int:
        return len(self._sizes(self.n))

    def _sizes(self, n: int) -> list[int]:
        """Cut `n` samples into batches. One that would be left alone joins the batch before.

        Batch normalisation in a network's head, fastai's for one, cannot train on a single sample.
        """
        whole, rest = divmod(n, self.bs)
        sizes = [self.bs] * whole
        if rest == 1 and sizes and not self.drop_last:
            sizes[-1] += 1
        elif rest and not self.drop_last:
            sizes.append(rest)
        return sizes

    def do_batch(self, b: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Fetch the pictures and labels at the positions `b` of the data set."""
        rows = torch.as_tensor(b, device=self.dataset.pixels.device)
        pictures = self._augmented(rows) if self.shuffle else self.dataset.pixels[rows]
        return self._normalised(pictures), self.dataset.labels[rows]

    def show_batch(self, max_n: int = 9, **_):
        """Show the first `max_n` pictures of a batch, as they enter the network, with labels."""
        import matplotlib.pyplot as plt

        pictures, labels = self.one_batch()
        count = min(max_n, len(labels))
        side = int(np.ceil(np.sqrt(count)))
        _, axes = plt.subplots(side, side, figsize=(2 * side, 2 * side), squeeze=False)
        for axis in axes.flat:
            axis.axis("off")
        for axis, picture, label in zip(axes.flat, self._shown(pictures), labels, strict=False):
            axis.imshow(picture)
            axis.set_title(self.vocab[int(label)])

    def _augmented(self, rows: torch.Tensor) -> torch.Tensor:
        """Gather crops of the pictures at `rows`: uint8 (n, height, width, 3).

        Whole lines of pixels are copied first, which is quick; what moves within a line, second.
        """
        pixels = self.dataset.pixels
        random = self._generator()
        n = len(rows)
        height, width, depth = pixels.shape[1:]
        ys, within = _moves(height, width, depth, self.crop, self.flip)
        ys = ys[torch.randint(len(ys), (n,), generator=random)].to(rows.device)
        within = within[torch.randint(len(within), (n,), generator=random)].to(rows.device)
        ys = (ys + rows[:, None] * height).view(-1)
        lines = pixels.view(-1, width * depth).index_select(0, ys).view(n, height, -1)
        moved = lines.gather(2, within[:, None].expand_as(lines))
        return moved.view(n, height, width, depth)

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.rng.getrandbits(63))

    def _normalised(self, pictures: torch.Tensor) -> torch.Tensor:
        """Centre and scale, a line of pixels at a time: three numbers at a time are slow."""
        mean, std = (line.to(pictures.device) for line in self.lines)
        scaled = pictures.flatten(2).float().sub_(mean).div_(std)
        return scaled.view(pictures.shape).permute(0, 3, 1, 2)

    def _shown(self, pictures: torch.Tensor) -> np.ndarray:
        mean, std = self.stats
        return (pictures.permute(0, 2, 3, 1).cpu() * std + mean).clamp(0, 1).numpy()


def renewed(dl: DataLoader, **changes) -> DataLoader:
    """Return `dl.new(**changes)` that shares its random numbers: `new` alone forgets the seed."""
    new = dl.new(**changes)
    new.rng = dl.rng
    return new


def dataloaders(
    samples: pd.DataFrame,
    *,
    valid: pd.DataFrame | None = None,
    size: int | None = None,
    bs: int = 64,
    crop: int | None = None,
    flip: bool = True,
    stats: tuple[torch.Tensor, torch.Tensor] | None = None,
    in_memory: bool | None = None,
    cache: str | Path | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> DataLoaders:
    """Decode the pictures of a samples table once and serve them as fastai `DataLoaders`.

    `size` is the side in pixels (default: the pictures' own, at most 64). `crop` is the largest
    shift (default: an eighth of the side) and `flip` mirrors half of the pictures: turn it off
    where left and right tell classes apart. `stats` are each channel's mean and standard deviation
    to normalise with, (3,) each (default: those of the pictures). Pictures go into memory when they
    take no more than 40 % of what is free, else into a file in the folder `cache` (default: the
    system's temporary one); `in_memory` decides otherwise. `valid` is a samples table to validate
    on: its labels must occur in `samples`. `seed` fixes the order and the augmentation.

    Raises `SourceError` when a table is none of samples, an image cannot be decoded, or a class of
    `valid` is unknown.
    """
    _require_samples(samples)
    if valid is not None and len(valid):
        _require_samples(valid)
    size = size or training_size(samples)
    vocab = sorted(samples["label"].unique())
    options = dict(size=size, vocab=vocab, in_memory=in_memory, cache=cache, progress=progress)
    data = _decoded(samples, **options)
    crop = size // 8 if crop is None else crop
    train = PixelLoader(data, bs=bs, shuffle=True, crop=crop, flip=flip, stats=stats)
    train.rng = random.Random(seed)
    held_out = data.new_empty() if valid is None else _decoded(valid, **options)
    return DataLoaders(
        train,
        train.new(held_out, shuffle=False),
        device=torch.device(device) if device else default_device(),
    )


def training_size(samples: pd.DataFrame, *, largest: int = SMALL) -> int:
    """Choose the side, in pixels, that pictures are trained at: their own, at most `largest`."""
    return min(largest, max(16, *images.common_size(samples)))


def _require_samples(samples: pd.DataFrame) -> None:
    columns = set(samples.columns)
    if samples.empty or "label" not in columns or not columns & {"path", "image"}:
        raise SourceError(
            f"Expected a samples table with the columns label and path (or image), found "
            f"{len(samples):,} rows with {', '.join(map(str, samples.columns)) or 'no columns'}. "
            "Make one with `sources.read`."
        )
    for sample_id, label in samples["label"].items():
        if not isinstance(label, str):
            raise SourceError(
                f"Expected class names as text in the column label, found {label!r} of type "
                f"{type(label).__name__} for sample {sample_id!r}. Make the table with "
                "`sources.read`, or turn the labels into text."
            )


def _decoded(samples, *, size, vocab, in_memory, cache, progress) -> PixelData:
    unknown = sorted(set(samples["label"]) - set(vocab))
    if unknown:
        raise SourceError(
            f"The validation samples have classes that the training samples lack: "
            f"{', '.join(map(repr, unknown[:5]))}. Leave them out or add training samples."
        )
    if in_memory is None:
        in_memory = (
            len(samples) * size * size * 3 < MEMORY_SHARE * psutil.virtual_memory().available
        )
    folder = None if in_memory else tempfile.TemporaryDirectory(prefix="o2u_pixels_", dir=cache)
    out = folder and os.path.join(folder.name, "pixels.npy")
    pixels = images.decode_pixels(samples, size, out=out, progress=progress)
    labels = pd.Categorical(samples["label"], categories=vocab).codes.astype(np.int64)
    data = PixelData(pixels, labels, samples.index, vocab)
    data.folder = folder
    data.samples = samples
    return data


@lru_cache(maxsize=16)
def _moves(
    height: int, width: int, depth: int, crop: int, flip: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """List where each picture's lines, and the numbers within a line, can come from.

    int64 (2 crop + 1, height), one row per shift down, and (shifts, width * depth), one row per
    shift to the right, and with `flip` as many again for mirrored pictures.
    """
    shifts = torch.arange(-crop, crop + 1)[:, None]
    ys, xs = (_reflected(torch.arange(size) + shifts, size) for size in (height, width))
    if flip:
        xs = torch.cat([xs, width - 1 - xs])
    return ys, (xs[:, :, None] * depth + torch.arange(depth)).flatten(1)


def _reflected(positions: torch.Tensor, size: int) -> torch.Tensor:
    """Mirror positions outside 0..size-1 at the border, without repeating the border itself."""
    positions = positions.abs()
    return torch.where(positions > size - 1, 2 * (size - 1) - positions, positions)
