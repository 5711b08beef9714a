"""Loaders of pictures that are decoded once, and are cropped and flipped in whole batches.

In comes a samples table; out go fastai `DataLoaders` that know the id of every sample. The pixels
are kept in memory, or, if they need too much of it, in a memory-mapped file. The batches are the
same in both cases.
"""

import os
import random
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import torch
from fastai.data.core import DataLoaders
from fastai.torch_core import default_device

from o2u_nb.data import images
from o2u_nb.data.parallel import Progress
from o2u_nb.errors import SourceError
from o2u_nb.training.batches import (
    MEMORY_SHARE,
    SampleData,
    SampleLoader,
    as_tensor,
    class_codes,
    require_known,
    require_text_labels,
)

# Side, in pixels, to which larger pictures are shrunk by default. Our choice: with twice the side,
# training takes four times as long.
SMALL = 64


class PixelData(SampleData):
    """Hold decoded pictures with their ids and labels.

    `pixels` is uint8 (n_samples, height, width, 3), an array or a memory map. Indexing returns a
    pair (picture, label); the picture is float32 (3, height, width) in [0, 1].
    """

    held = "pixels"

    def __init__(
        self,
        pixels: np.ndarray,
        labels: np.ndarray,
        ids: pd.Index,
        vocab: Sequence[str],
        samples: pd.DataFrame | None = None,
    ):
        super().__init__(labels, ids, vocab, samples)
        self.pixels = as_tensor(pixels)
        self.mapped = isinstance(pixels, np.memmap)
        # The folder of the memory map, which is deleted with this object.
        self.folder: tempfile.TemporaryDirectory | None = None

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.pixels[i].permute(2, 0, 1).float() / 255, self.labels[i]

    def new_empty(self) -> "PixelData":
        """Return a copy without samples, which fastai's `export` needs."""
        return PixelData(
            np.empty((0, *self.pixels.shape[1:]), np.uint8), [], self.ids[:0], self.vocab
        )

    def pictures(self) -> list[np.ndarray | bytes]:
        """Return each picture as the samples table holds it, or else as it was decoded."""
        if self.samples is not None and "image" in self.samples:
            return super().pictures()
        return list(self.pixels.cpu().numpy())

    def statistics(self, sample: int = 5000) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation of each colour channel: (3,) each, in [0, 1].

        They are computed from at most about `sample` evenly spaced pictures.
        """
        step = -(-len(self) // sample)
        some = self.pixels[::step].float().div(255).flatten(0, 2)
        return some.mean(0), some.std(0).clamp_min(1e-3)


class PixelLoader(SampleLoader):
    """Serve batches of `PixelData`; a whole batch is cropped, flipped and normalised at once.

    `crop` is the largest shift of a picture in pixels; borders are reflected. `flip` mirrors half
    of the pictures, left to right. Both are applied only when the loader shuffles: a loader made by
    `new(shuffle=False)` serves the clean pictures, the same in every pass. Batches are float32
    (n, 3, height, width) in channels-last layout, in which the pixels are stored.
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
        super().__init__(dataset, bs=bs, **kwargs)
        self.crop = crop
        self.flip = flip
        self.stats = stats or dataset.statistics()
        # Mean and standard deviation of each number in a line of pixels, in [0, 255].
        self.lines = tuple((s.cpu() * 255).repeat(dataset.pixels.shape[2]) for s in self.stats)

    def new(self, dataset=None, cls=None, **kwargs) -> "PixelLoader":
        """Return a copy of this loader with some settings changed."""
        own = dict(crop=self.crop, flip=self.flip, stats=self.stats)
        return super().new(dataset, cls, **{**own, **kwargs})

    def do_batch(self, b: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the batch of pictures and labels at the positions `b` of the data set."""
        rows = torch.as_tensor(b, device=self.dataset.pixels.device)
        pictures = self._augmented(rows) if self.shuffle else self.dataset.pixels[rows]
        return self._normalised(pictures), self.dataset.labels[rows]

    def show_batch(self, max_n: int = 9, **_):
        """Show the first `max_n` pictures of a batch, cropped and flipped, with their labels."""
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
        """Return randomly shifted and mirrored pictures of `rows`: uint8 (n, height, width, 3).

        First whole lines of pixels are copied, which is fast. Then the pixels are moved within
        their lines.
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

    def _normalised(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return pictures with each channel centred and scaled: float32 (n, 3, height, width).

        This is done for whole lines of pixels, because for three channels at a time it is slow.
        """
        mean, std = (line.to(pictures.device) for line in self.lines)
        scaled = pictures.flatten(2).float().sub_(mean).div_(std)
        return scaled.view(pictures.shape).permute(0, 3, 1, 2)

    def _shown(self, pictures: torch.Tensor) -> np.ndarray:
        mean, std = self.stats
        return (pictures.permute(0, 2, 3, 1).cpu() * std + mean).clamp(0, 1).numpy()


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

    `size` is the side of the pictures in pixels (default: their own, at most 64), and `bs` the
    number of samples in a batch. `crop` is the largest shift in pixels (default: an eighth of the
    side). `flip` mirrors half of the pictures, left to right; turn it off if classes differ in
    that. `stats` are the mean and standard deviation of each colour channel to normalise with,
    (3,) each, in [0, 1] (default: those of the pictures). Pictures are kept in memory if they take
    less than 40 % of the free memory, else in a file in the folder `cache` (default: the system's
    temporary folder); `in_memory` overrides that. `valid` is a samples table to validate on; its
    labels must occur in `samples`. `seed` determines the order and the augmentation,
    and `device` is where the batches go (default: the GPU where there is one).
    `progress(done, total)` is called while pictures are decoded.

    Raises `SourceError` when a table is not a samples table, an image cannot be decoded, or a class
    of `valid` does not occur in `samples`.
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
    """Return the side, in pixels, at which pictures are trained.

    It is the larger of their median width and height, but at least 16 and at most `largest`.
    """
    return min(largest, max(16, *images.common_size(samples)))


def _require_samples(samples: pd.DataFrame) -> None:
    columns = set(samples.columns)
    if samples.empty or "label" not in columns or not columns & {"path", "image"}:
        raise SourceError(
            f"Expected a samples table with the columns label and path (or image), found "
            f"{len(samples):,} rows with {', '.join(map(str, samples.columns)) or 'no columns'}. "
            "Make one with `sources.read`."
        )
    require_text_labels(samples)


def _decoded(samples, *, size, vocab, in_memory, cache, progress) -> PixelData:
    require_known(samples, vocab)
    if in_memory is None:
        in_memory = (
            len(samples) * size * size * 3 < MEMORY_SHARE * psutil.virtual_memory().available
        )
    folder = None if in_memory else tempfile.TemporaryDirectory(prefix="o2u_pixels_", dir=cache)
    out = folder and os.path.join(folder.name, "pixels.npy")
    pixels = images.decode_pixels(samples, size, out=out, progress=progress)
    data = PixelData(pixels, class_codes(samples, vocab), samples.index, vocab, samples)
    data.folder = folder
    return data


@lru_cache(maxsize=16)
def _moves(
    height: int, width: int, depth: int, crop: int, flip: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the possible origins of each line of a picture, and of each number within a line.

    The origins of lines are int64 (2 crop + 1, height), one row per vertical shift. Those within a
    line are int64 (2 crop + 1, width * depth), one row per horizontal shift, and with `flip` as
    many rows again for mirrored pictures.
    """
    shifts = torch.arange(-crop, crop + 1)[:, None]
    ys, xs = (_reflected(torch.arange(size) + shifts, size) for size in (height, width))
    if flip:
        xs = torch.cat([xs, width - 1 - xs])
    return ys, (xs[:, :, None] * depth + torch.arange(depth)).flatten(1)


def _reflected(positions: torch.Tensor, size: int) -> torch.Tensor:
    """Return positions with those outside of 0 to size - 1 reflected at the border.

    The border itself is not repeated.
    """
    positions = positions.abs()
    return torch.where(positions > size - 1, 2 * (size - 1) - positions, positions)
