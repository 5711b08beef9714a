"""The verbs patched onto fastai's Learner: `fit_o2u` records, `fit_odd` removes while it trains.

In comes any Learner whose train loader carries sample ids, the user's own `vision_learner`
included; out comes a `Trace`, or an `Odd` that holds one. The verbs choose the rates; the methods
themselves are in `training/methods`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from fastai.basics import Learner, patch

from o2u_nb.detect.odd import Odd
from o2u_nb.trace import Trace
from o2u_nb.training.fitting import sgd
from o2u_nb.training.methods import o2u, odd
from o2u_nb.training.schedule import cyclic_rates, high_then_low


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
    valid: bool = False,
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
    `lr` for it). `out`, `record`, `ids`, `valid` (record the validation samples, too), `overwrite`
    and `on_epoch` are those of `DynamicsRecorder`, whose errors this raises. More callbacks go into
    `cbs`.

    With `stop_early`, say 0.97, the cyclic phase ends after the first of the cycles 2, 3, ... in
    which the ranking hardly changed: at least this share of the suspects are the same as a cycle
    earlier, and the rank correlation of all samples is as high; see `detect.stability`. `say` is
    told so in one line. Raises `ValueError` when it is no share.
    """
    r1 = lr if r1 is None else r1
    r2 = lr / 10 if r2 is None else r2
    return o2u.train(
        self,
        [lr] * warmup + cyclic_rates(cycles * cycle, r1=r1, r2=r2, cycle=cycle),
        warmup=warmup,
        cycle=cycle,
        bs=bs,
        cyclic_bs=cyclic_bs,
        stop_early=stop_early,
        say=say,
        out=out,
        record=record,
        ids=ids,
        valid=valid,
        overwrite=overwrite,
        on_epoch=on_epoch,
        opt_func=opt_func,
        cbs=cbs,
    )


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

    | | the paper (Song, Hu, Auli, Dauphin, Ma, arXiv 2003.10647, CIFAR) | here |
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
    high = round(epochs * odd.HIGH_SHARE) if high is None else high
    if rates is None:
        rates = high_then_low(epochs, lr=lr, high=high)
    elif len(rates) != epochs:
        raise ValueError(
            f"Expected one rate per epoch; found {len(rates)} rates for {epochs} epochs."
        )
    return odd.denoise(
        self,
        rates,
        high=high,
        h=h,
        percentile=percentile,
        simulate=simulate,
        out=out,
        ids=ids,
        overwrite=overwrite,
        on_epoch=on_epoch,
        opt_func=opt_func,
        cbs=cbs,
    )
