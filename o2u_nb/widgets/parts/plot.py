"""A plotly figure inside a panel: as wide as its place, light, and up to date after a page reload.

In comes a finished figure; out goes a widget whose traces the panel updates, and a box to show it
in. plotly's own widget is always 700 pixels wide and sends five megabytes of code for each figure.
Inside a box, after a reload of the page, it shows only what it showed when it was made.
"""

from collections.abc import Callable
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

import plotly
import plotly.graph_objects as go
import traitlets
from ipywidgets import Layout, VBox
from plotly.callbacks import BoxSelector, LassoSelector

from o2u_nb.plots.look import readable
from o2u_nb.widgets.esm import joined
from o2u_nb.widgets.parts.preview import CSS, Preview, reply

Area: TypeAlias = BoxSelector | LassoSelector
CONFIG = dict(responsive=True, displaylogo=False)
WIDGETS = Path(__file__).parents[1]
# The text of the figure is written in the colour of the theme, also when that is changed.
THEMED = readable(".o2u-plot", "var(--jp-ui-font-color1, currentColor)")


class Plot(go.FigureWidget):
    """Draw `figure`; its traces and layout can be changed, best within `batch_update()`.

    `pictures(trace, point)` returns what the tile beside the pointer shows of a point: the number
    of its trace, and its own number there, for a cell of a heatmap the numbers of its row and its
    column. For a point without a sample it returns None.
    """

    _esm = joined(WIDGETS / "js" / "plot.js")
    _css = "\n".join([THEMED, CSS, (WIDGETS / "plot.css").read_text(encoding="utf-8")])

    _plotly = traitlets.Unicode(plotly.__version__).tag(sync=True)
    _sent = traitlets.Int(0, help="how often the whole figure was sent").tag(sync=True)
    _pictured = traitlets.Bool(False, help="whether points have pictures").tag(sync=True)
    _has_cut = traitlets.Bool(False, help="whether there is a line to drag").tag(sync=True)

    def __init__(
        self,
        figure: go.Figure,
        pictures: Callable[[int, int | list[int]], Preview | None] | None = None,
    ):
        super().__init__(figure)
        self._config = {**self._config, **CONFIG}
        self._pictures = pictures
        self._pictured = pictures is not None
        self._on_area: Callable[[Area | None], None] | None = None
        self._on_seen: Callable[[], None] | None = None
        self._has_area = False  # whether a box or lasso may be on the plot
        self.on_msg(self._answer)

    def on_area(self, drawn: Callable[[Area | None], None]) -> None:
        """Call `drawn(area)` with each box or lasso; None when it is gone by a double click."""
        self._on_area = drawn

    def on_seen(self, seen: Callable[[], None]) -> None:
        """Call `seen()` whenever a page shows the plot for the first time."""
        self._on_seen = seen

    def clear_area(self) -> None:
        """Take the box or lasso off the plot, if there is one.

        plotly does not tell Python of it, so that setting the layout's selections would not do.
        """
        if self._has_area:
            self._has_area = False
            self._send_relayout_msg({"selections": []})

    def _answer(self, _, message: dict, buffers: list) -> None:
        """Send what a page asks for: plotly's code, the figure as it is now, or pictures."""
        kind, pictures = message.get("kind"), self._pictures
        if kind == "plotly":
            code = files(plotly) / "package_data" / "widgetbundle.js"
            self.send({"kind": "plotly"}, buffers=[code.read_bytes()])
        elif kind == "figure":
            with self.hold_sync():  # in one message, so that `_sent` comes with the whole figure
                self._widget_data = deepcopy(self._data)
                self._widget_layout = deepcopy(self._layout_obj._props)
                self._sent += 1
        elif kind == "seen" and self._on_seen is not None:
            self._on_seen()
        elif kind == "area" and self._on_area is not None:
            self._has_area = message["area"] is not None
            self._on_area(_area(message["area"]))
        elif kind == "pictures" and pictures is not None:
            reply(self, message, lambda: pictures(message["trace"], message["point"]))


def _area(found: dict | None) -> Area | None:
    if found is None:
        return None
    corners = {name: value for name, value in found.items() if name != "type"}
    return LassoSelector(**corners) if found["type"] == "lasso" else BoxSelector(**corners)


class CutPlot(Plot):
    """Draw `figure` with one upright line across it, which the user drags or moves with the arrows.

    `moved(x)` is called with the place where the line was let go. The line itself stands where
    `cut_at` puts it, wherever it was dragged. While it moves, `moving(x)` returns what the tile
    beside it shows.
    """

    _cut = traitlets.Float(None, allow_none=True, help="where the line is").tag(sync=True)
    _previewed = traitlets.Bool(False, help="whether a tile is shown beside it").tag(sync=True)

    def __init__(
        self,
        figure: go.Figure,
        moved: Callable[[float], None],
        *,
        moving: Callable[[float], Preview] | None = None,
        pictures: Callable[[int, int | list[int]], Preview | None] | None = None,
    ):
        super().__init__(figure, pictures)
        self._moved = moved
        self._moving = moving
        self._has_cut = True
        self._previewed = moving is not None

    def cut_at(self, x: float) -> None:
        """Put the line at `x`."""
        self._cut = x

    def _answer(self, _, message: dict, buffers: list) -> None:
        kind, moving = message.get("kind"), self._moving
        if kind == "moving" and moving is not None:
            reply(self, message, lambda: moving(message["x"]))
        elif kind == "dropped":
            try:
                self._moved(message["x"])
            finally:  # the line goes where it belongs, also when it may not be moved
                self.send({"kind": "placed"})
        else:
            super()._answer(_, message, buffers)


def fitted(plot: Plot) -> VBox:
    """Put `plot` into a box that is as wide as its place, however wide the plot has been."""
    return VBox([plot], layout=Layout(width="100%", min_width="0", overflow="hidden"))
