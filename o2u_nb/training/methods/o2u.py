"""O2U-Net: a warm-up, then a cyclic learning rate between underfitting and overfitting.

In come a Learner and a rate per epoch; out goes the `Trace` of both phases. Huang, Qu, Jia and
Zhao, "O2U-Net: A Simple Noisy Label Detection Approach for Deep Neural Networks", ICCV 2019.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from fastai.basics import Learner

from o2u_nb.trace import Trace
from o2u_nb.training.fitting import batches_of, optimiser, sgd
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.schedule import EpochRates
from o2u_nb.training.stop import StopWhenStable, require_share
from o2u_nb.training.trained import Trained

WARMUP_SHARE = 0.3  # share of all epochs that is the warm-up, as in the standard preset (8 of 26)
CYCLE = 6  # epochs in a cycle, as in the standard preset


def train(
    learn: Learner,
    rates: Sequence[float],
    *,
    warmup: int | None = None,
    cycle: int = CYCLE,
    bs: int | None = None,
    cyclic_bs: int | None = None,
    stop_early: float | None = None,
    say: Callable[[str], None] = print,
    out: str | Path | None = None,
    record: str = "train",
    ids: Sequence[str] | None = None,
    valid: bool = False,
    overwrite: bool = False,
    on_epoch: Callable[[Trace], None] | None = None,
    opt_func=sgd,
    cbs=None,
) -> Trace:
    """Train the warm-up and then the cyclic phase, and return the dynamics of both.

    `rates` has a learning rate for each epoch of both phases. The first `warmup` epochs (default:
    three in ten) are the warm-up; in its first epoch the rate rises from batch to batch. A cycle
    has `cycle` epochs. Each phase starts with a new optimiser and has its own batch size, `bs` and
    `cyclic_bs`. The other options, and the errors, are those of `fit_o2u`.
    """
    require_share(stop_early)
    rates = list(rates)
    warmup = round(WARMUP_SHARE * len(rates)) if warmup is None else warmup
    recorder = DynamicsRecorder(
        out, record=record, ids=ids, valid=valid, overwrite=overwrite, on_epoch=on_epoch
    )
    stop = StopWhenStable(recorder, cycle=cycle, share=stop_early)

    def run(phase: str, rates: list[float], bs: int | None, more: list) -> None:
        if not rates:
            return
        recorder.phase = phase
        rate = EpochRates(rates, ramp=phase == "warmup")
        with batches_of(learn, bs), learn.added_cbs([recorder, rate, *more]):
            learn.fit(len(rates), rates[0], cbs=cbs, reset_opt=True)

    with optimiser(learn, opt_func):
        run("warmup", rates[:warmup], bs, [])
        run("cyclic", rates[warmup:], cyclic_bs or bs, [] if stop_early is None else [stop])
    if stop.found:
        cycles = len(rates[warmup:]) // cycle
        say(f"Stopped after {stop.found.cycle} of {cycles} cycles: {stop.found}.")
    return recorder.trace


def fit(learn: Learner, rates: Sequence[float], **options) -> Trained:
    """Train as `train` does, with the same `options`."""
    return Trained(train(learn, rates, **options))
