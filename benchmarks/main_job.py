"""Measure the main job as a user runs it: `python -m o2u_nb audit` on class folders of image files.

    python benchmarks/main_job.py --data DIR [--rows coats fashion-20 ...] [--seeds 1 2 3]

Every seed draws its own subset, noise and training seed. The truth never leaves this script. Each
run is added to `results/main_job_PRESET.csv`; one that is there already is not repeated.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from common import Runs, detection_figures, mean_and_spread, write_table
from detection.sets import PHOTOGRAPHS, SETS, full_title
from PIL import Image

from o2u_nb.audit import Audit
from o2u_nb.data import coats, datasets, noise
from o2u_nb.data.images import load_image

# Prefix of the columns with an estimated number of wrong labels, divided by the true number.
COUNTED = "counted: "
# A row writes a class folder with wrong labels and returns the truth, indexed by sample id.
Row = Callable[[Path, Path, int], pd.Series]


def coats_row(data: Path, folder: Path, seed: int) -> pd.Series:
    """Write generated coats with the demo's noise."""
    coats.write_folder(folder.parent / "coats", seed=seed)
    shutil.move(folder.parent / "coats" / "images", folder)
    table = pd.read_csv(folder.parent / "coats" / "truth.csv", index_col="sample_id")
    return table["true_label"]


def fashion_row(rate: float) -> Row:
    """Return a row of 10,000 pictures of Fashion-MNIST with symmetric noise at `rate`."""

    def write(data: Path, folder: Path, seed: int) -> pd.Series:
        clean, _ = datasets.load("fashion_mnist", root=data / "fashion-mnist", n=10_000, seed=seed)
        samples, truth = noise.plant(clean, noise.symmetric(rate), seed=seed)
        return write_folder(samples, truth, folder)

    return write


def cifar_row(column: str) -> Row:
    """Return a row of 8,000 pictures of CIFAR-10 with the human labels of CIFAR-10N's `column`."""

    def write(data: Path, folder: Path, seed: int) -> pd.Series:
        table = pd.read_csv(data / "cifar10n.csv")
        table = table.iloc[np.random.default_rng(seed).permutation(len(table))[:8_000]]
        table["path"] = [str(data / "cifar10" / path) for path in table["path"]]
        samples = table.set_index("path", drop=False).assign(label=table[column].to_numpy())
        return write_folder(samples, samples["label_true"], folder)

    return write


def drawn_row(name: str) -> Row:
    """Return a row of the set `name` of the detection benchmark, its photographs as they are."""

    def write(data: Path, folder: Path, seed: int) -> pd.Series:
        samples, truth = SETS[name].draw(data, seed)
        names = []
        for number, (label, path) in enumerate(zip(samples["label"], samples["path"], strict=True)):
            names.append(f"{label}/{number:05d}{Path(path).suffix}")  # its own name tells the truth
            (folder / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / names[-1])
        return pd.Series(truth.reindex(samples.index).to_numpy(), index=names)

    return write


ROWS: dict[str, tuple[str, Row]] = {
    "coats": ("coats, 2,000, planted 10 %", coats_row),
    "fashion-10": ("Fashion-MNIST, 10,000, symmetric 10 %", fashion_row(0.1)),
    "fashion-20": ("Fashion-MNIST, 10,000, symmetric 20 %", fashion_row(0.2)),
    "fashion-40": ("Fashion-MNIST, 10,000, symmetric 40 %", fashion_row(0.4)),
    "cifar-aggre": ("CIFAR-10N aggre, 8,000", cifar_row("label_aggre")),
    "cifar-worst": ("CIFAR-10N worst, 8,000", cifar_row("label_worst")),
    **{
        name: (full_title(name), drawn_row(name))
        for name, one in SETS.items()
        if one.group == PHOTOGRAPHS
    },
}


def write_folder(samples: pd.DataFrame, truth: pd.Series, folder: Path) -> pd.Series:
    """Write pictures as PNG files in folders named after their given labels; return the truth."""
    names = []
    for number, (_, row) in enumerate(samples.iterrows()):
        name = f"{folder_name(row['label'])}/{number:05d}.png"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if "image" in row:
            Image.fromarray(row["image"]).save(folder / name)
        else:
            load_image(row["path"]).save(folder / name)
        names.append(name)
    return pd.Series(truth.map(folder_name).to_numpy(), index=names)


def folder_name(label: str) -> str:
    """Name the folder of a class, without the slash of "T-shirt/top", which would make two."""
    return label.replace("/", "-")


def measure(name: str, data: Path, seed: int, preset: str) -> dict:
    """Audit one data set once; return its figures."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "pictures"
        out = Path(scratch) / "audit"
        truth = ROWS[name][1](data, folder, seed)
        command = [sys.executable, "-m", "o2u_nb", "audit", folder, "--out", out]
        started = time.monotonic()
        subprocess.run([*command, "--preset", preset, "--seed", str(seed)], check=True)
        seconds = time.monotonic() - started
        audit = Audit.open(out)
        wrong = audit.scores["label"] != truth.reindex(audit.scores.index)
        counts = audit.estimates["count"] / wrong.sum()
        figures = detection_figures(audit.scores, wrong)
        low, high = (end / wrong.sum() for end in audit.facts["estimated_range"])
        ends = pd.Series({"range, low end": low, "range, high end": high})
        counts = pd.concat([counts, ends]).add_prefix(COUNTED)
        return {**figures, "seconds": seconds, **counts.to_dict()}


def main() -> None:
    """Measure all rows whose data is there, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--note", default="", help="what to add below the table, about the machine")
    options = parser.parse_args()
    runs = Runs(f"main_job_{options.preset}")
    for seed in options.seeds:  # the outer loop, so that results that are cut short have all rows
        for name in options.rows:
            key = {"data": ROWS[name][0], "seed": seed}
            if runs.has(key):
                continue
            try:
                runs.add({**key, **measure(name, options.data, seed, options.preset)})
            except OSError as missing:
                print(f"{name}: left out, {missing}")
    report(runs.table, options.preset, options.note)


def report(runs: pd.DataFrame, preset: str, note: str) -> None:
    """Write the table of all runs so far, and one of the estimated numbers."""
    order = [title for title, _ in ROWS.values() if title in set(runs["data"])]
    counted = [name for name in runs if name.startswith(COUNTED)]
    notes = (
        f"`python -m o2u_nb audit FOLDER --preset {preset}`; mean ± standard deviation over seeds, "
        "each with its own subset, noise and training. Seconds are wall time of the whole command, "
        f"imports, decoding and report included. {note}"
    )
    table = mean_and_spread(runs.drop(columns=counted), by=["data"]).loc[order]
    print(write_table(f"main_job_{preset}", "The main job", table, notes).read_text(), flush=True)
    ratios = runs[["data", "seed", *counted]].rename(columns=lambda name: name.replace(COUNTED, ""))
    notes = (
        "Estimated number of wrong labels divided by the true one, from the same runs: mean ± "
        "standard deviation over seeds; a dash: refused, or not measured. `sure_disagreement` is "
        "the recommended one. No estimator knows the true rate."
    )
    table = mean_and_spread(ratios, by=["data"], digits=2).loc[order]
    write_table(f"counts_{preset}", "How many labels are wrong?", table, notes)


if __name__ == "__main__":
    main()
