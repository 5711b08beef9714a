"""Train by one process and by several: how equal the traces are, and how much faster it is.

    python -m benchmarks.processes [--samples 3000] [--counts 1 2 3] [--seeds 1 2 3]

Each process has one thread. Trained are our small network with batch normalisation, the same
network without it, and a head on features; the pictures are random, since only times and equality
are looked at. The page says the largest difference of a loss from that of one process, and the
seconds of `fit_o2u` as a ratio to those of one process in the same round.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from fastai.basics import Learner
from torch import nn

from benchmarks.common import RESULTS, machine, markdown, median_and_range
from o2u_nb.data import sources
from o2u_nb.trace import Trace
from o2u_nb.training import learner  # noqa: F401  adds fit_o2u
from o2u_nb.training.heads import head_learner
from o2u_nb.training.loaders import dataloaders
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.processes import join

SIDE, CLASSES, WIDTH = 32, 10, 1280  # pixels, classes, and numbers in a row of features
KINDS = {
    "network": "small network with batch normalisation",
    "plain": "the same without batch normalisation",
    "head": f"linear head on {WIDTH:,} features",
}
SCHEDULE = dict(warmup=1, cycles=1, cycle=2)


def built(kind: str, n: int, seed: int) -> Learner:
    """Return the Learner that is trained, on `n` samples drawn with `seed`."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    codes = random.integers(0, CLASSES, n)
    pixels = random.integers(0, 256, (n, SIDE, SIDE, 3), dtype=np.uint8)
    samples = sources.read((pixels, codes)).samples
    if kind == "head":
        rows = random.normal(size=(n, WIDTH)).astype(np.float32)
        return head_learner(rows, samples, seed=seed, device="cpu")
    model: nn.Module = CompactResNet(CLASSES)
    if kind == "plain":
        _without_normalisation(model)
    dls = dataloaders(samples, bs=64, seed=seed, device="cpu")
    return Learner(dls, model, loss_func=nn.CrossEntropyLoss())


def _without_normalisation(model: nn.Module) -> None:
    for name, part in model.named_children():
        if isinstance(part, nn.BatchNorm2d):
            setattr(model, name, nn.Identity())
        else:
            _without_normalisation(part)


def work(out: Path, kind: str, n: int, seed: int) -> None:
    """Train in one of the processes; the first one prints the seconds."""
    torch.set_num_threads(1)
    group = join()
    learn = built(kind, n, seed)
    group.wait()
    started = time.perf_counter()
    with learn.no_bar(), learn.no_logging():
        learn.fit_o2u(**SCHEDULE, lr=0.01, out=out)
    if group.first:
        print(json.dumps(dict(seconds=time.perf_counter() - started)), flush=True)


def measured(out: Path, count: int, kind: str, n: int, seed: int) -> float:
    """Train by `count` processes, and return the seconds."""
    command = [sys.executable, "-m"]
    if count > 1:
        command += ["torch.distributed.run", "--standalone", "--nproc_per_node", str(count), "-m"]
    command += ["benchmarks.processes", "--work", str(out), kind, str(n), str(seed)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1])["seconds"]


def rows(n: int, counts: list[int], seeds: list[int]) -> pd.DataFrame:
    """Measure everything, and return a row for each training."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            for kind in KINDS:
                losses, seconds = {}, {}
                for count in counts:
                    out = Path(folder) / f"{kind}-{count}-{seed}"
                    seconds[count] = measured(out, count, kind, n, seed)
                    losses[count] = np.asarray(Trace.open(out).loss)
                    apart = float(np.abs(losses[count] - losses[counts[0]]).max())
                    speed = seconds[counts[0]] / seconds[count]
                    load = os.getloadavg()[0]
                    row = dict(
                        kind=kind, seed=seed, count=count, apart=apart, speed=speed, load=load
                    )
                    print(row, flush=True)
                    found.append(row)
    return pd.DataFrame(found)


def page(found: pd.DataFrame, n: int) -> str:
    """Return the page as Markdown."""
    groups = found.groupby(["kind", "count"], sort=False)
    table = pd.DataFrame(
        {
            "trained": [KINDS[kind] for kind, _ in groups.groups],
            "processes": [count for _, count in groups.groups],
            "largest difference of a loss": [f"{v:.1e}" for v in groups["apart"].max()],
            "times as fast as one process": [
                f"{mean:.2f} ± {spread:.2f}"
                for mean, spread in zip(groups["speed"].mean(), groups["speed"].std(), strict=True)
            ],
        }
    ).set_index("trained")
    return "\n\n".join(
        [
            "# One process and several",
            machine(),
            f"`python -m benchmarks.processes`: {n:,} samples, batches of 64, three epochs, "
            f"{found['seed'].nunique()} seeds, one thread in each process. Mean ± standard "
            "deviation (n - 1) of the ratio within a round; the difference is the largest of all "
            "samples, epochs and seeds, in nats. Load average of the last minute: "
            f"{median_and_range(found['load'])}; above the number of cores, other programs ran "
            "meanwhile.",
            markdown(table),
        ]
    )


def main(argv: list[str]) -> None:
    """Measure, and write the page."""
    if argv[:1] == ["--work"]:
        return work(Path(argv[1]), argv[2], int(argv[3]), int(argv[4]))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=3_000)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args(argv)
    found = rows(options.samples, options.counts, options.seeds)
    text = page(found, options.samples)
    (RESULTS / "processes.md").write_text(text + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
