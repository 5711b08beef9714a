"""The verbs patched onto fastai's Learner: `fit_o2u` records, `fit_odd` removes while it trains.

In comes any Learner whose train loader carries sample ids, the user's own `vision_learner`
included; out comes a `Trace`, or an `Odd` that holds one.
"""

from collections.abc import Callable, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from fastai.basics import L, Learner, patch
from fastai.callback.mixup import MixHandler
from fastai.optimizer import OptimWrapper

from o2u_nb.detect.odd import VARIANTS, Odd
from o2u_nb.trace import Trace
from o2u_nb.training.odd import OddRemoval
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.schedule import EpochRates, cyclic_rates, high_then_low
from o2u_nb.training.stop import StopWhenStable, require_share


def sgd(params, **options) -> OptimWrapper:
    """Build the paper's optimiser: SGD, momentum 0.9, weight decay 5e-4, fused into one pass."""
    defaults = dict(momentum=0.9, weight_decay=5e-4, fused=True)
    return OptimWrapper(params, torch.optim.SGD, **{**defaults, **options})


@patch
def fit_o2u(
    self: Learner,
    *,
    warmup: int = 8,
    cycles: int = 3,
    cycle: int = 6,
    lr: float = 0.05,
    r1: float | None = None,
    r2: float | None = None,
    bs: int | None = None,
    cyclic_bs: int | None = None,
    out: str | Path | None = None,
    record: str = "train",
    ids: Sequence[str] | None = None,
    overwrite: bool = False,
    on_epoch: Callable[[Trace], None] | None = None,
    stop_early: float | None = None,
    say: Callable[[str], None] = print,
    opt_func=sgd,
    cbs=None,
) -> Trace:
    """Train with O2U-Net's warm-up and cyclic phases, and return every sample's dynamics.

    | | the paper (Huang et al., ICCV 2019) | here |
    |---|---|---|
    | `warmup` epochs | up to 250, at 0.01, 0.005, 0.001 | 8, at the constant rate `lr` |
    | `lr`, warm-up rate | 0.01 to 0.001 | 0.05, ramped up over the first epoch |
    | `cycles` x `cycle` epochs | 25 x 10 | 3 x 6 |
    | `r1` to `r2`, cyclic rates | 0.01 to 0.001 | `lr` to `lr` / 10 |
    | `bs`, `cyclic_bs`, batch sizes | 128, 16 | the loader's own in both |
    | optimiser | SGD, momentum 0.9, decay 5e-4, fresh in each phase | the same |

    The constant, higher warm-up rate stops well before the network memorises wrong labels. The
    rates are constant within an epoch, see `schedule.cyclic_rates`. `warmup=0` skips the warm-up
    for a model that is already trained; `opt_func=None` keeps the Learner's own optimiser (choose
    `lr` for it). `out`, `record`, `ids`, `overwrite` and `on_epoch` are those of
    `DynamicsRecorder`, whose errors this raises. More callbacks go into `cbs`.

    With `stop_early`, say 0.97, the cyclic phase ends after the first of the cycles 2, 3, ... in
    which the ranking hardly changed: at least this share of the suspects are the same as a cycle
    earlier, and the rank correlation of all samples is as high; see `detect.stability`. `say` is
    told so in one line. Raises `ValueError` when it is no share.
    """
    require_share(stop_early)
    r1 = lr if r1 is None else r1
    r2 = lr / 10 if r2 is None else r2
    recorder = DynamicsRecorder(out, record=record, ids=ids, overwrite=overwrite, on_epoch=on_epoch)
    stops = []
    if stop_early is not None:
        stops = [StopWhenStable(recorder, cycle=cycle, share=stop_early)]
    cyclic = cyclic_rates(cycles * cycle, r1=r1, r2=r2, cycle=cycle)
    phases = [("warmup", [lr] * warmup, bs, []), ("cyclic", cyclic, cyclic_bs or bs, stops)]
    with _optimiser(self, opt_func):
        for phase, rates, batch, more in phases:
            recorder.phase = phase
            rate = EpochRates(rates, ramp=phase == "warmup")
            with _batch_size(self, batch), self.added_cbs([recorder, rate, *more]):
                if rates:
                    self.fit(len(rates), rates[0], cbs=cbs, reset_opt=True)
    for stop in stops:
        if stop.found:
            say(f"Stopped after {stop.found.cycle} of {cycles} cycles: {stop.found}.")
    return recorder.trace


@patch
def fit_odd(
    self: Learner,
    epochs: int = 24,
    *,
    high: int | None = None,
    lr: float = 0.05,
    percentile: float = 10.0,
    h: int = 2,
    simulate: str = "auto",
    rates: Sequence[float] | None = None,
    out: str | Path | None = None,
    ids: Sequence[str] | None = None,
    overwrite: bool = False,
    on_epoch: Callable[[Odd], None] | None = None,
    opt_func=sgd,
    cbs=None,
) -> Odd:
    """Train once, and on the way leave out the samples whose labels look random.

    | | the paper (Song et al., arXiv 2003.10647, CIFAR) | here |
    |---|---|---|
    | `epochs`, of which `high` at the high rate | 200, 60 | 24, a third |
    | `lr`, then | 0.1, divided by 5 or 10 in steps | 0.05, ramped up in the first epoch, a cosine |
    | `percentile`, `h` | 10, 2 | the same |

    After `high` epochs every sample whose mean loss over the last `h` epochs exceeds the
    `percentile` of the losses that uniform random labels would have is left out; training goes on
    with the rest. A larger percentile removes less. `simulate` says where those losses come from:
    `gaussian` (the published formula, from the last layer alone), `empirical` (the network's own
    outputs under every label), `wrong` (the same, without the likeliest label, see
    `detect.odd.empirical_losses`) or `auto`: `gaussian` where what goes into the last layer looks
    as the formula assumes, else `wrong`; see `Odd.reason`. `rates` gives one rate per epoch instead
    of `lr` and the cosine.

    With MixUp or CutMix, whose losses belong to no sample, the `h` epochs before the removal take
    a clean pass, and only those are recorded. `on_epoch(odd)` is called after each recorded epoch
    up to the removal with what would be removed now, and with the result at the end. `out`, `ids`
    and `overwrite` are those of `DynamicsRecorder`. The Learner serves the whole training set again
    afterwards.

    Raises `ValueError` for epochs that do not fit together and what `DynamicsRecorder` raises.
    """
    high = round(epochs / 3) if high is None else high
    rates = high_then_low(epochs, lr=lr, high=high) if rates is None else list(rates)
    _check_odd(epochs, high, h, len(rates), simulate)
    recorder = DynamicsRecorder(
        out, phase="high", ids=ids, overwrite=overwrite, **_recorded_epochs(self, cbs, high, h)
    )
    removal = OddRemoval(
        recorder, high=high, h=h, percentile=percentile, simulate=simulate, on_epoch=on_epoch
    )
    callbacks = [recorder, removal, EpochRates(rates, ramp=True)]
    with (
        _optimiser(self, opt_func),
        _own_loader(self),
        closing(removal),
        self.added_cbs(callbacks),
    ):
        self.fit(epochs, rates[0], cbs=cbs, reset_opt=True)
    found = replace(removal.result, trace=recorder.trace, final=True)
    if on_epoch:
        on_epoch(found)
    return found


def _check_odd(epochs: int, high: int, h: int, n_rates: int, simulate: str) -> None:
    if not 0 < h <= high < epochs == n_rates:
        raise ValueError(
            f"Expected h <= high < epochs and one rate per epoch; found h={h}, high={high}, "
            f"epochs={epochs} and {n_rates} rates."
        )
    if simulate not in ("auto", *VARIANTS):
        known = ", ".join(("auto", *VARIANTS))
        raise ValueError(f"Unknown simulate {simulate!r}: expected one of {known}.")


def _recorded_epochs(learn: Learner, cbs, high: int, h: int) -> dict:
    """Record in passing, or where pictures are blended, in a clean pass when it matters."""
    if any(isinstance(cb, MixHandler) for cb in [*learn.cbs, *L(cbs)]):
        return dict(record="eval", epochs=range(high - h, high))
    return dict(record="train")


@contextmanager
def _optimiser(learn: Learner, opt_func):
    """Train with another optimiser, and forget it afterwards so that a later fit makes its own."""
    own = learn.opt_func
    learn.opt_func = opt_func or own
    try:
        yield
    finally:
        learn.opt_func, learn.opt = own, None


@contextmanager
def _batch_size(learn: Learner, bs: int | None):
    """Serve the training set in batches of another size for a while."""
    own = learn.dls.train
    with _own_loader(learn):
        if bs and bs != own.bs:
            learn.dls.loaders[0] = own.new(bs=bs)
            learn.dls.loaders[0].rng = own.rng  # so that a seeded loader stays one
        yield


@contextmanager
def _own_loader(learn: Learner):
    """Put the training loader back, whatever happens to it meanwhile."""
    own = learn.dls.train
    try:
        yield
    finally:
        learn.dls.loaders[0] = own
