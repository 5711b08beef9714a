"""The methods added to fastai's Learner: `fit_o2u`, and `fit_odd`, which also removes samples.

In comes any Learner whose training loader tells which samples it holds, such as the user's own
`vision_learner`. Out comes a `Trace`, or an `Odd` that holds one. Here the learning rates are
chosen; the training itself is in `training/methods`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from fastai.basics import Learner, patch

from o2u_nb.detect.odd import Odd
from o2u_nb.trace import Trace
from o2u_nb.training.fitting import sgd
from o2u_nb.training.methods import o2u, odd
from o2u_nb.training.schedule import cyclic_rates, high_then_low, largest_rate


@patch
def fit_o2u(
    self: Learner,
    *,
    warmup: int = 8,
    cycles: int = 3,
    cycle: int = 6,
    lr: float | None = None,
    r1: float | None = None,
    r2: float | None = None,
    bs: int | None = None,
    cyclic_bs: int | None = None,
    cyclic_q: float | None = None,
    out: str | Path | None = None,
    record: str = "train",
    ids: Sequence[str] | None = None,
    valid: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    on_epoch: Callable[[Trace], None] | None = None,
    stop_early: float | None = None,
    say: Callable[[str], None] = print,
    opt_func=sgd,
    cbs=None,
) -> Trace:
    """Train with O2U-Net's warm-up and cyclic phases, and return the dynamics of every sample.

    | | the paper (Huang et al., ICCV 2019) | here |
    |---|---|---|
    | `warmup` epochs | up to 250, at 0.01, 0.005, 0.001 | 8, at the constant rate `lr` |
    | `lr`, warm-up rate | 0.01 to 0.001 | 0.05, ramped up over the first epoch |
    | `cycles` x `cycle` epochs | 25 x 10 | 3 x 6 |
    | `r1` to `r2`, cyclic rates | 0.01 to 0.001 | `lr` to `lr` / 10 |
    | `bs`, `cyclic_bs`, batch sizes | 128, 16 | the loader's own in both |
    | loss | cross entropy in both | the Learner's own, unless `cyclic_q` is given |
    | optimiser | SGD, momentum 0.9, decay 5e-4, fresh in each phase | the same |

    The warm-up has a higher, constant rate and few epochs, so that it ends well before the network
    memorises wrong labels. For a Learner of `head_learner`, `lr` is by default that head's rate. In
    the cyclic phase, the rate is constant within each epoch, see `schedule.cyclic_rates`. With
    `cyclic_q` (above 0 and at most 1), it trains with generalised cross entropy, to which labels
    that the network doubts count less (`losses.generalised_cross_entropy`). The recorded loss is
    cross entropy all the same. An audit trains its heads in this way, with a rate that suits it.
    `warmup=0` skips the warm-up for a model that is already trained. `opt_func=None` keeps the
    Learner's own optimiser; choose an `lr` that suits it. `out`, `record`, `ids`, `valid` (record
    the validation samples too), `overwrite` and `on_epoch` are those of `DynamicsRecorder`. `cbs`
    are further callbacks.

    With `stop_early` (a share from 0 to 1, such as 0.97), the cyclic phase ends after the first
    cycle, from the second on, that hardly changes the ranking: at least this share of the suspects
    are the same as a cycle earlier, and the rank correlation of all samples is at least as high;
    see `detect.stability`. Then `say` is called with a line of text.

    With `out`, each finished epoch is kept for good, and beside the trace a checkpoint with all
    that is needed to go on (`checkpoint.pt`, weights included; it may be deleted afterwards). Where
    the process ended before the training did, the same call with `resume=True` goes on after the
    last epoch that was kept; the result is that of a training without interruption, on the CPU to
    the bit. Where the training was finished, the Learner gets its weights back and nothing is
    trained; where none was begun, it begins. The Learner must be built as before.

    Raises `ValueError` when `stop_early` is not such a share, when `cyclic_q` is not such a number,
    or for `resume` without `out`, `ResumeError` when the training in `out` is one of other samples
    or settings, or its checkpoint is damaged, and what `DynamicsRecorder` raises.
    """
    lr = largest_rate(self) if lr is None else lr
    r1 = lr if r1 is None else r1
    r2 = lr / 10 if r2 is None else r2
    return o2u.train(
        self,
        [lr] * warmup + cyclic_rates(cycles * cycle, r1=r1, r2=r2, cycle=cycle),
        warmup=warmup,
        cycle=cycle,
        bs=bs,
        cyclic_bs=cyclic_bs,
        cyclic_q=cyclic_q,
        stop_early=stop_early,
        say=say,
        out=out,
        record=record,
        ids=ids,
        valid=valid,
        overwrite=overwrite,
        resume=resume,
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
    lr: float | None = None,
    percentile: float = 10.0,
    h: int = 2,
    simulate: str = "auto",
    rates: Sequence[float] | None = None,
    out: str | Path | None = None,
    ids: Sequence[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    on_epoch: Callable[[Odd], None] | None = None,
    say: Callable[[str], None] = print,
    opt_func=sgd,
    cbs=None,
) -> Odd:
    """Train once, and during the training leave out the samples whose labels look random.

    | | the paper (Song, Hu, Auli, Dauphin, Ma, arXiv 2003.10647, CIFAR) | here |
    |---|---|---|
    | `epochs`, of which `high` at the high rate | 200, 60 | 24, a third |
    | `lr`, then | 0.1, divided by 5 or 10 in steps | 0.05, ramped up in the first epoch, a cosine |
    | `percentile`, `h` | 10, 2 | the same |

    After `high` epochs, samples with a high loss are left out, and training goes on with the
    others. Left out is every sample whose mean loss over the last `h` epochs exceeds a threshold:
    the `percentile` (0 to 100) of the losses that uniformly random labels would have. A larger
    percentile removes fewer samples. For a Learner of `head_learner`, `lr` is by default that
    head's rate. `rates`, one per epoch, replaces `lr` and the cosine.

    `simulate` says how the losses of random labels are found:

    * `gaussian`: by the published formula, from the weights of the last layer alone;
    * `empirical`: from the network's own outputs, with every class as the label;
    * `wrong`: as `empirical`, without the likeliest class, see `detect.odd.empirical_losses`;
    * `auto`: `gaussian` if the inputs of the last layer are distributed as the formula assumes,
      else `wrong`; `Odd.reason` says which and why.

    With MixUp or CutMix, a loss in training does not belong to a single sample. Then the losses
    are recorded in a clean pass after each of the `h` epochs before the removal, and only in these.
    `on_epoch(odd)` is called after each recorded epoch up to the removal, with what would be
    removed now, and at the end with the result. `out`, `ids` and `overwrite` are those of
    `DynamicsRecorder`, `opt_func` and `cbs` those of `fit_o2u`. Afterwards the Learner has its
    whole training set again.

    With `out`, the same call with `resume=True` goes on after an interruption, as `fit_o2u` does;
    `say` is called with a line of text then.

    Raises `ValueError` for numbers of epochs that do not fit together, an unknown `simulate`, or
    `resume` without `out`, `ResumeError` as `fit_o2u` does, and what `DynamicsRecorder` raises.
    """
    lr = largest_rate(self) if lr is None else lr
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
        resume=resume,
        on_epoch=on_epoch,
        say=say,
        opt_func=opt_func,
        cbs=cbs,
    )
