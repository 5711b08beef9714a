"""A slider that shows what it would do while it moves, and does it when it is let go.

In come the ends and the value; out goes the place where the hand lets go. The slider of ipywidgets
does not fit here: it either reports nothing until then, or every place on its way as the value.
"""

from collections.abc import Callable
from pathlib import Path

import anywidget
import traitlets

from o2u_nb.widgets.esm import joined
from o2u_nb.widgets.parts.preview import CSS, Preview, reply

WIDGETS = Path(__file__).parents[1]


class CutSlider(anywidget.AnyWidget):
    """Show `value` between `low` and `high`; call `moving(x)` on the way and `moved(x)` at its end.

    What `moving` returns is shown in a tile beside the slider. The slider stands at `value`,
    wherever it was moved.
    """

    _esm = joined(WIDGETS / "js" / "slider.js")
    _css = "\n".join([CSS, (WIDGETS / "slider.css").read_text(encoding="utf-8")])

    low = traitlets.Float().tag(sync=True)
    high = traitlets.Float().tag(sync=True)
    value = traitlets.Float().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, moving: Callable[[float], Preview], moved: Callable[[float], None], **traits
    ):
        super().__init__(**traits)
        self._moving = moving
        self._moved = moved
        self.on_msg(self._receive)

    def _receive(self, _, message: dict, buffers: list) -> None:
        if message.get("kind") == "moving":
            reply(self, message, lambda: self._moving(message["x"]))
        elif message.get("kind") == "dropped":
            try:
                self._moved(message["x"])
            finally:  # it goes back to its value, also when it may not be moved
                self.send({"kind": "placed"})
