"""The threshold: which score decides about suspects, and from which value on a sample is one.

In comes a session; out go its threshold on a slider, the number of suspects, and the share of them
that is wrong: as estimated, and as measured by the decisions so far.
"""

import numpy as np
from ipywidgets import HTML, Dropdown, FloatSlider, HBox, Layout

from o2u_nb.detect.registry import called
from o2u_nb.review import expected
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import inert, percent
from o2u_nb.widgets.parts.panel import Panel

STEPS = 400  # of the slider from the lowest score to the highest: about one for each pixel
WIDE = dict(description_width="initial")
ROW = dict(flex_flow="row wrap", align_items="center", width="100%", overflow="hidden")


class ThresholdPanel(Panel):
    """Set the session's `threshold` and `threshold_column`, and say what follows from them."""

    def __init__(self, session: ReviewSession):
        self._column = Dropdown(
            options=[(called(name), name) for name in session.orders],
            value=session.threshold_column,
            description="Suspects by",
            style=WIDE,
            layout=Layout(width="auto", max_width="280px"),
        )
        self._slider = FloatSlider(
            description="from",
            readout_format=".3f",
            style=WIDE,
            layout=Layout(flex="1 1 240px", min_width="0", max_width="460px", margin="2px 12px"),
        )
        self._count = HTML()
        super().__init__(session, [HBox([self._column, self._slider, self._count], layout=ROW)])
        self._column.observe(self._on_column, "value")
        self._slider.observe(self._on_slider, "value")
        self._follow(self._draw, "suspects", "estimated_precision", "measured_precision")
        self._draw()

    def _on_column(self, change) -> None:
        self._try(setattr, self.session, "threshold_column", change["new"])

    def _on_slider(self, change) -> None:
        # The browser rounds to whole steps, which must not move a threshold that nobody touched.
        if abs(change["new"] - self.session.threshold) > self._slider.step / 2:
            self._try(setattr, self.session, "threshold", change["new"])

    def _wanted(self) -> tuple:
        session = self.session
        expected = session.estimated_precision
        return session.threshold_column, session.threshold, expected, session.measured_precision

    def _redraw(self, wanted: tuple) -> None:
        column, threshold, *_ = wanted
        self._column.value = column
        self._move_slider(self.session.columns.values(column), threshold)
        self._count.value = self._said()

    def _move_slider(self, values: np.ndarray, threshold: float) -> None:
        values = values[np.isfinite(values)]
        low = float(np.min(values, initial=threshold))
        high = float(np.max(values, initial=threshold))
        with self._slider.hold_trait_notifications():
            self._slider.min = low
            self._slider.max = high
            self._slider.step = (high - low) / STEPS or 1.0  # a step of 0 is refused
            self._slider.value = threshold

    def _said(self) -> str:
        """Say how many suspects there are, and how many of them are wrong."""
        measured = self.session.measured_precision
        words = [f"<b>{self.session.suspects.sum():,}</b> suspects"]
        if found := expected.said(self.session):
            words.append(found)
        if measured is not None:
            words.append(
                f"{percent(measured.precision)} of the {measured.decided:,} decided "
                f"({percent(measured.low)} to {percent(measured.high)})"
            )
        in_all = expected.range_said(self.session)
        return ", ".join(words) + (f"; {in_all}" if in_all else "")

    def _still(self) -> str:
        column = self.session.threshold_column
        threshold = self.session.threshold
        return f"<p>{self._said()}: {inert(called(column))} from {threshold:.3f} on.</p>"
