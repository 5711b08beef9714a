"""ODD's panel: the loss that random labels would have, laid over the recorded ones.

In comes an `Odd`, after each epoch from `learn.fit_odd(..., on_epoch=panel.update)` or at the end;
out go two histograms with the percentile as a line to drag, and the samples that it would remove.
"""

from html import escape

import numpy as np
from ipywidgets import FloatSlider, Layout

from o2u_nb.detect.odd import Odd
from o2u_nb.plots import still
from o2u_nb.plots.odd import odd_counts, odd_losses
from o2u_nb.widgets.parts.output import LiveOutput
from o2u_nb.widgets.parts.plot import CutPlot, fitted
from o2u_nb.widgets.parts.status import StatusLine

WAITING = "Waiting for the first epoch."
# Percentiles of the loss of random labels. The range is a choice; the paper uses 10.
SLIDER = dict(min=0.5, max=60.0, step=0.5)


class OddPanel(LiveOutput):
    """Show ODD at work: `learn.fit_odd(..., on_epoch=panel.update)`, or `OddPanel(odd)` later.

    Drag the line, or move the slider, to see what another percentile would remove; the training
    does not change. `percentile` is the percentile at the line, and `removed` tells which samples
    lie above it.
    """

    def __init__(self, odd: Odd | None = None):
        self._odd = None
        self.percentile = 10.0  # that of the paper, until an `Odd` comes with its own
        self._plot = CutPlot(odd_losses(None), self._on_line)
        self._slider = FloatSlider(
            self.percentile,
            description="percentile",
            readout_format=".1f",
            layout=Layout(width="100%", max_width="460px"),
            **SLIDER,
        )
        self._status = StatusLine(message=WAITING)
        super().__init__([self._slider, fitted(self._plot), self._status])
        self._slider.observe(self._on_slider, "value")
        if odd is not None:
            self.update(odd)

    def update(self, odd: Odd) -> None:
        """Draw what is known after another epoch; the line goes back to ODD's own percentile."""
        self._odd = odd
        self.percentile = odd.percentile
        self._slider.value = odd.percentile
        drawn = odd_losses(odd)
        with self._plot.batch_update():
            for bars, new in zip(self._plot.data, drawn.data, strict=True):
                bars.update(x=new.x, y=new.y, width=new.width, customdata=new.customdata,
                            name=new.name)  # fmt: skip
            self._plot.layout.title.text = drawn.layout.title.text
        self._draw()
        if odd.final:
            self.send_again()

    @property
    def message(self) -> str:
        """Return in words what the line removes, and how the random labels were simulated."""
        return WAITING if self._odd is None else self._odd.describe(self.percentile)

    @property
    def removed(self) -> np.ndarray:
        """Tell which samples are above the line: (n_samples,) of bool."""
        return self._odd.loss > self._odd.at(self.percentile)[0]

    def _on_slider(self, change) -> None:
        # The browser rounds to whole steps, which must not move a line that nobody touched.
        if abs(change["new"] - self.percentile) > SLIDER["step"] / 2:
            self._move(change["new"])

    def _on_line(self, x: float) -> None:
        if self._odd is not None:
            self._move(float(100 * np.mean(self._odd.simulated <= x)))

    def _move(self, percentile: float) -> None:
        self.percentile = float(np.clip(percentile, SLIDER["min"], SLIDER["max"]))
        self._slider.value = self.percentile
        self._draw()

    def _draw(self) -> None:
        if self._odd is not None:
            self._plot.cut_at(self._odd.at(self.percentile)[0])
        self._status.message = self.message

    def _html(self) -> str:
        if self._odd is None:
            return f"<p>{escape(WAITING)}</p>"
        recorded, simulated, edges = odd_counts(self._odd)
        caption = f"Losses from 0 to {edges[-1]:.3g} nats: recorded (light), random labels (dark). "
        return still.bars(recorded, simulated, caption + self.message)
