"""Panels in tabs: each is made when its tab is first opened, and is drawn only while it is open.

In come a session and what makes each panel; out goes one panel at a time. What nobody sees costs
nothing then: on a million samples, to draw all panels anew takes longer than a reviewer waits.
"""

from collections.abc import Callable, Mapping

from ipywidgets import Layout, Tab, VBox

from o2u_nb.errors import O2UError
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.status import StatusLine


class PanelTabs(Tab):
    """Show one of the `panels` over `session`, each in a tab named by its key; first the first.

    A panel that is hidden is not drawn. It is brought up to date when its tab is opened again.
    """

    def __init__(
        self, session: ReviewSession, panels: Mapping[str, Callable[[ReviewSession], Panel]]
    ):
        self._session = session
        self._makers = list(panels.values())
        self._made: dict[int, Panel] = {}  # by the number of the tab
        places = [VBox(layout=Layout(width="100%", min_width="0")) for _ in panels]
        super().__init__(places, titles=list(panels))
        self._open(self.selected_index)
        self.observe(lambda change: self._open(change["new"]), "selected_index")

    @property
    def opened(self) -> Panel | None:
        """Return the panel whose tab is open; None where there is none."""
        return self._made.get(self.selected_index)

    def make_all(self) -> None:
        """Make the panels of all tabs now, for front ends that show no widgets made later."""
        for number, place in enumerate(self.children):
            if number not in self._made:
                place.children = (self._new(number),)
        self._open(self.selected_index)

    def _open(self, number: int | None) -> None:
        """Make or wake the panel of a tab, and let the others rest; None where all are closed."""
        for other, panel in self._made.items():
            if other != number:
                panel.rest()
        if number in self._made:
            self._made[number].wake()
        elif number is not None:
            self.children[number].children = (self._new(number),)

    def _new(self, number: int) -> Panel | StatusLine:
        """Make the panel of a tab, or a line that says why it cannot be made."""
        try:
            self._made[number] = self._makers[number](self._session)
        except O2UError as error:
            said = StatusLine()
            said.message = error.message
            return said
        return self._made[number]
