"""Measure similar samples: how many of the ten nearest have the right class, and how long it takes.

python benchmarks/similar.py --data DIR --work DIR

`--work` is a folder in which features are kept, for the next time.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from common import write_table
from PIL import Image

sys.path.append(str(Path(__file__).parents[1]))
from o2u_nb.data import sources
from o2u_nb.detect.neighbours import unit_rows
from o2u_nb.detect.similar import Found, Search
from o2u_nb.training.backbones import backbone
from o2u_nb.training.probe.features import features

SEEDS = (1, 2, 3)
QUERIES = 300  # samples that are asked about with each seed
K = 10
MARKED = 5  # samples of one class whose common looks are asked for
MARKED_QUERIES = 60
MARKED_K = 50
EYES = ("efficientnet_lite0", "efficientnet_lite2")
SIDE = 32  # pixels of a picture's side where raw pixels are compared
PER_CLASS = 1_000
SAMPLES, FEATURES = 50_000, 1_280  # of the search that is timed
REPEATS = 21
MANY, FEWER_FEATURES, GROUPS = 200_000, 256, 2_000  # of the search by an index that is timed


def main() -> None:
    """Measure on each data set that is there, then the time, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    rows = []
    for name, place in {"CIFAR-10": "cifar10/train", "waste": "trashnet"}.items():
        if not (options.data / place).is_dir():
            print(f"{name} is left out: {options.data / place} is not there.")
            continue
        rows += measured(name, options.data / place, options.work / name)
    table = pd.DataFrame(rows, columns=["data", "question", "compared by", "precision"])
    seconds, many = timed(), indexed()
    by_index = (
        f"Among {MANY:,} with {FEWER_FEATURES} features, in {GROUPS:,} random groups: comparing "
        f"all takes {many['exact']:.0f} ms (median), and the index {many['median']:.0f} ms, with "
        f"{many['recall']:.1%} of the same samples found; building it took {many['built']:.0f} s. "
        if many
        else "The index for more samples is not measured, since faiss is not installed. "
    )
    notes = (
        "Precision: the share of what is found that has the true class of what was asked, mean ± "
        f"standard deviation over the seeds {', '.join(map(str, SEEDS))}, which draw the "
        f"questions: {QUERIES} samples with the {K} nearest of each, or {MARKED_QUERIES} times "
        f"{MARKED} samples of one class with the {MARKED_K} nearest. The first {PER_CLASS:,} "
        "pictures of each class of CIFAR-10, and all of the photographs of waste. The features "
        f"are those of {' and '.join(EYES)}, frozen; raw pixels are of {SIDE} x {SIDE} "
        f"pictures, compared in the same way. Time: one sample's {K} nearest among {SAMPLES:,} "
        f"with {FEATURES:,} random features each, {REPEATS} times: median "
        f"{seconds['median']:.0f} ms, worst {seconds['worst']:.0f} ms; the first question, which "
        f"scales the rows and keeps them in a file, {seconds['first'] / 1000:.1f} s. {by_index}"
        f"Load average of the last minute, this run included: {os.getloadavg()[0]:.1f}."
    )
    path = write_table("similar", "Similar samples", table.set_index("data"), notes)
    print(path.read_text(encoding="utf-8"))


def measured(name: str, place: Path, work: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row of the table for each question and each way to compare."""
    samples = sources.read(place).samples.groupby("label", group_keys=False).head(PER_CLASS)
    label = samples["label"].to_numpy()
    for eye in EYES:
        rows = np.asarray(features(samples, backbone(eye), folder=work), dtype=np.float32)
        search = Search(rows)
        ways = {eye: search.like, f"{eye}, plain cosine": PlainCosine(rows).like}
        for way, like in ways.items():
            yield name, *one_by_one(way, like, label)
        marked = {"what they have in common": search.more_like, "the nearest of them": search.like}
        for way, ask in marked.items():
            found = [of_several(ask, label, seed) for seed in SEEDS]
            yield name, f"{MARKED} samples, {MARKED_K} nearest", f"{eye}, {way}", spread(found)
    yield name, *one_by_one("raw pixels", Search(pixels(samples["path"])).like, label)


class PlainCosine:
    """Compare by the cosine of the rows (n, d) as they are."""

    def __init__(self, rows: np.ndarray):
        self.unit = unit_rows(rows)

    def like(self, positions: np.ndarray, k: int) -> Found:
        """Return the `k` nearest to one sample, without itself."""
        (position,) = positions
        alike = self.unit @ self.unit[position]
        alike[position] = -np.inf
        best = np.argsort(-alike, kind="stable")[:k]
        return Found(best, alike[best])


def one_by_one(way: str, like, label: np.ndarray) -> tuple[str, str, str]:
    """Return what a row of the table says of `like`, asked about one sample after the other."""
    found = [of_one(like, label, seed) for seed in SEEDS]
    return f"one sample, {K} nearest", way, spread(found)


def of_one(like, label: np.ndarray, seed: int) -> float:
    """Return the precision at `K` of `like`, asked about one sample after the other."""
    asked = np.random.default_rng(seed).choice(len(label), QUERIES, replace=False)
    right = [label[like(np.array([one]), K).positions] == label[one] for one in asked]
    return float(np.mean(right))


def of_several(ask, label: np.ndarray, seed: int) -> float:
    """Return the precision at `MARKED_K` of `ask`, asked about several samples of one class."""
    rng = np.random.default_rng(seed)
    right = []
    for wanted in rng.choice(np.unique(label), MARKED_QUERIES):
        asked = rng.choice(np.flatnonzero(label == wanted), MARKED, replace=False)
        right.append(label[ask(asked, MARKED_K).positions] == wanted)
    return float(np.mean(right))


def pixels(paths: pd.Series) -> np.ndarray:
    """Return the pictures as rows of pixels: float32 (n, 3 * SIDE * SIDE)."""
    return np.stack([_pixels(path) for path in paths])


def _pixels(path: str) -> np.ndarray:
    with Image.open(path) as picture:
        small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float32).ravel()


def spread(found: list[float]) -> str:
    """Return mean and standard deviation as text."""
    return f"{np.mean(found):.3f} ± {np.std(found, ddof=1):.3f}"


def indexed() -> dict[str, float]:
    """Return what the index for many samples costs and finds, among `MANY` in random groups."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(GROUPS, FEWER_FEATURES))
    rows = np.empty((MANY, FEWER_FEATURES), dtype=np.float16)
    for start in range(0, MANY, 5_000):
        group = rng.integers(GROUPS, size=5_000)
        rows[start : start + 5_000] = centres[group] + rng.normal(size=(5_000, FEWER_FEATURES))
    with tempfile.TemporaryDirectory() as folder:
        search = Search(rows, Path(folder) / "rows")
        index, search.index = search.index, None
        if index is None:
            return {}
        asked = rng.choice(MANY, REPEATS, replace=False)
        search.like(asked[:1], K)  # scales the rows
        exact = [clocked(search, position) for position in asked]
        began = time.perf_counter()
        index.build()
        built = time.perf_counter() - began
        search.index = index
        by_index = [clocked(search, position) for position in asked]
    same = [np.isin(a, b).mean() for (_, a), (_, b) in zip(by_index, exact, strict=True)]
    return dict(
        built=built,
        recall=float(np.mean(same)),
        exact=float(np.median([ms for ms, _ in exact])),
        median=float(np.median([ms for ms, _ in by_index])),
    )


def clocked(search: Search, position: int) -> tuple[float, np.ndarray]:
    """Return the milliseconds of one question, and the positions that were found."""
    began = time.perf_counter()
    found = search.like(np.array([position]), K)
    return 1000 * (time.perf_counter() - began), found.positions


def timed() -> dict[str, float]:
    """Return the milliseconds of a search among `SAMPLES`: the first, the median and the worst."""
    rng = np.random.default_rng(0)
    rows = np.empty((SAMPLES, FEATURES), dtype=np.float16)
    for start in range(0, SAMPLES, 5_000):
        rows[start : start + 5_000] = rng.normal(size=(5_000, FEATURES))
    with tempfile.TemporaryDirectory() as folder:
        search = Search(rows, Path(folder) / "rows")
        took = []
        for position in rng.choice(SAMPLES, REPEATS + 1, replace=False):
            took.append(clocked(search, position)[0])
    return dict(first=took[0], median=float(np.median(took[1:])), worst=max(took[1:]))


if __name__ == "__main__":
    main()
