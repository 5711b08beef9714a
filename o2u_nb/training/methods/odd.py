"""ODD: once, at the end of the high-rate phase, leave out what looks mislabelled, and train on.

In come a Learner and a rate per epoch; out goes a `Trace`, or an `Odd` that also says what was
removed and why. The arithmetic is in `detect.odd`. Song, Hu, Auli, Dauphin and Ma, "Robust and
On-the-fly Dataset Denoising for Image Classification", arXiv 2003.10647.
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
from o2u_nb.trace import Trace
from o2u_nb.training.fitting import optimiser, own_loader, sgd
from o2u_nb.training.outputs import LinearCalls, main_output
from o2u_nb.training.recorder import DynamicsRecorder, EpochSums
from o2u_nb.training.schedule import EpochRates
from o2u_nb.training.subset import only

HIGH_SHARE = 1 / 3  # of all epochs at the high rate; the paper has 60 of 200
# Batches of an epoch whose features are looked at: 640 samples in batches of 64 show their mean and
# mean square well within the factor of 1.5 that `looks_gaussian` allows.
LOOK = 10


def train(learn: Learner, rates: Sequence[float], **options) -> Trace:
    """Train on the way that `denoise` describes, with its options, and return the dynamics."""
    return denoise(learn, rates, **options).trace


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
    on_epoch: Callable[[Odd], None] | None = None,
    opt_func=sgd,
    cbs=None,
) -> Odd:
    """Train with a rate per epoch, and leave out after `high` epochs what looks like noise.

    `high` is by default a third of the epochs; `rates` should stay high for as long, and is ramped
    up in the first epoch. The other options are those of `fit_odd`.
    """
    rates = list(rates)
    high = round(len(rates) * HIGH_SHARE) if high is None else high
    _check_settings(len(rates), high, h, simulate)
    recorder = DynamicsRecorder(
        out, phase="high", ids=ids, overwrite=overwrite, **_recorded_epochs(learn, cbs, high, h)
    )
    removal = OddRemoval(
        recorder, high=high, h=h, percentile=percentile, simulate=simulate, on_epoch=on_epoch
    )
    callbacks = [recorder, removal, EpochRates(rates, ramp=True)]
    with (
        optimiser(learn, opt_func),
        own_loader(learn),
        closing(removal),
        learn.added_cbs(callbacks),
    ):
        learn.fit(len(rates), rates[0], cbs=cbs, reset_opt=True)
    found = replace(removal.result, trace=recorder.trace, final=True)
    if on_epoch:
        on_epoch(found)
    return found


def _check_settings(epochs: int, high: int, h: int, simulate: str) -> None:
    if not 0 < h <= high < epochs:
        raise ValueError(
            f"Expected h <= high < epochs, and an h of at least 1; found h={h}, high={high} and "
            f"epochs={epochs}."
        )
    if simulate not in ("auto", *VARIANTS):
        known = ", ".join(("auto", *VARIANTS))
        raise ValueError(f"Unknown simulate {simulate!r}: expected one of {known}.")


def _recorded_epochs(learn: Learner, cbs, high: int, h: int) -> dict:
    """Record in passing, or where pictures are blended, in a clean pass when it matters."""
    if any(isinstance(cb, MixHandler) for cb in [*learn.cbs, *L(cbs)]):
        return dict(record="eval", epochs=range(high - h, high))
    return dict(record="train")


class Simulated(NamedTuple):
    """Losses of uniform random labels, the variant that made them, and why that one."""

    losses: np.ndarray
    variant: str
    reason: str


class Head:
    """Watch the linear layer that a model ends in: its weights, and what goes into it."""

    def __init__(self, model: nn.Module):
        self._calls: LinearCalls | None = LinearCalls(model)
        self.layer: nn.Linear | None = None
        self.features: list[torch.Tensor] = []

    def look(self, outputs: Any, shape: tuple[int, int]) -> None:
        """Look at one training batch, for which the model just gave logits of `shape`."""
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
        """Return weight (n_classes, d) and bias (n_classes,) or None, float64."""
        if self.layer is None:
            raise RecordingError(
                "Expected a model with a linear layer at its end, whose weights the published "
                "formula takes; no torch.nn.Linear of this model gives its output. Pass "
                'simulate="wrong".'
            )
        bias = self.layer.bias
        return _float64(self.layer.weight), None if bias is None else _float64(bias)

    def is_gaussian(self) -> bool:
        """Say whether the layer's inputs look like the relu of unit normals."""
        return bool(self.features) and looks_gaussian(torch.cat(self.features).cpu().numpy())


def _float64(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()


class OddRemoval(Callback):
    """After `high` epochs, remove samples above the `percentile` of simulated losses.

    `recorder` records the same fit and runs before this one. `h`, `percentile`, `simulate` and
    `on_epoch` are those of `fit_odd`. `result` is the `Odd` once it has acted.
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
        self.recorder, self.high = recorder, high
        self.percentile, self.simulate = percentile, simulate
        self.on_epoch = on_epoch
        self.found: Odd | None = None  # as of the last epoch that was looked at
        self.result: Odd | None = None
        self._head: Head | None = None
        self._recent: deque[torch.Tensor] = deque(maxlen=h)

    def before_train(self):
        """Look at what goes into the head, in the epochs that are looked at."""
        if self._watched and self.simulate in ("auto", "gaussian"):
            self._head = Head(self.model)

    def after_pred(self):
        """Let the head see what the model made of this batch."""
        if self._head is not None and self.training:
            shape = (len(self.xb[0]), len(self.recorder.who.classes))
            self._head.look(self.pred, shape)

    def after_train(self):
        """Keep what this epoch shows of every class; after the last one at a high rate, remove."""
        recent = self.high - self._recent.maxlen <= self.epoch < self.high
        if self.simulate != "gaussian" and (recent or self._watched):
            self._recent.append(_every_class(self.recorder.sums))
        if self._watched:
            self._look()
        if self.epoch == self.high - 1:
            self._remove()

    def close(self) -> None:
        """Stop watching the head, also when training broke off within an epoch."""
        if self._head is not None:
            self._head.close()
            self._head = None

    @property
    def _watched(self) -> bool:
        """Tell whether the losses of random labels are wanted after this epoch."""
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
        if self.on_epoch:
            self.on_epoch(self.found)

    def _remove(self) -> None:
        self.result = self.found
        self.dls.loaders[0] = only(self.dls.train, ~self.result.removed)
        self.recorder.phase = "low"

    def _simulated(self) -> Simulated:
        if self.simulate != "auto":
            return self._made_by(self.simulate, "asked for")
        if self._head.layer is None:
            return self._made_by("wrong", "the model has no linear layer at its end")
        known = "the inputs of the last layer {} like the relu of unit normals"
        if self._head.is_gaussian():
            return self._made_by("gaussian", known.format("look"))
        return self._made_by("wrong", known.format("do not look"))

    def _made_by(self, variant: str, reason: str) -> Simulated:
        if variant == "gaussian":
            return Simulated(gaussian_losses(*self._head.numbers()), variant, reason)
        every_class = (sum(self._recent) / len(self._recent)).cpu().numpy()
        found = empirical_losses(every_class, wrong_only=variant == "wrong")
        return Simulated(found, variant, reason)


def _every_class(sums: EpochSums) -> torch.Tensor:
    """Return the loss that each class would have had in an epoch: (n_samples, n_classes), nats."""
    if sums.probs is None:
        raise RecordingError(
            "Expected a softmax of every sample to take random labels' losses from, but classes "
            'times samples are too many to keep it: pass simulate="gaussian".'
        )
    probs = sums.probs / sums.count[:, None]
    return -probs.clamp_min(torch.finfo(torch.float32).tiny).log()
