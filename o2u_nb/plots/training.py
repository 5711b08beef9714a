"""A training as it goes: the losses of everybody and of the suspects, over the learning rate.

In come bands of losses and the learning rates of the finished epochs; out goes a piece of HTML with
an inline SVG, which any page shows at once: nothing has to be loaded for it, also not while the
kernel is busy with training, and a saved notebook keeps it.
"""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

import numpy as np

from o2u_nb.phases import phase_of
from o2u_nb.plots.bands import BANDS, MEDIAN
from o2u_nb.plots.look import SUSPECT, TEXT

# The drawing in its own units; one is about one CSS pixel in a notebook of usual width.
WIDTH = 960
LEFT, RIGHT = 56, 168  # room for the numbers of the axis, and for the names of the curves
TOP, BOTTOM = 22, 190  # of the plot of losses
RATE_TOP, RATE_BOTTOM = 214, 264  # of the plot of learning rates
HEIGHT = 296
FONT = "font-family:var(--jp-ui-font-family,sans-serif);font-size:13px;fill:currentColor"
AXIS = f'stroke="{TEXT}" stroke-opacity="0.5"'
MOST_TICKS = 12  # numbers of epochs below the axis


def training(
    quantiles: np.ndarray,
    suspects: np.ndarray,
    rates: np.ndarray,
    phases: Sequence[str],
    *,
    n_epochs: int | None = None,
) -> str:
    """Draw the training so far.

    `quantiles` (5, n) are those of `bands.quantiles` of the loss of all samples in nats, and
    `suspects` (n,) is the mean loss of the current suspects; both are NaN in an epoch in which no
    sample was seen. `rates` (n,) are the learning rates and `phases` (n,) the names of the phases
    of these epochs. `n_epochs` is how many there will be, if that is known.
    """
    done = len(rates)
    total = max(n_epochs or done, done, 1)
    xs = LEFT + (np.arange(total) + 0.5) / total * (WIDTH - LEFT - RIGHT)
    loss = _Scale(xs, TOP, BOTTOM, [*quantiles[-1], *suspects])
    rate = _Scale(xs, RATE_TOP, RATE_BOTTOM, rates)
    ends = {"current suspects": suspects, "everybody": quantiles[MEDIAN]}
    drawn = [
        *_phases(phases, xs, total),
        *_axes(loss, "loss (nats)"),
        *_axes(rate, "learning rate"),
        *_epochs(xs),
        *(_band(loss, quantiles[low], quantiles[high], by) for (low, high), by in BANDS.items()),
        loss.curve(quantiles[MEDIAN], f'stroke="{TEXT}" stroke-width="2"'),
        rate.curve(rates, f'stroke="{TEXT}" stroke-width="2"'),
        loss.curve(suspects, f'stroke="{SUSPECT}" stroke-width="3"', dash="9 5"),
        *_names(loss, ends),
    ]
    said = escape(_in_words(quantiles[MEDIAN], suspects))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{said}" style="display:block;width:100%;max-width:1400px;'
        f'color:var(--jp-ui-font-color1,inherit)"><title>{said}</title>{"".join(drawn)}</svg>'
    )


class _Scale:
    """Place values in one of the two plots: 0 is at `bottom`, the largest value at `top`."""

    def __init__(self, xs: np.ndarray, top: int, bottom: int, values: Iterable[float]):
        self.xs, self.top, self.bottom = xs, top, bottom
        # Values are divided by the largest one, which must not be 0 or missing.
        self.most = float(np.nanmax([*values, 1e-9]))

    def y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * value / self.most

    def points(self, values: np.ndarray) -> list[str]:
        return [
            f"{x:.1f},{self.y(value):.1f}"
            for x, value in zip(self.xs, values, strict=False)
            if np.isfinite(value)
        ]

    def curve(self, values: np.ndarray, style: str, *, dash: str = "none") -> str:
        points = self.points(values)
        if len(points) == 1:  # a single epoch is no line yet
            x, y = points[0].split(",")
            return f'<circle cx="{x}" cy="{y}" r="3" fill="none" {style}/>'
        line = " ".join(points)
        return f'<polyline points="{line}" fill="none" stroke-dasharray="{dash}" {style}/>'


def _band(scale: _Scale, low: np.ndarray, high: np.ndarray, opacity: float) -> str:
    points = " ".join(scale.points(low) + scale.points(high)[::-1])
    return f'<polygon points="{points}" fill="{TEXT}" fill-opacity="{opacity}"/>'


def _phases(phases: Sequence[str], xs: np.ndarray, total: int) -> list[str]:
    """Write the name of each phase above its epochs, and shade those that prepare for another."""
    step = (WIDTH - LEFT - RIGHT) / total
    drawn, first = [], 0
    for name, epochs in groupby(phases):
        phase, last = phase_of(name), first + len(list(epochs))
        left = xs[first] - step / 2
        if phase.is_shaded:
            drawn.append(
                f'<rect x="{left:.1f}" y="{TOP}" width="{(last - first) * step:.1f}" '
                f'height="{RATE_BOTTOM - TOP}" fill="{TEXT}" fill-opacity="0.12"/>'
            )
        drawn.append(_text(left + 4, TOP - 7, phase.words))
        first = last
    return drawn


def _axes(scale: _Scale, name: str) -> list[str]:
    right = WIDTH - RIGHT
    return [
        f'<path d="M{LEFT} {scale.top}V{scale.bottom}H{right}" fill="none" {AXIS}/>',
        _text(LEFT - 6, scale.top + 10, f"{scale.most:.2g}", "end"),
        _text(LEFT - 6, scale.bottom, "0", "end"),
        _text(right + 8, scale.bottom, name),
    ]


def _epochs(xs: np.ndarray) -> list[str]:
    every = -(-len(xs) // MOST_TICKS)
    numbered = range(0, len(xs), every)
    return [
        *(_text(xs[epoch], RATE_BOTTOM + 16, f"{epoch + 1}", "middle") for epoch in numbered),
        _text(WIDTH - RIGHT + 8, RATE_BOTTOM + 16, "epoch"),
    ]


def _names(scale: _Scale, curves: dict[str, np.ndarray]) -> list[str]:
    """Write each curve's name beside its end; names keep apart from each other."""
    ends = []
    for name, values in curves.items():
        seen = np.flatnonzero(np.isfinite(values))
        if len(seen):
            ends.append((scale.y(values[seen[-1]]), scale.xs[seen[-1]], name))
    drawn, free = [], float(TOP)
    for y, x, name in sorted(ends):
        place = max(min(y + 4, BOTTOM - 18), free)
        free = place + 16
        drawn.append(_text(x + 8, place, name, weight=600))
    return drawn


def _text(x: float, y: float, text: str, anchor: str = "start", *, weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" '
        f'style="{FONT}">{escape(text)}</text>'
    )


def _in_words(median: np.ndarray, suspects: np.ndarray) -> str:
    last = [values[np.isfinite(values)][-1:] for values in (median, suspects)]
    if not all(map(len, last)):
        return "Loss by epoch; none is known yet."
    everybody, mean = (float(value[0]) for value in last)
    return (
        f"Loss by epoch: in epoch {len(median)} the median of all samples is {everybody:.2g} nats, "
        f"the mean of the current suspects {mean:.2g}."
    )
