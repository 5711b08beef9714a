"""The recorder: a fastai callback that files every sample's loss under its own id.

In come the predictions of each training batch; out goes one row per epoch in a trace. The loss is
always plain cross entropy in float32 for the given label, whatever loss or precision trains.
"""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Container, Sequence
from pathlib import Path

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.callback.mixup import MixHandler
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.torch_core import to_device

from o2u_nb.errors import NonFiniteLossError, RecordingError
from o2u_nb.trace import Trace, TraceWriter
from o2u_nb.training.identity import identity
from o2u_nb.training.loaders import PixelLoader

MAX_PROBS = 50_000_000  # samples x classes; 200 MB in float32, above which no softmax is kept
CHECK_EVERY = 20  # batches; looking at the loss makes a GPU wait
HELD = 4_000_000  # logits that wait to be added up together, 16 MB in float32


class EpochSums:
    """Add up what one epoch shows of each sample, on the device that trains.

    `given` (n_samples,) int are the given labels. A sample drawn several times in an epoch
    (weighted loaders) gets the mean of its losses and margins and its last prediction; one not
    drawn gets NaN, NaN and -1. Batches wait and are added up many at a time, which costs a tenth of
    adding each: call `settle` before reading. `misfiled` counts targets that are not the label
    given to the sample they were filed under.
    """

    def __init__(self, given: torch.Tensor, n_classes: int, *, keep_probs: bool):
        n_samples, device = len(given), given.device
        self.given, self.waiting, self.held = given.long(), [], 0
        self.loss = torch.zeros(n_samples, device=device)
        self.margin, self.count = self.loss.clone(), self.loss.clone()
        self.pred = torch.full((n_samples,), -1, dtype=torch.int32, device=device)
        self.probs = torch.zeros(n_samples, n_classes, device=device) if keep_probs else None
        self.misfiled = torch.zeros((), device=device)

    def add(self, rows: torch.Tensor, logits: torch.Tensor, target: torch.Tensor) -> None:
        """Take one batch: `rows` (n,) int, `logits` (n, n_classes) float, `target` (n,) int."""
        # a copy: nothing may change it while it waits
        self.waiting.append((rows, logits.to(torch.float32, copy=True), target))
        self.held += logits.numel()
        if self.held >= HELD:
            self.settle()

    def settle(self) -> None:
        """Add up the batches that wait."""
        if not self.waiting:
            return
        rows, logits, target = map(torch.cat, zip(*self.waiting, strict=True))
        self.waiting, self.held = [], 0
        labels, log_probs = self.given[rows], logits.log_softmax(1)
        given = labels[:, None]
        others = logits.scatter(1, given, -torch.inf).amax(1)
        self.misfiled += (labels != target).sum()
        self.loss.index_add_(0, rows, -log_probs.gather(1, given)[:, 0])
        self.margin.index_add_(0, rows, logits.gather(1, given)[:, 0] - others)
        self.count.index_add_(0, rows, torch.ones_like(others))
        last = torch.full_like(self.given, -1)  # where each sample was drawn last
        last.scatter_reduce_(0, rows, torch.arange(len(rows), device=rows.device), "amax")
        drawn = last >= 0
        self.pred[drawn] = logits.argmax(1).int()[last[drawn]]
        if self.probs is not None:
            self.probs.index_add_(0, rows, log_probs.exp())

    def rows(self) -> dict[str, np.ndarray]:
        """Give the epoch's row of each trace array; 0 / 0 makes the NaN of a sample not seen."""
        return dict(
            loss=(self.loss / self.count).cpu().numpy(),
            margin=(self.margin / self.count).cpu().numpy(),
            pred=self.pred.cpu().numpy(),
        )


class MeanProbs:
    """Average each sample's softmax over the finished epochs of one phase."""

    def __init__(self):
        self.sum, self.count = 0.0, 0.0

    def add(self, epoch: EpochSums) -> None:
        """Add a finished epoch."""
        self.sum, self.count = self.sum + epoch.probs, self.count + epoch.count

    def mean(self) -> np.ndarray:
        """Give the mean so far, float32 (n_samples, n_classes), NaN where never seen."""
        return (self.sum / self.count[:, None]).cpu().numpy()


class DynamicsRecorder(Callback):
    """Record loss, margin and prediction of every training sample in every epoch.

    Pass it to any `fit`; `recorder.trace` is the result, and later fits with the same recorder
    append to it. `out` is the trace's folder (none: a temporary one that goes with the recorder).
    `phase` names the epochs, `warmup` or `cyclic`. `record="train"` takes the losses of the
    training pass itself (augmented, before each update; free); `record="eval"` takes them in a
    clean pass after each epoch: evaluation mode, no augmentation, about a third of an epoch extra.
    `epochs` names the epochs of a fit to record, counted from 0 (none: all of them).
    `ids` names the items of a loader whose own items have no names. `on_epoch(trace)` is called
    after each epoch with all that is finished, for a live picture.

    Raises `RecordingError` when a loss would not belong to one sample (MixUp or CutMix with
    `record="train"`, skipped items, loaders without ids) and `NonFiniteLossError` when a loss is
    NaN or infinite; both leave the finished epochs readable.
    """

    order = 45  # after MixedPrecision (10), before fastai's own Recorder (50)
    run_valid = False
    remove_on_fetch = True
    _stateattrs = ("writer", "who", "labels", "sums", "mean_probs", "temporary")

    def __init__(
        self,
        out: str | Path | None = None,
        *,
        phase: str = "warmup",
        record: str = "train",
        ids: Sequence[str] | None = None,
        overwrite: bool = False,
        epochs: Container[int] | None = None,
        on_epoch: Callable[[Trace], None] | None = None,
    ):
        super().__init__()
        if record not in ("train", "eval"):
            raise ValueError(f'Unknown record {record!r}: expected "train" or "eval".')
        self.out, self.phase, self.record, self.ids = out, phase, record, ids
        self.overwrite, self.epochs, self.on_epoch, self.training_run = (
            overwrite,
            epochs,
            on_epoch,
            False,
        )
        self._init_state()

    def _init_state(self):
        self.writer = self.who = self.labels = self.sums = self.temporary = None
        self.mean_probs = defaultdict(MeanProbs)

    @property
    def trace(self) -> Trace:
        """Open the trace of all epochs finished so far."""
        if self.writer is None:
            raise RecordingError("Nothing is recorded yet: pass this callback to a fit first.")
        return Trace.open(self.writer.folder, in_memory=self.temporary is not None)

    def before_fit(self):
        """Check that losses can be filed by sample, and start the trace at the first fit."""
        # lr_find and get_preds run callbacks too, but they are not training
        self.training_run = not any(
            hasattr(self.learn, name) for name in ("lr_finder", "gather_preds")
        )
        if self.training_run:
            self._refuse_blended_targets()
            self._identify()

    @property
    def active(self) -> bool:
        """Tell whether the present epoch is recorded."""
        return self.training_run and (self.epochs is None or self.epoch in self.epochs)

    def before_train(self):
        """Start an epoch with nothing seen."""
        if self.active:
            n_classes = len(self.who.classes)
            keep_probs = len(self.who.ids) * n_classes <= MAX_PROBS
            self.sums, self.rates = EpochSums(self.labels, n_classes, keep_probs=keep_probs), []

    def before_batch(self):
        """Keep the order in which this epoch draws its samples."""
        if self.active and self.training and self.iter == 0:
            self.order_drawn = _order_drawn(self.dl).to(self.labels.device)

    def after_loss(self):
        """File one training batch, before its update."""
        if not (self.active and self.training):
            return
        self.rates.append(self.opt.hypers[-1]["lr"])
        if self.record == "train":
            start = self.iter * self.dl.bs
            rows = self.order_drawn[start : start + len(self.pred)]
            self._file(rows, self.pred, self.yb[0])
        if self.iter % CHECK_EVERY == 0:
            self._check_finite(self.loss)

    def after_train(self):
        """Finish an epoch: take the clean pass if asked for, check everything, commit the row."""
        if not self.active:
            return
        if self.record == "eval":
            self._clean_pass()
        self.sums.settle()
        self._check_filing()
        self._check_finite(self.sums.loss)
        if self.sums.probs is not None:
            self.mean_probs[self.phase].add(self.sums)
        self.writer.append(
            **self.sums.rows(),
            lr=float(np.mean(self.rates)),
            phase=self.phase,
            mean_probs={phase: probs.mean() for phase, probs in self.mean_probs.items()},
        )
        if self.on_epoch:
            self.on_epoch(self.trace)

    def _identify(self):
        who = identity(self.dls.train, root=Path(self.learn.path), ids=self.ids)
        if self.writer is None:
            if self.out is None:
                self.temporary = tempfile.TemporaryDirectory(prefix="o2u_trace_")
            folder = self.out or self.temporary.name
            self.writer = TraceWriter.create(
                folder, *who, record=self.record, overwrite=self.overwrite
            )
        elif not who.ids.equals(self.who.ids):
            raise RecordingError(
                f"This recorder holds the trace of {len(self.who.ids)} samples, and the training "
                f"set now has {len(who.ids)} others: use a new DynamicsRecorder."
            )
        device = next(self.model.parameters()).device
        self.who, self.labels = who, torch.as_tensor(who.labels, device=device)

    def _refuse_blended_targets(self):
        blending = [cb.name for cb in self.learn.cbs if isinstance(cb, MixHandler)]
        if blending and self.record == "train":
            raise RecordingError(
                f"Losses cannot be filed by sample while {blending[0]} blends two samples into "
                'one: pass record="eval" for a clean pass after each epoch, or remove it.'
            )

    def _file(self, rows: torch.Tensor, pred: torch.Tensor, target: torch.Tensor) -> None:
        logits, target = _plain(pred), _plain(target)
        if logits.shape != (len(rows), len(self.who.classes)):
            raise RecordingError(
                f"Expected logits of shape {(len(rows), len(self.who.classes))}, one row for each "
                f"sample and one column for each class; the model gave {tuple(logits.shape)}."
            )
        self.sums.add(rows, logits, target)

    @torch.no_grad()
    def _clean_pass(self):
        self.model.eval()  # fastai puts it back into training mode at the next epoch
        start = 0
        for *inputs, target in clean_loader(self.dls):
            inputs, target = to_device((inputs, target), self.labels.device)
            rows = torch.arange(start, start + len(target), device=self.labels.device)
            self._file(rows, self.model(*inputs), target)
            start += len(target)

    def _check_filing(self):
        """Notice batches that do not hold the samples we think they hold."""
        seen, drawn = int(self.sums.count.sum()), len(self.order_drawn)
        dropped = drawn % self.dl.bs if self.dl.drop_last else 0
        if self.record == "eval":
            drawn, dropped = len(self.who.ids), 0
        if self.sums.misfiled or seen != drawn - dropped:
            other = int(self.sums.misfiled)
            raise RecordingError(
                f"Expected {drawn - dropped} samples in epoch {self.epoch + 1}, in the order that "
                f"the loader drew; found {seen}, of which {other} with another label "
                "than their id has. Some items were skipped or changed on the way "
                "(SkipItemException?): remove them from the data set first."
            )

    def _check_finite(self, losses: torch.Tensor) -> None:
        if not torch.isfinite(losses).all():
            raise NonFiniteLossError(
                f"The loss became NaN or infinite in epoch {self.epoch + 1} of the {self.phase} "
                f"phase (learning rate {self.rates[-1]:.3g}); {self.writer.n_epochs} finished "
                f"epochs are kept in {self.writer.folder}. Try a lower learning rate, a larger "
                "batch, or clip gradients with fastai's GradientClip."
            )


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """Strip autograd and fastai's tensor subclass, which costs time at every operation."""
    return tensor.detach().as_subclass(torch.Tensor)


def _order_drawn(dl: DataLoader) -> torch.Tensor:
    """Give the positions that `dl` serves in this pass, (n,) int.

    fastai draws them once per pass, in the main process, also for worker processes and for
    weighted or partial loaders, and keeps them in this attribute. Nothing public holds them, and
    calling `get_idxs` would draw others.
    """
    order = getattr(dl, "_DataLoader__idxs", None)
    if order is None or dl.bs is None:
        raise RecordingError(
            f"Expected a fastai DataLoader with a batch size, found {type(dl).__name__}, which "
            "does not tell the order of its samples: use ImageDataLoaders or our `dataloaders`."
        )
    return torch.as_tensor(order, dtype=torch.long)


def clean_loader(dls: DataLoaders) -> DataLoader:
    """Serve the training samples in order, without augmentation."""
    train = dls.train
    if isinstance(train, PixelLoader):
        return train.new(shuffle=False, drop_last=False)
    # train.new(shuffle=False) would still augment; a test loader applies validation transforms
    return dls.test_dl(train.items, with_labels=True, bs=train.bs)
