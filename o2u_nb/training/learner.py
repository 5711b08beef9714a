"""The verbs patched onto fastai's Learner: `fit_o2u` runs O2U-Net's two recorded phases.

In comes any Learner whose train loader carries sample ids, the user's own `vision_learner`
included; out comes a `Trace`.
"""

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from fastai.basics import Learner, patch
from fastai.optimizer import OptimWrapper

from o2u_nb.trace import Trace
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.schedule import EpochRates, cyclic_rates


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
    cycle: int = 8,
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
    opt_func=sgd,
    cbs=None,
) -> Trace:
    """Train with O2U-Net's warm-up and cyclic phases, and return every sample's dynamics.

    | | the paper (Huang et al., ICCV 2019) | here |
    |---|---|---|
    | `warmup` epochs | up to 250, at 0.01, 0.005, 0.001 | 8, at the constant rate `lr` |
    | `lr`, warm-up rate | 0.01 to 0.001 | 0.05, ramped up over the first epoch |
    | `cycles` x `cycle` epochs | 25 x 10 | 3 x 8 |
    | `r1` to `r2`, cyclic rates | 0.01 to 0.001 | `lr` to `lr` / 10 |
    | `bs`, `cyclic_bs`, batch sizes | 128, 16 | the loader's own in both |
    | optimiser | SGD, momentum 0.9, decay 5e-4, fresh in each phase | the same |

    The constant, higher warm-up rate stops well before the network memorises wrong labels. The
    rates are constant within an epoch, see `schedule.cyclic_rates`. `warmup=0` skips the warm-up
    for a model that is already trained; `opt_func=None` keeps the Learner's own optimiser (choose
    `lr` for it). `out`, `record`, `ids`, `overwrite` and `on_epoch` are those of
    `DynamicsRecorder`, whose errors this raises. More callbacks go into `cbs`.
    """
    r1 = lr if r1 is None else r1
    r2 = lr / 10 if r2 is None else r2
    recorder = DynamicsRecorder(out, record=record, ids=ids, overwrite=overwrite, on_epoch=on_epoch)
    phases = [
        ("warmup", [lr] * warmup, bs),
        ("cyclic", cyclic_rates(cycles * cycle, r1=r1, r2=r2, cycle=cycle), cyclic_bs or bs),
    ]
    with _optimiser(self, opt_func):
        for phase, rates, batch in phases:
            recorder.phase = phase
            rate = EpochRates(rates, ramp=phase == "warmup")
            with _batch_size(self, batch), self.added_cbs([recorder, rate]):
                if rates:
                    self.fit(len(rates), rates[0], cbs=cbs, reset_opt=True)
    return recorder.trace


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
    loaders, own = learn.dls.loaders, learn.dls.train
    if bs and bs != own.bs:
        loaders[0] = own.new(bs=bs)
        loaders[0].rng = own.rng  # so that a seeded loader stays one
    try:
        yield
    finally:
        loaders[0] = own
