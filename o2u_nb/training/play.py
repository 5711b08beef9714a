"""A head's training that goes on epoch by epoch, to play with.

In come features, samples and `Settings`; out goes the trace of as many epochs as were asked for.
Epochs that are trained one by one give exactly what they give when they are trained in one go.
"""

from collections.abc import Callable
from itertools import groupby
from typing import Any

import pandas as pd
from fastai.callback.core import Callback, CancelFitException
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar

from o2u_nb.data import noise
from o2u_nb.errors import O2UError
from o2u_nb.playing import NOISES, Settings
from o2u_nb.trace import Trace
from o2u_nb.training.feature_loader import FeatureData, feature_loaders
from o2u_nb.training.heads import HIDDEN, head_learner
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.schedule import EpochRates, cyclic_rates


class Playground:
    """Start trainings of a head on the same `features` (n_samples, d) of `samples`.

    Raises what `feature_loaders` raises.
    """

    def __init__(self, features: Any, samples: pd.DataFrame, *, device: str | None = None):
        self.data: FeatureData = feature_loaders(features, samples, device=device).train.dataset
        self.samples = samples
        self.device = device

    def __call__(self, settings: Settings) -> "HeadTraining":
        """Return a training with these settings of which no epoch is done yet.

        Raises `O2UError` for settings that cannot be, such as a share of more than 1.
        """
        samples = planted(self.samples, settings, self.data)
        return HeadTraining(self.data, samples, settings, self.samples["label"], self.device)


def planted(samples: pd.DataFrame, settings: Settings, data: FeatureData) -> pd.DataFrame:
    """Return `samples` with the wrong labels that `settings` says to plant, by its seed.

    `data` has the features of the samples. Raises `O2UError` for an unknown noise.
    """
    if settings.noise == "none":
        return samples
    if settings.noise not in NOISES:
        raise O2UError(f"Unknown noise {settings.noise!r}: expected one of {', '.join(NOISES)}.")
    kind = noise.named(f"{settings.noise} {settings.share}", data.features.float().cpu().numpy())
    return noise.plant(samples, kind, seed=settings.seed).samples


class HeadTraining:
    """The training of a head, see `playing.Training`; `truth` are the labels before the noise."""

    def __init__(
        self,
        data: FeatureData,
        samples: pd.DataFrame,
        settings: Settings,
        truth: pd.Series,
        device: str | None,
    ):
        self.samples = samples
        self.planted = (samples["label"] != truth).to_numpy()
        self._learn = head_learner(
            data,
            samples,
            hidden=HIDDEN if settings.hidden else None,
            bs=settings.bs,
            seed=settings.seed,
            device=device,
        )
        self._recorder = DynamicsRecorder()
        self._plan = plan(settings)
        self._done = 0

    @property
    def trace(self) -> Trace:
        """Return the trace of the epochs done so far; raise `RecordingError` before the first."""
        return self._recorder.trace

    def advance(
        self, epochs: int | None = None, *, cancelled: Callable[[], bool] = lambda: False
    ) -> bool:
        """Train `epochs` more epochs, or all that are left.

        `cancelled()` is asked after each batch; when it says so, the training stops in the middle
        of an epoch and cannot go on. Returns whether it was not cancelled. Raises what
        `DynamicsRecorder` raises.
        """
        ahead = self._plan[self._done :][:epochs]
        for phase, some in groupby(ahead, key=lambda epoch: epoch[0]):
            rates = [rate for _, rate in some]
            if not self._fit(phase, rates, cancelled):
                return False
            self._done += len(rates)
        return True

    def _fit(self, phase: str, rates: list[float], cancelled: Callable[[], bool]) -> bool:
        """Train epochs of one phase; each phase begins with a new optimiser, as in `fit_o2u`."""
        begins = self._done == 0 or self._plan[self._done - 1][0] != phase
        self._recorder.phase = phase
        asked = StopWhen(cancelled)
        pace = EpochRates(rates, ramp=phase == "warmup" and begins)
        with self._learn.no_bar(), self._learn.no_logging():
            self._learn.fit(
                len(rates), rates[0], cbs=[self._recorder, pace, asked], reset_opt=begins
            )
        return not asked.stopped


def plan(settings: Settings) -> list[tuple[str, float]]:
    """Return the phase and the learning rate of each epoch, as `fit_o2u` has them.

    Raises `O2UError` when there is none.
    """
    if settings.n_epochs < 1:
        raise O2UError("Expected at least one epoch: make the warm-up or the cycles longer.")
    cyclic = cyclic_rates(
        settings.cycles * settings.cycle, r1=settings.r1, r2=settings.r2, cycle=settings.cycle
    )
    warmup = [("warmup", settings.r1)] * settings.warmup
    return warmup + [("cyclic", rate) for rate in cyclic]


class StopWhen(Callback):
    """Cancel the fit after the batch in which `asked()` becomes true; then `stopped` is true."""

    run_valid = False

    def __init__(self, asked: Callable[[], bool]):
        self.asked = asked
        self.stopped = False

    def after_batch(self):
        """Ask, and stop."""
        if self.asked():
            self.stopped = True
            raise CancelFitException()
