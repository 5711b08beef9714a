"""The recorder: a fastai callback that records the loss of every sample under its id.

In come the predictions of each training batch; out goes one row per epoch in a trace. The recorded
loss is always plain cross entropy in float32 for the given label, whatever loss and precision are
used for training.
"""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.callback.mixup import MixHandler
from fastai.data.load import DataLoader

from o2u_nb.errors import NonFiniteLossError, RecordingError
from o2u_nb.trace import Trace, TraceWriter
from o2u_nb.training.clean import clean_loader, clean_pass
from o2u_nb.training.identity import joined
from o2u_nb.training.items import loaders_of
from o2u_nb.training.outputs import main_output, require_logits
from o2u_nb.training.processes import ALONE, OneWriter, join
from o2u_nb.training.shared import SharedBatches, batch_size, drawn_by, own_share
from o2u_nb.training.sums import EpochSums, MeanProbs

# Largest number of samples times classes for which each sample's softmax is kept: 200 MB in
# float32. Our choice.
MAX_PROBS = 50_000_000
# Number of batches after which the loss is checked for NaN. Our choice: each check makes the GPU
# wait.
CHECK_EVERY = 20


class DynamicsRecorder(Callback):
    """Record loss, margin and prediction of every training sample in every epoch.

    Pass it to any `fit` as a callback; `recorder.trace` is the result. Later fits with the same
    recorder append to this trace. `out` is the trace's folder, by default a temporary folder,
    deleted with the recorder; `overwrite` allows it to replace an older trace there. `phase` is the
    phase of the epochs, one of `phases.PHASES`.

    With `record="train"`, the losses are those of the training pass: of augmented pictures, before
    each update. They take no extra time. With `record="eval"`, they come from a clean pass after
    each epoch, in evaluation mode and without augmentation, which takes about a third of an epoch
    more. `epochs` are the epochs of a fit that are recorded, counted from 0; by default all.
    `ids` has one id for each item of the loader, and is needed if the items have no names.
    `on_epoch(trace)` is called after each epoch with the trace of all finished epochs, for example
    to draw it.

    With `valid`, the samples of the validation loader are recorded too, in a clean pass after each
    epoch. They follow those of the training loader, also in `ids`. The trace's `record` then ends
    in "+valid". The network does not train on validation samples. Therefore it does not learn their
    wrong labels, and knows hard samples among them less well, so that they tend to look more
    suspicious than training samples.

    While an epoch is recorded, `rows` holds the positions in the trace of the samples in the
    present training batch: (batch size,) int, on the device of the model.

    The model may return several outputs during training, see `outputs.main_output`. Raises
    `RecordingError` when a loss would not belong to one sample (MixUp or CutMix with
    `record="train"`, skipped items, loaders without ids or without a batch), or would not be plain
    cross entropy (a model that ends in softmax or sigmoid), and `NonFiniteLossError` when a loss is
    NaN or infinite. After both errors the finished epochs can still be read.
    """

    order = 45  # runs after fastai's MixedPrecision (10) and before its Recorder (50)
    run_valid = False
    remove_on_fetch = True
    _stateattrs = (
        "writer", "who", "labels", "sums", "order_drawn", "rows", "mean_probs", "pending",
        "resumed", "temporary",
    )  # fmt: skip

    def __init__(
        self,
        out: str | Path | None = None,
        *,
        phase: str = "warmup",
        record: str = "train",
        ids: Sequence[str] | None = None,
        overwrite: bool = False,
        epochs: Container[int] | None = None,
        valid: bool = False,
        on_epoch: Callable[[Trace], None] | None = None,
    ):
        super().__init__()
        if record not in ("train", "eval"):
            raise ValueError(f'Unknown record {record!r}: expected "train" or "eval".')
        self.out = out
        self.overwrite = overwrite
        self.phase = phase
        self.epochs = epochs
        self.record = record
        self.valid = valid
        self.ids = ids
        self.on_epoch = on_epoch
        self.training_run = False
        self.group = ALONE
        self._init_state()

    def _init_state(self):
        self.writer = self.who = self.labels = self.sums = self.temporary = self.order_drawn = None
        self.rows = None
        self.n_train = 0
        self.mean_probs = defaultdict(MeanProbs)
        self.pending: set[str] = set()  # phases whose mean softmax the trace on disk lacks
        self.resumed: dict | None = None

    @property
    def trace(self) -> Trace:
        """Return the trace of all epochs finished so far.

        Raises `RecordingError` before the first fit.
        """
        if self.writer is None:
            raise RecordingError("Nothing is recorded yet: pass this callback to a fit first.")
        found = Trace.open(self.writer.folder, in_memory=self.temporary is not None)
        return replace(found, mean_probs={**found.mean_probs, **self._pending_means()})

    def state(self) -> dict:
        """Return what `restore` needs to go on after the epochs finished so far: plain values."""
        # A later fit may go on in the present phase, also when its mean is written already.
        going_on = {*self.pending, self.phase} & set(self.mean_probs)
        sums = {phase: self.mean_probs[phase] for phase in sorted(going_on)}
        return dict(
            n_epochs=self.writer.n_epochs,
            mean_probs={phase: dict(sum=p.sum, count=p.count) for phase, p in sums.items()},
        )

    def restore(self, state: dict) -> None:
        """Let the next fit go on with the trace in `out` after the epochs that `state` tells of.

        Later epochs in the trace are cut off when that fit begins; it raises what
        `TraceWriter.resume` does.
        """
        self.resumed = state
        for phase, sums in state["mean_probs"].items():
            self.mean_probs[phase] = MeanProbs(**sums)
            self.pending.add(phase)

    def before_fit(self):
        """Check that losses can be recorded by sample, and start the trace at the first fit."""
        # lr_find and get_preds also run callbacks, but they are not training.
        self.training_run = not any(
            hasattr(self.learn, name) for name in ("lr_finder", "gather_preds")
        )
        self.outputs_known = False
        if self.training_run:
            self.group = join()
            self._require_shared()
            self._refuse_blended_targets()
            self._identify()
            _require_batches(self.dls.train)

    @property
    def active(self) -> bool:
        """Return whether the present epoch is recorded."""
        return self.training_run and (self.epochs is None or self.epoch in self.epochs)

    def before_train(self):
        """Start an epoch in which no sample is recorded yet."""
        if self.active:
            n_classes = len(self.who.classes)
            keep_probs = len(self.who.ids) * n_classes <= MAX_PROBS
            self.sums = EpochSums(self.labels, n_classes, keep_probs=keep_probs)
            self.order_drawn = None
            self.rates = []

    def before_batch(self):
        """Keep the order in which the loader serves its samples, and which are in this batch."""
        if not (self.active and self.training):
            return
        if self.order_drawn is None:
            order = torch.as_tensor(drawn_by(self.dl), dtype=torch.long)
            self.order_drawn = order.to(self.labels.device)
        start = self.iter * self.dl.bs
        if self.group.count == 1:
            self.rows = self.order_drawn[start : start + len(self.yb[0])]
            return
        size = batch_size(self.dl, len(self.order_drawn), self.iter)
        part, own = self.group.part(size)
        self.rows = self.order_drawn[start : start + size][part][: min(own, len(self.yb[0]))]

    def after_loss(self):
        """Record one training batch, before the update of the weights."""
        if not (self.active and self.training):
            return
        self.rates.append(self.opt.hypers[-1]["lr"])
        if self.record == "train":
            self._file(self.rows, self.pred, self.yb[0])
        elif isinstance(self.pred, torch.Tensor):
            self._require_logits(self.pred)
        if self.iter % CHECK_EVERY == 0 and self.group.count == 1:  # else all must find it
            self._check_finite(self.loss)

    def after_train(self):
        """Finish an epoch: do the clean passes that are needed, check, and append the row."""
        if not self.active:
            return
        if self.record == "eval":
            self._clean_pass(valid=False)
        if len(self.who.ids) > self.n_train:
            self._clean_pass(valid=True)
        self.sums.combine(self.group)
        self._check_filing()
        self._check_finite(self.sums.loss)
        if self.sums.probs is not None:
            self.mean_probs[self.phase].add(self.sums)
            self.pending.add(self.phase)
        self.writer.append(**self.sums.rows(), lr=float(np.mean(self.rates)), phase=self.phase)
        if self.on_epoch and self.group.first:
            self.on_epoch(self.trace)

    def after_fit(self):
        """Write the mean softmax of what was recorded, which is as large as many epochs."""
        if self.training_run:
            self.writer.keep_means(self._pending_means())
            self.pending.clear()

    def _pending_means(self) -> dict[str, np.ndarray]:
        return {phase: self.mean_probs[phase].mean() for phase in self.pending}

    def _identify(self):
        loaders = loaders_of(self.dls, valid=self.valid)
        who = joined(loaders, root=Path(self.learn.path), ids=self.ids)
        if self.writer is None:
            if self.out is None:
                self.temporary = tempfile.TemporaryDirectory(prefix="o2u_trace_")
            folder = self.out or self.temporary.name
            how: dict = dict(
                record=f"{self.record}+valid" if self.valid else self.record,
                frozen=getattr(self.dls.train.dataset, "frozen", False),
                durable=self.temporary is None,
            )
            self.writer = OneWriter(
                self.group,
                lambda: (
                    TraceWriter.create(folder, *who, overwrite=self.overwrite, **how)
                    if self.resumed is None
                    else TraceWriter.resume(folder, *who, n_epochs=self.resumed["n_epochs"], **how)
                ),
            )
        elif not who.ids.equals(self.who.ids):
            raise RecordingError(
                f"This recorder holds the trace of {len(self.who.ids)} samples, and the training "
                f"set now has {len(who.ids)} others: use a new DynamicsRecorder."
            )
        device = next(self.model.parameters()).device
        self.who = who
        self.n_train = len(self.dls.train.dataset)
        self.labels = torch.as_tensor(who.labels, device=device)

    def _require_shared(self):
        if self.group.count > 1 and not any(isinstance(cb, SharedBatches) for cb in self.learn.cbs):
            raise RecordingError(
                f"Expected one process for this training, found {self.group.count} that were "
                "started together: `fit_o2u` and `fit_odd` share their work, and other trainings "
                "run without `accelerate launch` or `torchrun`."
            )

    def _refuse_blended_targets(self):
        blending = [cb.name for cb in self.learn.cbs if isinstance(cb, MixHandler)]
        if blending and self.record == "train":
            raise RecordingError(
                f"Losses cannot be filed by sample while {blending[0]} blends two samples into "
                'one: pass record="eval" for a clean pass after each epoch, or remove it.'
            )

    def _file(self, rows: torch.Tensor, outputs: Any, target: torch.Tensor) -> None:
        shape = (len(target), len(self.who.classes))
        logits = main_output(outputs, *shape)
        if tuple(logits.shape) != shape:
            raise RecordingError(
                f"Expected logits of shape {shape}, one row for each sample and one column for "
                f"each class; the model gave {tuple(logits.shape)}. End it in a linear layer with "
                f"{shape[1]} outputs."
            )
        self._require_logits(logits)
        own = slice(len(rows))  # what follows is padding, see `Group.part`
        self.sums.add(rows, _plain(logits[own]), _plain(target[own]))

    def _require_logits(self, outputs: torch.Tensor) -> None:
        """Check the first batch of a fit alone, because each check makes the GPU wait."""
        if not self.outputs_known:
            require_logits(outputs)
            self.outputs_known = True

    def _clean_pass(self, *, valid: bool) -> None:
        """Record the training samples, or with `valid` the validation samples, in a clean pass."""
        first = self.n_train if valid else 0
        loader = clean_loader(self.dls, valid=valid)
        start = own_share(loader, self.group)
        self.model.eval()  # fastai sets training mode again in the next epoch
        for rows, outputs, target in clean_pass(self.model, loader, self.labels.device):
            self._file(first + start + rows, outputs, target)

    def _check_filing(self):
        """Raise `RecordingError` if batches did not hold the samples that the loader drew."""
        expected = self._n_expected()
        filed = int(self.sums.count.sum())
        other = int(self.sums.misfiled)
        if other or filed != expected:
            raise RecordingError(
                f"Expected {expected} samples in epoch {self.epoch + 1}, in the order that the "
                f"loader drew; found {filed}, of which {other} with another label than their id "
                "has. Some items were skipped or changed on the way (SkipItemException?): remove "
                "them from the data set first."
            )

    def _n_expected(self) -> int:
        """Return how many samples the epoch must have recorded; one drawn twice counts twice."""
        n_valid = len(self.who.ids) - self.n_train
        if self.record == "eval":
            return self.n_train + n_valid
        drawn = 0 if self.order_drawn is None else len(self.order_drawn)
        dropped = drawn % self.dl.bs if self.dl.drop_last else 0
        return drawn - dropped + n_valid

    def _check_finite(self, losses: torch.Tensor) -> None:
        if not torch.isfinite(losses).all():
            raise NonFiniteLossError(
                f"The loss became NaN or infinite in epoch {self.epoch + 1} of the {self.phase} "
                f"phase (learning rate {self.rates[-1]:.3g}); {self.writer.n_epochs} finished "
                f"epochs are kept in {self.writer.folder}. Try a lower learning rate, a larger "
                "batch, or clip gradients with fastai's GradientClip."
            )


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """Return `tensor` without autograd and fastai's tensor subclass, which slows operations."""
    return tensor.detach().as_subclass(torch.Tensor)


def _require_batches(dl: DataLoader) -> None:
    if len(dl):
        return
    if not dl.n:
        raise RecordingError(
            "Expected samples to train on, found an empty training set: look at how the loaders "
            "split the items."
        )
    raise RecordingError(
        f"Expected at least one batch to train on, found none: the loader draws {dl.n} samples in "
        f"batches of {dl.bs}, and leaves out the last batch when it is not full, as fastai's "
        f"loaders do by default. Build the loaders with bs={dl.n} or less, or with drop_last=False."
    )
