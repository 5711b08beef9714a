"""A line to type a name into, with suggestions: what is typed counts when Enter is pressed.

In come names to suggest; out goes the name that was entered, which may be another one. The combobox
of ipywidgets does not fit here: it reports each letter, or also a name that was typed and then
left, and neither is a decision.
"""

from collections.abc import Callable
from pathlib import Path

import anywidget
import traitlets


class Entry(anywidget.AnyWidget):
    """Suggest `names`; call `entered(name)`, with the text as typed, for each that is entered."""

    _esm = Path(__file__).with_name("entry.js")
    _css = """
    .o2u-entry input {
      background: var(--jp-widgets-input-background-color, Canvas);
      border: 1px solid var(--jp-widgets-input-border-color, GrayText);
      box-sizing: border-box;
      color: var(--jp-widgets-input-color, CanvasText);
      font-family: var(--jp-ui-font-family, sans-serif);
      font-size: var(--jp-widgets-font-size, 13px);
      height: var(--jp-widgets-inline-height, 28px);
      margin: 2px;
      padding: 4px 8px;
      width: calc(100% - 4px);
    }
    .o2u-entry input:focus-visible {
      outline: 2px solid var(--jp-brand-color1, Highlight);
      outline-offset: -1px;
    }
    .o2u-entry input::placeholder { color: var(--jp-ui-font-color2, GrayText); opacity: 1; }
    .o2u-entry input:disabled { opacity: 0.6; }
    """

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    placeholder = traitlets.Unicode().tag(sync=True)
    # It is not called `tooltip`, because the view of ipywidgets fails when a widget has a `tooltip`
    # but no `description`.
    hint = traitlets.Unicode(help="shown under the mouse, and read aloud").tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    def __init__(self, entered: Callable[[str], None], **traits):
        super().__init__(**traits)
        self._entered = entered
        self.on_msg(self._receive)

    def clear(self) -> None:
        """Empty the line."""
        self.send({"kind": "clear"})

    def _receive(self, _, message: dict, buffers: list) -> None:
        if message.get("kind") == "entered":
            self._entered(message["name"])
