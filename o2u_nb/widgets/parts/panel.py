"""What all panels over a review session have in common.

In comes a session; a panel draws its state and passes the user's commands on to it. A panel keeps
no state of the review itself, so any number of panels, in any cells, stay in step.
"""

from collections.abc import Callable, Hashable

from ipywidgets import Layout, VBox, Widget

from o2u_nb.errors import O2UError
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.parts.guard import PANEL, KeyGuard
from o2u_nb.widgets.parts.status import StatusLine
from o2u_nb.widgets.parts.watch import Watch, watch


class Panel(VBox):
    """Draw `session` with the widgets `children`, above a status line that is read aloud.

    No key that is pressed in a panel reaches JupyterLab, where it could delete a cell.
    """

    def __init__(self, session: ReviewSession, children: list[Widget]):
        self.session = session
        self._following = []  # pairs of a handler and the names of the traits it observes
        self._drawn = None  # what was drawn last, see `_wanted`
        self._rests = False  # whether it is hidden, and not drawn
        self._status = StatusLine()
        children = [*children, self._status, KeyGuard()]
        super().__init__(children, layout=Layout(width="100%", min_width="0"))
        self.add_class(PANEL)
        self._watch: Watch | None = watch(session)

    def _follow(self, handler: Callable, *names: str) -> None:
        """Call `handler` whenever one of the session's traits `names` changes."""
        self.session.observe(handler, list(names))
        self._following.append((handler, list(names)))

    def _draw(self, _=None) -> None:
        """Draw the session as it is, unless nothing has changed since it was drawn last.

        One command changes several traits of the session, and each change calls the panel. A panel
        that rests is not drawn; but while labels are hidden it is, so that a tab that is opened
        does not show for a moment what must not be seen.
        """
        if self._rests and not self.session.concealed:
            return
        wanted = self._wanted()
        if wanted != self._drawn:
            self._drawn = wanted
            self._redraw(wanted)

    def rest(self) -> None:
        """Draw nothing from now on, the panels inside included, since nobody sees it."""
        for panel in self._panels():
            panel._rests = True

    def wake(self) -> None:
        """Draw what has changed since `rest`, and every change from now on."""
        for panel in self._panels():
            panel._rests = False
            panel._draw()

    def _panels(self) -> list["Panel"]:
        """List this panel and the panels inside it."""
        return [self, *(widget for widget in all_inside(self) if isinstance(widget, Panel))]

    def _wanted(self) -> Hashable:
        """Return all that the drawing depends on; while it is equal, nothing is drawn again."""
        raise NotImplementedError

    def _redraw(self, wanted) -> None:
        """Draw what is `wanted`."""
        raise NotImplementedError

    def _try(self, command: Callable, *args, **options) -> None:
        """Carry out a command of the user, and say in the status line why it failed."""
        try:
            command(*args, **options)
        except O2UError as error:
            self._status.message = error.message
        else:
            self._status.message = ""

    def _say(self, command: Callable[..., str], *args) -> None:
        """Carry out a command of the user, and say in the status line what it did."""
        try:
            self._status.message = command(*args)
        except O2UError as error:
            self._status.message = error.message

    def _still(self) -> str:
        """Return the panel as HTML without script, for places where no widget can run."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs) -> dict[str, object]:
        return {**super()._repr_mimebundle_(**kwargs), "text/html": self._still()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.session.audit.folder)!r})"

    def close(self) -> None:
        """Stop following the session and close all widgets of the panel."""
        while self._following:
            self.session.unobserve(*self._following.pop())
        if self._watch is not None:
            self._watch.remove()
            self._watch = None
        for widget in all_inside(self):
            widget.close()
        super().close()


def all_inside(widget: Widget) -> list[Widget]:
    """List all widgets inside `widget`, the innermost last."""
    children = list(getattr(widget, "children", ()))
    return children + [inner for child in children for inner in all_inside(child)]
