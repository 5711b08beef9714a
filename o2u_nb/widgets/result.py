"""The button below the card of an audit: it opens the review right there.

In comes a function that makes the review; out goes a button, and below it the review when somebody
wants it. A page whose kernel is gone shows the card above all the same.
"""

from collections.abc import Callable
from html import escape

from ipywidgets import Button, HBox, Layout, VBox, Widget

from o2u_nb.errors import O2UError
from o2u_nb.widgets.parts.output import LiveOutput
from o2u_nb.widgets.parts.status import StatusLine, restarted

OPENING = "Opening the review."


class ResultButtons(LiveOutput):
    """Offer the review that `review()` makes; `code` is what to run for it in another kernel."""

    def __init__(self, review: Callable[[], Widget], code: str):
        self._review = review
        self._code = code
        self._button = Button(
            description="Review",
            button_style="primary",
            tooltip="Look at the suspects and decide, right below",
            layout=Layout(width="auto"),
        )
        self._button.on_click(self._open)
        self._status = StatusLine(restarted=restarted(code))
        self._place = VBox(layout=Layout(width="100%", min_width="0"))
        super().__init__([HBox([self._button, self._status]), self._place])
        self.layout = Layout(width="100%", min_width="0")

    @property
    def message(self) -> str:
        """Say what to run for the review where no widget can run."""
        return f"To review, run: {self._code}"

    def _open(self, _) -> None:
        self._button.disabled = True
        self._status.message = OPENING
        try:
            self._place.children = [self._review()]
        except O2UError as error:
            self._status.message = error.message
            self._button.disabled = False
        else:
            self._status.message = ""

    def _html(self) -> str:
        return f"<p>To review, run <code>{escape(self._code)}</code></p>"
