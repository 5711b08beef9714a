"""Measure whether memory stays flat: 500 epochs of training, and 10,000 decisions of a review.

python benchmarks/long_run.py [--epochs 500] [--decisions 10000]

In come sizes; out goes a table with the memory of the process at the beginning and at the end, and
the slope of a line through all measurements after the first fifth.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from common import write_table

sys.path.append(str(Path(__file__).parents[1]))
from o2u_nb.data import sources
from o2u_nb.review.session import ReviewSession
from tests.audits import CLASSES, write_audit

START = 0.2  # share of the measurements in which caches fill, which is left out of the slope
SAMPLES = 400
WIDTH = 32  # features of a sample


def main() -> None:
    """Measure both, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--decisions", type=int, default=10_000)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        decided = decisions(Path(folder), options.decisions)
        rows.append(row(f"review, {options.decisions:,} decisions", decided, "decision"))
        for name, learn in (("head on features", head()), ("network on pictures", network())):
            epochs = training(learn, Path(folder) / name, options.epochs)
            rows.append(row(f"{name}, {options.epochs} epochs", epochs, "epoch"))
    table = pd.DataFrame(rows).set_index("what")
    notes = (
        f"Resident memory of one process on the CPU. {SAMPLES} samples; training writes its trace "
        "and a checkpoint to a folder and reads the trace after each epoch, as the live panel "
        "does; a review decides, asks for a page and sometimes takes a decision back. The slope "
        f"is that of a line through all measurements after the first {START:.0%}."
    )
    print(write_table("long_run", "Memory over a long time", table, notes).read_text("utf-8"))


def training(learn, out: Path, n_epochs: int) -> list[float]:
    """Train for `n_epochs` and return the memory after each, in MB."""
    from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar

    from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner

    found: list[float] = []
    warmup = n_epochs - n_epochs // 5 * 4
    with learn.no_bar(), learn.no_logging():
        learn.fit_o2u(
            warmup=warmup, cycles=(n_epochs - warmup) // 4, cycle=4, out=out,
            on_epoch=lambda trace: found.append(memory() + 0 * float(trace.loss[-1].sum())),
        )  # fmt: skip
    return found


def head():
    """Return a head on random features."""
    from o2u_nb.training.heads import head_learner

    rng = np.random.default_rng(0)
    ids = pd.Index([f"{k:04d}" for k in range(SAMPLES)], name="sample_id", dtype="str")
    labels = np.array(CLASSES, dtype=object)[np.arange(SAMPLES) % len(CLASSES)]
    table = pd.DataFrame({"label": labels, "split": "train"}, index=ids)
    features = rng.normal(size=(SAMPLES, WIDTH)).astype(np.float32)
    return head_learner(features, table, device="cpu")


def network():
    """Return a small network on pictures of noise."""
    from fastai.basics import Learner
    from torch import nn

    from o2u_nb.training.loaders import dataloaders
    from o2u_nb.training.models import CompactResNet

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (SAMPLES, 8, 8, 3)).astype(np.uint8)
    samples = sources.read((pixels, np.arange(SAMPLES) % 4)).samples
    dls = dataloaders(samples, bs=64, device="cpu")
    return Learner(dls, CompactResNet(4, widths=(4, 8)), loss_func=nn.CrossEntropyLoss())


def decisions(folder: Path, n: int) -> list[float]:
    """Decide `n` times in one session, and return the memory after each hundred, in MB."""
    audit = write_audit(folder / "audit", n=SAMPLES, n_wrong=SAMPLES // 4)
    session = ReviewSession(audit, reviewer="a")
    ids = list(session.scores.index)
    commands: list[Callable] = [
        session.keep, session.drop, session.unsure, lambda i: session.relabel(CLASSES[0], i)
    ]  # fmt: skip
    found = []
    for k in range(n):
        commands[k % len(commands)]([ids[k * 7 % len(ids)]])
        if k % 50 == 49:
            session.undo()
        if k % 100 == 99:
            session.page(0, 100)
            found.append(memory())
    return [value for value in found for _ in range(100)]


def memory() -> float:
    """Return the resident memory of this process, in MB."""
    return psutil.Process(os.getpid()).memory_info().rss / 1e6


def row(what: str, found: list[float], step: str) -> dict:
    """Return a row of the table."""
    kept = np.array(found[int(START * len(found)) :])
    slope = np.polyfit(np.arange(len(kept)), kept, 1)[0]
    figures = {
        "what": what,
        "first": f"{kept[0]:.1f} MB",
        "last": f"{kept[-1]:.1f} MB",
        "slope": f"{slope * 1000:+.2f} kB per {step}",
    }
    print(figures, flush=True)
    return figures


if __name__ == "__main__":
    main()
