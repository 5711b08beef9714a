"""The training part of an audit.

In come a samples table and a preset; out comes the evidence of each eye: of heads on frozen
features, and of a network that is trained on the pictures. For the latter it chooses the network
and the size of the pictures, and says how long the training will take before it starts.
"""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from fastai.basics import Learner
from fastai.callback.core import Callback
from fastai.callback.fp16 import MixedPrecision  # noqa: F401  patches Learner.to_bf16
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar
from torch import nn
from torch.nn import functional as F

from o2u_nb import embedding_file, head_file, stopping
from o2u_nb import folder as layout
from o2u_nb.detect.evidence import Evidence
from o2u_nb.errors import ResumeError
from o2u_nb.eye_names import NETWORK, column_name
from o2u_nb.presets import Preset
from o2u_nb.progress import Begin
from o2u_nb.text import duration
from o2u_nb.trace import CHECKPOINT, Trace
from o2u_nb.training.backbones import Backbone
from o2u_nb.training.checkpoint import load
from o2u_nb.training.eyes import available, usual_eyes
from o2u_nb.training.heads import as_audited, head_learner, numbers_of
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.loaders import dataloaders
from o2u_nb.training.networks import choose_network
from o2u_nb.training.probe.embed import embed_if_small
from o2u_nb.training.probe.features import features
from o2u_nb.training.several import how_many, in_several
from o2u_nb.unfinished import Unfinished

# Training stops after a cycle in which this share (0 to 1) of the suspects, or more, stayed the
# same. Our choice: with smaller values one more cycle still finds wrong labels (on Fashion-MNIST
# it raised average precision by 0.003).
STOP_EARLY = 0.97
# Smallest number of updates in an epoch. Batches are made smaller, down to 8 samples, to reach it.
# Our choice: it is what the demo's 2,000 pictures give in batches of 64.
STEPS_PER_EPOCH = 31
# The cyclic epochs and the batches of a head; chosen with its rate, see `heads`, which also says
# how long its warm-up is. Batches are not made smaller for few samples: with more updates, a head
# would remember all labels, the wrong ones too, and hardly any would be counted.
HEAD_EPOCHS = dict(cycles=2, cycle=6)
HEAD_BATCH = 64


class TellProgress(Callback):
    """Call `progress("training", done, total)` with the number of training batches done."""

    run_valid = False

    def __init__(self, progress: Callable[[str, int, int], None], total: int):
        self.progress = progress
        self.total = total
        self.done = 0

    def after_batch(self):
        """Count the batch and report it; stop here when that was asked for."""
        self.done += 1
        self.progress("training", self.done, self.total)
        stopping.check()

    def state_dict(self) -> dict:
        """Return what a training that goes on begins to count from."""
        return dict(done=self.done)

    def load_state_dict(self, state: dict) -> None:
        """Go on counting."""
        self.done = state["done"]


class Job(NamedTuple):
    """What is asked for: the `samples`, the settings, and where results and messages go.

    `place(name)` gives the path at which `name`, a thing in an audit folder, may be written.
    `reuse` are folders of features that earlier audits kept. `say` is called with messages for the
    user, and `progress(stage, done, total)` in the stages "decoding", "features" and "training".
    `begin(title, n_epochs)` is called before each eye is trained, and what it returns is called
    with the trace after each epoch. `kept` is what the audit has got to: the eyes that it holds are
    not trained again, and what the others had begun goes on if it was `resumed` before. A network
    is trained in so many `processes`, None for as many as there are GPUs, see `several`; all else
    is done by the first of them alone.
    """

    samples: pd.DataFrame
    preset: Preset
    seed: int
    place: Callable[[str], Path]
    say: Callable[[str], None]
    progress: Callable[[str, int, int], None]
    begin: Begin
    kept: Unfinished
    reuse: Sequence[Path] = ()
    processes: int | None = 1


class Seen(NamedTuple):
    """What one eye saw: its evidence, and facts for the audit's record."""

    evidence: Evidence
    facts: dict


def train(job: Job, eyes: Sequence[str] | None = None) -> tuple[Evidence, dict]:
    """Let each eye train on all samples, and keep its trace.

    `eyes` are names of networks as `backbones.backbone` takes them, or `NETWORK` for one that is
    trained on the pictures; the first is the one that the panels show. By default they are those of
    the preset. Returns the evidence of all, and facts for the audit's record. The same seed gives
    the same traces on the same machine; torch's global random state is restored afterwards. Raises
    what `DynamicsRecorder` and `features` raise, and `WeightsError` for an eye that is not known.
    """
    chosen = available(job.kept.chosen or eyes or usual_eyes(job.samples, job.preset))
    for note in chosen.notes:
        job.say(note)
    if (job.processes or 1) > 1 and None not in chosen.networks.values():
        job.say("Only heads are trained, which takes seconds: one process does that.")
    job.kept.choose(list(chosen.networks), [*job.kept.notes, *chosen.notes])
    seen = []
    with torch.random.fork_rng():
        for k, (name, found) in enumerate(chosen.networks.items()):
            torch.manual_seed(job.seed)
            at = eye_folder(job.place, name, first=k == 0)
            eye = _again(job, name, found, at) if name in job.kept.eyes else _new(job, found, at)
            job.kept.finish_eye(name, eye.facts)
            (at(layout.TRACE) / CHECKPOINT).unlink(missing_ok=True)  # nothing needs it any more
            seen.append(eye)
    first, *others = (eye.evidence for eye in seen)
    facts = dict(
        eyes=[eye.facts for eye in seen], eye_notes=job.kept.notes, **_of_first(seen[0].facts)
    )
    return replace(first, others=tuple(others)), facts


def _of_first(facts: dict) -> dict:
    return dict(model=facts["title"], image_size=facts["image_size"], device=facts["device"])


def eye_folder(place: Callable[[str], Path], name: str, *, first: bool) -> Callable[[str], Path]:
    """Return where an eye writes its trace and embeddings: the first one into the audit itself."""
    if first:
        return place
    return lambda part: place(layout.EYES) / column_name(name) / part


def _new(job: Job, backbone: Backbone | None, at: Callable[[str], Path]) -> Seen:
    """Train an eye, or what is left of its training."""
    return _train_network(job, at) if backbone is None else _train_head(job, backbone, at)


def _again(job: Job, name: str, backbone: Backbone | None, at: Callable[[str], Path]) -> Seen:
    """Return what an eye saw that an earlier process trained, and show its training."""
    facts = job.kept.eyes[name]
    trace = Trace.open(at(layout.TRACE))
    job.say(f"Kept from before: {facts['title']}, with all {trace.n_epochs} epochs.")
    job.begin(facts["title"], trace.n_epochs)(trace)
    seen = (
        embedding_file.read(at(layout.EMBEDDINGS), trace.n_samples)
        if backbone is None
        else _features(job, backbone)
    )
    return Seen(Evidence(trace, seen, eye=name), facts)


def _features(job: Job, backbone: Backbone) -> np.ndarray:
    return features(
        job.samples,
        backbone,
        folder=job.place(layout.FEATURES),
        reuse=job.reuse,
        progress=lambda done, total: job.progress("features", done, total),
        say=job.say,
    )


def _train_head(job: Job, backbone: Backbone, at: Callable[[str], Path]) -> Seen:
    rows = _features(job, backbone)
    learn = head_learner(rows, job.samples, bs=HEAD_BATCH, seed=job.seed)
    job.say(f"Training a head on the features of {backbone.name}.")
    title = f"a head on features of {backbone.name}"
    trace = _fit(job, learn, title, at(layout.TRACE), {**as_audited(learn), **HEAD_EPOCHS})
    head_file.write(at(layout.HEAD), numbers_of(learn))
    facts = dict(
        name=backbone.name,
        title=title,
        frozen=trace.frozen,
        features=backbone.key,
        image_size=backbone.size,
        device=str(learn.dls.device),
    )
    return Seen(Evidence(trace, rows, eye=backbone.name), facts)


def _train_network(job: Job, at: Callable[[str], Path]) -> Seen:
    network = choose_network(job.samples, job.preset, say=job.say)
    bs = batch_size(len(job.samples), most=job.preset.bs)
    processes = how_many(job.processes, bs, say=job.say)
    dls = dataloaders(
        job.samples,
        size=network.size,
        bs=bs,
        stats=network.stats,
        seed=job.seed,
        progress=lambda done, total: job.progress("decoding", done, total),
    )
    learn = in_fast_precision(Learner(dls, network.model, loss_func=nn.CrossEntropyLoss()))
    epochs = {name: getattr(job.preset, name) for name in ("warmup", "cycles", "cycle")}
    gpus = processes if dls.device.type == "cuda" else 1  # on a CPU, one process uses all cores
    seconds = seconds_per_epoch(learn) * job.preset.n_epochs / gpus
    place = f"{dls.device.type}, in {processes} processes" if processes > 1 else dls.device
    job.say(
        f"Training {network.name} for {job.preset.n_epochs} epochs ({epochs['warmup']} warm-up, "
        f"{epochs['cycles']} cycles of {epochs['cycle']}) on {place}: about {duration(seconds)}."
    )
    options = {**epochs, "lr": network.lr}
    trace = _fit(job, learn, network.name, at(layout.TRACE), options, processes)
    embeddings = embed_if_small(learn, say=job.say)
    if embeddings is not None:
        embeddings = embedding_file.packed(embeddings)
        embedding_file.write(at(layout.EMBEDDINGS), embeddings)
    facts = dict(
        name=NETWORK,
        title=network.name,
        frozen=trace.frozen,
        image_size=dls.train.dataset.pixels.shape[1],
        device=str(dls.device),
        processes=processes,
    )
    return Seen(Evidence(trace, embeddings, eye=NETWORK), facts)


def _fit(
    job: Job, learn: Learner, title: str, out: Path, options: dict, processes: int = 1
) -> Trace:
    """Train with the `options` of `fit_o2u`, the epochs of both phases among them."""
    n_epochs = options["warmup"] + options["cycles"] * options["cycle"]
    tell = TellProgress(job.progress, n_epochs * len(learn.dls.train))
    asked = dict(
        **options,
        out=out,
        overwrite=True,
        resume=can_go_on(out, job.kept, job.say),
        stop_early=STOP_EARLY,
    )
    with (
        learn.no_bar(),
        learn.no_logging(),
        in_several(learn, "fit_o2u", processes, asked),
        stopping.after_batches(),
    ):
        return learn.fit_o2u(**asked, on_epoch=job.begin(title, n_epochs), say=job.say, cbs=tell)


def can_go_on(folder: Path, kept: Unfinished, say: Callable[[str], None]) -> bool:
    """Tell whether the training in `folder` can go on; a damaged checkpoint is told, not used."""
    path = folder / CHECKPOINT
    try:
        return kept.resumed > 0 and path.exists() and bool(load(path))
    except ResumeError as error:
        say(f"{error.message.partition(':')[0]}: this eye is trained again.")
        return False


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
