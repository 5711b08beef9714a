"""Dynamics: the part of a trace by which samples are ranked.

In comes a trace with the epochs of all phases. Out come the epochs to rank by, the average
probability of each class over these epochs, and which samples training has seen at all.
"""

import numpy as np

from o2u_nb.detect.class_rows import ClassRows, Probs, are_many
from o2u_nb.trace import Trace

# Phases to rank by; the first of them that the trace holds is used.
RANKED = ("cyclic", "high", "training")


def recorded(trace: Trace) -> Trace:
    """Return the trace of the epochs to rank by.

    These are O2U-Net's cyclic epochs, or ODD's epochs at the high rate, which come before the
    removal, or the epochs of a method without phases, or all epochs where the trace has none of
    these.
    """
    for phase in RANKED:
        if (trace.phase == phase).any():
            return trace.only(phase)
    return trace


def mean_probs(trace: Trace) -> np.ndarray | None:
    """Return the mean softmax of the epochs to rank by, or None where the trace holds none.

    float (n_samples, n_classes), 0 to 1, rows of NaN for samples that were not seen. If the trace
    holds none for these epochs, the mean over the warm-up is returned.
    """
    kept = (trace.mean_probs.get(phase) for phase in (*RANKED, "warmup"))
    return next((probs for probs in kept if probs is not None), None)


def class_probs(trace: Trace) -> np.ndarray:
    """Return how probable the network found each class for each sample.

    float (n_samples, n_classes), 0 to 1: `mean_probs`, or where the trace holds none, the share of
    the epochs in which the class was predicted. Rows of NaN for samples not seen in those epochs.
    """
    probs = mean_probs(trace)
    if probs is not None:
        return np.asarray(probs)
    votes = np.zeros((trace.n_samples, len(trace.classes)), dtype=np.float32)
    for pred in recorded(trace).pred:
        seen = np.flatnonzero(pred >= 0)
        votes[seen, pred[seen]] += 1
    total = votes.sum(1, keepdims=True)
    return np.divide(votes, total, out=np.full_like(votes, np.nan), where=total > 0)


def class_rows(trace: Trace) -> Probs:
    """Return `class_probs`, or where they would be too many, what makes them block by block."""
    shape = trace.n_samples, len(trace.classes)
    if mean_probs(trace) is None and are_many(*shape):
        return ClassRows(shape, lambda rows: class_probs(trace.take(rows)))
    return class_probs(trace)


def ever_seen(trace: Trace) -> np.ndarray:
    """Return which samples were seen in at least one epoch of any phase: bool (n_samples,)."""
    seen = np.zeros(trace.n_samples, dtype=bool)
    for pred in trace.pred:
        seen |= pred >= 0
        if seen.all():  # usually true after the first epoch; then the others need not be read
            break
    return seen
