"""Plant copies of pictures, and count which of them are found, and what is found beside them.

    python -m benchmarks.duplicates --data DIR [--sets waste cifar fashion coats] [--seeds 4 5 6]
    python -m benchmarks.duplicates --report

Into 3,000 pictures of each set (all 2,527 of waste, 2,000 generated coats), 1,000 copies are
planted, 200 of each kind: made smaller or larger, saved as JPEG, mirrored, cropped, or changed in
brightness and contrast. A planted copy that is put together with another picture than its original,
or with a copy of another one, is a mistake. The sets hold real repeats, too: where the same search
finds the two originals to be copies of each other without any planting, the column "repeats
excused" does not count it. So a mistake that the search makes among the originals is excused as
well: the truth lies between the two columns. Generated coats hold no repeats, so there nothing is
excused. Rows are written to `results/duplicates.csv` when they are known.
"""

import argparse
import io
import sys
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance

from benchmarks.common import RESULTS, Runs, machine, markdown
from benchmarks.detection import sets
from o2u_nb.data import coats, datasets
from o2u_nb.data.duplicates import find
from o2u_nb.data.images import image_items, load_image, png_bytes
from o2u_nb.data.readers.arrays import from_arrays

COUNT, PLANTED = 3_000, 1_000
KINDS = ("resized", "JPEG", "mirrored", "cropped", "brightness")
COATS = "coats"  # drawn for this: all different
TITLES = {
    "waste": "photographs of waste",
    "cifar": "CIFAR-10",
    "fashion": "Fashion-MNIST",
    COATS: "generated coats",
}
REPEATS = ("taken for real repeats", "all of them mistakes")


def pictures(name: str, data: Path) -> pd.DataFrame:
    """Return the samples of a set."""
    if name == "waste":
        return sets.waste_samples(data)
    if name == COATS:
        return from_arrays(*coats.generate(2_000, seed=40)).samples
    if name == "cifar":
        return datasets.load("cifar10", root=data / "cifar10", n=COUNT, seed=0).samples
    return datasets.load("fashion_mnist", root=data / "fashion-mnist", n=COUNT, seed=0).samples


def changed(image: Image.Image, kind: str, random: np.random.Generator) -> bytes:
    """Return a copy of `image` as a file's content."""
    width, height = image.size
    if kind == "resized":
        factor = random.uniform(0.5, 0.9) if random.random() < 0.5 else random.uniform(1.25, 2)
        size = max(8, round(width * factor)), max(8, round(height * factor))
        return _png(image.resize(size, Image.Resampling.BICUBIC))
    if kind == "JPEG":
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(random.integers(30, 81)))
        return file.getvalue()
    if kind == "mirrored":
        return _png(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    if kind == "cropped":
        wide, high = (round(s * random.uniform(0.8, 0.95)) for s in (width, height))
        x, y = random.integers(0, width - wide + 1), random.integers(0, height - high + 1)
        return _png(image.crop((x, y, x + wide, y + high)))
    light, contrast = random.uniform(0.7, 1.3), random.uniform(0.8, 1.2)
    brighter = ImageEnhance.Brightness(image).enhance(light)
    return _png(ImageEnhance.Contrast(brighter).enhance(contrast))


def _png(image: Image.Image) -> bytes:
    return png_bytes(np.asarray(image))


def planted(samples: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return copies of `PLANTED` of the samples: `image`, `original` and `kind` by `sample_id`."""
    random = np.random.default_rng(seed)
    items = image_items(samples)
    rows = []
    for k, place in enumerate(random.choice(len(samples), PLANTED, replace=False)):
        kind = KINDS[k % len(KINDS)]
        content = changed(load_image(items[place]), kind, random)
        rows.append((f"planted/{k:04d}", content, samples.index[place], kind))
    table = pd.DataFrame(rows, columns=["sample_id", "image", "original", "kind"])
    return table.set_index("sample_id")


def contents(samples: pd.DataFrame) -> list[bytes]:
    """Return the pictures as files' contents."""
    return [
        Path(item).read_bytes() if isinstance(item, str) else _png(load_image(item))
        for item in image_items(samples)
    ]


def linked(found: pd.DataFrame) -> set[frozenset[str]]:
    """Return all pairs of members of one group."""
    groups = found.groupby("group").groups.values()
    return {frozenset(pair) for ids in groups for pair in combinations(ids, 2)}


def rows(samples: pd.DataFrame, files: list[bytes], real: set, seed: int) -> list[dict]:
    """Plant copies with `seed`, look for them, and return a row for each kind."""
    copies = planted(samples, seed)
    ids = [*samples.index, *copies.index]
    table = pd.DataFrame({"image": [*files, *copies["image"]]}, index=pd.Index(ids))
    table.index.name = "sample_id"
    started = time.perf_counter()
    pairs = linked(find(table))
    seconds = time.perf_counter() - started
    original = copies["original"].to_dict()
    wrong = {kind: [0, 0] for kind in KINDS}  # mistakes, and those that are no real repeats
    right = dict.fromkeys(KINDS, 0)
    for first, second in map(sorted, pairs):
        roots = frozenset({original.get(first, first), original.get(second, second)})
        for name in {first, second} & set(original):
            kind = copies.loc[name, "kind"]
            if len(roots) == 1:
                right[kind] += 1
            else:
                wrong[kind][0] += 1
                wrong[kind][1] += roots not in real
    return [
        dict(
            kind=kind,
            recall=float(
                np.mean(
                    [
                        frozenset({name, original[name]}) in pairs
                        for name in copies.index[copies["kind"] == kind]
                    ]
                )
            ),
            precision=right[kind] / max(right[kind] + wrong[kind][0], 1),
            excused=right[kind] / max(right[kind] + wrong[kind][1], 1),
            seconds=seconds,
        )
        for kind in KINDS
    ]


def page(table: pd.DataFrame) -> str:
    """Return the page as Markdown."""
    parts = [
        "# Copies of pictures",
        machine(),
        f"`python -m benchmarks.duplicates`: {PLANTED:,} copies planted, 200 of each kind, seeds "
        f"{', '.join(map(str, sorted(table['seed'].unique())))}. Mean ± standard deviation (n - 1) "
        "over the seeds. The settings were chosen with the seeds 0 to 3, before these were drawn. "
        "How copies are made, and what counts as a mistake, is said in `benchmarks/duplicates.py`: "
        "the search itself says what a real repeat is, so the truth lies between both columns.",
    ]
    for name, title in TITLES.items():
        own = table[table["set"] == name]
        if own.empty:
            continue
        groups = own.groupby("kind")
        shown = pd.DataFrame(
            {
                "recall": _spread(groups["recall"]),
                "precision": _spread(groups["precision"]),
                "precision, repeats excused": _spread(groups["excused"]),
            }
        ).reindex(KINDS)
        shown.index.name = "kind"
        n = int(own["n"].iloc[0])
        parts += [
            f"## {title[0].upper()}{title[1:]}, {n:,} pictures",
            "Pairs found among them where nothing is planted: "
            f"{int(own['repeats'].iloc[0]):,}, {REPEATS[name == COATS]}. "
            f"The search took {own['seconds'].mean():.0f} s for {n + PLANTED:,} pictures.",
            markdown(shown),
        ]
    return "\n\n".join(parts) + "\n"


def _spread(groups) -> pd.Series:
    mean, spread = groups.mean(), groups.std()
    return pd.Series(
        [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True)], index=mean.index
    )


def main(argv: list[str]) -> None:
    """Run what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the data sets")
    parser.add_argument("--sets", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[4, 5, 6])
    parser.add_argument("--report", action="store_true", help="only write the page")
    options = parser.parse_args(argv)
    runs = Runs("duplicates")
    for name in () if options.report else options.sets:
        missing = [seed for seed in options.seeds if not runs.has(dict(set=name, seed=seed))]
        if not missing:
            continue
        samples = pictures(name, options.data)
        files = contents(samples)
        plain = pd.DataFrame({"image": files}, index=samples.index)
        pairs = linked(find(plain))
        real = set() if name == COATS else pairs
        for seed in missing:
            about = dict(n=len(samples), repeats=len(pairs))
            found = [about | row for row in rows(samples, files, real, seed)]
            runs.put(dict(set=name, seed=seed), found)
            print(pd.DataFrame(found).to_string(), flush=True)
    (RESULTS / "duplicates.md").write_text(page(runs.table), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
