"""The frames of the epoch player: where each sample is, epoch by epoch, in mean and variance.

In comes a trace; out come arrays of float32 that a browser draws, so that it has nothing left to
compute but the way from one epoch to the next. The figure itself is `widgets/js/player.js`.
"""

from typing import NamedTuple

import numpy as np

from o2u_nb.phases import phase_of
from o2u_nb.plots.bars import BINS
from o2u_nb.trace import Trace

# Samples that are drawn: more of them would hide each other, and slow computers.
MAX_POINTS = 10_000
# The axes end where so many of all values lie; points beyond stand at the edge. A few losses of a
# hundred nats would press all others into a corner.
WITHIN = 0.998


class Frames(NamedTuple):
    """The mean and the variance of each sample's loss so far, float32 (n_epochs, n).

    They are of the epochs of a phase up to and including each one: at the beginning of a phase they
    start over, as the scores do, which leave out the warm-up. NaN for a sample that was not seen
    since. `x_top` and `y_top` are where the axes end, which begin at 0: in nats and nats squared.
    """

    mean: np.ndarray
    variance: np.ndarray
    x_top: float
    y_top: float


def frames(trace: Trace) -> Frames:
    """Return where each sample of `trace` is after each epoch."""
    mean = np.empty((trace.n_epochs, trace.n_samples), dtype=np.float32)
    variance = np.empty_like(mean)
    for epoch, first in enumerate(phase_starts(trace)):
        if epoch == first:
            times, total, squares = (np.zeros(trace.n_samples) for _ in range(3))
        loss = trace.loss[epoch].astype(float)
        seen = np.isfinite(loss)
        loss[~seen] = 0
        times += seen
        total += loss
        squares += loss**2
        with np.errstate(invalid="ignore"):  # 0 / 0 for those that were not seen: NaN
            mean[epoch] = average = total / times
            variance[epoch] = np.maximum(squares / times - average**2, 0)
    return Frames(mean, variance, _top(mean), _top(variance))


def phase_starts(trace: Trace) -> list[int]:
    """Return for each epoch the first one of its phase, counted from 0."""
    starts: list[int] = []
    for epoch, phase in enumerate(trace.phase):
        is_new = epoch == 0 or phase != trace.phase[epoch - 1]
        starts.append(epoch if is_new else starts[-1])
    return starts


def phase_words(trace: Trace) -> list[str]:
    """Say in words in which phase each epoch is."""
    return [phase_of(phase).words for phase in trace.phase]


def shares(values: np.ndarray, marked: np.ndarray, top: float) -> np.ndarray:
    """Return the histograms of two groups in each epoch, float32 (n_epochs, 2, BINS).

    `values` is (n_epochs, n); `marked` (n,) bool tells which samples are in the second group.
    Each count is divided by the highest one of its group in the epoch, so that the few marked
    samples are seen beside the many others. The bins are equally wide on an axis of roots from 0 to
    `top`; values beyond it are counted in the last one.
    """
    counts = np.zeros((len(values), 2, BINS), dtype=np.float32)
    edges = top * np.linspace(0, 1, BINS + 1) ** 2
    for epoch, row in enumerate(np.clip(values, 0, top)):
        for group, part in enumerate((~marked, marked)):
            own = row[part]
            counts[epoch, group] = np.histogram(own[np.isfinite(own)], bins=edges)[0]
    return counts / np.maximum(counts.max(axis=2, keepdims=True), 1)


def guesses(trace: Trace, position: int) -> list[str | None]:
    """Return the class that a sample was taken for in each epoch; None where it was not seen."""
    return [trace.classes[code] if code >= 0 else None for code in trace.pred[:, position]]


def _top(values: np.ndarray) -> float:
    """Return the end of an axis from 0 on that holds nearly all `values`."""
    known = values[np.isfinite(values)]
    top = float(np.quantile(known, WITHIN)) if len(known) else 0.0
    return 1.05 * top if top > 0 else 1.0
