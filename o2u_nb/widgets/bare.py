"""A panel as one anywidget, for front ends that show anywidgets and no others, such as marimo.

In comes a panel, which is made of plain ipywidgets and of anywidgets; out comes one anywidget that
draws it whole. It needs anywidget 0.11 or later in the front end.
"""

from pathlib import Path

import anywidget
import traitlets
from ipywidgets import Widget

from o2u_nb.widgets.esm import joined
from o2u_nb.widgets.parts.panel import all_inside
from o2u_nb.widgets.parts.tabs import PanelTabs

JAVASCRIPT = Path(__file__).with_name("js")
REFERENCE = "anywidget:"  # before the id of a widget, as anywidget refers to one in another


class Bare(anywidget.AnyWidget):
    """Draw the widget `whole`, a panel or any other; both are in step, as two views of one panel.

    In marimo, `mo.ui.anywidget(Bare(audit.panel()))` shows the whole review.
    """

    _esm = joined(JAVASCRIPT / "bare.js")
    _css = """
    .o2u-bare-button { border: 1px solid currentColor; border-radius: 3px; padding: 2px 8px;
      margin: 2px; background: none; color: inherit; font: inherit; cursor: pointer; }
    .o2u-bare-button[aria-pressed="true"], .o2u-bare-button[aria-selected="true"] {
      font-weight: bold; box-shadow: inset 0 -3px currentColor; }
    .o2u-bare-button:disabled { opacity: 0.5; cursor: default; }
    .o2u-bare-field { display: flex; gap: 6px; align-items: center; min-width: 0; }
    .o2u-bare-field > * { min-width: 0; }
    """

    panel = traitlets.Unicode(help="the reference of the widget that is drawn").tag(sync=True)

    def __init__(self, whole: Widget):
        self.whole = whole  # kept, or its widgets would be closed with it
        for widget in [whole, *all_inside(whole)]:
            if isinstance(widget, PanelTabs):
                widget.make_all()  # marimo shows no widget that is made later
        super().__init__(panel=f"{REFERENCE}{whole.model_id}")
