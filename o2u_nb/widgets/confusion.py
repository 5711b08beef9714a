"""Which label is taken for which: a matrix to click, and a list for the keyboard.

In comes a session; a click on a cell, or a line of the list, filters every panel to that pair.
"""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from ipywidgets import Dropdown, Layout

from o2u_nb.plots import classes, look
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import clip, inert
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.plot import Plot, fitted
from o2u_nb.widgets.parts.preview import Preview
from o2u_nb.widgets.parts.preview_samples import of_samples

LISTED = 200  # pairs in the list, at most
ALL = ("All pairs", ())  # its value is not None, because a Dropdown shows None as a blank


class ConfusionPanel(Panel):
    """Count the suspects of each given-to-suggested pair; choosing a pair sets `pair_filter`.

    A second click on the same cell, or "All pairs", takes the filter away. At most the 30 classes
    that are involved most often have a row.
    """

    def __init__(self, session: ReviewSession):
        self._list = Dropdown(
            description="Given → suggested",
            style=dict(description_width="initial"),
            layout=Layout(width="auto", max_width="640px"),
        )
        self._plot = Plot(_empty(), self._preview)
        super().__init__(session, [self._list, fitted(self._plot)])
        self._list.observe(self._on_list, "value")
        self._plot.data[0].on_click(self._on_click)
        self._follow(self._draw, "suspects", "pair_filter")
        self._draw()

    def _on_list(self, change) -> None:
        self._try(setattr, self.session, "pair_filter", change["new"] or None)

    def _on_click(self, _, points, __) -> None:
        if points.xs:
            pair = (self._names[points.ys[0]], self._names[points.xs[0]])
            chosen = None if pair == self.session.pair_filter else pair
            self._try(setattr, self.session, "pair_filter", chosen)

    def _preview(self, _: int, cell: int | list[int]) -> Preview:
        """Show suspects of the pair in a `cell`, which is a row and a column."""
        session = self.session
        row, column = np.ravel(cell)
        given, suggested = (session.columns.code(self._names[place]) for place in (row, column))
        of_pair = (session.columns.label == given) & (session.columns.suggested == suggested)
        return of_samples(session, np.flatnonzero(session.suspects & of_pair))

    def _wanted(self) -> tuple:
        return self.session.threshold_column, self.session.threshold, self.session.pair_filter

    def _redraw(self, wanted: tuple) -> None:
        pair = wanted[-1]
        pairs = self.session.pairs()
        self._fill_list(pairs, pair)
        counts = classes.confusion_counts(pairs)
        self._names = list(counts.index)
        ticks = look.named_ticks(self._names)
        with self._plot.batch_update():
            self._plot.data[0].update(classes.heatmap(counts, on_page=True))
            self._plot.layout.xaxis.update(ticks)
            self._plot.layout.yaxis.update(ticks)
            self._plot.layout.height = classes.matrix_height(len(self._names))
            self._plot.layout.shapes = self._mark(pair)

    def _fill_list(self, pairs: pd.DataFrame, pair: tuple[str, str] | None) -> None:
        """List the largest pairs, and the chosen one even if no suspect is left in it."""
        lines = dict(_line(row)[::-1] for row in pairs.head(LISTED).itertuples())
        if pair is not None and pair not in lines:
            lines[pair] = _words(*pair, 0)
        options = [ALL, *((words, value) for value, words in lines.items())]
        # With new options, the first of them becomes the value, which must not count as chosen.
        self._list.unobserve(self._on_list, "value")
        self._list.options = options
        self._list.value = pair or ()
        self._list.observe(self._on_list, "value")

    def _mark(self, pair: tuple[str, str] | None) -> list[dict]:
        """Return a frame around the cell of the chosen pair."""
        if pair is None or not set(pair) <= set(self._names):
            return []
        y, x = map(self._names.index, pair)
        edge = dict(x0=x - 0.5, x1=x + 0.5, y0=y - 0.5, y1=y + 0.5)
        return [dict(type="rect", line=dict(color=look.TEXT, width=3), **edge)]

    def _still(self) -> str:
        lines = self.session.pairs().head(10).itertuples()
        items = "".join(f"<li>{inert(_line(row)[0], 120)}</li>" for row in lines)
        return f"<p>Given → suggested, among the suspects:</p><ul>{items}</ul>"


def _line(row) -> tuple[str, tuple[str, str]]:
    return _words(row.given, row.suggested, row.count), (row.given, row.suggested)


def _words(given: str, suggested: str, count: int) -> str:
    return f"{clip(given, 40)} → {clip(suggested, 40)}: {count:,}"


def _empty() -> go.Figure:
    return classes.matrix_style(go.Figure(go.Heatmap()), "Click a cell to see its pictures", 8)
