"""Measure whether memory and time stay flat: 500 epochs of training, 10,000 decisions of a review.

python benchmarks/long_run.py [--epochs 500] [--decisions 10000]

In come sizes; out goes a table with the memory of the process at the beginning and at the end, the
slope of a line through all measurements after the first fifth, and how much longer a step takes at
the end. Each row has a process of its own.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

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
    asked = [
        (f"review, {options.decisions:,} decisions", decisions, options.decisions, "decision"),
        (f"head on features, {options.epochs} epochs", head, options.epochs, "epoch"),
        (f"network on pictures, {options.epochs} epochs", network, options.epochs, "epoch"),
    ]
    rows = []
    for what, measure, n, step in asked:
        rows.append(row(what, alone(measure, n), step))
        print(rows[-1], flush=True)
    notes = (
        f"Resident memory of one process for each row, on the CPU. {SAMPLES} samples; training "
        "writes its trace and a checkpoint to a folder and reads the trace after each epoch, as "
        "the live panel does; a review decides, asks what can be undone and redone as panels do, "
        "and sometimes for a page, and sometimes takes a decision back. The slope is that of a "
        f"line through all measurements after the first {START:.0%}. The time is the median of "
        "the last tenth of the steps, as a multiple of that of the first tenth."
    )
    table = pd.DataFrame(rows).set_index("what")
    name = "Memory and time of a long run"
    print(write_table("long_run", name, table, notes).read_text("utf-8"))


class Steps(NamedTuple):
    """What was measured: memory in MB and seconds, each at many steps or after each."""

    memory: list[float]
    seconds: list[float]
    between: int = 1  # steps from one measurement of the memory to the next


def alone(measure: Callable[[Path, int], Steps], n: int) -> Steps:
    """Return `measure(folder, n)`, which runs in a new process and in a temporary folder."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, spawn) as pool:
        return pool.submit(measure, Path(folder), n).result()


def training(learn, out: Path, n_epochs: int) -> Steps:
    """Train for `n_epochs`, and measure after each."""
    from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar

    from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner

    found = Steps([], [])
    started = [time.perf_counter()]

    def measure(trace) -> None:
        float(trace.loss[-1].sum())
        found.memory.append(memory())
        found.seconds.append(time.perf_counter() - started[0])
        started[0] = time.perf_counter()

    warmup = n_epochs - n_epochs // 5 * 4
    with learn.no_bar(), learn.no_logging():
        learn.fit_o2u(
            warmup=warmup, cycles=(n_epochs - warmup) // 4, cycle=4, out=out, on_epoch=measure
        )
    return found


def head(folder: Path, n: int) -> Steps:
    """Train a head on random features."""
    from o2u_nb.training.heads import head_learner

    rng = np.random.default_rng(0)
    ids = pd.Index([f"{k:04d}" for k in range(SAMPLES)], name="sample_id", dtype="str")
    labels = np.array(CLASSES, dtype=object)[np.arange(SAMPLES) % len(CLASSES)]
    table = pd.DataFrame({"label": labels, "split": "train"}, index=ids)
    features = rng.normal(size=(SAMPLES, WIDTH)).astype(np.float32)
    return training(head_learner(features, table, device="cpu"), folder / "trace", n)


def network(folder: Path, n: int) -> Steps:
    """Train a small network on pictures of noise."""
    from fastai.basics import Learner
    from torch import nn

    from o2u_nb.training.loaders import dataloaders
    from o2u_nb.training.models import CompactResNet

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (SAMPLES, 8, 8, 3)).astype(np.uint8)
    samples = sources.read((pixels, np.arange(SAMPLES) % 4)).samples
    dls = dataloaders(samples, bs=64, device="cpu")
    learn = Learner(dls, CompactResNet(4, widths=(4, 8)), loss_func=nn.CrossEntropyLoss())
    return training(learn, folder / "trace", n)


def decisions(folder: Path, n: int) -> Steps:
    """Decide `n` times in one session; measure the memory after each hundred, and each time."""
    audit = write_audit(folder / "audit", n=SAMPLES, n_wrong=SAMPLES // 4)
    session = ReviewSession(audit, reviewer="a")
    ids = list(session.scores.index)
    commands: list[Callable] = [
        session.keep, session.drop, session.unsure, lambda i: session.relabel(CLASSES[0], i)
    ]  # fmt: skip
    found = Steps([], [], between=100)
    for k in range(n):
        started = time.perf_counter()
        commands[k % len(commands)]([ids[k * 7 % len(ids)]])
        _ = session.can_undo, session.can_redo
        found.seconds.append(time.perf_counter() - started)
        if k % 50 == 49:
            session.undo()
        if k % 100 == 99:
            session.page(0, 100)
            found.memory.append(memory())
    return found


def memory() -> float:
    """Return the resident memory of this process, in MB."""
    return psutil.Process(os.getpid()).memory_info().rss / 1e6


def row(what: str, found: Steps, step: str) -> dict:
    """Return a row of the table."""
    kept = np.array(found.memory[int(START * len(found.memory)) :])
    slope = np.polyfit(np.arange(len(kept)) * found.between, kept, 1)[0]
    tenth = max(1, len(found.seconds) // 10)
    first, last = (np.median(part) for part in (found.seconds[:tenth], found.seconds[-tenth:]))
    return {
        "what": what,
        "first": f"{kept[0]:.1f} MB",
        "last": f"{kept[-1]:.1f} MB",
        "slope": f"{slope * 1000:+.2f} kB per {step}",
        "time at the end / at the beginning": f"{last / first:.2f}",
    }


if __name__ == "__main__":
    main()
