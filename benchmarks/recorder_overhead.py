"""Measure what recording and ODD cost: epochs with and without them, by turns in one run.

    python benchmarks/recorder_overhead.py [--repeats 9]

The network, pictures and batch size are those of the standard preset on 5,000 pictures of 32
pixels. Each pair is one epoch without and one with them; the median of the ratios is reported. The
times of epochs differ by more than the recorder costs, so the seconds spent within its callbacks
are counted as well. On a CPU that is all the time they take, since nothing runs on after them.
"""

import argparse
import time
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from common import write_table
from fastai.basics import Learner
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar
from fastai.data.core import DataLoaders

from o2u_nb.presets import PRESETS
from o2u_nb.training.fitting import sgd
from o2u_nb.training.learner import fit_odd  # noqa: F401  patches Learner
from o2u_nb.training.loaders import PixelData, PixelLoader
from o2u_nb.training.methods.odd import OddRemoval
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.schedule import EpochRates, high_then_low
from o2u_nb.widgets.live import LiveLosses


def learner(n_samples: int, side: int, n_classes: int) -> Learner:
    """Build the standard preset's Learner over random pictures."""
    preset = PRESETS["standard"]
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (n_samples, side, side, 3), dtype=np.uint8)
    ids = pd.Index([f"{i:06d}" for i in range(n_samples)])
    names = [f"class {k:03d}" for k in range(n_classes)]
    data = PixelData(pixels, rng.integers(0, n_classes, n_samples), ids, names)
    train = PixelLoader(data, bs=preset.bs, shuffle=True, crop=4, flip=True)
    dls = DataLoaders(train, train.new(data.new_empty(), shuffle=False), device="cpu")
    model = CompactResNet(n_classes, widths=preset.widths)
    return Learner(dls, model, loss_func=torch.nn.CrossEntropyLoss(), opt_func=sgd, lr=0.01)


def live_panel(learn: Learner) -> LiveLosses:
    """Make a live panel with its strip of pictures; without a browser, messages go nowhere."""
    data = learn.dls.train.dataset
    table = pd.DataFrame({"label": data.vocab[0], "image": list(data.pixels.numpy())}, data.ids)
    return LiveLosses(samples=table)


@contextmanager
def stopwatch():
    """Count the seconds within a block (`total`), and those of them in our callbacks (`own`)."""
    call = Callback.__call__
    spent = dict(total=0.0, own=0.0)

    def timed(self, event):
        started = time.perf_counter()
        call(self, event)
        if isinstance(self, DynamicsRecorder | OddRemoval):
            spent["own"] += time.perf_counter() - started

    with patch.object(Callback, "__call__", timed):
        started = time.perf_counter()
        yield spent
        spent["total"] = time.perf_counter() - started


def epoch_seconds(learn: Learner, cbs) -> dict[str, float]:
    """Train one epoch and return its wall time, and how much of it our callbacks took."""
    with learn.no_bar(), learn.no_logging(), stopwatch() as spent:
        learn.fit(1, cbs=cbs)
    return spent


def odd_seconds(learn: Learner, *, removes: bool) -> dict[str, float]:
    """Train eight epochs with the recorder alone, or with ODD.

    ODD looks for samples to remove but removes none, because fewer samples would save time.
    """
    rates = high_then_low(8, lr=0.01, high=4)
    with learn.no_bar(), learn.no_logging(), stopwatch() as spent:
        if removes:
            learn.fit_odd(8, high=4, rates=rates, percentile=100)
        else:
            learn.fit(8, cbs=[DynamicsRecorder(), EpochRates(rates, ramp=True)])
    return spent


def odd_overhead(repeats: int) -> dict:
    """Compare runs that look for what to remove with runs that only record."""
    learn = learner(2_500, 32, 10)
    odd_seconds(learn, removes=True)
    pairs = [[odd_seconds(learn, removes=ask) for ask in (False, True)] for _ in range(repeats)]
    return row_of("ODD, 10 classes, 8 epochs, beside the recorder alone", pairs)


def row_of(what: str, pairs: list) -> dict:
    """Summarise pairs of runs, without and with."""
    ratios = [with_["total"] / without["total"] - 1 for without, with_ in pairs]
    # the time of our callbacks, divided by the time of an epoch without them
    own = [(w["own"] - wo["own"]) / (w["total"] - w["own"] + wo["own"]) for wo, w in pairs]
    return {
        "what": what,
        "seconds without": f"{np.median([without['total'] for without, _ in pairs]):.2f}",
        **columns("spent in our callbacks", own, "{:+.2%}"),
        **columns("one against the other", ratios, "{:+.1%}"),
    }


def columns(name: str, shares: list[float], style: str) -> dict[str, str]:
    """Show the median and the quartiles of `shares`, which are parts of an epoch without ours."""
    low, median, high = (style.format(q) for q in np.quantile(shares, [0.25, 0.5, 0.75]))
    return {f"{name}, median": median, f"{name}, quartiles": f"{low} to {high}"}


def main() -> None:
    """Measure for few and many classes, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    rows = []
    for n_classes, live in ((10, False), (100, False), (10, True)):
        learn = learner(5_000, 32, n_classes)
        recorder = DynamicsRecorder(on_epoch=live_panel(learn).update if live else None)
        epoch_seconds(learn, recorder)  # warm up; the trace's folder is made here
        pairs = [
            (epoch_seconds(learn, None), epoch_seconds(learn, recorder))
            for _ in range(options.repeats)
        ]
        rows.append(
            row_of(f"recorder{' and live panel' if live else ''}, {n_classes} classes", pairs)
        )
    rows.append(odd_overhead(options.repeats))
    notes = (
        f"{options.repeats} interleaved pairs, of one epoch on 5,000 pictures of 32 pixels, batch "
        "64; for ODD, of whole runs on 2,500 in which it looks, and removes nothing. Shares of an "
        "epoch without: first the seconds within the callbacks themselves, then the whole epoch "
        "against its neighbour, in which everything else on the machine counts, too."
    )
    table = pd.DataFrame(rows).set_index("what")
    print(write_table("recorder_overhead", "Recorder overhead", table, notes).read_text())


if __name__ == "__main__":
    main()
