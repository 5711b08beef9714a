"""Live loss curves: what the crowd and the current suspects do, epoch by epoch, while it trains.

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
from plotly.subplots import make_subplots

from o2u_nb import plots
from o2u_nb.gallery import strip
from o2u_nb.trace import Trace
from o2u_nb.widgets import still
from o2u_nb.widgets.output import LiveOutput
from o2u_nb.widgets.status import StatusLine

TOP_SHARE, TOP_LEAST = 0.01, 5  # the current suspects: top 1 % by mean loss so far, at least 5
PHASES = {
    "warmup": "Warm-up",
    "cyclic": "Cyclic phase",
    "high": "High learning rate",
    "low": "Falling learning rate",
}
WAITING = "Waiting for the first epoch."
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
STRIP = 8  # pictures of current suspects
FEW_EPOCHS = 20  # up to here every epoch has its tick
# Of plots.QUANTILES: each band is drawn as a low line and a filled high one.
BAND_LINES = (0, 4, 1, 3)


class Curves:
    """Keep what the panel draws, so that each epoch is looked at once.

    `bands` (5, n_epochs) are the crowd's quantiles, `plots.QUANTILES`, of the loss in nats;
    `suspects` (n_epochs,) is the mean loss of those who are the suspects *now*, in every epoch.
    Both are NaN in an epoch that saw nobody.
    """

    def __init__(self):
        self.bands, self.suspects = np.empty((len(plots.QUANTILES), 0)), np.empty(0)
        self.total, self.count = 0.0, 0

    @property
    def n_epochs(self) -> int:
        """Count the epochs seen."""
        return self.bands.shape[1]

    def update(self, trace: Trace) -> None:
        """Take in the epochs of `trace` that are new."""
        for row in trace.loss[self.n_epochs :]:
            seen = np.isfinite(row)
            quantiles = np.quantile(row[seen], plots.QUANTILES) if seen.any() else np.nan
            self.bands = np.column_stack([self.bands, np.broadcast_to(quantiles, 5)])
            self.total = self.total + np.where(seen, row, 0)
            self.count = self.count + seen
        self.suspects = _means(trace.loss[:, self.top()])

    def top(self) -> np.ndarray:
        """Return the positions of the current suspects, highest mean loss so far first."""
        mean = np.divide(
            self.total, self.count, out=np.full(len(self.total), -np.inf), where=self.count > 0
        )
        n = min(len(mean), max(TOP_LEAST, round(TOP_SHARE * len(mean))))
        return np.argsort(-mean, kind="stable")[:n]


class LiveLosses(LiveOutput):
    """Show the losses while `fit_o2u` trains: `learn.fit_o2u(..., on_epoch=live.update)`.

    The upper plot has the crowd's loss (median, 25-75 % and 5-95 % bands) and, dashed, the mean
    loss of the current suspects: the top 1 % by mean loss so far, at least five. The lower one is
    the learning rate. Below, a status line says phase, epoch, time and time left, the latter when
    `total_epochs` is given, and with the samples table `samples` a strip shows the first eight of
    the current suspects. Display the panel before training.
    """

    def __init__(
        self,
        total_epochs: int | None = None,
        *,
        samples: pd.DataFrame | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.total_epochs, self.samples = total_epochs, samples
        self._clock, self._curves, self._started = clock, Curves(), None
        self._status = StatusLine(message=WAITING)
        self._plot = go.FigureWidget(_empty_figure(total_epochs))
        self._strip = HTML()
        super().__init__([self._plot, self._status, self._strip])

    def update(self, trace: Trace) -> None:
        """Draw the finished epochs of `trace`; a trace that starts again starts the panel again."""
        if trace.n_epochs <= self._curves.n_epochs:
            self._curves, self._started = Curves(), None
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

        Happens by itself after the last of `total_epochs`; call it where training stopped early.
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
        """Say where the training stands; the first epoch's time is taken to be that of the rest."""
        (since, first), done, total = self._started, trace.n_epochs, self.total_epochs
        if done == total:
            place = f"Done: {done} epochs"
        else:
            place = f"{PHASES[trace.phase[-1]]}, epoch {done}" + (f" of {total}" if total else "")
        if done == first:
            return f"{place}."
        pace = (self._clock() - since) / (done - first)
        left = f", about {_minutes(pace * (total - done))} left" if total and done < total else ""
        return f"{place}, {_minutes(pace * done)} elapsed{left}."

    def _still(self) -> dict[str, object]:
        """Give the present state to front ends with plotly, with HTML only, and with text only."""
        figure = self.figure
        figure.update_layout(title_text=f"Loss while training. {escape(self.message)}")
        return {
            "application/vnd.plotly.v1+json": figure.to_plotly_json(),
            "text/html": self._html(),
            "text/plain": self.message,
        }

    def _html(self) -> str:
        curves = still.loss_curves(self._curves.bands, self._curves.suspects, self.message)
        return curves + self._strip.value


def _means(loss: np.ndarray) -> np.ndarray:
    """Average each row of `loss` (n_epochs, n) over what was seen; NaN where nothing was."""
    seen = np.isfinite(loss)
    total, count = np.where(seen, loss, 0).sum(1, dtype=float), seen.sum(1)
    return np.divide(total, count, out=np.full(len(loss), np.nan), where=count > 0)


def _minutes(seconds: float) -> str:
    """Write a duration as minutes and seconds.

    >>> _minutes(65.2)
    '1:05'
    """
    return "{}:{:02d}".format(*divmod(round(seconds), 60))


def _empty_figure(total_epochs: int | None) -> go.Figure:
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.78, 0.22], vertical_spacing=0.06
    )
    figure.add_traces(_loss_lines(), rows=1, cols=1)
    rate = dict(color=plots.TEXT, width=1.5, shape="hvh")
    figure.add_trace(_line("learning rate", rate, showlegend=False), row=2, col=1)
    figure.update_yaxes(title_text=plots.VALUES["loss"], rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="rate", rangemode="tozero", nticks=3, row=2, col=1)
    figure.update_xaxes(title_text="epoch", title_standoff=4, tickformat="d", row=2, col=1)
    if total_epochs:
        step = dict(dtick=1) if total_epochs <= FEW_EPOCHS else {}
        figure.update_xaxes(range=[0.5, total_epochs + 0.5], **step)
    plots.themed(figure, "Loss while training", height=420)
    return figure.update_layout(legend_y=-0.22)


def _loss_lines() -> list[go.Scatter]:
    """Make the empty lines of the upper plot, in the order of `BAND_LINES`, median, suspects."""
    lines = []
    for opacity, name in ((0.18, "everybody, 5–95 %"), (0.3, "everybody, 25–75 %")):
        filled = dict(fill="tonexty", fillcolor=plots.SHADE.format(opacity))
        lines += [_line(name, dict(width=0), showlegend=False, hoverinfo="skip")]
        lines += [_line(name, dict(width=0), hoverinfo="skip", **filled)]
    dots = dict(mode="lines+markers", marker_size=5)  # a single epoch is no line yet
    median, dashed = (
        dict(color=plots.TEXT, width=3),
        dict(color=plots.SUSPECT, width=3, dash="dash"),
    )
    lines += [_line("everybody, median", median, **dots)]
    return [*lines, _line("current suspects, mean", dashed, **dots)]


def _line(name: str, line: dict, **style) -> go.Scatter:
    hover = {} if "hoverinfo" in style else dict(hovertemplate="epoch %{x}: %{y:.3g}")
    return go.Scatter(x=[], y=[], name=name, line=line, **{"mode": "lines", **hover, **style})


def _draw(plot: go.FigureWidget, curves: Curves, trace: Trace) -> None:
    epochs = np.arange(1, trace.n_epochs + 1)
    rows = [*curves.bands[list(BAND_LINES)], curves.bands[2], curves.suspects, trace.lr]
    for line, row in zip(plot.data, rows, strict=True):
        line.x, line.y = epochs, row
