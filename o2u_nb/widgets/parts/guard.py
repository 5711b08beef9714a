"""The guard of a panel: keys that are pressed in the panel reach neither JupyterLab nor the page.

In comes nothing; out goes a widget without any size, which a panel puts among its children. A panel
must have the class `PANEL`, by which the guard finds it in the page; see js/guard.js.
"""

from pathlib import Path

import anywidget

from o2u_nb.widgets.esm import joined

PANEL = "o2u-panel"
TABS = f".{PANEL} .jupyter-widgets.widget-tab > .lm-TabBar"
# ipywidgets gives all tabs the same width, and cuts off longer names.
CSS = f"""
.{PANEL}:focus {{ outline: none; }}
{TABS} .lm-TabBar-content {{ flex-wrap: wrap; }}
{TABS} .lm-TabBar-tab {{ flex: 1 0 auto; max-width: max-content; }}
"""


class KeyGuard(anywidget.AnyWidget):
    """Keep the keys and the focus of the panel it is in, and show the whole names of its tabs."""

    _esm = joined(Path(__file__).parents[1] / "js" / "panel.js")
    _css = CSS
