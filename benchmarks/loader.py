"""Measure loaders: pictures per second from ours and from fastai's own, by turns in one run.

python benchmarks/loader.py [--samples 5000] [--side 28] [--repeats 7]

fastai's loader is `ImageDataLoaders.from_folder` over PNG files, without transforms, with its
default number of workers and with none. Ours crops, flips and normalises. First epochs are left
out.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from common import median_and_range, write_table
from fastai.data.core import DataLoaders
from fastai.vision.data import ImageDataLoaders
from PIL import Image

from o2u_nb.data.readers.folders import from_folder
from o2u_nb.training.loaders import dataloaders

CLASSES = 10
OURS = "o2u_nb, crop and flip"


def main() -> None:
    """Time epochs of every loader in turn, and write the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=5_000)
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--bs", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_pictures(Path(name), options.samples, options.side)
        loaders = built(Path(name), options.side, options.bs)
        table = compared(loaders, options.repeats)
    notes = (
        f"{options.samples:,} PNG files of {options.side} x {options.side} pixels in {CLASSES} "
        f"folders, batches of {options.bs}, on the processor with {torch.get_num_threads()} "
        f"threads; training loaders, shuffled. fastai's: `ImageDataLoaders.from_folder` without "
        "item or batch transforms. Ours decodes once, before its first epoch, then crops, flips "
        f"and normalises. Medians of {options.repeats} epochs, the loaders in turn, first epochs "
        "left out; `faster` is the median of the ratios within a round, with least and most. Load "
        f"average of the last minute, this run included: {os.getloadavg()[0]:.1f}."
    )
    print(write_table("loader", "Loaders", table, notes).read_text(encoding="utf-8"))


def built(folder: Path, side: int, bs: int) -> dict[str, DataLoaders]:
    """Build the loaders to compare."""
    samples = from_folder(folder).samples
    stock = dict(bs=bs, valid_pct=0.02, seed=0, device="cpu", item_tfms=None, batch_tfms=None)
    default = ImageDataLoaders.from_folder(folder, **stock)
    workers = default.train.fake_l.num_workers
    return {
        OURS: dataloaders(samples, size=side, bs=bs, device="cpu"),
        f"fastai, {workers} workers (default)": default,
        "fastai, no workers": ImageDataLoaders.from_folder(folder, num_workers=0, **stock),
    }


def compared(loaders: dict[str, DataLoaders], repeats: int) -> pd.DataFrame:
    """Return one row per loader: pictures per second, and how much faster ours is."""
    for dls in loaders.values():
        rate(dls)
    rounds = pd.DataFrame(
        [{name: rate(dls) for name, dls in loaders.items()} for _ in range(repeats)]
    )
    rows = []
    for name, rates in rounds.items():
        faster = median_and_range(rounds[OURS] / rates)
        rows.append(
            {
                "loader": name,
                "pictures per second": f"{statistics.median(rates):,.0f}",
                "ours is faster, times": "" if name == OURS else faster,
            }
        )
    return pd.DataFrame(rows).set_index("loader")


def rate(dls: DataLoaders) -> float:
    """Run through one epoch, and return pictures per second."""
    start = time.perf_counter()
    count = 0
    for pictures, _ in dls.train:
        count += len(pictures)
    return count / (time.perf_counter() - start)


def write_pictures(folder: Path, n: int, side: int) -> None:
    """Write pictures with some structure, as PNG files in class folders."""
    rng = np.random.default_rng(0)
    for k in range(CLASSES):
        (folder / f"class {k}").mkdir()
    for number in range(n):
        coarse = rng.integers(0, 256, (side // 4, side // 4, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((side, side), Image.Resampling.BILINEAR)
        picture.save(folder / f"class {number % CLASSES}" / f"{number:06d}.png")


if __name__ == "__main__":
    main()
