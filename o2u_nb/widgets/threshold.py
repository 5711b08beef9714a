"""The threshold: which score decides about suspects, and from which value on a sample is one.

In come a session; out go its threshold on a slider, the number of suspects, and the share of them
that is wrong: as estimated, and as measured by the decisions so far. While the threshold moves, the
two samples on either side of it are shown.
"""

import numpy as np
from ipywidgets import HTML, Button, Dropdown, HBox, Layout

from o2u_nb.detect.registry import called
from o2u_nb.review import expected
from o2u_nb.review.border import Border, border
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import inert, percent
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.preview import Preview
from o2u_nb.widgets.parts.preview_samples import SIZE, labels
from o2u_nb.widgets.parts.slider import CutSlider

WIDE = dict(description_width="initial")
ROW = dict(flex_flow="row wrap", align_items="center", width="100%", overflow="hidden")


class ThresholdPanel(Panel):
    """Set the session's `threshold` and `threshold_column`, and say what follows from them.

    While the slider moves, the counts follow, and the last suspect and the first sample that is
    left out are shown beside it. The session's threshold is set when the slider is let go, since
    every panel is drawn again then. A button goes back to the threshold that the audit estimated.
    """

    def __init__(self, session: ReviewSession):
        self._column = Dropdown(
            options=[(called(name), name) for name in session.orders],
            value=session.threshold_column,
            description="Suspects by",
            style=WIDE,
            layout=Layout(width="auto", max_width="280px"),
        )
        self._slider = CutSlider(
            self.moving,
            self._on_slider,
            label="from",
            layout=Layout(flex="1 1 240px", min_width="0", max_width="460px", margin="2px 12px"),
        )
        self._back = Button(
            description="Back to the estimate",
            tooltip="Set the threshold that the audit estimated",
            icon="undo",
            layout=Layout(width="auto"),
        )
        # Its width does not depend on the words, or the slider would move while it is dragged.
        self._count = HTML(layout=Layout(flex="1 1 300px", min_width="0"))
        row = [self._column, self._slider, self._back, self._count]
        super().__init__(session, [HBox(row, layout=ROW)])
        self._column.observe(self._on_column, "value")
        self._back.on_click(lambda _: self._try(session.reset_threshold))
        self._follow(self._draw, "suspects", "estimated_precision", "measured_precision")
        self._draw()

    def moving(self, threshold: float) -> Preview:
        """Say what a `threshold` would do, on the panel too, and show the samples on either side.

        The session is left as it is.
        """
        session = self.session
        found = border(session.columns, session.threshold_column, threshold, session.p_wrong)
        said = _counted(found.suspects, expected.said_of(session, found.precision))
        self._count.value = said
        return _either_side(session, found, _plain(said))

    def settle(self) -> None:
        """Say what the session's own threshold does, after `moving` has said something else."""
        self._count.value = self._said()

    def _on_column(self, change) -> None:
        self._try(setattr, self.session, "threshold_column", change["new"])

    def _on_slider(self, threshold: float) -> None:
        self._try(setattr, self.session, "threshold", threshold)
        self.settle()

    def _wanted(self) -> tuple:
        session = self.session
        return (
            session.threshold_column,
            session.threshold,
            session.estimated_precision,
            session.measured_precision,
        )

    def _redraw(self, wanted: tuple) -> None:
        column, threshold, *_ = wanted
        self._column.value = column
        self._move_slider(self.session.columns.values(column), threshold)
        self._back.disabled = self.session.is_estimated
        self._count.value = self._said()

    def _move_slider(self, values: np.ndarray, threshold: float) -> None:
        values = values[np.isfinite(values)]
        with self._slider.hold_sync():
            self._slider.low = float(np.min(values, initial=threshold))
            self._slider.high = float(np.max(values, initial=threshold))
            self._slider.value = threshold

    def _said(self) -> str:
        """Say how many suspects there are, and how many of them are wrong."""
        measured = self.session.measured_precision
        words = [_counted(int(self.session.suspects.sum()), expected.said(self.session))]
        if measured is not None:
            words.append(
                f"{percent(measured.precision)} of the {measured.decided:,} decided were wrong "
                f"(95 % interval {percent(measured.low)} to {percent(measured.high)})"
            )
        in_all = expected.range_said(self.session)
        return ", ".join(words) + (f"; {in_all}" if in_all else "")

    def _still(self) -> str:
        column = self.session.threshold_column
        threshold = self.session.threshold
        return f"<p>{self._said()}: {inert(called(column))} of at least {threshold:.3f}.</p>"


def _either_side(session: ReviewSession, found: Border, title: str) -> Preview:
    """Show the last suspect and the first sample that is left out, where there are such."""
    sides = {"last suspect": found.last, "first left out": found.first_out}
    there = {what: position for what, position in sides.items() if position is not None}
    p_wrong = session.p_wrong
    lines = [
        f"{what}: {labels(session, position)}, wrong: {_share(p_wrong[position])}"
        for what, position in there.items()
    ]
    ids = session.columns.ids_at(np.array(list(there.values()), dtype=int))
    return Preview(title, lines, session.page_thumbnails(ids, SIZE))


def _counted(suspects: int, words: str) -> str:
    return f"<b>{suspects:,}</b> suspects" + (f", {words}" if words else "")


def _plain(said: str) -> str:
    return said.replace("<b>", "").replace("</b>", "")


def _share(p_wrong: float) -> str:
    return "not known" if np.isnan(p_wrong) else f"about {percent(p_wrong)}"
