"""A plotly figure inside a panel: as wide as its place, light, and up to date after a page reload.

In comes a finished figure; out goes a widget whose traces the panel updates, and a box to show it
in. plotly's own widget is always 700 pixels wide and sends five megabytes of code for each figure.
Inside a box, after a reload of the page, it shows only what it showed when it was made.
"""

from collections.abc import Callable
from copy import deepcopy
from importlib.resources import files
from pathlib import Path

import plotly
import plotly.graph_objects as go
import traitlets
from ipywidgets import Layout, VBox

from o2u_nb.plots.look import TEXT

CONFIG = dict(responsive=True, displaylogo=False)


class Plot(go.FigureWidget):
    """Draw `figure`; its traces and layout can be changed, best within `batch_update()`."""

    _esm = Path(__file__).with_name("plot.js")

    _plotly = traitlets.Unicode(plotly.__version__).tag(sync=True)
    _sent = traitlets.Int(0, help="how often the whole figure was sent").tag(sync=True)

    def __init__(self, figure: go.Figure):
        super().__init__(figure)
        self._config = {**self._config, **CONFIG}
        self.on_msg(self._answer)

    def _answer(self, _, message: dict, buffers: list) -> None:
        """Send what a page asks for: plotly's code, or the figure as it is now."""
        if message.get("kind") == "plotly":
            code = files(plotly) / "package_data" / "widgetbundle.js"
            self.send({"kind": "plotly"}, buffers=[code.read_bytes()])
        elif message.get("kind") == "figure":
            with self.hold_sync():  # in one message, so that `_sent` comes with the whole figure
                self._widget_data = deepcopy(self._data)
                self._widget_layout = deepcopy(self._layout_obj._props)
                self._sent += 1


class CutPlot(Plot):
    """Draw `figure` with one upright line across it, which the user drags.

    `moved(x)` is called with the place where the line was dropped. The line itself stands where
    `cut_at` puts it, wherever it was dragged.
    """

    def __init__(self, figure: go.Figure, moved: Callable[[float], None]):
        super().__init__(figure)
        self._moved = moved
        self._cut = None  # where the line belongs
        # Without this setting, plotly asks for a click on the line before it can be dragged.
        self._config = {**self._config, "edits": {"shapePosition": True}}
        self.layout.on_change(self._on_drag, "shapes")

    def cut_at(self, x: float) -> None:
        """Put the line at `x`."""
        self._cut = x
        self.layout.shapes = [_line_at(x)]

    def _on_drag(self, _, shapes) -> None:
        """Follow the line: when one end was dragged, the other one moves with it."""
        ends = (shapes[0].x0, shapes[0].x1) if shapes else ()
        moved = [x for x in ends if x != self._cut]
        if moved:
            self._moved(float(moved[0]))
        if shapes and shapes[0].to_plotly_json() != _line_at(self._cut):
            self.layout.shapes = [_line_at(self._cut)]


def _line_at(x: float) -> dict:
    ends = dict(x0=x, x1=x, y0=0, y1=1)
    line = dict(color=TEXT, dash="dash", width=3)
    return dict(type="line", xref="x", yref="paper", line=line, editable=True, **ends)


def fitted(plot: Plot) -> VBox:
    """Put `plot` into a box that is as wide as its place, however wide the plot has been."""
    return VBox([plot], layout=Layout(width="100%", min_width="0", overflow="hidden"))
