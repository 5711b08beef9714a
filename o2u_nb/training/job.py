"""The training part of an audit.

In come a samples table and a preset; out come a trace and embeddings. It chooses the network and
the size of the pictures, says how long the training will take before it starts, and trains.
"""

import copy
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from fastai.basics import Learner
from fastai.callback.core import Callback
from fastai.callback.fp16 import MixedPrecision  # noqa: F401  patches Learner.to_bf16
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar
from torch import nn
from torch.nn import functional as F

from o2u_nb.presets import Preset
from o2u_nb.text import duration
from o2u_nb.trace import Trace
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.loaders import dataloaders
from o2u_nb.training.networks import choose_network
from o2u_nb.training.probe.embed import embed_if_small

# Training stops after a cycle in which this share (0 to 1) of the suspects, or more, stayed the
# same. Our choice: with smaller values one more cycle still finds wrong labels (on Fashion-MNIST
# it raised average precision by 0.003).
STOP_EARLY = 0.97
# Smallest number of updates in an epoch. Batches are made smaller, down to 8 samples, to reach it.
# Our choice: it is what the demo's 2,000 pictures give in batches of 64.
STEPS_PER_EPOCH = 31


class TellProgress(Callback):
    """Call `progress("training", done, total)` with the number of training batches done."""

    run_valid = False

    def __init__(self, progress: Callable[[str, int, int], None], total: int):
        self.progress = progress
        self.total = total
        self.done = 0

    def after_batch(self):
        """Count the batch and report it."""
        self.done += 1
        self.progress("training", self.done, self.total)


def train(
    samples: pd.DataFrame,
    preset: Preset,
    *,
    out: Path,
    seed: int,
    say: Callable[[str], None],
    progress: Callable[[str, int, int], None],
) -> tuple[Trace, np.ndarray | None, dict]:
    """Train on all of `samples` and write the trace to the folder `out`.

    Returns the trace; the embeddings, float16 (n_samples, d) in the order of `samples`, or None if
    they would be too large; and facts for the audit's record (model, image size, device). `say` is
    called with messages for the user, and `progress(stage, done, total)` during the stages
    "decoding" and "training". The last cycles are left out if a cycle hardly changes the ranking.
    The same `seed` gives the same trace on the same machine; torch's global random state is
    restored afterwards. Raises what `DynamicsRecorder` raises.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = choose_network(samples, preset, say=say)
        dls = dataloaders(
            samples,
            size=network.size,
            bs=batch_size(len(samples), most=preset.bs),
            stats=network.stats,
            seed=seed,
            progress=lambda done, total: progress("decoding", done, total),
        )
        learn = in_fast_precision(Learner(dls, network.model, loss_func=nn.CrossEntropyLoss()))
        seconds = seconds_per_epoch(learn) * preset.n_epochs
        say(
            f"Training {network.name} for {preset.n_epochs} epochs ({preset.warmup} warm-up, "
            f"{preset.cycles} cycles of {preset.cycle}) on {dls.device}: about {duration(seconds)}."
        )
        tell = TellProgress(progress, preset.n_epochs * len(dls.train))
        with learn.no_bar(), learn.no_logging():
            trace = learn.fit_o2u(
                warmup=preset.warmup,
                cycles=preset.cycles,
                cycle=preset.cycle,
                lr=network.lr,
                out=out,
                overwrite=True,
                stop_early=STOP_EARLY,
                say=say,
                cbs=tell,
            )
        embeddings = embed_if_small(learn, say=say)
    size = dls.train.dataset.pixels.shape[1]
    facts = dict(model=network.name, image_size=size, device=str(dls.device))
    return trace, embeddings, facts


def in_fast_precision(learn: Learner) -> Learner:
    """Return `learn`, set to train in bfloat16 if its GPU supports that.

    Losses are recorded in float32 in any case. A CPU keeps to float32: we measured that bfloat16 is
    slower there (`benchmarks/results/training_speed.md`).
    """
    if learn.dls.device.type == "cuda" and torch.cuda.is_bf16_supported():
        return learn.to_bf16()
    return learn


def seconds_per_epoch(learn: Learner, *, batches: int = 3) -> float:
    """Estimate how many seconds an epoch takes, from a few `batches` on a copy of the model."""
    dls = learn.dls
    model = copy.deepcopy(learn.model).to(dls.device)
    pictures, labels = dls.train.one_batch()
    for run in range(batches + 1):
        if run == 1:  # the first batch takes longer, because memory and kernels are prepared
            started = time.perf_counter()
        F.cross_entropy(model(pictures), labels).backward()
    if dls.device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / batches * len(dls.train)


def batch_size(n_samples: int, *, most: int) -> int:
    """Return the batch size: `most`, or a smaller power of 2 (at least 8) for small data sets.

    With large batches, small data sets would get fewer than `STEPS_PER_EPOCH` updates per epoch.

    >>> batch_size(10_000, most=64), batch_size(600, most=64), batch_size(40, most=64)
    (64, 16, 8)
    """
    wanted = n_samples // STEPS_PER_EPOCH
    return max(8, min(most, 1 << max(wanted, 1).bit_length() - 1))
