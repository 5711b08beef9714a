"""Live losses: the losses of everybody and of the current suspects, while a network trains.

In comes the trace of the finished epochs, from `learn.fit_o2u(..., on_epoch=live.update)`; out goes
a panel. It is drawn as HTML, since a kernel that trains answers no page: nothing is asked of it.
When the last epoch is in, the panel turns into plain HTML that survives saving.
"""

import time
from collections.abc import Callable
from html import escape

import numpy as np
import pandas as pd
from ipywidgets import HTML

from o2u_nb.phases import phase_of
from o2u_nb.plots.bands import QUANTILES, quantiles
from o2u_nb.plots.gallery import suspect_grid
from o2u_nb.plots.training import training
from o2u_nb.trace import Trace
from o2u_nb.widgets.parts.output import LiveOutput
from o2u_nb.widgets.parts.status import StatusLine

# The current suspects are the 1 % of samples with the highest mean loss so far, but at least five.
# The share is a choice: hardly any data set has fewer wrong labels, so that most of them are wrong.
TOP_SHARE = 0.01
TOP_LEAST = 5
WAITING = "Waiting for the first epoch."
STOPPED = "The kernel was restarted, which ended the training: run the cell again."
PICTURES = 8  # pictures of current suspects: one row of a notebook
SIZE = 104  # CSS pixels of each


class Curves:
    """Keep what the panel draws, so that each epoch is looked at only once.

    `bands` (5, n_epochs) are the `QUANTILES` of the loss of all samples, in nats. `suspects`
    (n_epochs,) is the mean loss in each epoch of those samples that are the suspects *now*. Both
    are NaN in an epoch in which no sample was seen.
    """

    def __init__(self):
        self.bands = np.empty((len(QUANTILES), 0))
        self.suspects = np.empty(0)
        # From the first update on, both are arrays (n_samples,).
        self._total = 0.0  # the sum of each sample's losses
        self._count = 0  # in how many epochs it was seen

    @property
    def n_epochs(self) -> int:
        """Count the epochs seen."""
        return self.bands.shape[1]

    def update(self, trace: Trace) -> None:
        """Take in the epochs of `trace` that are new."""
        new = trace.loss[self.n_epochs :]
        seen = np.isfinite(new)
        self.bands = np.hstack([self.bands, quantiles(new)])
        self._total = self._total + np.where(seen, new, 0).sum(0, dtype=float)
        self._count = self._count + seen.sum(0)
        self.suspects = _means(trace.loss[:, self.top()])

    def top(self) -> np.ndarray:
        """Return the positions of the current suspects, highest mean loss so far first."""
        never_seen = np.full(len(self._total), -np.inf)
        mean = np.divide(self._total, self._count, out=never_seen, where=self._count > 0)
        n = min(len(mean), max(TOP_LEAST, round(TOP_SHARE * len(mean))))
        return np.argsort(-mean, kind="stable")[:n]


class Story:
    """Tell one training, epoch by epoch: where it stands in words, its losses, its suspects.

    `total_epochs` is how many epochs there will be, None where that is not known. With the table
    `samples`, the pictures of the first eight of the current suspects are shown, each with its
    given label and the other class that the network named for it most often.
    """

    def __init__(
        self,
        total_epochs: int | None = None,
        samples: pd.DataFrame | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.total_epochs = total_epochs
        self.samples = samples
        self.message = WAITING
        self._clock = clock
        self._curves = Curves()
        self._trace: Trace | None = None
        self._started: tuple[float, int] | None = None  # of the first update: when, which epoch

    def update(self, trace: Trace) -> None:
        """Take in the finished epochs of `trace`; with that of a new training, start again."""
        if trace.n_epochs <= self._curves.n_epochs:
            self._curves = Curves()
            self._started = None
        self._curves.update(trace)
        self._trace = trace
        if self._started is None:
            self._started = (self._clock(), trace.n_epochs)
        self.message = self._describe(trace, *self._started)

    def html(self) -> str:
        """Return the losses and the suspects as HTML without script, "" before the first epoch."""
        if self._trace is None:
            return ""
        curves = self._curves
        drawn = training(
            curves.bands, curves.suspects, self._trace.lr, self._trace.phase,
            n_epochs=self.total_epochs,
        )  # fmt: skip
        return drawn + ("" if self.samples is None else self._pictures(self._trace, self.samples))

    def _pictures(self, trace: Trace, samples: pd.DataFrame) -> str:
        top = self._curves.top()
        rows = suspects_now(trace, top[:PICTURES])
        title = f"Suspects after epoch {trace.n_epochs}: the highest mean losses so far"
        return suspect_grid(samples, rows, n=PICTURES, size=SIZE, title=title).html

    def _describe(self, trace: Trace, since: float, first: int) -> str:
        """Say where the training stands, how long it has taken, and how long it will.

        The clock starts when the first epoch is over; that is taken to have been as long as the
        others.
        """
        done = trace.n_epochs
        total = self.total_epochs
        if done == total:
            place = f"Done: {done} epochs"
        else:
            phase = phase_of(trace.phase[-1]).words
            place = f"{phase.capitalize()}, epoch {done}" + (f" of {total}" if total else "")
        if done == first:
            return f"{place}."
        pace = (self._clock() - since) / (done - first)
        left = f", about {minutes(pace * (total - done))} left" if total and done < total else ""
        return f"{place}, {minutes(pace * done)} elapsed{left}."


def suspects_now(trace: Trace, positions: np.ndarray) -> pd.DataFrame:
    """Return rows as `gallery.suspect_grid` takes them for the samples at `positions` of a trace.

    A sample looks like the other class that was predicted for it in most of the epochs so far, or
    like nothing else where it was always taken for what it is called.
    """
    given = trace.labels[positions]
    votes = np.zeros((len(positions), len(trace.classes)), dtype=int)
    for row in np.asarray(trace.pred[:, positions]):
        seen = row >= 0
        votes[np.flatnonzero(seen), row[seen]] += 1
    votes[np.arange(len(positions)), given] = 0
    names = np.array([*trace.classes, None], dtype=object)
    looks = np.where(votes.any(1), votes.argmax(1), len(trace.classes))
    return pd.DataFrame(
        dict(
            label=names[given],
            suggested_label=names[looks],
            rank=np.arange(1, len(positions) + 1),
            p_wrong=np.nan,
            kind="",
            suspect=True,
        ),
        index=trace.ids[positions],
    )


class LiveLosses(LiveOutput):
    """Show the losses while `fit_o2u` trains: `learn.fit_o2u(..., on_epoch=live.update)`.

    The upper plot shows the loss of all samples (median, bands of 50 and 90 %) and, dashed, the
    mean loss of the current suspects: the 1 % of samples with the highest mean loss so far, but at
    least five. The lower plot shows the learning rate. A status line says the phase, the epoch, the
    time elapsed and, when `total_epochs` is given, the time left. When the samples table `samples`
    is given, the pictures of the first eight of the current suspects are shown with their given
    labels and what they look like. Display the panel before training.
    """

    def __init__(
        self,
        total_epochs: int | None = None,
        *,
        samples: pd.DataFrame | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._story = Story(total_epochs, samples, clock)
        self._status = StatusLine(message=WAITING, restarted=STOPPED)
        self._drawn = HTML()
        super().__init__([self._status, self._drawn])

    def update(self, trace: Trace) -> None:
        """Draw the finished epochs of `trace`; with the trace of a new training, start again."""
        self._story.update(trace)
        self._status.message = self.message
        self._drawn.value = self._story.html()
        if trace.n_epochs == self._story.total_epochs:
            self.freeze()

    def freeze(self) -> None:
        """Replace the panel, wherever it is shown, by plain HTML that survives saving.

        It is called by itself after the last of `total_epochs`; call it if training stopped early.
        JupyterLab does not save the state of widgets, so without this a reopened notebook would
        show nothing.
        """
        self.send_again(self.still())

    @property
    def message(self) -> str:
        """Return what the status line says."""
        return self._story.message

    def _html(self) -> str:
        return f"<p>{escape(self.message)}</p>{self._drawn.value}"


def _means(loss: np.ndarray) -> np.ndarray:
    """Average each row of `loss` (n_epochs, n) over the samples that were seen; NaN without any."""
    seen = np.isfinite(loss)
    total = np.where(seen, loss, 0).sum(1, dtype=float)
    count = seen.sum(1)
    return np.divide(total, count, out=np.full(len(loss), np.nan), where=count > 0)


def minutes(seconds: float) -> str:
    """Write a duration as minutes and seconds.

    >>> minutes(65.2)
    '1:05'
    """
    return "{}:{:02d}".format(*divmod(round(seconds), 60))
