"""A plotly figure inside a panel: as wide as its place, light, and up to date after a page reload.

In comes a finished figure; out goes a widget whose traces the panel updates, and a box to show it
in. plotly's own widget is 700 pixels wide wherever it stands, brings five megabytes of code each
time, and inside a box it comes back from a reload as it was when it was made.
"""

from copy import deepcopy
from importlib.resources import files
from pathlib import Path

import plotly
import plotly.graph_objects as go
import traitlets
from ipywidgets import Layout, VBox

CONFIG = dict(responsive=True, displaylogo=False)


class Plot(go.FigureWidget):
    """Draw `figure`; its traces and layout can be changed, best within `batch_update()`.

    With `drag_shapes` its shapes can be dragged; plotly asks for a click on each of them first
    unless the configuration, too, says so.
    """

    _esm = Path(__file__).with_name("plot.js")

    _plotly = traitlets.Unicode(plotly.__version__).tag(sync=True)
    _sent = traitlets.Int(0, help="how often the whole figure was sent").tag(sync=True)

    def __init__(self, figure: go.Figure, *, drag_shapes: bool = False):
        super().__init__(figure)
        edits = dict(edits=dict(shapePosition=True)) if drag_shapes else {}
        self._config = {**self._config, **CONFIG, **edits}
        self.on_msg(self._answer)

    def _answer(self, _, message: dict, buffers: list) -> None:
        """Send what a page asks for: plotly's code, or the figure as it is now."""
        if message.get("kind") == "plotly":
            code = files(plotly) / "package_data" / "widgetbundle.js"
            self.send({"kind": "plotly"}, buffers=[code.read_bytes()])
        elif message.get("kind") == "figure":
            with self.hold_sync():  # in one message, which is why the page waits for `_sent`
                self._widget_data = deepcopy(self._data)
                self._widget_layout = deepcopy(self._layout_obj._props)
                self._sent += 1


def fitted(plot: Plot) -> VBox:
    """Put `plot` into a box that is as wide as its place, however wide the plot has been."""
    return VBox([plot], layout=Layout(width="100%", min_width="0", overflow="hidden"))
