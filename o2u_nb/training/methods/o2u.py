"""O2U-Net: a warm-up, then a cyclic learning rate between underfitting and overfitting.

In come a Learner and a rate per epoch; out goes the `Trace` of both phases. Huang, Qu, Jia and
Zhao, "O2U-Net: A Simple Noisy Label Detection Approach for Deep Neural Networks", ICCV 2019.
"""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

from fastai.basics import Learner
from fastai.callback.core import Callback

from o2u_nb.detect.table import score_table
from o2u_nb.trace import Trace, is_empty
from o2u_nb.training.checkpoint import Checkpoints, name_of, require_out
from o2u_nb.training.fitting import batches_of, explained, optimiser, own_loader, sgd
from o2u_nb.training.methods.gce import Doubting
from o2u_nb.training.probe.embed import embed
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.schedule import EpochRates, cyclic_rates
from o2u_nb.training.shared import together
from o2u_nb.training.stop import StopWhenStable, require_share
from o2u_nb.training.subset import only
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
    cyclic_q: float | None = None,
    stop_early: float | None = None,
    say: Callable[[str], None] = print,
    out: str | Path | None = None,
    record: str = "train",
    ids: Sequence[str] | None = None,
    valid: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    on_epoch: Callable[[Trace], None] | None = None,
    opt_func=sgd,
    cbs=None,
) -> Trace:
    """Train the warm-up and then the cyclic phase, and return the dynamics of both.

    `rates` has a learning rate for each epoch of both phases. The first `warmup` epochs (default:
    three in ten) are the warm-up; in its first epoch the rate rises from batch to batch. A cycle
    has `cycle` epochs. Each phase starts with a new optimiser and has its own batch size, `bs` and
    `cyclic_bs`. With `cyclic_q`, the cyclic phase trains with generalised cross entropy at that
    `q`, see `gce.Doubting`. The other options, and the errors, are those of `fit_o2u`.
    """
    require_share(stop_early)
    require_out(resume, out)
    with together(learn) as group:
        say = group.said_by(say)
        rates = list(rates)
        warmup = round(WARMUP_SHARE * len(rates)) if warmup is None else warmup
        recorder = DynamicsRecorder(
            out,
            record=record,
            ids=ids,
            valid=valid,
            overwrite=overwrite or (resume and is_empty(out)),
            on_epoch=on_epoch,
        )
        settings = dict(
            rates=rates,
            warmup=warmup,
            cycle=cycle,
            stop_early=stop_early,
            bs=bs or learn.dls.train.bs,
            cyclic_bs=cyclic_bs or bs or learn.dls.train.bs,
            cyclic_q=cyclic_q,
            optimiser=name_of(opt_func),
        )
        checkpoints = Checkpoints(recorder, settings, group=group, resume=resume, say=say)
        if checkpoints.finished:
            say(f"Going on after {checkpoints.finished} of {len(rates)} epochs, which were kept.")
        stop = StopWhenStable(recorder, cycle=cycle, share=stop_early)
        in_cycles: list[Callback] = [] if stop_early is None else [stop]
        if cyclic_q is not None:
            in_cycles.append(Doubting(recorder, cyclic_q))

        def run(stage: int, phase: str, rates: list[float], bs: int | None, more: list) -> None:
            if not rates:
                return
            recorder.phase = phase
            rate = EpochRates(rates, ramp=phase == "warmup")
            with (
                batches_of(learn, bs),
                learn.added_cbs([recorder, checkpoints, rate, *more]),
                explained(learn),
            ):
                checkpoints.fit(learn, stage, len(rates), lr=rates[0], cbs=cbs)

        with optimiser(learn, opt_func):
            run(0, "warmup", rates[:warmup], bs, [])
            run(1, "cyclic", rates[warmup:], cyclic_bs or bs, in_cycles)
        if stop.found:
            cycles = len(rates[warmup:]) // cycle
            say(f"Stopped after {stop.found.cycle} of {cycles} cycles: {stop.found}.")
        return recorder.trace


def swing(
    learn: Learner,
    epochs: int,
    *,
    lr: float,
    r1: float | None = None,
    r2: float | None = None,
    warmup: int | None = None,
    **options,
) -> Trace:
    """Train the first two stages in at most `epochs` epochs, and return their dynamics.

    About three in ten are the warm-up, or no more than `warmup`, at the rate `lr`; as many whole
    cycles as fit beside the three in ten have rates from `r1` (default: `lr`) down to `r2`
    (default: `lr` / 10). The `options` are those of `train`.
    """
    cycles = round((1 - WARMUP_SHARE) * epochs / CYCLE)
    left = epochs - cycles * CYCLE
    warmup = left if warmup is None else min(warmup, left)
    r1 = lr if r1 is None else r1
    r2 = lr / 10 if r2 is None else r2
    cyclic = cyclic_rates(cycles * CYCLE, r1=r1, r2=r2, cycle=CYCLE)
    return train(learn, [lr] * warmup + cyclic, warmup=warmup, **options)


def fit(learn: Learner, rates: Sequence[float], **options) -> Trained:
    """Train all three stages of O2U-Net: warm-up, cyclic phase, and without the suspects.

    The first two stages have together as many epochs as there are `rates`, at the rates of
    `fit_o2u` below the largest of these, and leave the trace; the `options` are those of `train`.
    Then the model gets its initial weights back, and trains at `rates` on the samples that are no
    suspects. So this takes twice as many passes over the samples as other methods. The suspicion is
    the recommended score, in nats, and the suspects are as many as it counts. The paper (Huang et
    al., ICCV 2019) removes a given share, and continues from the weights of its first stage, which
    have memorised wrong labels.
    """
    rates = list(rates)
    initial = copy.deepcopy(learn.model.state_dict())
    trace = swing(learn, len(rates), lr=max(rates), **options)
    embeddings = embed(learn)
    table = score_table(trace, embeddings).loc[trace.ids]
    learn.model.load_state_dict(initial)
    kept = only(learn.dls.train, ~table["suspect"].to_numpy())
    pace = EpochRates(rates, ramp=True)
    opt_func = options.get("opt_func", sgd)
    with optimiser(learn, opt_func), own_loader(learn), learn.added_cbs(pace):
        learn.dls.loaders[0] = kept
        learn.fit(len(rates), rates[0], cbs=options.get("cbs"), reset_opt=True)
    score = table["score"].to_numpy()
    return Trained(trace, suspicion=score, embeddings=embeddings)
