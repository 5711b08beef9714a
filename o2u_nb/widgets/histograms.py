"""Where the suspects lie in the distribution of the scores, with a threshold to drag.

In comes a session; out go histograms of the score that the threshold cuts, of mean and of variance,
and the scatter of the two. Everything is counted here, so that the browser gets as much for a
million samples as for a thousand.
"""

from functools import lru_cache, partial

import numpy as np
from ipywidgets import Dropdown, HBox, Layout

from o2u_nb.detect.registry import called
from o2u_nb.plots import still
from o2u_nb.plots.bars import BINS, bin_edges, fill
from o2u_nb.plots.look import of_class
from o2u_nb.plots.scores import axis_title, empty_histogram
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import clip, plotted
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.plot import CutPlot, Plot, fitted
from o2u_nb.widgets.parts.preview import Preview
from o2u_nb.widgets.parts.preview_samples import of_samples
from o2u_nb.widgets.scatter import ScatterPanel, of_class_in_focus, suspects_and_picked
from o2u_nb.widgets.threshold import ThresholdPanel

MOMENTS = ("o2u_mean", "o2u_var")
SUSPECTS = 1  # the trace of the suspects; that of the rest is trace 0
ALL: tuple[int, ...] = ()  # the value of "all": a Dropdown shows None as a blank
HEIGHT = 300  # pixels of each histogram: three of them stand beside the scatter


class HistogramsPanel(Panel):
    """Draw the session's scores, suspects and the rest apart, and move its threshold.

    The first histogram is of `threshold_column`. Drag its line, or use the slider above it, and the
    count, the estimated precision and every other panel follow. Below are the histograms of mean
    and variance, and beside them the scatter. All show the class that the session filters by, or
    all classes. The pointer on a bar shows some of its pictures, and a click fills every panel with
    its samples; a second click shows all again. The bars of the first histogram are in a list, too,
    for the keyboard.
    """

    def __init__(self, session: ReviewSession):
        self._bins = lru_cache(maxsize=32)(lambda column: Bins(session.columns.values(column)))
        self._threshold = ThresholdPanel(session)
        self._scatter = ScatterPanel(session)
        self._cut = CutPlot(
            empty_histogram(session.threshold_column, "", height=HEIGHT),
            self._on_line,
            moving=self._threshold.moving,
            pictures=lambda trace, bar: self._preview(session.threshold_column, trace, bar),
        )
        self._moments = {
            column: Plot(empty_histogram(column, "", height=HEIGHT), partial(self._preview, column))
            for column in MOMENTS
        }
        self._list = Dropdown(
            description="Samples between",
            style=dict(description_width="initial"),
            layout=Layout(width="auto", max_width="420px"),
        )
        row = Layout(flex_flow="row wrap", width="100%")
        halves = [_half(self._list, self._cut, *self._moments.values()), _half(self._scatter)]
        super().__init__(session, [self._threshold, HBox(halves, layout=row)])
        self._list.observe(self._on_list, "value")
        for trace in self._cut.data:
            trace.on_click(lambda _, points, __: self._on_click(session.threshold_column, points))
        for column, plot in self._moments.items():
            for trace in plot.data:
                trace.on_click(lambda _, points, __, of=column: self._on_click(of, points))
        self._follow(self._draw, "suspects", "label_filter", "revision", "position_filter")
        self._draw()

    def without_slider(self) -> "HistogramsPanel":
        """Leave out the slider, where another one is shown already."""
        self._threshold.layout.display = "none"
        return self

    def _on_line(self, x: float) -> None:
        self._try(setattr, self.session, "threshold", x)
        self._threshold.settle()

    def _in_bar(self, column: str, trace: int, bar: int) -> np.ndarray:
        """Return the positions (k,) of the samples that a bar of trace 0 or 1 counts."""
        session = self.session
        of_class, suspects = of_class_in_focus(session), session.suspects
        part = of_class & (suspects if trace == SUSPECTS else ~suspects)
        return np.flatnonzero(part & self._bins(column).holding(bar))

    def _preview(self, column: str, trace: int, bar: int | list[int]) -> Preview:
        return of_samples(self.session, self._in_bar(column, trace, int(np.max(bar))))

    def _on_click(self, column: str, points) -> None:
        for bar in points.point_inds[:1]:
            self._scatter.toggle(self._in_bar(column, points.trace_index, bar))

    def _on_list(self, change) -> None:
        if change["new"] == ALL:
            self._try(setattr, self.session, "position_filter", None)
        else:
            self._scatter.toggle(self._in_bar(self.session.threshold_column, *change["new"]))

    def _wanted(self) -> tuple:
        return suspects_and_picked(self.session)

    def _redraw(self, wanted: tuple) -> None:
        column, threshold, (label, _), _ = wanted
        self._fill_list(column)
        whose = of_class(label)
        with self._cut.batch_update():
            self._fill(self._cut, column)
            self._cut.layout.xaxis.title.text = axis_title(column)
            what = plotted(called(column))
            self._cut.layout.title.text = f"Samples{whose} by {what}: drag the line"
            self._cut.cut_at(threshold)
        for name, plot in self._moments.items():
            with plot.batch_update():
                self._fill(plot, name)
                plot.layout.title.text = f"Samples{whose} by {called(name)}"

    def _fill_list(self, column: str) -> None:
        """List the bars, the highest scores first, and mark the one that is picked, if any."""
        edges = self._bins(column).edges
        lines: list[tuple[str, tuple[int, ...]]] = [("all", ALL)]
        for trace, (name, counts) in enumerate(self._counts(column).items()):
            for bar in np.flatnonzero(counts)[::-1].tolist():
                between = f"{edges[bar]:.3g} and {edges[bar + 1]:.3g}"
                lines.append((f"{between}: {counts[bar]:,} of {name}", (trace, bar)))
        # With new options, the first of them becomes the value, which must not count as chosen.
        self._list.unobserve(self._on_list, "value")
        self._list.options = lines
        self._list.value = self._picked_bar(column)
        self._list.observe(self._on_list, "value")

    def _picked_bar(self, column: str) -> tuple[int, ...]:
        """Return the trace and the number of the bar whose samples are picked, ALL without one."""
        picked = self.session.position_filter
        if picked is None or not len(picked):
            return ALL
        bar = self._bins(column).number_of(picked[0])
        trace = SUSPECTS if self.session.suspects[picked[0]] else 1 - SUSPECTS
        return (trace, bar) if np.array_equal(self._in_bar(column, trace, bar), picked) else ALL

    def _fill(self, plot: Plot, column: str) -> None:
        fill(plot.data, self._counts(column), self._bins(column).edges)

    def _counts(self, column: str) -> dict[str, np.ndarray]:
        """Count the samples of the class in each bin: the rest and the suspects, (BINS,) each."""
        of_class, bins = of_class_in_focus(self.session), self._bins(column)
        found = bins.counts(self.session.suspects & of_class)
        return {"the rest": bins.counts(of_class) - found, "suspects": found}

    def _still(self) -> str:
        column = self.session.threshold_column
        edges = self._bins(column).edges
        counts = self._counts(column)
        caption = (
            f"Samples by {clip(called(column), 40)}, {edges[0]:.3g} to {edges[-1]:.3g}: suspects "
            "(dark) and the rest, on a logarithmic scale."
        )
        return self._threshold._still() + still.bars(
            counts["the rest"], counts["suspects"], caption
        )


class Bins:
    """Sort `values` (n,) into `BINS` equal bins once, so that any part can be counted quickly.

    `edges` is (BINS + 1,). Values that are not finite are in no bin.
    """

    def __init__(self, values: np.ndarray):
        seen = np.isfinite(values)
        self.edges = bin_edges(values[seen], BINS)
        codes = np.searchsorted(self.edges[1:-1], values, side="right")
        self._codes = np.where(seen, codes, BINS).astype(np.uint8)

    def counts(self, part: np.ndarray | slice) -> np.ndarray:
        """Count the values of `part`, a mask (n,) bool or a slice, in each bin: int (BINS,)."""
        return np.bincount(self._codes[part], minlength=BINS + 1)[:BINS]

    def number_of(self, row: int) -> int:
        """Return the bin of the value at `row`; BINS for a value that is in none."""
        return int(self._codes[row])

    def holding(self, number: int) -> np.ndarray:
        """Tell which values (n,) bool are in the bin `number`, 0 to BINS - 1."""
        return self._codes == number


def _half(*plots_or_panels) -> HBox:
    """Stack plots in half of the width, or in the full width where half would be too narrow."""
    boxes = [fitted(child) if isinstance(child, Plot) else child for child in plots_or_panels]
    return HBox(boxes, layout=Layout(flex="1 1 360px", min_width="0", flex_flow="column"))
