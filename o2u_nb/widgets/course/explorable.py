"""What all explorables of the course have in common: controls, figures, and one sentence.

In come controls and a function that answers them; out goes a panel. The function is a plain one
from `o2u_nb.course`: it takes the controls' values, and returns figures with a sentence on what
they show, so that it can be called without any panel, too. It should answer within 200 ms, since
it is called again while a slider is being dragged.
"""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import plotly.graph_objects as go
from ipywidgets import HBox, Layout, VBox, Widget

from o2u_nb.course.answer import Answer
from o2u_nb.plots.still_figure import still_figure
from o2u_nb.widgets.parts.output import LiveOutput
from o2u_nb.widgets.parts.plot import Plot, fitted
from o2u_nb.widgets.parts.status import StatusLine

ROW = dict(flex_flow="row wrap", width="100%", align_items="center", overflow="hidden")
CONTROL = dict(width="100%", max_width="440px", min_width="0")
HALF = dict(flex="1 1 320px", min_width="0", overflow="hidden")


class Explorable(LiveOutput):
    """Draw what `answer` returns for the values of `controls`, again after each change of one.

    `controls` are widgets with a trait `value`, by the name of the argument of `answer` that they
    give; `beside` are further widgets in their row, `below` those under the figures. The figures
    that `answer` returns must always have the same kinds of traces. `wide` puts each figure in a
    row of its own; else they stand beside each other where there is room.
    """

    def __init__(
        self,
        controls: Mapping[str, Widget],
        answer: Callable[..., Answer],
        *,
        beside: tuple[Widget, ...] = (),
        below: tuple[Widget, ...] = (),
        wide: bool = False,
    ):
        self._answer_to = answer
        self._controls = dict(controls)
        self._status = StatusLine()
        self.answer = answer(**self.values)
        self._plots = [Plot(figure) for figure in self.answer.figures]
        self._status.message = self.answer.message
        for control in self._controls.values():
            arrange(control)
        super().__init__(self._arranged(beside, below, wide))
        for control in self._controls.values():
            control.observe(self._on_change, "value")

    @property
    def values(self) -> dict[str, Any]:
        """Return the values of the controls by name."""
        return {name: control.value for name, control in self._controls.items()}

    @property
    def message(self) -> str:
        """Return the sentence on what is drawn."""
        return self.answer.message

    def set(self, **values: Any) -> None:
        """Give controls other values, as a hand on them would."""
        for name, value in values.items():
            self._controls[name].value = value

    def refresh(self) -> None:
        """Ask for the answer again, and draw it: after something else than a control changed."""
        self.answer = self._answer_to(**self.values)
        for plot, figure in zip(self._plots, self.answer.figures, strict=True):
            redraw(plot, figure)
        self._status.message = self.answer.message

    def _on_change(self, _) -> None:
        self.refresh()

    def _arranged(
        self, beside: tuple[Widget, ...], below: tuple[Widget, ...], wide: bool
    ) -> list[Widget]:
        half = Layout(**(dict(width="100%", overflow="hidden") if wide else HALF))
        controls = [VBox([control], layout=Layout(**HALF)) for control in self._controls.values()]
        plots = [VBox([fitted(plot)], layout=half) for plot in self._plots]
        return [
            HBox([*controls, *beside], layout=Layout(**ROW)),
            HBox(plots, layout=Layout(**ROW)),
            *below,
            self._status,
        ]

    def _html(self) -> str:
        """Return the figures as SVG and the sentence below them."""
        drawn = "".join(still_figure(figure) for figure in self.answer.figures)
        return f'<div style="max-width: 700px">{drawn}<p>{escape(self.message)}</p></div>'


def arrange(control: Widget) -> None:
    """Give a control the width of its column, with room for its description."""
    control.layout = Layout(**CONTROL)
    if control.has_trait("style") and control.style.has_trait("description_width"):
        control.style.description_width = "170px"


def redraw(plot: Plot, figure: go.Figure) -> None:
    """Put the data, the title, the shapes and the ends of the axes of `figure` into `plot`."""
    with plot.batch_update():
        for old, new in zip(plot.data, figure.data, strict=True):
            old.update({k: v for k, v in new.to_plotly_json().items() if k not in ("type", "uid")})
        plot.layout.title.text = figure.layout.title.text
        plot.layout.shapes = figure.layout.shapes
        plot.layout.annotations = figure.layout.annotations
        for axis in ("xaxis", "yaxis"):
            if figure.layout[axis].range is not None:
                plot.layout[axis].range = figure.layout[axis].range
