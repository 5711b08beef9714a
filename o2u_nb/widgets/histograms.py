"""Where the suspects lie in the distribution of the scores, with a threshold to drag.

In comes a session; out go histograms of the score that the threshold cuts, of mean and of variance,
and the scatter of the two. Everything is counted here, so that the browser gets as much for a
million samples as for a thousand.
"""

from functools import lru_cache

import numpy as np
from ipywidgets import HBox, Layout

from o2u_nb.plots import still
from o2u_nb.plots.bars import BINS, bin_edges, fill
from o2u_nb.plots.look import of_class
from o2u_nb.plots.scores import axis_title, empty_histogram
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import clip, inert
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.plot import CutPlot, Plot, fitted
from o2u_nb.widgets.scatter import ScatterPanel, class_in_focus
from o2u_nb.widgets.threshold import ThresholdPanel

MOMENTS = ("o2u_mean", "o2u_var")
HEIGHT = 300  # pixels of each histogram: three of them stand beside the scatter


class HistogramsPanel(Panel):
    """Draw the session's scores, suspects and the rest apart, and move its threshold.

    The first histogram is of `threshold_column`. Drag its line, or use the slider above it, and the
    count, the estimated precision and every other panel follow. Below are the histograms of mean
    and variance, and beside them the scatter. All show the class that the session filters by, or
    all classes.
    """

    def __init__(self, session: ReviewSession):
        self._bins = lru_cache(maxsize=32)(lambda column: Bins(session.columns.values(column)))
        self._cut = CutPlot(
            empty_histogram(session.threshold_column, "", height=HEIGHT), self._on_line
        )
        self._moments = {
            column: Plot(empty_histogram(column, "", height=HEIGHT)) for column in MOMENTS
        }
        self._threshold = ThresholdPanel(session)
        self._scatter = ScatterPanel(session)
        row = Layout(flex_flow="row wrap", width="100%")
        halves = [_half(self._cut, *self._moments.values()), _half(self._scatter)]
        super().__init__(session, [self._threshold, HBox(halves, layout=row)])
        self._follow(self._draw, "suspects", "label_filter", "revision")
        self._draw()

    def without_slider(self) -> "HistogramsPanel":
        """Leave out the slider, where another one is shown already."""
        self._threshold.layout.display = "none"
        return self

    def _on_line(self, x: float) -> None:
        self._try(setattr, self.session, "threshold", x)

    def _wanted(self) -> tuple:
        session = self.session
        return session.threshold_column, session.threshold, class_in_focus(session)

    def _redraw(self, wanted: tuple) -> None:
        column, threshold, (label, _) = wanted
        whose = of_class(label)
        with self._cut.batch_update():
            self._fill(self._cut, column)
            self._cut.layout.xaxis.title.text = axis_title(column)
            self._cut.layout.title.text = f"Samples{whose} by {inert(column)}: drag the line"
            self._cut.cut_at(threshold)
        for name, plot in self._moments.items():
            with plot.batch_update():
                self._fill(plot, name)
                plot.layout.title.text = f"Samples{whose} by {name}"

    def _fill(self, plot: Plot, column: str) -> None:
        fill(plot.data, self._counts(column), self._bins(column).edges)

    def _counts(self, column: str) -> dict[str, np.ndarray]:
        """Count the samples of the class in each bin: the rest and the suspects, (BINS,) each."""
        label = self.session.label_filter
        part = slice(None) if label is None else self.session.labelled(label)
        suspects = self.session.suspects
        bins = self._bins(column)
        found = bins.counts(suspects if label is None else suspects & part)
        return {"the rest": bins.counts(part) - found, "suspects": found}

    def _still(self) -> str:
        column = self.session.threshold_column
        edges = self._bins(column).edges
        counts = self._counts(column)
        caption = (
            f"Samples by {clip(column, 40)}, {edges[0]:.3g} to {edges[-1]:.3g}: suspects (dark) "
            "and the rest, on a logarithmic scale."
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


def _half(*plots_or_panels) -> HBox:
    """Stack plots in half of the width, or in the full width where half would be too narrow."""
    boxes = [fitted(child) if isinstance(child, Plot) else child for child in plots_or_panels]
    return HBox(boxes, layout=Layout(flex="1 1 360px", min_width="0", flex_flow="column"))
