"""A fit that is recorded: what all training methods without phases of their own have in common.

In come the options that every method takes; out goes a `DynamicsRecorder`, which a method's
callbacks may look at, and the fit itself.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fastai.basics import Learner
from fastai.callback.core import Callback

from o2u_nb.trace import Trace, is_empty
from o2u_nb.training.checkpoint import Checkpoints, require_out
from o2u_nb.training.fitting import optimiser, own_loader, sgd
from o2u_nb.training.identity import Identity, identity
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.schedule import EpochRates

# Share of all epochs (0 to 1) in which a method trains plainly before its own part. Our choice: the
# epochs with the high rate, in which networks do not memorise much yet.
WARMUP_SHARE = 1 / 3


class RecordedFit:
    """Train with a recorder; the options are those that every method takes, see `methods`.

    `recorder` records plain cross entropy in the training pass, or with `record="eval"` in clean
    passes, whatever loss trains. Its epochs are of the phase `phase`, which a method may change
    between two calls of `fit`; the trace then holds the epochs of both.

    `goes_on` is for methods that can go on after an interruption: their `rates`, one for each epoch
    of all calls of `fit`, and their own settings, as plain values. Their state must be that of the
    Learner, of callbacks with `state_dict` and `load_state_dict`, and what `once` computed. They
    keep a checkpoint in `out`, and with `resume` go on from it, as `fit_o2u` does; `say` is called
    with a line of text then. Raises `ValueError` for `resume` without `out`, or with a method that
    cannot go on.
    """

    def __init__(
        self,
        *,
        record: str = "train",
        phase: str = "training",
        out: str | Path | None = None,
        ids: Sequence[str] | None = None,
        overwrite: bool = False,
        resume: bool = False,
        on_epoch: Callable[[Trace], None] | None = None,
        opt_func: Callable | None = sgd,
        cbs=None,
        say: Callable[[str], None] = print,
        goes_on: dict | None = None,
    ):
        _require_that_it_goes_on(resume, out, goes_on)
        self.recorder = DynamicsRecorder(
            out,
            phase=phase,
            record=record,
            ids=ids,
            overwrite=overwrite or (resume and is_empty(out)),
            on_epoch=on_epoch,
        )
        self.opt_func = opt_func
        self.cbs = cbs
        self.resume = resume
        self.say = say
        self.goes_on = goes_on
        self.checkpoints: Checkpoints | None = None
        self.stage = 0

    @property
    def trace(self) -> Trace:
        """Return the trace of all epochs so far."""
        return self.recorder.trace

    def fit(
        self, learn: Learner, rates: Sequence[float], callbacks: Sequence[Callback] = ()
    ) -> None:
        """Train for `len(rates)` epochs with the method's `callbacks` and the user's own.

        Each epoch has its rate of `rates`; in the first one of the trace the rate rises from batch
        to batch. Afterwards the Learner has its own optimiser, training loader and callbacks again.
        """
        rates = list(rates)
        if not rates:
            return
        stage, self.stage = self.stage, self.stage + 1
        pace = EpochRates(rates, ramp=stage == 0)
        with (
            optimiser(learn, self.opt_func),
            own_loader(learn),
            learn.added_cbs([self.recorder, pace, *callbacks]),
        ):
            kept = self._checkpoints(learn)
            if kept is None:
                learn.fit(len(rates), rates[0], cbs=self.cbs, reset_opt=True)
                return
            with learn.added_cbs(kept):
                kept.fit(learn, stage, len(rates), lr=rates[0], cbs=self.cbs)

    def once(self, learn: Learner, name: str, compute: Callable[[], Any]) -> Any:
        """Return what `compute()` returns, such as an array from the network as it is between fits.

        A training that goes on in a later fit gets it back from the checkpoint, where it is kept
        under `name`; see `state.state_of` for what can be kept. `compute` may look at `who`, but
        not at the trace.
        """
        kept = self._checkpoints(learn)
        return compute() if kept is None else kept.once(name, compute)

    def who(self, learn: Learner) -> Identity:
        """Return which training samples the trace is of, also before the first fit."""
        return identity(learn.dls.train, root=Path(learn.path), ids=self.recorder.ids)

    def _checkpoints(self, learn: Learner) -> Checkpoints | None:
        """Return what keeps the checkpoints of all fits; None for a method that cannot go on."""
        if self.goes_on is not None and self.checkpoints is None:
            settings = {**self.goes_on, "record": self.recorder.record}
            self.checkpoints = Checkpoints.of(
                learn, self.recorder, settings, self.opt_func, resume=self.resume, say=self.say
            )
        return self.checkpoints

    def warm_up(
        self, learn: Learner, rates: Sequence[float], warmup: int | None = None
    ) -> list[float]:
        """Train the first `warmup` epochs with the Learner's own loss; return the other rates.

        `warmup` is by default a third of the epochs, and at least one. Its epochs are of the phase
        "warmup", and those of later calls of `fit` of the phase "training". Raises `ValueError` for
        a `warmup` that is not among the epochs.
        """
        rates = list(rates)
        warmup = max(1, round(WARMUP_SHARE * len(rates))) if warmup is None else warmup
        if not 1 <= warmup <= len(rates):
            raise ValueError(f"Expected a warm-up of 1 to all {len(rates)} epochs, found {warmup}.")
        self.recorder.phase = "warmup"
        self.fit(learn, rates[:warmup])
        self.recorder.phase = "training"
        return rates[warmup:]


def _require_that_it_goes_on(resume: bool, out: str | Path | None, goes_on: dict | None) -> None:
    if not resume:
        return
    if goes_on is None:
        raise ValueError(
            "This method keeps more than its network from epoch to epoch, and cannot go on after "
            "an interruption: leave out resume=, and train again with overwrite=True."
        )
    require_out(resume, out)
