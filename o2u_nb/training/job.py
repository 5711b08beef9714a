"""The training part of the main job: samples table and preset in, trace and embeddings out.

Chooses the network and the picture size, says how long it will take before it starts, and trains
under one progress line.
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
from o2u_nb.trace import Trace
from o2u_nb.training.backbones import choose_backbone
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.loaders import dataloaders
from o2u_nb.training.probe.embed import embed_if_small

# Share of the suspects that must stay the same for a cycle to be the last one. Where fewer stay,
# one more cycle still finds wrong labels: on Fashion-MNIST it raised average precision by 0.003.
STOP_EARLY = 0.97
# Updates that an epoch should have at least, down to batches of 8: as many as the demo's 2,000
# pictures give in batches of 64.
STEPS_PER_EPOCH = 31


class TellProgress(Callback):
    """Tell `progress(stage, done, total)` how many training batches are done."""

    run_valid = False

    def __init__(self, progress: Callable[[str, int, int], None], total: int):
        self.progress, self.total = progress, total
        self.done = 0

    def after_batch(self):
        """Count one batch."""
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
    """Train on all of `samples` and write the trace to `out`; return it, embeddings, and facts.

    The embeddings are float16 (n_samples, d) in the order of `samples`, None when they would be
    too large; the facts are for the record. The last cycles are left out when the one before hardly
    changed the ranking; `say` is told so. Raises what `DynamicsRecorder` raises. The same seed on
    the same machine gives the same trace; the global random state is put back afterwards.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        backbone = choose_backbone(samples, preset, say=say)
        dls = dataloaders(
            samples,
            size=backbone.size,
            bs=batch_size(len(samples), most=preset.bs),
            stats=backbone.stats,
            seed=seed,
            progress=lambda done, total: progress("decoding", done, total),
        )
        learn = in_fast_precision(Learner(dls, backbone.model, loss_func=nn.CrossEntropyLoss()))
        seconds = seconds_per_epoch(learn) * preset.n_epochs
        say(
            f"Training {backbone.name} for {preset.n_epochs} epochs ({preset.warmup} warm-up, "
            f"{preset.cycles} cycles of {preset.cycle}) on {dls.device}: about {duration(seconds)}."
        )
        tell = TellProgress(progress, preset.n_epochs * len(dls.train))
        with learn.no_bar(), learn.no_logging():
            trace = learn.fit_o2u(
                warmup=preset.warmup,
                cycles=preset.cycles,
                cycle=preset.cycle,
                lr=backbone.lr,
                out=out,
                overwrite=True,
                stop_early=STOP_EARLY,
                say=say,
                cbs=tell,
            )
        embeddings = embed_if_small(learn, say=say)
    size = dls.train.dataset.pixels.shape[1]
    facts = dict(model=backbone.name, image_size=size, device=str(dls.device))
    return trace, embeddings, facts


def in_fast_precision(learn: Learner) -> Learner:
    """Train in bfloat16 where a GPU computes faster in it; losses are recorded in float32 anyway.

    Not on a CPU, where it was slower (`benchmarks/results/training_speed.md`).
    """
    if learn.dls.device.type == "cuda" and torch.cuda.is_bf16_supported():
        return learn.to_bf16()
    return learn


def seconds_per_epoch(learn: Learner, *, batches: int = 3) -> float:
    """Measure how long an epoch will take, on a copy of the model, with a few batches."""
    dls = learn.dls
    model = copy.deepcopy(learn.model).to(dls.device)
    pictures, labels = dls.train.one_batch()
    for run in range(batches + 1):
        if run == 1:  # the first one also warms up memory and kernels
            started = time.perf_counter()
        F.cross_entropy(model(pictures), labels).backward()
    if dls.device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / batches * len(dls.train)


def duration(seconds: float) -> str:
    """Write a time for people.

    >>> duration(42), duration(95), duration(8000)
    ('42 s', '1.6 min', '2.2 h')
    """
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def batch_size(n_samples: int, *, most: int) -> int:
    """Choose the batch size: `most`, or less for small sets, which else would see too few updates.

    >>> batch_size(10_000, most=64), batch_size(600, most=64), batch_size(40, most=64)
    (64, 16, 8)
    """
    wanted = n_samples // STEPS_PER_EPOCH
    return max(8, min(most, 1 << max(wanted, 1).bit_length() - 1))
