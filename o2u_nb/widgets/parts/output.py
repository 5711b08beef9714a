"""A panel that changes after its cell was run, and what a saved notebook keeps of it.

In comes a panel that can write what it shows as HTML and as text; out goes its display. JupyterLab
saves an output as it was when it was first shown, and does not save the state of widgets. So the
panel sends its output again when it has something that is worth keeping.
"""

from IPython.display import display
from ipywidgets import VBox, Widget

from o2u_nb.widgets.parts.guard import PANEL, KeyGuard


class LiveOutput(VBox):
    """Stack `children`, and send again what a saved notebook keeps of them."""

    def __init__(self, children: list[Widget]):
        self._handles = []  # one for each place where the panel is shown
        super().__init__([*children, KeyGuard()])
        self.add_class(PANEL)

    @property
    def message(self) -> str:
        """Return the state in words."""
        raise NotImplementedError

    def _html(self) -> str:
        """Return the state as HTML without script."""
        raise NotImplementedError

    def send_again(self, bundle: dict[str, object] | None = None) -> None:
        """Replace the output, wherever it is shown, by `bundle` (default: the panel as it is)."""
        for handle in self._handles:
            handle.update(bundle or self._repr_mimebundle_(), raw=True)

    def still(self) -> dict[str, object]:
        """Return the state for places where no widget can run: as HTML, and as text."""
        return {"text/html": self._html(), "text/plain": self.message}

    def _repr_mimebundle_(self, **kwargs) -> dict[str, object]:
        view = super()._repr_mimebundle_(**kwargs)
        return {**view, **self.still()}

    def _ipython_display_(self) -> None:
        # Without this method IPython would show the bundle too, but return no handle to replace it.
        self._handles.append(display(self._repr_mimebundle_(), raw=True, display_id=True))
