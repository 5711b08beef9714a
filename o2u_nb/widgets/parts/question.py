"""The question what is meant by a name that is no class yet: an existing class, or a new one.

In comes the name, and the class that it is close to, if any; out goes the answer, from a button.
Until it is answered or taken back, the question stays where the panel has put it.
"""

from collections.abc import Callable

from ipywidgets import Button, HBox, Layout, VBox

from o2u_nb.text import clip
from o2u_nb.widgets.parts.status import StatusLine

HIDDEN = "none"  # the value of the CSS property `display`


class ClassQuestion(VBox):
    """Call `answered(name, is_new)` with the class that is meant, and whether it is a new one."""

    def __init__(self, answered: Callable[[str, bool], None]):
        self._asked: tuple[str, str | None] = ("", None)
        self._said = StatusLine()
        self._use = _button()
        self._make = _button()
        self._use.on_click(lambda _: answered(self._asked[1], False))
        self._make.on_click(lambda _: answered(self._asked[0], True))
        row = HBox([self._use, self._make], layout=Layout(flex_flow="row wrap"))
        super().__init__([self._said, row], layout=Layout(flex="0 0 auto", display=HIDDEN))

    @property
    def is_open(self) -> bool:
        """Tell whether something is asked."""
        return self.layout.display != HIDDEN

    def ask(self, name: str, near: str | None) -> None:
        """Ask whether `name` is meant as a new class, or as the class `near`."""
        self._asked = name, near
        self._use.description = f"Use {quoted(near or '')}"
        self._use.tooltip = near
        self._use.layout.display = HIDDEN if near is None else None
        self._make.description = f"Make a new class {quoted(name)}"
        self._make.tooltip = name
        self.layout.display = None
        close = "" if near is None else f", but close to {quoted(near)}"
        self._said.message = f"{quoted(name)} is not a class yet{close}."

    def take_back(self) -> None:
        """Ask nothing any more."""
        self.layout.display = HIDDEN
        self._said.message = ""


def _button() -> Button:
    return Button(layout=Layout(width="auto", max_width="100%"))


def quoted(name: str) -> str:
    """Put a name into quotation marks, shortened to the width of a button.

    >>> quoted("cat")
    '“cat”'
    """
    return f"“{clip(name, 40)}”"
