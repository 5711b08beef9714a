"""Scores: how suspicious each sample is by what training saw of it alone.

In comes `Evidence`, of which these detectors use the trace; out comes one number per sample and
detector. Higher always means more suspicious. Every detector is a plain function, so it can be
tested by hand; `registry` lists those that make columns of the score table.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np

from o2u_nb.detect.blocks import blocks
from o2u_nb.detect.dynamics import mean_probs, recorded
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.odds import log_odds_against
from o2u_nb.trace import ROWS, Trace

# How many times more an epoch at a low rate may count than one at the highest. Our choice: without
# a limit, a rate that falls to nothing would leave a single epoch to speak.
MOST_WEIGHT = 10


def samplewise(detector: Callable[[Evidence], np.ndarray]) -> Callable[[Evidence], np.ndarray]:
    """Let a detector that needs one sample at a time see the evidence in blocks of samples.

    That is several times faster on large traces, see `blocks`; the result does not depend on the
    size of the blocks. A detector that compares samples with each other must see all of them,
    undecorated.
    """

    @wraps(detector)
    def in_blocks(evidence: Evidence) -> np.ndarray:
        values = np.empty(evidence.n_samples)
        evidence = replace(evidence, trace=_unmapped(evidence.trace))
        for block in blocks(evidence.trace):
            values[block] = detector(evidence.take(block))
        return values

    return in_blocks


def o2u_mean(evidence: Evidence) -> np.ndarray:
    """Average the loss over the cyclic epochs, each centred on its mean over the samples.

    float (n_samples,), nats; NaN where never seen. Centring matters only when samples miss epochs:
    then an epoch in which everybody's loss was high must not count against those it saw. Huang et
    al., ICCV 2019, section 3.2.
    """
    usual = np.array([_seen_mean(epoch) for epoch in recorded(evidence.trace).loss])[:, None]
    return samplewise(lambda part: _mean(recorded(part.trace).loss - usual))(evidence)


@samplewise
def o2u_var(evidence: Evidence) -> np.ndarray:
    """Compute the variance of the loss over the cyclic epochs, (n_samples,), nats squared.

    Wrong labels swing with the learning rate; so do hard but right ones. From the O2U-Net authors'
    description; it is shown beside the mean and is no part of the ranking.
    """
    loss = recorded(evidence.trace).loss
    return _mean(loss, around=_mean(loss))


@samplewise
def aum(evidence: Evidence) -> np.ndarray:
    """Compute the negated area under the margin: minus the mean logit margin.

    (n_samples,), logits; over all epochs but the first. Pleiss et al., NeurIPS 2020, equation 1;
    the sign is flipped so that higher is more suspicious.
    """
    trace = evidence.trace
    later = slice(min(1, trace.n_epochs - 1), None)
    return -_mean(trace.margin[later])


@samplewise
def cyclic_margin(evidence: Evidence) -> np.ndarray:
    """Compute minus the mean logit margin over the cyclic epochs, (n_samples,), logits."""
    return -_mean(recorded(evidence.trace).margin)


@samplewise
def settled_margin(evidence: Evidence) -> np.ndarray:
    """Compute minus the mean logit margin over the cyclic epochs, weighted by 1 / learning rate.

    (n_samples,), logits. At a low rate the network has settled and errs less at random, so what it
    says there counts more; no epoch counts more than `MOST_WEIGHT` times the one with the highest
    rate, or a rate that falls to nothing would leave but one. At a constant rate this is
    `cyclic_margin`.
    """
    part = recorded(evidence.trace)
    floor = part.lr.max(initial=0) / MOST_WEIGHT
    known = np.isfinite(part.lr).all() and floor > 0
    return -_mean(part.margin, 1 / np.maximum(part.lr, floor) if known else None)


@samplewise
def average_probability_margin(evidence: Evidence) -> np.ndarray:
    """Compare the given class with the best other one in the softmax averaged over the epochs.

    max over k != y of log pbar_k, minus log pbar_y: (n_samples,), nats; positive where another
    class is likelier on average. Pickler et al., arXiv 2510.16211. NaN where no softmax was kept.
    """
    probs = mean_probs(evidence.trace)
    if probs is None:
        return np.full(evidence.n_samples, np.nan)
    return log_odds_against(probs, evidence.labels)


@samplewise
def forgetting(evidence: Evidence) -> np.ndarray:
    """Count how often a sample went from right to wrong between epochs that saw it.

    (n_samples,); never right = the number of epochs; NaN where never seen. Toneva et al., ICLR
    2019.
    """
    trace = evidence.trace
    right = trace.pred == trace.labels
    missed = trace.pred < 0
    forgotten = np.zeros(trace.n_samples, dtype=np.int32)
    before = np.zeros(trace.n_samples, dtype=bool)
    for right_now, missed_now in zip(right, missed, strict=True):
        now = right_now | (before & missed_now)  # a missed epoch changes nothing
        forgotten += before > now
        before = now
    count = np.where(right.any(0), forgotten, trace.n_epochs)
    return np.where(missed.all(0), np.nan, count)


@samplewise
def low_confidence(evidence: Evidence) -> np.ndarray:
    """Compute one minus the mean probability of the given label, all epochs: (n_samples,), 0 to 1.

    The confidence of data maps, turned round. Swayamdipta et al., EMNLP 2020, section 2.
    """
    return 1 - _mean(np.exp(-evidence.trace.loss))


@samplewise
def variability(evidence: Evidence) -> np.ndarray:
    """Compute the standard deviation of the given label's probability, all epochs: (n_samples,).

    High for ambiguous samples; wrong labels have low confidence *and* low variability. Swayamdipta
    et al., EMNLP 2020, section 2.
    """
    probs = np.exp(-evidence.trace.loss)
    return np.sqrt(_mean(probs, around=_mean(probs)))


def _mean(
    values: np.ndarray, weights: np.ndarray | None = None, *, around: np.ndarray | None = None
) -> np.ndarray:
    """Average over the epochs that saw a sample (not NaN), in double precision; NaN where none did.

    `values` (n_epochs, n_samples); `weights` (n_epochs,), equal by default. With `around`
    (n_samples,), average the squared distance from it. Only samples that missed an epoch are gone
    through with care.
    """
    weights = np.ones(len(values)) if weights is None else weights / weights.max(initial=0)
    total = _sum(values, weights, around)
    weight = np.full(values.shape[1], weights.sum())
    gaps = np.flatnonzero(np.isnan(total))
    if len(gaps):
        some = values[:, gaps]
        seen = ~np.isnan(some)
        around = None if around is None else around[gaps]
        filled = np.where(seen, some, 0 if around is None else around)
        total[gaps], weight[gaps] = _sum(filled, weights, around), _sum(seen, weights)
    return np.divide(total, weight, out=np.full(len(total), np.nan), where=weight > 0)


def _sum(values: np.ndarray, weights: np.ndarray, around: np.ndarray | None = None) -> np.ndarray:
    """Add up epoch by epoch: numpy's own sum rounds a lone sample in another way than many."""
    total = np.zeros(values.shape[1])
    for epoch, weight in zip(values, weights, strict=True):
        if around is not None:
            epoch = np.square(epoch - around)
        total += weight * epoch if weight != 1 else epoch
    return total


def _seen_mean(epoch: np.ndarray) -> float:
    """Average the losses of one epoch over the samples that it saw; NaN where it saw none."""
    seen = epoch[~np.isnan(epoch)]
    return seen.mean(dtype=np.float64) if len(seen) else np.nan


def _unmapped(trace: Trace) -> Trace:
    """See a memory map as a plain array: each slice of a map costs as much as a block's sum."""
    rows: dict[str, Any] = {name: np.asarray(getattr(trace, name)) for name in ROWS}
    return replace(trace, **rows)
