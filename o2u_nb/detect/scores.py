"""Scores: how suspicious each sample is by its own training dynamics.

In comes `Evidence`, of which these detectors use only the trace. Out comes one number per sample
and detector; higher always means more suspicious. Every detector is a plain function that can be
called by itself; `registry` lists those that make columns of the score table.
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

# Largest factor by which an epoch at a low learning rate may count more than one at the highest
# rate. Our choice: without a limit, a rate that falls to nearly 0 would make a single epoch decide.
MOST_WEIGHT = 10


def samplewise(detector: Callable[[Evidence], np.ndarray]) -> Callable[[Evidence], np.ndarray]:
    """Decorate a detector so that it is called for blocks of samples, one after the other.

    That is several times faster on large traces, see `blocks`. The detector must treat each sample
    by itself; then the result does not depend on the size of the blocks. Do not decorate a detector
    that compares samples with each other: it must be given all of them.
    """

    @wraps(detector)
    def in_blocks(evidence: Evidence) -> np.ndarray:
        values = np.empty(evidence.n_samples)
        evidence = replace(evidence, trace=_unmapped(evidence.trace), others=())
        for block in blocks(evidence.trace):
            values[block] = detector(evidence.take(block))
        return values

    return in_blocks


def o2u_mean(evidence: Evidence) -> np.ndarray:
    """Return the mean loss over the cyclic epochs, each centred on its mean over the samples.

    float64 (n_samples,), nats, higher = more suspicious; NaN where not seen. Centring makes a
    difference only when samples miss epochs: a sample must not seem suspicious because it was seen
    in an epoch in which all losses were high. Huang et al., ICCV 2019.
    """
    usual = np.array([_seen_mean(epoch) for epoch in recorded(evidence.trace).loss])[:, None]
    return samplewise(lambda part: _mean(recorded(part.trace).loss - usual))(evidence)


@samplewise
def o2u_var(evidence: Evidence) -> np.ndarray:
    """Return the variance of the loss over the cyclic epochs.

    float64 (n_samples,), nats squared, higher = more suspicious; NaN where not seen. The loss of
    wrong labels goes up and down with the learning rate, but so does that of hard samples with
    right labels. The variance is described by the authors of O2U-Net; here it is shown beside the
    mean and does not enter the recommended score.
    """
    loss = recorded(evidence.trace).loss
    return _mean(loss, around=_mean(loss))


@samplewise
def aum(evidence: Evidence) -> np.ndarray:
    """Return the negated area under the margin (AUM): minus the mean logit margin.

    float64 (n_samples,), logits, higher = more suspicious (AUM itself has the opposite sign); NaN
    where not seen. The mean is over all epochs except the first. Pleiss et al., NeurIPS 2020,
    equation 1.
    """
    trace = evidence.trace
    later = slice(min(1, trace.n_epochs - 1), None)
    return -_mean(trace.margin[later])


@samplewise
def cyclic_margin(evidence: Evidence) -> np.ndarray:
    """Return minus the mean logit margin over the cyclic epochs.

    float64 (n_samples,), logits, higher = more suspicious; NaN where not seen. This is AUM (Pleiss
    et al., NeurIPS 2020, equation 1) over O2U-Net's cyclic epochs alone.
    """
    return -_mean(recorded(evidence.trace).margin)


@samplewise
def settled_margin(evidence: Evidence) -> np.ndarray:
    """Return minus the mean logit margin over the cyclic epochs, weighted by 1 / learning rate.

    float64 (n_samples,), logits, higher = more suspicious; NaN where not seen. At a low rate the
    weights of the network change little, and its outputs have less random error, so these epochs
    count more, but never more than `MOST_WEIGHT` times as much as the epoch with the highest rate.
    With a constant rate this is `cyclic_margin`. The weighting is ours.
    """
    part = recorded(evidence.trace)
    floor = part.lr.max(initial=0) / MOST_WEIGHT
    known = np.isfinite(part.lr).all() and floor > 0
    return -_mean(part.margin, 1 / np.maximum(part.lr, floor) if known else None)


@samplewise
def average_probability_margin(evidence: Evidence) -> np.ndarray:
    """Return the log-odds of the best other class against the given one, in the averaged softmax.

    With pbar the softmax averaged over the epochs: the largest log pbar_k of the classes k other
    than the given class y, minus log pbar_y. float64 (n_samples,), nats, higher = more suspicious,
    positive where another class is likelier on average. NaN where not seen, and everywhere if the
    trace holds no softmax. Pickler et al., arXiv 2510.16211.
    """
    probs = mean_probs(evidence.trace)
    if probs is None:
        return np.full(evidence.n_samples, np.nan)
    return log_odds_against(probs, evidence.labels)


@samplewise
def forgetting(evidence: Evidence) -> np.ndarray:
    """Count how often the prediction went from the given label to another one.

    float64 (n_samples,), higher = more suspicious: from one epoch that saw the sample to the next
    one, over all epochs. If the given label was never predicted, the count is the number of epochs;
    NaN where not seen. Toneva et al., ICLR 2019.
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
    """Return one minus the mean probability of the given label over all epochs.

    float64 (n_samples,), 0 to 1, higher = more suspicious; NaN where not seen. This is 1 minus the
    confidence of dataset cartography (Swayamdipta et al., EMNLP 2020, section 2).
    """
    return 1 - _mean(np.exp(-evidence.trace.loss))


@samplewise
def variability(evidence: Evidence) -> np.ndarray:
    """Return the standard deviation of the given label's probability over all epochs.

    float64 (n_samples,), 0 to 0.5; NaN where not seen. It is high for ambiguous samples. Wrong
    labels often have low confidence and low variability, so that high values alone do not mark
    them. Swayamdipta et al., EMNLP 2020, section 2.
    """
    probs = np.exp(-evidence.trace.loss)
    return np.sqrt(_mean(probs, around=_mean(probs)))


@samplewise
def error_share(evidence: Evidence) -> np.ndarray:
    """Return the share of the epochs in which another class than the given one was predicted.

    float64 (n_samples,), 0 to 1, higher = more suspicious; NaN where not seen. This is 1 minus the
    correctness of dataset cartography (Swayamdipta et al., EMNLP 2020, section 2). Data-IQ's is
    another: there a label counts as learnt in an epoch when its probability is above 0.5.
    """
    trace = evidence.trace
    wrong = np.where(trace.pred < 0, np.nan, trace.pred != trace.labels)
    return _mean(wrong)


@samplewise
def aleatoric(evidence: Evidence) -> np.ndarray:
    """Return the mean of p (1 - p) over all epochs, where p is the given label's probability.

    float64 (n_samples,), 0 to 0.25; NaN where not seen. It is Data-IQ's aleatoric uncertainty
    (Seedat, Crabbé, Bica and van der Schaar, NeurIPS 2022): high for samples that are
    ambiguous however long one trains. Wrong labels that the network keeps contradicting are low, so
    that high values alone do not mark them. Data-IQ records in clean passes.
    """
    probs = np.exp(-evidence.trace.loss)
    return _mean(probs * (1 - probs))


@samplewise
def el2n(evidence: Evidence) -> np.ndarray:
    """Return the length of the mean error vector of the early epochs, |mean p - onehot(y)|.

    float64 (n_samples,), 0 to the square root of 2, higher = more suspicious; NaN where not seen,
    and everywhere if the trace holds no softmax. The early epochs are the warm-up, or where there
    is none those to rank by. Paul, Ganguli and Dziugaite, "Deep Learning on a Data Diet", NeurIPS
    2021, definition 2.2, take the mean of the lengths in an epoch over several networks; here it is
    the length of the mean over epochs of one network, because a trace keeps the mean softmax of a
    phase and not those of single epochs. It finds hard samples, not only wrong labels.
    """
    probs = evidence.trace.mean_probs.get("warmup", mean_probs(evidence.trace))
    if probs is None:
        return np.full(evidence.n_samples, np.nan)
    errors = np.array(probs, dtype=np.float64)
    errors[np.arange(evidence.n_samples), evidence.labels] -= 1
    return np.sqrt(np.einsum("ij,ij->i", errors, errors))


def _mean(
    values: np.ndarray, weights: np.ndarray | None = None, *, around: np.ndarray | None = None
) -> np.ndarray:
    """Return the mean of each sample over the epochs in which its value is not NaN.

    `values` is (n_epochs, n_samples); `weights` (n_epochs,) are equal by default. With `around`
    (n_samples,), the mean squared distance from it is returned instead. float64 (n_samples,), NaN
    for samples without any value. Only the samples that missed an epoch need the slower computation
    that leaves epochs out.
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
        total[gaps] = _sum(filled, weights, around)
        weight[gaps] = _sum(seen, weights)
    return np.divide(total, weight, out=np.full(len(total), np.nan), where=weight > 0)


def _sum(values: np.ndarray, weights: np.ndarray, around: np.ndarray | None = None) -> np.ndarray:
    """Add up epoch by epoch, because numpy's `sum` rounds differently for one sample than for many.

    Then a sample's score does not depend on the size of the block in which it is computed.
    """
    total = np.zeros(values.shape[1])
    for epoch, weight in zip(values, weights, strict=True):
        if around is not None:
            epoch = np.square(epoch - around)
        total += weight * epoch if weight != 1 else epoch
    return total


def _seen_mean(epoch: np.ndarray) -> float:
    """Return the mean loss of the samples that one epoch saw; NaN if it saw none."""
    seen = epoch[~np.isnan(epoch)]
    return seen.mean(dtype=np.float64) if len(seen) else np.nan


def _unmapped(trace: Trace) -> Trace:
    """Return `trace` with memory maps seen as plain arrays.

    Slicing a memory map takes about as long as adding up a block, slicing an array does not.
    """
    rows: dict[str, Any] = {name: np.asarray(getattr(trace, name)) for name in ROWS}
    return replace(trace, **rows)
