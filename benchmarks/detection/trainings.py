"""The trainings that rankings come from: in comes a `Task`, out comes what scores are made of.

Every training of a whole network has the same pictures, network, initial weights, augmentation and
batch size. Each writes its raw material to a folder, so that scores can be computed again without
training: `o2u` a trace and embeddings, `plain` a trace, `folds` the probabilities of held-out
samples. Those on frozen features are in `frozen.py`.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from fastai.basics import Learner
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar
from fastai.callback.schedule import fit_one_cycle  # noqa: F401  patches Learner
from torch import nn

from o2u_nb.offline_weights import OFFLINE
from o2u_nb.presets import Preset
from o2u_nb.run import run_audit
from o2u_nb.training import job
from o2u_nb.training.backbones import backbone
from o2u_nb.training.fitting import sgd
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.loaders import PixelData, dataloaders
from o2u_nb.training.networks import Network, choose_network
from o2u_nb.training.probe.embed import embed
from o2u_nb.training.probe.features import features
from o2u_nb.training.recorder import DynamicsRecorder

N_FOLDS = 5
LEAST_FOLD_EPOCHS = 8
WARM_UP = 0.25  # share of a one-cycle training in which the rate climbs


class Passes(NamedTuple):
    """How often a picture is trained on, and how often it is only looked at, on average.

    `lr` is the largest learning rate. Features are computed by looking once; what is trained on
    them counts for nothing, since it costs thousands of times less than a pass over pictures.
    """

    training: float = 0.0
    evaluation: float = 0.0
    lr: float = math.nan


@dataclass
class Task:
    """One set and seed: pictures decoded once, and learners on any part of them."""

    samples: pd.DataFrame
    seed: int
    preset: Preset
    lr_max: float = 0.05  # of the one-cycle trainings
    fold_epochs: int | None = None  # by default the folds take twice the training of `o2u`
    kept: Path | None = None  # folder in which features are kept from run to run

    @cached_property
    def features(self) -> np.ndarray:
        """Compute the features of the frozen network, once for all methods: float16 (n, d)."""
        return features(self.samples, backbone(OFFLINE), folder=self.kept)

    @cached_property
    def network(self) -> Network:
        """Choose the network as an audit does."""
        return self._fresh_network()

    @cached_property
    def dls(self):
        """Decode the pictures, and serve them as an audit does."""
        return dataloaders(
            self.samples,
            size=self.network.size,
            bs=job.batch_size(len(self.samples), most=self.preset.bs),
            stats=self.network.stats,
            seed=self.seed,
        )

    @property
    def data(self) -> PixelData:
        """Return all pictures with their given labels."""
        return self.dls.train.dataset

    def learner(self, data: PixelData | None = None) -> Learner:
        """Build a learner on `data` with the initial weights and the draws of this seed."""
        dls = type(self.dls)(*self.dls.loaders, device=self.dls.device)
        dls.loaders[0] = self.dls.train.new(data or self.data)
        dls.loaders[0].rng = random.Random(self.seed)
        model = self._fresh_network().model
        return Learner(dls, model, loss_func=nn.CrossEntropyLoss(), opt_func=sgd)

    def n_fold_epochs(self) -> int:
        """Count the epochs on each fold; each sees but 4/5 of the pictures."""
        share = 1 - 1 / N_FOLDS
        fair = math.ceil(2 * self.preset.n_epochs / (N_FOLDS * share))
        return self.fold_epochs or max(LEAST_FOLD_EPOCHS, fair)

    def _fresh_network(self) -> Network:
        torch.manual_seed(self.seed)
        return choose_network(self.samples, self.preset, say=print)


def audit(task: Task, folder: Path) -> Passes:
    """Run the whole product at its defaults; keep the audit, and its table in our order."""
    options = dict(preset=task.preset.name, seed=task.seed, overwrite=True)
    found = run_audit(task.samples, folder / "audit", **options)
    table = found.scores.reindex(task.samples.index)[["score", "suspect", "kind"]]
    table.to_parquet(folder / "table.parquet")
    return Passes(found.trace.n_epochs, evaluation=1, lr=float(found.trace.lr.max()))


def o2u(task: Task, folder: Path) -> Passes:
    """Train a network with O2U-Net's phases; keep the trace and the embeddings."""
    preset, learn = task.preset, task.learner()
    with learn.no_bar(), learn.no_logging():
        trace = learn.fit_o2u(
            warmup=preset.warmup,
            cycles=preset.cycles,
            cycle=preset.cycle,
            lr=task.network.lr,
            out=folder / "trace",
            overwrite=True,
            stop_early=job.STOP_EARLY,
        )
    np.save(folder / "embeddings.npy", embed(learn))
    return Passes(training=trace.n_epochs, evaluation=1, lr=task.network.lr)


def plain(task: Task, folder: Path) -> Passes:
    """Train once with one cycle, for as many epochs; keep the trace."""
    epochs = task.preset.n_epochs
    recorder = DynamicsRecorder(folder / "trace", overwrite=True)
    one_cycle(task.learner(), epochs, task.lr_max, cbs=recorder)
    return Passes(training=epochs, lr=task.lr_max)


def folds(task: Task, folder: Path) -> Passes:
    """Train on four fifths and predict the last, five times; keep the softmax of each sample."""
    epochs = task.n_fold_epochs()

    def fit(data: PixelData) -> Callable[[PixelData], np.ndarray]:
        learn = task.learner(data)
        one_cycle(learn, epochs, task.lr_max)
        return lambda held_out: softmax(learn, held_out)

    np.save(folder / "probs.npy", out_of_sample(task.data, fit, seed=task.seed))
    return Passes(training=epochs * (N_FOLDS - 1), evaluation=1, lr=task.lr_max)


def nothing(task: Task, folder: Path) -> Passes:
    """Train nothing: for the random ranking."""
    return Passes()


TRAININGS = {"audit": audit, "o2u": o2u, "plain": plain, "folds": folds, "random": nothing}


def one_cycle(learn: Learner, epochs: int, lr_max: float, cbs=None) -> None:
    """Train with fastai's one cycle: the rate climbs for a quarter of the time, then falls to 0."""
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, lr_max, pct_start=WARM_UP, cbs=cbs)


def out_of_sample(
    data: PixelData, fit: Callable[[PixelData], Callable[[PixelData], np.ndarray]], *, seed: int
) -> np.ndarray:
    """Return each sample's softmax from a model that has not seen it: float32 (n, n_classes).

    `fit(data)` trains and returns a function that predicts other data, (m, n_classes). Folds are
    drawn with the same mix of given labels in each.
    """
    from sklearn.model_selection import StratifiedKFold

    labels = data.labels.cpu().numpy()
    probs = np.full((len(data), len(data.vocab)), np.nan, dtype=np.float32)
    splits = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(labels, labels)
    for trained, held_out in splits:
        probs[held_out] = fit(part(data, trained))(part(data, held_out))
    return probs


def part(data: PixelData, rows: np.ndarray) -> PixelData:
    """Return the samples at `rows` (m,) int, with the same classes."""
    pixels, labels = data.pixels[rows].cpu().numpy(), data.labels[rows].cpu().numpy()
    return PixelData(pixels, labels, data.ids[rows], data.vocab).to(data.pixels.device)


@torch.no_grad()
def softmax(learn: Learner, data: PixelData) -> np.ndarray:
    """Predict `data` in evaluation mode and without augmentation: float32 (m, n_classes)."""
    learn.model.eval()
    loader = learn.dls.train.new(data, shuffle=False)
    probs = [learn.model(pictures).float().softmax(1).cpu() for pictures, _ in loader]
    return torch.cat(probs).numpy()
