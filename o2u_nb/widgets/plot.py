"""A plotly figure inside a panel: as wide as its place, and up to date after a page reload.

In comes a finished figure; out goes a widget whose traces the panel updates, and a box to show it
in. plotly's own widget is 700 pixels wide wherever it stands, and inside a box it comes back from a
reload as it was when it was made.
"""

from copy import deepcopy

import anywidget
import plotly.graph_objects as go
from ipywidgets import Layout, VBox

CONFIG = dict(responsive=True, displaylogo=False)


class Plot(go.FigureWidget):
    """Draw `figure`; its traces and layout can be changed, best within `batch_update()`."""

    def __init__(self, figure: go.Figure):
        super().__init__(figure)
        self._config = {**self._config, **CONFIG}

    def get_state(self, key=None, drop_defaults=False):
        """Return the state for the browser: all of it, as it is now, when a page asks for it.

        plotly sends changes as messages and leaves the traits as they were at first.
        """
        if key is None and hasattr(self, "_data"):
            # past the traits' observers, which would send everything a second time
            self._trait_values["_widget_data"] = deepcopy(self._data)
            self._trait_values["_widget_layout"] = deepcopy(self._layout_obj._props)
        return super().get_state(key, drop_defaults)


class Fit(anywidget.AnyWidget):
    """Make the plots beside it follow the width of their place.

    A plot with plotly's `responsive` setting listens to the window's resize event, and to nothing
    else: not to a tab that opens, nor to an output that is drawn before it has a place.
    """

    _esm = """
    function render({ el }) {
      const fit = () => window.dispatchEvent(new Event("resize"));
      let width = 0;
      const observer = new ResizeObserver(() => {
        if (el.offsetWidth > 0 && el.offsetWidth !== width) {
          width = el.offsetWidth;
          fit();
        }
      });
      observer.observe(el);
      const drawn = ({ detail }) => {
        if (el.parentElement?.contains(detail.element)) fit();
      };
      document.addEventListener("plotlywidget-after-render", drawn);
      return () => {
        observer.disconnect();
        document.removeEventListener("plotlywidget-after-render", drawn);
      };
    }
    export default { render };
    """


def fitted(plot: Plot) -> VBox:
    """Put `plot` into a box that is as wide as its place and gives the plot that width."""
    return VBox([plot, Fit()], layout=Layout(width="100%", min_width="0", overflow="hidden"))
