"""Measure frozen features: pictures per second of torch and of the product, by turns in one run.

    python benchmarks/features.py [--pictures 256] [--side 512] [--repeats 5]

The network is the one that works offline, EfficientNet-Lite0 at 224 pixels. The first rows compute
from pixels that are decoded; the last one reads, decodes and computes, as an audit does.
"""

import argparse
import copy
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from common import median_and_range, write_table
from PIL import Image
from torch import nn

from o2u_nb import extras
from o2u_nb.data.images import square_pixels
from o2u_nb.offline_weights import OFFLINE
from o2u_nb.training.backbones import Backbone, backbone
from o2u_nb.training.inference import BATCH, FromPixels, by_torch, runner
from o2u_nb.training.probe import features as probe
from o2u_nb.training.probe.features import features

PLAIN = "torch, default layout"
CPU = torch.device("cpu")


class Contiguous(nn.Module):
    """Run a network in torch's default layout."""

    def __init__(self, eye: Backbone):
        super().__init__()
        self.model = copy.deepcopy(eye.model).to(memory_format=torch.contiguous_format)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map uint8 (n, size, size, 3) to features; this network wants numbers in [-1, 1]."""
        return self.model(pixels.permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1)


def main() -> None:
    """Time every way in turn, and write the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    eye = backbone(OFFLINE)
    started = time.perf_counter()
    fast = runner(eye, device=CPU)
    preparing = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as name:
        samples = write_pictures(Path(name), options.pictures, options.side)
        pixels = np.stack([square_pixels("", p, eye.size, at_least=eye.size) for p in samples.path])
        probe.runner = lambda *_, **__: fast  # so that preparing it is not timed in each round
        ways = {
            PLAIN: network_alone(by_torch(Contiguous(eye), CPU), pixels),
            "torch, channels last": network_alone(by_torch(FromPixels(eye), CPU), pixels),
            "o2u_nb": network_alone(fast, pixels),
            "o2u_nb, from files": lambda: features(samples, eye, say=lambda line: None),
        }
        require_equal(fast(pixels[:BATCH]), by_torch(Contiguous(eye), CPU)(pixels[:BATCH]))
        table = compared(ways, len(samples), options.repeats)
    versions = extras.versions(["openvino", "timm"])
    notes = (
        f"{len(samples)} JPEG files of {options.side} x {options.side * 3 // 4} pixels, "
        f"EfficientNet-Lite0 at {eye.size} pixels, batches of {BATCH}, float32, on the processor. "
        f"Versions: {', '.join(f'{k} {v}' for k, v in versions.items())}. Preparing OpenVINO took "
        f"{preparing:.1f} s, once a run, and is not in the table. Medians of {options.repeats} "
        f"rounds, the ways in turn; `faster` is the median of the ratios to `{PLAIN}` within a "
        f"round, with least and most. Load average of the last minute, this run included: "
        f"{os.getloadavg()[0]:.1f}. Where that is more than the number of cores, other programs "
        "ran meanwhile: all rates are too low, and torch's most, whose threads wait for each other."
    )
    path = write_table("features", "Features of a frozen network", table, notes)
    print(path.read_text(encoding="utf-8"))


def network_alone(run: Callable, pixels: np.ndarray) -> Callable:
    """Return a function that computes the features of decoded pictures."""
    return lambda: [run(pixels[k : k + BATCH]) for k in range(0, len(pixels), BATCH)]


def require_equal(found: np.ndarray, expected: np.ndarray) -> None:
    """Stop when two ways give other features."""
    np.testing.assert_allclose(found, expected, atol=1e-2)


def compared(ways: dict[str, Callable], n: int, repeats: int) -> pd.DataFrame:
    """Return one row per way: pictures per second, and how much faster than the first it is."""
    rounds = []
    for number in range(repeats + 1):
        rates = {}
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            rates[name] = n / (time.perf_counter() - started)
        if number:  # the first round is slower
            rounds.append(rates)
    table = pd.DataFrame(rounds)
    rows = []
    for name, rates in table.items():
        faster = median_and_range(rates / table[PLAIN])
        rows.append(
            {
                "way": name,
                "pictures per second": f"{statistics.median(rates):,.0f}",
                "faster, times": "" if name == PLAIN else faster,
            }
        )
    return pd.DataFrame(rows).set_index("way")


def write_pictures(folder: Path, n: int, side: int) -> pd.DataFrame:
    """Write pictures with some structure as JPEG files; return their samples table."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{number:05d}.jpg" for number in range(n)]
    for path in paths:
        coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((side, side * 3 // 4), Image.Resampling.BICUBIC)
        grain = rng.normal(0, 8, (picture.height, picture.width, 3))
        noisy = np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(path, quality=90)
    index = pd.Index([path.name for path in paths], name="sample_id")
    return pd.DataFrame({"label": "a", "split": "train", "path": list(map(str, paths))}, index)


if __name__ == "__main__":
    main()
