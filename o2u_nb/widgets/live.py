"""Live loss curves: the losses of everybody and of the current suspects, while a network trains.

In comes the trace of the finished epochs, from `learn.fit_o2u(..., on_epoch=live.update)`; out goes
a panel. When the last epoch is in, the panel turns into a plain figure that survives saving.
"""

import time
from collections.abc import Callable
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from ipywidgets import HTML

from o2u_nb.phases import phase_of
from o2u_nb.plots import still
from o2u_nb.plots.bands import QUANTILES, band_traces, by_epoch, fill_bands, quantiles
from o2u_nb.plots.epochs import empty_epochs, mark_epochs, mark_phases, rate_trace
from o2u_nb.plots.gallery import strip
from o2u_nb.plots.look import SUSPECT
from o2u_nb.trace import Trace
from o2u_nb.widgets.parts.output import LiveOutput
from o2u_nb.widgets.parts.status import StatusLine

# The current suspects are the 1 % of samples with the highest mean loss so far, but at least five.
# The share is a choice: hardly any data set has fewer wrong labels, so that most of them are wrong.
TOP_SHARE = 0.01
TOP_LEAST = 5
WAITING = "Waiting for the first epoch."
STRIP = 8  # pictures of current suspects: one row of a notebook
EVERYBODY = "everybody"


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


class LiveLosses(LiveOutput):
    """Show the losses while `fit_o2u` trains: `learn.fit_o2u(..., on_epoch=live.update)`.

    The upper plot shows the loss of all samples (median, bands of 50 and 90 %) and, dashed, the
    mean loss of the current suspects: the 1 % of samples with the highest mean loss so far, but at
    least five. The lower plot shows the learning rate. A status line below says the phase, the
    epoch, the time elapsed and, when `total_epochs` is given, the time left. When the samples table
    `samples` is given, a strip shows the first eight of the current suspects. Display the panel
    before training.
    """

    def __init__(
        self,
        total_epochs: int | None = None,
        *,
        samples: pd.DataFrame | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.total_epochs = total_epochs
        self.samples = samples
        self._clock = clock
        self._curves = Curves()
        self._started = None  # the time of the first update, and how many epochs it brought
        self._status = StatusLine(message=WAITING)
        self._plot = go.FigureWidget(_empty_figure(total_epochs))
        self._strip = HTML()
        super().__init__([self._plot, self._status, self._strip])

    def update(self, trace: Trace) -> None:
        """Draw the finished epochs of `trace`; with the trace of a new training, start again."""
        if trace.n_epochs <= self._curves.n_epochs:
            self._curves = Curves()
            self._started = None
        self._curves.update(trace)
        if self._started is None:
            self._started = (self._clock(), trace.n_epochs)
        with self._plot.batch_update():
            _draw(self._plot, self._curves, trace)
        self._status.message = self._describe(trace)
        if self.samples is not None:
            ids = trace.ids[self._curves.top()[:STRIP]]
            self._strip.value = strip(self.samples, ids).html
        if trace.n_epochs == self.total_epochs:
            self.freeze()

    def freeze(self) -> None:
        """Replace the panel, wherever it is shown, by a plain figure that survives saving.

        It is called by itself after the last of `total_epochs`; call it if training stopped early.
        JupyterLab does not save the state of widgets, so without this a reopened notebook would
        show nothing.
        """
        self.send_again(self._still())

    @property
    def figure(self) -> go.Figure:
        """Return the present curves as a plain figure."""
        return go.Figure(self._plot)

    @property
    def message(self) -> str:
        """Return what the status line says."""
        return self._status.message

    def _describe(self, trace: Trace) -> str:
        """Say where the training stands, how long it has taken, and how long it will.

        The clock starts when the first epoch is over; that is taken to have been as long as the
        others.
        """
        since, first = self._started
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
        left = f", about {_minutes(pace * (total - done))} left" if total and done < total else ""
        return f"{place}, {_minutes(pace * done)} elapsed{left}."

    def _still(self) -> dict[str, object]:
        """Return the present state for front ends with plotly, with only HTML, or only text."""
        figure = self.figure
        figure.update_layout(title_text=f"Loss while training. {escape(self.message)}")
        return {
            "application/vnd.plotly.v1+json": figure.to_plotly_json(),
            "text/html": self._html(),
            "text/plain": self.message,
        }

    def _html(self) -> str:
        suspects = self._curves.suspects[None]
        picture = still.losses(
            self._curves.bands, suspects, of="the current suspects", crowd=EVERYBODY
        )
        return f"<p>{escape(self.message)}</p>{picture}{self._strip.value}"


def _means(loss: np.ndarray) -> np.ndarray:
    """Average each row of `loss` (n_epochs, n) over the samples that were seen; NaN without any."""
    seen = np.isfinite(loss)
    total = np.where(seen, loss, 0).sum(1, dtype=float)
    count = seen.sum(1)
    return np.divide(total, count, out=np.full(len(loss), np.nan), where=count > 0)


def _minutes(seconds: float) -> str:
    """Write a duration as minutes and seconds.

    >>> _minutes(65.2)
    '1:05'
    """
    return "{}:{:02d}".format(*divmod(round(seconds), 60))


def _empty_figure(total_epochs: int | None) -> go.Figure:
    """Make all traces, in the order that drawing relies on: bands, suspects, learning rate."""
    figure = empty_epochs("Loss while training", "loss", height=420)
    suspects = go.Scatter(
        mode="lines+markers",  # a single epoch is no line yet
        marker_size=5,
        line=dict(color=SUSPECT, width=3, dash="dash"),
        name="current suspects, mean",
        hovertemplate="epoch %{x}: %{y:.3f}",
    )
    figure.add_traces([*band_traces(), suspects], rows=1, cols=1)
    figure.add_trace(rate_trace(), row=2, col=1)
    if total_epochs:
        mark_epochs(figure, total_epochs)
    return figure


def _draw(plot: go.FigureWidget, curves: Curves, trace: Trace) -> None:
    *bands, suspects, rate = plot.data
    fill_bands(bands, curves.bands, EVERYBODY)
    suspects.update(by_epoch(curves.suspects))
    rate.update(by_epoch(trace.lr))
    mark_phases(plot, trace.phase)
