"""Where the suspects lie in the distribution of the scores, with a threshold to drag.

In comes a session; out go histograms (of the score that the threshold cuts, of mean and variance)
and the scatter of mean against variance, whose box and lasso fill the grid.
"""

import numpy as np
import plotly.graph_objects as go
from ipywidgets import HTML, Button, Dropdown, FloatSlider, HBox, Layout

from o2u_nb import plots
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import inert, percent
from o2u_nb.widgets.panel import Panel
from o2u_nb.widgets.plot import Plot, fitted

BINS = 60
MOMENTS = ("o2u_mean", "o2u_var")
STEPS = 400  # of the slider, from the lowest score to the highest
ROW = Layout(flex_flow="row wrap", align_items="center", width="100%")
WIDE = dict(description_width="initial")


class HistogramsPanel(Panel):
    """Draw the session's scores, suspects and the rest apart, and move its threshold.

    The upper plot is of `threshold_column`: drag its line, or use the slider, and the count, the
    estimated precision and every other panel follow. Mean and variance stand below, for the class
    that the session filters by, or all. A box or lasso in the scatter fills the grid with what it
    holds, suspects or not, until it is cleared.
    """

    def __init__(self, session: ReviewSession):
        self._column = Dropdown(
            options=session.orders,
            value=session.threshold_column,
            description="Threshold on",
            style=WIDE,
        )
        self._slider = FloatSlider(
            description="Threshold",
            continuous_update=False,
            readout_format=".3f",
            style=WIDE,
            layout=Layout(width="420px"),
        )
        self._count = HTML()
        self._clear = Button(
            description="Clear the selection", disabled=True, tooltip="Show all suspects again"
        )
        self._cut = Plot(_empty(session.threshold_column))
        self._cut._config = {**self._cut._config, "edits": {"shapePosition": True}}
        self._moments = {column: Plot(_empty(column)) for column in MOMENTS}
        self._scatter, self._picked = Plot(_scatter(session)), {}
        self._clear.layout.width = "auto"
        rows = [
            HBox([self._column, self._slider, self._count], layout=ROW),
            fitted(self._cut),
            HBox([fitted(plot) for plot in self._moments.values()]),
            fitted(self._scatter),
            self._clear,
        ]
        super().__init__(session, rows)
        self._listen()
        self._draw()

    def _listen(self) -> None:
        self._column.observe(self._on_column, "value")
        self._slider.observe(self._on_slider, "value")
        self._cut.layout.on_change(self._on_drag, "shapes")
        self._clear.on_click(self._on_clear)
        for trace in self._scatter.data:
            trace.on_selection(self._on_pick)
        self._follow(self._draw, "suspects", "threshold_column", "label_filter")
        self._follow(self._on_filtered, "id_filter")

    def _on_column(self, change) -> None:
        self._try(setattr, self.session, "threshold_column", change["new"])

    def _on_slider(self, change) -> None:
        # a slider rounds to its steps: it must not move a threshold that nobody touched
        if abs(change["new"] - self.session.threshold) > self._slider.step:
            self._try(setattr, self.session, "threshold", change["new"])

    def _on_drag(self, _, shapes) -> None:
        if shapes and shapes[0].x0 != self.session.threshold:
            self._try(setattr, self.session, "threshold", float(shapes[0].x0))

    def _on_pick(self, trace, points, _) -> None:
        """Take in what a box or lasso holds of one trace; the other traces report in turn."""
        self._picked[trace.uid] = [trace.ids[i] for i in points.point_inds]
        ids = [id for part in self._picked.values() for id in part]
        self._try(self._fill, self.session.columns.positions(ids) if ids else None)

    def _on_clear(self, _) -> None:
        self._picked.clear()
        with self._scatter.batch_update():
            for trace in self._scatter.data:
                trace.selectedpoints = None
        self._try(self._fill, None)

    def _fill(self, positions: np.ndarray | None) -> None:
        with self.session.hold_trait_notifications():
            self.session.only_suspects = positions is None
            self.session.id_filter = positions

    def _on_filtered(self, _=None) -> None:
        self._clear.disabled = self.session.id_filter is None

    def _draw(self, _=None) -> None:
        session, column = self.session, self.session.threshold_column
        self._column.value = column
        self._move_slider(session.columns.values(column), session.threshold)
        with self._cut.batch_update():
            self._fill_bars(self._cut, column)
            self._cut.layout.xaxis.title.text = plots.AXES.get(column, inert(column))
            self._cut.layout.title.text = f"Samples by {inert(column)}: drag the line"
            self._cut.layout.shapes = [_line_at(session.threshold)]
        for name, plot in self._moments.items():
            with plot.batch_update():
                self._fill_bars(plot, name)
        self._count.value = self._said()

    def _move_slider(self, values: np.ndarray, threshold: float) -> None:
        low, high = min(np.nanmin(values), threshold), max(np.nanmax(values), threshold)
        with self._slider.hold_trait_notifications():
            self._slider.min, self._slider.max = float(low), float(high) + 1e-9
            self._slider.step = float(high - low) / STEPS or 1e-9
            self._slider.value = threshold

    def _fill_bars(self, plot: Plot, column: str) -> None:
        columns, suspects = self.session.columns, self.session.suspects
        values = columns.values(column)
        seen = np.isfinite(values)
        edges = np.histogram_bin_edges(values[seen], BINS)
        if self.session.label_filter is not None:
            seen = seen & (columns.label == columns.code(self.session.label_filter))
        parts = {"the rest": seen & ~suspects, "suspects": seen & suspects}
        for bar, (name, mask) in zip(plot.data, parts.items(), strict=True):
            counts, _ = np.histogram(values[mask], edges)
            bar.update(plots.bins_of(counts, edges), name=f"{name} ({counts.sum():,})")

    def _said(self) -> str:
        precision = self.session.estimated_precision
        wrong = "" if precision is None else f", about {percent(precision)} of them wrong"
        return f"{int(self.session.suspects.sum()):,} suspects{wrong}"

    def _still(self) -> str:
        column, threshold = self.session.threshold_column, self.session.threshold
        return f"<p>{self._said()}: {inert(column)} from {threshold:.3f} on.</p>"


def _empty(column: str) -> go.Figure:
    figure = go.Figure([go.Bar(look) for look in plots.BARS.values()])
    return plots.histogram_style(figure, column, f"Samples by {inert(column)}")


def _scatter(session: ReviewSession) -> go.Figure:
    return plots.mean_against_variance(session.scores).update_layout(dragmode="lasso")


def _line_at(threshold: float) -> dict:
    ends = dict(x0=threshold, x1=threshold, y0=0, y1=1)
    line = dict(color=plots.TEXT, dash="dash", width=3)
    return dict(type="line", xref="x", yref="paper", line=line, **ends)
