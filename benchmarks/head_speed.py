"""Measure how long a head on frozen features trains, with and without the recorder.

    python benchmarks/head_speed.py [--repeats 5]

The features are random: 10,000 x 1,280, with 10 classes. Each run has 18 epochs in batches of 64, a
warm-up of 6 and two cycles of 6. A plain loop of torch on the same batches shows what fastai costs.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from common import median_and_range, write_table
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar
from torch.nn import functional as F

from o2u_nb.training.fitting import optimiser, sgd
from o2u_nb.training.heads import HIDDEN, HeadLearner, head_learner
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.schedule import EpochRates, cyclic_rates

N, D, CLASSES = 10_000, 1_280, 10
WARMUP, CYCLES, CYCLE = 6, 2, 6


def recorded(learn: HeadLearner) -> None:
    """Train with the recorder, as an audit does."""
    with learn.no_bar(), learn.no_logging():
        learn.fit_o2u(warmup=WARMUP, cycles=CYCLES, cycle=CYCLE)


def unrecorded(learn: HeadLearner) -> None:
    """Train at the same rates without the recorder."""
    rates = epoch_rates(learn)
    with learn.no_bar(), learn.no_logging(), optimiser(learn, sgd):
        learn.fit(len(rates), rates[0], cbs=EpochRates(rates))


def plain(learn: HeadLearner) -> None:
    """Train at the same rates in a loop of torch alone, on one thread like the Learner."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    steps = torch.optim.SGD(learn.model.parameters(), momentum=0.9, weight_decay=5e-4, fused=True)
    for rate in epoch_rates(learn):
        steps.param_groups[0]["lr"] = rate
        for features, labels in learn.dls.train:
            F.cross_entropy(learn.model(features), labels).backward()
            steps.step()
            steps.zero_grad()
    torch.set_num_threads(threads)


def epoch_rates(learn: HeadLearner) -> list[float]:
    """Return the rate of each epoch, as `fit_o2u` chooses them."""
    lr = learn.largest_rate
    return [lr] * WARMUP + cyclic_rates(CYCLES * CYCLE, r1=lr, r2=lr / 10, cycle=CYCLE)


def random_set() -> tuple[np.ndarray, pd.DataFrame]:
    """Return random features, float16, and samples with random labels."""
    rng = np.random.default_rng(0)
    features = rng.random((N, D), dtype=np.float32).astype(np.float16)
    ids = pd.Index([f"{k:05d}" for k in range(N)], name="sample_id")
    labels = [f"class {k}" for k in rng.integers(0, CLASSES, N)]
    return features, pd.DataFrame({"label": labels}, index=ids)


def seconds(
    make: Callable[[], HeadLearner], train: Callable[[HeadLearner], None]
) -> tuple[float, float]:
    """Return how long one training takes, and how long the processor works on it, in seconds."""
    learn = make()
    started, worked = time.perf_counter(), time.process_time()
    train(learn)
    return time.perf_counter() - started, time.process_time() - worked


def main() -> None:
    """Measure both heads in all three ways by turns, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    features, samples = random_set()
    ways = {"plain loop of torch": plain, "Learner": unrecorded, "Learner and recorder": recorded}
    rows = []
    for name, hidden in (("linear", None), (f"hidden layer of {HIDDEN}", HIDDEN)):

        def make(hidden: int | None = hidden) -> HeadLearner:
            return head_learner(features, samples, hidden=hidden, device="cpu")

        seconds(make, recorded)  # the first run in a process prepares memory and modules
        runs = [{way: seconds(make, train) for way, train in ways.items()}
                for _ in range(options.repeats)]  # fmt: skip
        found = pd.DataFrame(runs)
        rows.append({"head": name, **{way: summary(found[way]) for way in ways}})
    notes = (
        f"Seconds of 18 epochs, median and range of {options.repeats} runs by turns, in batches of "
        "64; and the median of the processor's seconds, which other work on the machine lengthens "
        f"less. On {N:,} x {D:,} random features in memory, {CLASSES} classes. The recorder keeps "
        "the losses, margins, predictions and mean softmax of every sample, and writes its "
        "temporary trace. All use one thread: the operations are so small that two threads only "
        "wait for each other."
    )
    table = pd.DataFrame(rows).set_index("head")
    print(write_table("head_speed", "Training a head on frozen features", table, notes).read_text())


def summary(runs: pd.Series) -> str:
    """Write the median of the seconds of some runs and their range, and that of the processor's."""
    wall, worked = zip(*runs, strict=True)
    return f"{median_and_range(wall, digits=2)}; processor {np.median(worked):.2f}"


if __name__ == "__main__":
    main()
