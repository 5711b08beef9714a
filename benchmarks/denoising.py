"""Compare ways to train with wrong labels: accuracy on clean test labels, several seeds.

    python benchmarks/denoising.py --data DIR [--preset laptop|paper] [--rows ...] [--seeds 1 2 3]

The five methods are plain training, MixUp, O2U-Net (ranked, suspects removed, retrained from the
initial weights), ODD, and ODD with MixUp. With the same seed all have the same pictures, wrong
labels, initial weights, number of epochs and learning rates. O2U-Net's ranking run is extra, and
its time is counted. The true labels are used only for the test set, and afterwards to count what
was removed. Each run is added to `results/denoising_PRESET.csv` when it is done, and a run that is
there already is not repeated.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from common import Runs, mean_and_spread, write_table
from fastai.basics import CrossEntropyLossFlat, Learner, Recorder
from fastai.callback.mixup import MixUp
from fastai.callback.progress import ProgressCallback
from networks import WideResNet
from torch import nn

from o2u_nb.data import datasets, noise
from o2u_nb.detect.odd import Odd
from o2u_nb.detect.table import score_table
from o2u_nb.training.fitting import sgd
from o2u_nb.training.learner import fit_o2u, fit_odd  # noqa: F401  patches Learner
from o2u_nb.training.loaders import dataloaders
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.schedule import EpochRates, high_then_low


@dataclass(frozen=True)
class Setting:
    """The training that all methods share, and O2U-Net's ranking run."""

    sets: dict[str, int | None]  # data set and number of pictures
    network: Callable[[int], nn.Module]
    rates: list[float]
    high: int  # epochs before ODD removes
    bs: int
    o2u: dict
    mixup: float
    augment: dict

    @property
    def epochs(self) -> int:
        """Count the epochs of each method's final training."""
        return len(self.rates)


def stepped(n_epochs: int, *, lr: float, drops: tuple[int, ...]) -> list[float]:
    """Return rates that are divided by 5 after each of the epochs `drops`."""
    return [lr / 5 ** sum(epoch >= drop for drop in drops) for epoch in range(n_epochs)]


PRESETS = {
    "laptop": Setting(
        sets={"fashion_mnist": 3000, "cifar10": 3000},
        network=lambda n: CompactResNet(n, widths=(16, 32, 64)),
        rates=high_then_low(20, lr=0.05, high=8),
        high=8,
        bs=64,
        o2u=dict(warmup=6, cycles=2, cycle=4, lr=0.05),
        mixup=1.0,
        augment=dict(crop=0, flip=False),  # as in O2U-Net's code, unless switched on
    ),
    "paper": Setting(
        sets={"cifar10": None, "cifar100": None},
        network=lambda n: WideResNet(n, depth=28, width=10),
        rates=stepped(200, lr=0.1, drops=(60, 120, 160)),
        high=60,
        bs=128,
        o2u=dict(warmup=60, cycles=10, cycle=10, lr=0.01, r1=0.01, r2=0.001, cyclic_bs=16),
        mixup=1.0,
        augment=dict(crop=4, flip=True),
    ),
}
NOISE = {
    "none": None,
    "symmetric 20 %": noise.symmetric(0.2),
    "symmetric 40 %": noise.symmetric(0.4),
    "pair flip 20 %": noise.pair_flip(0.2),
}


@dataclass
class Task:
    """One data set with planted wrong labels, and a learner on any part of it."""

    setting: Setting
    samples: pd.DataFrame
    wrong: pd.Series
    test: pd.DataFrame
    seed: int

    def learner(
        self, samples: pd.DataFrame | None = None, *, augment: dict | None = None
    ) -> Learner:
        """Build a learner with the initial weights of this seed."""
        samples = self.samples if samples is None else samples
        augment = self.setting.augment if augment is None else augment
        torch.manual_seed(self.seed)
        setting = self.setting
        dls = dataloaders(samples, bs=setting.bs, seed=self.seed, **augment)
        network = setting.network(len(dls.vocab))
        learn = Learner(dls, network, CrossEntropyLossFlat(), opt_func=sgd)
        learn.remove_cbs([ProgressCallback, Recorder])
        return learn

    def accuracy(self, learn: Learner) -> float:
        """Return the share of the test pictures that a trained learner gets right."""
        own = learn.dls.train
        test = dataloaders(self.samples, valid=self.test, bs=500, stats=own.stats).valid
        right = [(learn.model(x).argmax(1) == y).float().cpu() for x, y in test]
        return float(torch.cat(right).mean())

    def trained(self, learn: Learner, *cbs) -> Learner:
        """Train at the setting's rates."""
        rates = self.setting.rates
        learn.fit(len(rates), rates[0], cbs=[EpochRates(rates, ramp=True), *cbs])
        return learn

    def odd(self, learn: Learner, *cbs) -> Odd:
        """Train at the same rates, with removal on the way."""
        setting = self.setting
        return learn.fit_odd(setting.epochs, high=setting.high, rates=setting.rates, cbs=[*cbs])

    def removal(self, ids: pd.Index) -> dict:
        """Compare what was removed with the truth."""
        wrong = self.wrong.loc[ids]
        return dict(
            removed=len(ids) / len(self.wrong),
            right=wrong.mean() if len(ids) else np.nan,
            found=wrong.sum() / self.wrong.sum() if self.wrong.any() else np.nan,
        )


def plain(task: Task) -> tuple[Learner, dict]:
    """Train on everything."""
    return task.trained(task.learner()), {}


def mixup(task: Task) -> tuple[Learner, dict]:
    """Train on blends of two samples."""
    return task.trained(task.learner(), MixUp(task.setting.mixup)), {}


def o2u(task: Task) -> tuple[Learner, dict]:
    """Rank in a run of its own, remove the suspects, train again from the initial weights.

    The ranking run crops and flips, as every audit does: it is a tool, not one of the networks
    that are compared.
    """
    trace = task.learner(augment={}).fit_o2u(**task.setting.o2u)
    scores = score_table(trace)
    suspects = scores.index[scores["suspect"]]
    learn = task.trained(task.learner(task.samples.drop(suspects)))
    return learn, dict(extra_epochs=trace.n_epochs, **task.removal(suspects))


def odd(task: Task) -> tuple[Learner, dict]:
    """Train once, and remove on the way."""
    learn = task.learner()
    return learn, task.removal(task.odd(learn).ids)


def odd_mixup(task: Task) -> tuple[Learner, dict]:
    """Train once on blends, and remove on the way."""
    learn = task.learner()
    return learn, task.removal(task.odd(learn, MixUp(task.setting.mixup)).ids)


METHODS = {"plain": plain, "MixUp": mixup, "O2U-Net": o2u, "ODD": odd, "ODD + MixUp": odd_mixup}


def make_task(setting: Setting, name: str, kind: str, seed: int, data: Path) -> Task:
    """Draw pictures and plant wrong labels."""
    folder = data / name.replace("_", "-")
    clean, _ = datasets.load(name, root=folder, n=setting.sets[name], seed=seed)
    test, _ = datasets.load(name, root=folder, n=setting.sets[name], split="test", seed=seed)
    if NOISE[kind] is None:
        return Task(setting, clean, pd.Series(False, clean.index), test, seed)
    samples, truth = noise.plant(clean, NOISE[kind], seed=seed)
    return Task(setting, samples, samples["label"] != truth.reindex(samples.index), test, seed)


def measure(task: Task, method: str) -> dict:
    """Train with one method; return its figures, shares from 0 to 1."""
    started = time.monotonic()
    learn, figures = METHODS[method](task)
    seconds = time.monotonic() - started
    with torch.no_grad():
        learn.model.eval()
        return {"accuracy": task.accuracy(learn), "seconds": seconds, **figures}


def main() -> None:
    """Run what is not there yet, and write the table after each run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--preset", choices=list(PRESETS), default="laptop")
    parser.add_argument("--rows", nargs="+", help="data sets (default: the preset's)")
    parser.add_argument("--noise", nargs="+", choices=list(NOISE), default=list(NOISE))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    options = parser.parse_args()
    setting = PRESETS[options.preset]
    runs = Runs(f"denoising_{options.preset}")
    for seed in options.seeds:  # the outer loop, so that results that are cut short have all rows
        for name in options.rows or setting.sets:
            for kind in options.noise:
                for method in options.methods:
                    key = dict(data=name, noise=kind, method=method, seed=seed)
                    if not runs.has(key):
                        task = make_task(setting, name, kind, seed, options.data)
                        runs.add({**key, **measure(task, method)})
    report(runs.table, options.preset)


def report(runs: pd.DataFrame, preset: str) -> None:
    """Write the accuracies, a column for each method, and what was removed."""
    setting = PRESETS[preset]
    keys = ["data", "noise"]
    cells = mean_and_spread(runs[[*keys, "method", "seed", "accuracy"]], by=[*keys, "method"])
    table = cells["accuracy"].unstack("method")[list(METHODS)]
    order = pd.MultiIndex.from_product([list(setting.sets), list(NOISE)])
    table = table.reindex([key for key in order if key in table.index])
    table.index.names = keys
    counts = ", ".join(
        f"{name} {'all' if n is None else f'{n:,}'}" for name, n in setting.sets.items()
    )
    notes = (
        f"Accuracy on clean test labels, mean ± standard deviation over seeds "
        f"{', '.join(map(str, sorted(runs['seed'].unique())))}. Training pictures: {counts}. "
        f"{setting.epochs} epochs for each method, shifts by up to {setting.augment['crop']} "
        f"pixels, mirror images: {setting.augment['flip']}. O2U-Net's ranking run comes on top.\n\n"
        + removals(runs)
    )
    title = "Training with wrong labels"
    print(write_table(f"denoising_{preset}", title, table, notes).read_text(), flush=True)


def removals(runs: pd.DataFrame) -> str:
    """Write what was removed as a second table, in percent."""
    rows = runs[runs["removed"].notna()].groupby(["data", "noise", "method"], sort=False)
    means = rows[["removed", "right", "found"]].mean().mul(100).round(1)
    lines = ["| data | noise | method | removed, % | of those wrong, % | of the wrong found, % |",
             "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for key, row in means.iterrows():
        values = ["–" if np.isnan(value) else f"{value:.1f}" for value in row]
        lines.append("| " + " | ".join([*key, *values]) + " |")
    return "What was removed:\n\n" + "\n".join(lines)


if __name__ == "__main__":
    main()
