"""Dynamics: the part of a trace that samples are ranked by.

In comes a trace with the epochs of all phases; out come the epochs to rank by, what the network
thought of each class on average over them, and which samples it ever saw.
"""

import numpy as np

from o2u_nb.trace import Trace

RANKED = ("cyclic", "high")  # phases to rank by: the first one that the trace has


def recorded(trace: Trace) -> Trace:
    """Keep the epochs to rank by: O2U-Net's cyclic ones, ODD's before the removal, or all."""
    for phase in RANKED:
        if (trace.phase == phase).any():
            return trace.only(phase)
    return trace


def mean_probs(trace: Trace) -> np.ndarray | None:
    """Return the mean softmax of the epochs to rank by (n_samples, n_classes), None if not kept."""
    kept = (trace.mean_probs.get(phase) for phase in (*RANKED, "warmup"))
    return next((probs for probs in kept if probs is not None), None)


def class_probs(trace: Trace) -> np.ndarray:
    """Return `mean_probs`, or where none was kept the share of epochs that predicted each class.

    float (n_samples, n_classes); rows of NaN where a sample was not seen in those epochs.
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


def ever_seen(trace: Trace) -> np.ndarray:
    """Tell which samples were seen in any epoch of any phase: bool (n_samples,)."""
    seen = np.zeros(trace.n_samples, dtype=bool)
    for pred in trace.pred:
        seen |= pred >= 0
        if seen.all():  # mostly after the first epoch, which spares reading the others
            break
    return seen
