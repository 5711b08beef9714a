"""ODD: train, remove once the samples that look mislabelled, and train on without them.

The removal is at the end of the phase with a high learning rate. In come a Learner and a rate per
epoch; out goes a `Trace`, or an `Odd` that also says what was removed and why. The computation is
in `detect.odd`. Song, Hu, Auli, Dauphin and Ma, "Robust and On-the-fly Dataset Denoising for Image
Classification", arXiv 2003.10647.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from fastai.basics import L, Learner
from fastai.callback.core import Callback
from fastai.callback.mixup import MixHandler
from fastai.data.load import DataLoader
from torch import nn

from o2u_nb.detect.odd import (
    VARIANTS,
    Odd,
    empirical_losses,
    gaussian_losses,
    looks_gaussian,
    mean_loss,
)
from o2u_nb.errors import RecordingError
from o2u_nb.trace import Trace, is_empty
from o2u_nb.training.checkpoint import Checkpoints, require_out, tuples
from o2u_nb.training.fitting import explained, optimiser, own_loader, sgd
from o2u_nb.training.outputs import LinearCalls, main_output
from o2u_nb.training.recorder import DynamicsRecorder, EpochSums
from o2u_nb.training.schedule import EpochRates
from o2u_nb.training.shared import together
from o2u_nb.training.state import restored, state_of
from o2u_nb.training.subset import only
from o2u_nb.training.trained import Trained

# Share of all epochs with the high learning rate. The paper (arXiv 2003.10647) has 60 of 200.
HIGH_SHARE = 1 / 3
# Number of batches in an epoch whose features are kept. Our choice: 640 samples, in batches of 64,
# give their mean and mean square well within the factor of 1.5 that `looks_gaussian` allows.
LOOK = 10
NUMBERS = ("loss", "simulated", "epoch", "variant", "reason")  # of an `Odd`, kept by checkpoints


def train(learn: Learner, rates: Sequence[float], **options) -> Trace:
    """Train as `denoise` does, with the same `options`, and return the dynamics."""
    return denoise(learn, rates, **options).trace


def fit(learn: Learner, rates: Sequence[float], **options) -> Trained:
    """Train as `denoise` does; the suspicion is the loss by which samples were removed, in nats."""
    found = denoise(learn, rates, **options)
    return Trained(found.trace, suspicion=found.loss)


def denoise(
    learn: Learner,
    rates: Sequence[float],
    *,
    high: int | None = None,
    h: int = 2,
    percentile: float = 10.0,
    simulate: str = "auto",
    out: str | Path | None = None,
    ids: Sequence[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    on_epoch: Callable[[Odd], None] | None = None,
    say: Callable[[str], None] = print,
    opt_func=sgd,
    cbs=None,
) -> Odd:
    """Train with a learning rate per epoch, and remove suspicious samples after `high` epochs.

    `high` is by default a third of the epochs. The `rates` should be high in these epochs; in the
    first one the rate rises from batch to batch. The other options, and the errors, are those of
    `fit_odd`.
    """
    rates = list(rates)
    high = round(len(rates) * HIGH_SHARE) if high is None else high
    _check_settings(len(rates), high, h, simulate)
    require_out(resume, out)
    recorder = DynamicsRecorder(
        out,
        phase="high",
        ids=ids,
        overwrite=overwrite or (resume and is_empty(out)),
        **_recorded_epochs(learn, cbs, high, h),
    )
    own: dict = dict(high=high, h=h, percentile=percentile, simulate=simulate)
    removal = OddRemoval(recorder, on_epoch=on_epoch, **own)
    settings = dict(method="odd", rates=rates, record=recorder.record, **own)
    with together(learn) as group:
        kept = Checkpoints.of(
            learn, recorder, settings, opt_func, group=group, resume=resume, say=group.said_by(say)
        )
        callbacks = [recorder, removal, kept, EpochRates(rates, ramp=True)]
        with (
            optimiser(learn, opt_func),
            own_loader(learn),
            closing(removal),
            learn.added_cbs(callbacks),
            explained(learn),
        ):
            kept.fit(learn, 0, len(rates), lr=rates[0], cbs=cbs)
        found = replace(removal.result, trace=recorder.trace, final=True)
        if on_epoch and group.first:
            on_epoch(found)
    return found


def _check_settings(epochs: int, high: int, h: int, simulate: str) -> None:
    if not 0 < h <= high < epochs:
        raise ValueError(
            f"Expected 1 <= h <= high < epochs; found h={h}, high={high} and epochs={epochs}."
        )
    if simulate not in ("auto", *VARIANTS):
        known = ", ".join(("auto", *VARIANTS))
        raise ValueError(f"Unknown simulate {simulate!r}: expected one of {known}.")


def _recorded_epochs(learn: Learner, cbs, high: int, h: int) -> dict:
    """Return the recorder's options `record` and `epochs`.

    If MixUp or CutMix blends pictures, the losses must come from clean passes, which are done only
    in the last `h` epochs before the removal. Otherwise the losses come from the training pass of
    every epoch.
    """
    if any(isinstance(cb, MixHandler) for cb in [*learn.cbs, *L(cbs)]):
        return dict(record="eval", epochs=range(high - h, high))
    return dict(record="train")


class Simulated(NamedTuple):
    """Losses of uniformly random labels, the variant that made them, and why it was chosen.

    `losses` is (m,) float, nats; `variant` is one of `VARIANTS`.
    """

    losses: np.ndarray
    variant: str
    reason: str


class Head:
    """Watch the last linear layer of a model: its weights, and its inputs during training."""

    def __init__(self, model: nn.Module):
        self._calls: LinearCalls | None = LinearCalls(model)
        self.layer: nn.Linear | None = None
        self.features: list[torch.Tensor] = []

    def look(self, outputs: Any, shape: tuple[int, int]) -> None:
        """Keep the inputs of the last layer for one batch, right after the forward pass.

        `outputs` is what the model returned, and `shape` that of its logits, (n_samples,
        n_classes).
        """
        if self._calls is None:
            return
        call = self._calls.last(main_output(outputs, *shape))
        if call is None:
            self.layer = None
            self.close()
            return
        self.layer = call.layer
        self.features.append(call.features.float())
        if len(self.features) == LOOK:
            self.close()

    def close(self) -> None:
        """Stop watching."""
        if self._calls is not None:
            self._calls.close()
        self._calls = None

    def numbers(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the weight (n_classes, d) and the bias (n_classes,) or None, both float64.

        Raises `RecordingError` when the model does not end in a linear layer.
        """
        if self.layer is None:
            raise RecordingError(
                "Expected a model with a linear layer at its end, whose weights the published "
                "formula takes; no torch.nn.Linear of this model gives its output. Pass "
                'simulate="wrong".'
            )
        bias = self.layer.bias
        return _float64(self.layer.weight), None if bias is None else _float64(bias)

    def is_gaussian(self) -> bool:
        """Return whether the layer's inputs are distributed as the published formula assumes."""
        return bool(self.features) and looks_gaussian(torch.cat(self.features).cpu().numpy())


def _float64(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()


class OddRemoval(Callback):
    """After `high` epochs, remove the samples whose loss exceeds the threshold.

    `recorder` is the recorder of the same fit, which runs before this callback. `h`, `percentile`,
    `simulate` and `on_epoch` are those of `fit_odd`. `result` is the `Odd` after the removal, and
    None before.
    """

    order = DynamicsRecorder.order + 1
    run_valid = False

    def __init__(
        self,
        recorder: DynamicsRecorder,
        *,
        high: int,
        h: int,
        percentile: float,
        simulate: str,
        on_epoch: Callable[[Odd], None] | None = None,
    ):
        self.recorder = recorder
        self.high = high
        self.percentile = percentile
        self.simulate = simulate
        self.on_epoch = on_epoch
        self.found: Odd | None = None  # what would be removed after the latest epoch
        self.result: Odd | None = None
        self._head: Head | None = None
        self._recent: deque[torch.Tensor] = deque(maxlen=h)
        self._own: DataLoader | None = None  # the loader of all samples, once some are removed

    def before_train(self):
        """Start to watch the last layer, if its inputs are needed after this epoch."""
        if self._watched and self.simulate in ("auto", "gaussian"):
            self._head = Head(self.model)

    def after_pred(self):
        """Keep the inputs of the last layer for this batch."""
        if self._head is not None and self.training:
            shape = (len(self.xb[0]), len(self.recorder.who.classes))
            self._head.look(self.pred, shape)

    def after_train(self):
        """Keep the losses of all classes; after the last epoch at the high rate, remove samples."""
        recent = self.high - self._recent.maxlen <= self.epoch < self.high
        if self.simulate != "gaussian" and (recent or self._watched):
            self._recent.append(_every_class(self.recorder.sums))
        if self._watched:
            self._look()
        if self.epoch == self.high - 1:
            self._remove()

    def close(self) -> None:
        """Stop watching the last layer. This is needed also after an error within an epoch."""
        if self._head is not None:
            self._head.close()
            self._head = None

    @property
    def _watched(self) -> bool:
        """Return whether the losses of random labels are needed after this epoch."""
        return self.epoch == self.high - 1 or (self.epoch < self.high and bool(self.on_epoch))

    def _look(self) -> None:
        found = self._simulated()
        trace = self.recorder.trace
        self.close()
        h = min(self._recent.maxlen, trace.n_epochs)
        self.found = Odd(
            trace=trace,
            loss=mean_loss(trace, epoch=trace.n_epochs, h=h),
            simulated=found.losses,
            percentile=self.percentile,
            epoch=trace.n_epochs,
            variant=found.variant,
            reason=found.reason,
        )
        if self.on_epoch and self.recorder.group.first:
            self.on_epoch(self.found)

    def _remove(self) -> None:
        self.result = self.found
        self._go_low()

    def _go_low(self) -> None:
        """Train on without the samples that are to be removed."""
        self._own = self.dls.train
        self.dls.loaders[0] = only(self.dls.train, ~self.result.removed)
        self.recorder.phase = "low"

    def state_dict(self) -> dict:
        """Return what is known from earlier epochs, for a checkpoint."""
        found = self.result
        numbers = None if found is None else {name: getattr(found, name) for name in NUMBERS}
        own = None if self._own is None else self._own.rng
        return dict(
            recent=state_of(self._recent),
            numbers=state_of(numbers),
            order=None if own is None else own.getstate(),  # the other loader draws its order there
            is_begun=own is not None and own is not self.dls.train.rng,
        )

    def load_state_dict(self, state: dict) -> None:
        """Go on with what a checkpoint holds, and without what was removed."""
        device = self.recorder.labels.device
        self._recent = restored(self._recent, state["recent"], device)
        numbers = restored(None, state["numbers"], device)
        if numbers is not None:
            trace = self.recorder.trace
            self.result = Odd(trace=trace, percentile=self.percentile, **numbers)
            order = tuples(state["order"])
            self.dls.train.randomize()  # as in the first epoch, when the loader may have been new
            self.dls.train.rng.setstate(order)
            self._go_low()
            if state["is_begun"]:  # the first low epoch ends what the two loaders share
                self.dls.train.randomize()
                self._own.rng.setstate(order)

    def _simulated(self) -> Simulated:
        if self.simulate != "auto":
            return self._made_by(self.simulate, "asked for")
        if self._head.layer is None:
            return self._made_by("wrong", "the model has no linear layer at its end")
        known = "the inputs of the last layer {} like the relu of unit normals"
        if self.recorder.group.same(self._head.is_gaussian()):
            return self._made_by("gaussian", known.format("look"))
        return self._made_by("wrong", known.format("do not look"))

    def _made_by(self, variant: str, reason: str) -> Simulated:
        if variant == "gaussian":
            return Simulated(gaussian_losses(*self._head.numbers()), variant, reason)
        every_class = (sum(self._recent) / len(self._recent)).cpu().numpy()
        found = empirical_losses(every_class, wrong_only=variant == "wrong")
        return Simulated(found, variant, reason)


def _every_class(sums: EpochSums) -> torch.Tensor:
    """Return the loss that each class would have had as the label in the epoch of `sums`.

    float32 (n_samples, n_classes), nats, NaN for samples that were not seen. Raises
    `RecordingError` when `sums` holds no softmax.
    """
    if sums.probs is None:
        raise RecordingError(
            "Expected a softmax of every sample to take random labels' losses from, but classes "
            'times samples are too many to keep it: pass simulate="gaussian".'
        )
    probs = sums.probs / sums.count[:, None]
    return -probs.clamp_min(torch.finfo(torch.float32).tiny).log()
