"""Which label is taken for which: a matrix to click, and a list for the keyboard.

In comes a session; a click on a cell, or a line of the list, filters every panel to that pair.
"""

import plotly.graph_objects as go
from ipywidgets import Dropdown, Layout

from o2u_nb import plots
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import clip, inert
from o2u_nb.widgets.panel import Panel
from o2u_nb.widgets.plot import Plot, fitted

LISTED = 200  # pairs in the list
ALL = ("All pairs", ())  # not None, which a Dropdown shows as a blank


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
        self._plot = Plot(_empty())
        super().__init__(session, [self._list, fitted(self._plot)])
        self._list.observe(self._on_list, "value")
        self._plot.data[0].on_click(self._on_click)
        self._follow(self._draw, "suspects")
        self._follow(self._mirror, "pair_filter")
        self._draw()

    def _on_list(self, change) -> None:
        self._try(setattr, self.session, "pair_filter", change["new"] or None)

    def _on_click(self, _, points, __) -> None:
        if points.xs:
            pair = (self._names[points.ys[0]], self._names[points.xs[0]])
            chosen = None if pair == self.session.pair_filter else pair
            self._try(setattr, self.session, "pair_filter", chosen)

    def _draw(self, _=None) -> None:
        pairs = self.session.pairs()
        self._list.options = [ALL, *map(_line, pairs.head(LISTED).itertuples())]
        self._mirror()
        counts = plots.confusion_counts(pairs)
        self._names = list(counts.index)
        ticks = plots.named_ticks(self._names)
        with self._plot.batch_update():
            self._plot.data[0].update(plots.heatmap(counts))
            self._plot.layout.xaxis.update(ticks)
            self._plot.layout.yaxis.update(ticks)
            self._plot.layout.height = plots.matrix_height(len(self._names))

    def _mirror(self, _=None) -> None:
        pair = self.session.pair_filter
        known = [value for _, value in self._list.options]
        self._list.value = pair if pair in known else ()

    def _still(self) -> str:
        lines = self.session.pairs().head(10).itertuples()
        items = "".join(f"<li>{inert(_line(row)[0], 120)}</li>" for row in lines)
        return f"<p>Given → suggested, among the suspects:</p><ul>{items}</ul>"


def _line(row) -> tuple[str, tuple[str, str]]:
    words = f"{clip(row.given, 40)} → {clip(row.suggested, 40)}: {row.count:,}"
    return words, (row.given, row.suggested)


def _empty() -> go.Figure:
    figure = go.Figure(go.Heatmap())
    figure.update_xaxes(title_text="suggested label", showgrid=False)
    figure.update_yaxes(title_text="given label", showgrid=False, autorange="reversed")
    return plots.themed(figure, "Click a cell to see its pictures", height=400)
