"""Memorised and forgotten: which samples show best how a cyclic learning rate uncovers labels.

In comes a trace. Out come the epochs at which the rate jumps, and how much of what the network had
learned of each given label is lost there. At a low rate a network memorises wrong labels; at
a high one it forgets them first (Huang et al., O2U-Net, ICCV 2019).
"""

import numpy as np

from o2u_nb.trace import Trace

# A rate that is at least this many times that of the epoch before has jumped. Our choice: in the
# cycles of `fit_o2u` it jumps to ten times and more, and in between it only falls.
FACTOR = 2
# Epochs from a jump on in which the label may be forgotten: in the first of them, the losses of the
# first batches are still those of the network before the jump.
AFTER = 2
# An example must lose so much of the probability of its label, on average, that the eye sees it in
# the plot. Our choice.
LEAST = 0.2


def rate_jumps(trace: Trace) -> np.ndarray:
    """Return the epochs (k,) of int, from 0, in which the rate has jumped within a phase."""
    rate, phase = np.asarray(trace.lr), np.asarray(trace.phase)
    jumped = (rate[1:] >= FACTOR * rate[:-1]) & (phase[1:] == phase[:-1])
    return np.flatnonzero(jumped) + 1


def forgotten(trace: Trace) -> np.ndarray:
    """Return how far the probability of the given label falls at the jumps of the rate, on average.

    float64 (n_samples,), -1 to 1: near 1 for a sample whose loss is near 0 before each jump and
    high right after it. The probability after a jump is the lowest of two epochs. NaN for a sample
    that was not seen before and after any jump, and where there is no jump.
    """
    falls = [_before(trace, epoch) - _after(trace, epoch) for epoch in rate_jumps(trace)]
    total = np.zeros(trace.n_samples)
    times = np.zeros(trace.n_samples)
    for fall in falls:
        seen = np.isfinite(fall)
        total[seen] += fall[seen]
        times += seen
    return np.divide(total, times, out=np.full(trace.n_samples, np.nan), where=times > 0)


def examples(trace: Trace, among: np.ndarray, most: int) -> np.ndarray:
    """Return at most `most` of the samples `among` that are forgotten most, best example first.

    `among` and the result are positions in the trace, int. Samples that are hardly forgotten, see
    `LEAST`, are not examples.
    """
    among = np.asarray(among, dtype=int)
    falls = np.nan_to_num(forgotten(trace)[among], nan=-1.0)
    best = np.argsort(-falls, kind="stable")[:most]
    return among[best[falls[best] >= LEAST]]


def _before(trace: Trace, epoch: int) -> np.ndarray:
    return np.exp(-trace.loss[epoch - 1].astype(float))


def _after(trace: Trace, epoch: int) -> np.ndarray:
    same = trace.phase[epoch : epoch + AFTER] == trace.phase[epoch]
    loss = trace.loss[epoch : epoch + AFTER][same].astype(float)
    return np.exp(-np.fmax.reduce(loss))  # fmax leaves NaN out: epochs without the sample
