"""A fit that is recorded: what all training methods without phases of their own have in common.

In come the options that every method takes; out goes a `DynamicsRecorder`, which a method's
callbacks may look at, and the fit itself.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from fastai.basics import Learner
from fastai.callback.core import Callback

from o2u_nb.trace import Trace, is_empty
from o2u_nb.training.checkpoint import Checkpoints, require_out
from o2u_nb.training.fitting import optimiser, own_loader, sgd
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

    `goes_on` is for methods of one fit whose state is that of the Learner and of callbacks with
    `state_dict` and `load_state_dict`: their own settings, as plain values. They keep a checkpoint
    in `out`, and with `resume` go on from it, as `fit_o2u` does; `say` is called with a line of
    text then. Raises `ValueError` for `resume` without `out`, or with a method that cannot go on.
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
        pace = EpochRates(rates, ramp=self.recorder.writer is None)
        with (
            optimiser(learn, self.opt_func),
            own_loader(learn),
            learn.added_cbs([self.recorder, pace, *callbacks]),
        ):
            if self.goes_on is None:
                learn.fit(len(rates), rates[0], cbs=self.cbs, reset_opt=True)
            else:
                self._go_on(learn, rates, self.goes_on)

    def _go_on(self, learn: Learner, rates: list[float], own: dict) -> None:
        """Train what is left of the only fit, and keep checkpoints."""
        settings = {**own, "rates": rates, "record": self.recorder.record}
        kept = Checkpoints.of(
            learn, self.recorder, settings, self.opt_func, resume=self.resume, say=self.say
        )
        with learn.added_cbs(kept):
            kept.fit(learn, 0, len(rates), lr=rates[0], cbs=self.cbs)

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
