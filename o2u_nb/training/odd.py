"""ODD while training: once, at the end of the high-rate phase, leave out what looks mislabelled.

In come a Learner in training and its recorder; out goes an `Odd`, and a training loader without the
removed samples. The arithmetic is in `detect.odd`.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from fastai.callback.core import Callback
from torch import nn

from o2u_nb.detect.odd import Odd, empirical_losses, gaussian_losses, looks_gaussian, mean_loss
from o2u_nb.errors import RecordingError
from o2u_nb.training.models import last_linear
from o2u_nb.training.recorder import DynamicsRecorder, EpochSums
from o2u_nb.training.subset import only

LOOK = 10  # batches whose features are looked at, of the last epoch before the removal


class Simulated(NamedTuple):
    """Losses of uniform random labels, the variant that made them, and why that one."""

    losses: np.ndarray
    variant: str
    reason: str


class Head:
    """Watch the last linear layer of a model: its weights, and what goes into it."""

    def __init__(self, model: nn.Module):
        self.layer, self.features, self._handle = last_linear(model), [], None
        if self.layer is not None:
            self._handle = self.layer.register_forward_pre_hook(self._look)

    def _look(self, _, inputs) -> None:
        if len(self.features) < LOOK:
            self.features.append(inputs[0].detach().float())

    def close(self) -> None:
        """Stop watching."""
        if self._handle is not None:
            self._handle.remove()

    def numbers(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Return weight (n_classes, d) and bias (n_classes,) or None, float64."""
        if self.layer is None:
            raise RecordingError(
                "Expected a model with a linear layer at its end, whose weights the published "
                'formula takes; found none. Pass simulate="wrong".'
            )
        weight, bias = self.layer.weight, self.layer.bias
        plain = lambda t: None if t is None else t.detach().double().cpu().numpy()  # noqa: E731
        return plain(weight), plain(bias)

    def is_gaussian(self) -> bool:
        """Say whether the layer's inputs look like the relu of unit normals."""
        return bool(self.features) and looks_gaussian(torch.cat(self.features).cpu().numpy())


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
        self.recorder, self.high, self.percentile = recorder, high, percentile
        self.simulate, self.on_epoch = simulate, on_epoch
        self.result, self._head, self._recent = None, None, deque(maxlen=h)

    def before_train(self):
        """Look at what goes into the head, in the epochs that are looked at."""
        if self._watched and self.simulate in ("auto", "gaussian"):
            self._head = Head(self.model)

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
        found, trace = self._simulated(), self.recorder.trace
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
