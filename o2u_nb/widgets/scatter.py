"""Mean against variance of each sample's loss; a box or lasso drawn there picks what to review.

In comes a session; out goes a scatter that follows its threshold and class, and sets its
`position_filter` to all samples inside that area, also those that were too many to be drawn.
"""

import numpy as np
import plotly.graph_objects as go
from ipywidgets import Button, Layout

from o2u_nb.plots import scores, still
from o2u_nb.plots.look import how_many
from o2u_nb.review.session import ReviewSession
from o2u_nb.rows import evenly
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.picking import Picking
from o2u_nb.widgets.parts.plot import Area, Plot, fitted
from o2u_nb.widgets.parts.preview import Preview
from o2u_nb.widgets.parts.preview_samples import of_samples

MEAN = "o2u_mean"
VARIANCE = "o2u_var"
STILL = 600  # points of the still picture: some 30 kB in a saved notebook


class ScatterPanel(Panel):
    """Draw mean against variance of the loss, and show in the grid what a box or lasso holds.

    All samples in the area are shown, suspects or not, until the selection is cleared with the
    button or by a double click. The pointer on a point shows its picture, and a click makes its
    sample the current one.
    """

    def __init__(self, session: ReviewSession):
        self._drawn_positions: list[np.ndarray] = []  # of the points of each trace
        self._plot = Plot(_empty_figure(), self._preview)
        self._clear = Button(
            description="Clear the selection",
            tooltip="Show again what was shown before the box or lasso",
            icon="times",
            layout=Layout(width="auto"),
        )
        self._picking = Picking(session)
        super().__init__(session, [fitted(self._plot), self._clear])
        self._clear.on_click(self._on_clear)
        self._plot.on_area(self._on_area)
        for trace in self._plot.data:
            trace.on_click(self._on_click)
        self._follow(self._draw, "suspects", "label_filter", "position_filter", "revision")
        self._follow(self._picking.restore, "position_filter")
        self._draw()

    @property
    def figure(self) -> go.Figure:
        """Return what is drawn now as a plain figure."""
        return go.Figure(self._plot)

    def toggle(self, positions: np.ndarray) -> None:
        """Show the samples at `positions` (n,) in every panel, or all again if they are shown."""
        self._say(self._picking.toggle, positions)

    def _preview(self, trace: int, point: int | list[int]) -> Preview:
        return of_samples(self.session, self._drawn_positions[trace][[point]])

    def _on_click(self, trace: go.Scatter, points, _) -> None:
        for point in points.point_inds[:1]:
            position = self._drawn_positions[points.trace_index][point]
            self._say(self._picking.go_to, int(position))

    def _on_area(self, area: Area | None) -> None:
        if area is None:
            self._on_clear()
            return
        picked = np.flatnonzero(of_class_in_focus(self.session) & inside(area, *self._moments()))
        if len(picked):
            self._say(self._picking.pick, picked)
        else:
            self._status.message = "No sample lies in that area."

    def _on_clear(self, *_) -> None:
        self._try(setattr, self.session, "position_filter", None)

    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        return self.session.columns.values(MEAN), self.session.columns.values(VARIANCE)

    def _wanted(self) -> tuple:
        return suspects_and_picked(self.session)

    def _redraw(self, _) -> None:
        of_class = of_class_in_focus(self.session)
        suspects = np.flatnonzero(of_class & self.session.suspects)
        rest = np.flatnonzero(of_class & ~self.session.suspects)
        drawn_suspects, drawn_rest = scores.thinned(suspects, rest)
        total = len(suspects) + len(rest)
        some = how_many(len(drawn_suspects) + len(drawn_rest), total, "samples")
        self._drawn_positions = [drawn_rest, drawn_suspects]
        of_rest, of_suspects = self._plot.data
        with self._plot.batch_update():
            of_rest.update(self._points(drawn_rest), name=f"the rest ({len(rest):,})")
            of_suspects.update(self._points(drawn_suspects), name=f"suspects ({len(suspects):,})")
            self._plot.layout.title.text = f"Mean against variance: draw a box or lasso{some}"
        self._clear.disabled = self.session.position_filter is None
        if self.session.position_filter is None:
            self._plot.clear_area()

    def _points(self, positions: np.ndarray) -> dict:
        rows = self.session.scores[["label", "suggested_label"]].iloc[positions]
        mean, variance = self._moments()
        return dict(
            x=mean[positions],
            y=variance[positions],
            customdata=scores.hover_names(rows),
            selectedpoints=self._picked_among(positions),
        )

    def _picked_among(self, positions: np.ndarray) -> np.ndarray | None:
        """Return which of `positions` are picked, None when nothing is."""
        if self.session.position_filter is None:
            return None
        return np.flatnonzero(np.isin(positions, self.session.position_filter))

    def _still(self) -> str:
        x, y = self._moments()
        known = np.flatnonzero(np.isfinite(x) & np.isfinite(y) & of_class_in_focus(self.session))
        drawn = known[evenly(len(known), STILL)]
        caption = (
            f"Variance of the loss (upwards) against its mean (to the right), {len(drawn):,} of "
            f"{len(known):,} samples: suspects are crosses."
        )
        return still.points(x[drawn], y[drawn], self.session.suspects[drawn], caption)


def class_in_focus(session: ReviewSession) -> tuple[str | None, int | None]:
    """Return the class that is filtered by, and what changes when its samples do.

    For a class made in review, that is the session's revision, since its samples change with the
    decisions. For any other class it is None.
    """
    label = session.label_filter
    return label, session.revision if label in session.made_classes else None


def suspects_and_picked(session: ReviewSession) -> tuple:
    """Return all that decides who is a suspect, which class is drawn, and what is picked in it."""
    picked = session.position_filter
    return (
        session.threshold_column,
        session.threshold,
        class_in_focus(session),
        None if picked is None else picked.tobytes(),
    )


def of_class_in_focus(session: ReviewSession) -> np.ndarray:
    """Tell which samples (n,) bool are drawn: those of the class that is filtered by, or all."""
    if session.label_filter is None:
        return np.ones(len(session.columns), dtype=bool)
    return session.labelled(session.label_filter)


def inside(area, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return which points (n,) bool lie in a plotly `BoxSelector` or `LassoSelector`.

    An area of another subplot, or none, holds no point.

    >>> from plotly.callbacks import LassoSelector
    >>> triangle = LassoSelector(xs=[0, 4, 0], ys=[0, 0, 4])
    >>> inside(triangle, np.array([1, 3, np.nan]), np.array([1, 3, 1]))
    array([ True, False, False])
    """
    xs = getattr(area, "xs", None) or getattr(area, "xrange", None)
    ys = getattr(area, "ys", None) or getattr(area, "yrange", None)
    if xs is None or ys is None:
        return np.zeros(len(x), dtype=bool)
    held = (min(xs) <= x) & (x <= max(xs)) & (min(ys) <= y) & (y <= max(ys))
    if area.type == "lasso":
        near = np.flatnonzero(held)
        held[near] = _in_polygon(x[near], y[near], xs, ys)
    return held


def _in_polygon(x: np.ndarray, y: np.ndarray, xs: list[float], ys: list[float]) -> np.ndarray:
    """Tell which points (n,) lie in a polygon whose corners are `xs` and `ys`.

    By the even-odd rule: a horizontal ray from a point inside crosses the edges an odd number of
    times.
    """
    odd = np.zeros(len(x), dtype=bool)
    for x0, y0, x1, y1 in zip(xs, ys, [*xs[1:], xs[0]], [*ys[1:], ys[0]], strict=True):
        if y0 != y1:  # a horizontal ray does not cross a horizontal edge
            spans = (y0 > y) != (y1 > y)
            odd ^= spans & (x < x0 + (x1 - x0) * (y - y0) / (y1 - y0))
    return odd


def _empty_figure() -> go.Figure:
    figure = go.Figure([go.Scatter(look) for look in scores.POINTS.values()])
    figure.update_layout(dragmode="lasso")
    return scores.scatter_style(figure, "")
