"""Still pictures of panels, for where neither widgets nor plotly run: nbviewer, an export, a mail.

In come the numbers that a panel draws; out goes a piece of HTML with an inline SVG. It has no
script, and there is nothing that a page would have to fetch for it.
"""

from html import escape

import numpy as np

from o2u_nb.plots.bands import BANDS, IN_WORDS, MEDIAN
from o2u_nb.plots.look import CROWD, SUSPECT, TEXT

# The size of a drawing in its own units. One unit is one CSS pixel unless a page is narrower.
WIDTH = 640
HEIGHT = 200


def losses(
    quantiles: np.ndarray,
    lines: np.ndarray,
    *,
    of: str,
    crowd: str = "the crowd",
    width: int = WIDTH,
) -> str:
    """Draw the losses `lines` (n, n_epochs) by epoch, dashed, over the bands of the crowd.

    `quantiles` (5, n_epochs) are those of `bands.quantiles`. All losses are in nats, NaN where no
    sample was seen. `of` and `crowd` (plain text) say in the caption whose losses these are;
    `width` is in CSS pixels.
    """
    # Values are divided by the largest one, which must not be 0 or missing where none was seen yet.
    top = float(np.nanmax([*quantiles[-1], *lines.ravel(), 1e-9]))
    bands = [
        _band(quantiles[low], quantiles[high], top, opacity)
        for (low, high), opacity in BANDS.items()
    ]
    median = _curve(quantiles[MEDIAN], top, f'stroke="{TEXT}"')
    dashes = f'stroke="{SUSPECT}" stroke-dasharray="9 6"'
    dashed = [_curve(line, top, dashes) for line in lines]
    caption = f"Loss by epoch, 0 to {top:.3g} nats: {of} (dashed) and {crowd} (grey: {IN_WORDS})."
    return _figure("".join([*bands, median, *dashed]), "Loss by epoch", caption, width)


def bars(light: np.ndarray, dark: np.ndarray, caption: str) -> str:
    """Draw two histograms (n_bins,) of counts over each other, on a logarithmic scale.

    `caption` is plain text.
    """
    highest = np.log1p(max(1, *light, *dark))
    columns = [
        _columns(np.log1p(light) / highest, f'fill="{CROWD}"'),
        _columns(np.log1p(dark) / highest, f'fill="{SUSPECT}" fill-opacity="0.75"'),
    ]
    return _figure("".join(columns), "Histogram", caption)


def points(
    x: np.ndarray,
    y: np.ndarray,
    suspect: np.ndarray,
    caption: str,
    *,
    title: str = "Scatter of mean and variance",
) -> str:
    """Draw points at `x` and `y` (n,), which must be finite; suspects are crosses, others dots.

    `suspect` (n,) of bool tells them apart. `caption` and `title` are plain text.
    """
    left = WIDTH * _within(x)
    top = HEIGHT * (1 - _within(y))
    marks = "".join(
        f'<path d="M{a - 3:.0f} {b - 3:.0f}l6 6m0 -6l-6 6" stroke="{SUSPECT}"/>'
        if cross
        else f'<circle cx="{a:.0f}" cy="{b:.0f}" r="2" fill="{CROWD}"/>'
        for a, b, cross in zip(left, top, suspect, strict=True)
    )
    return _figure(marks, title, caption)


def _figure(marks: str, title: str, caption: str, width: int = WIDTH) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" viewBox="-4 -4 {WIDTH + 8} '
        f'{HEIGHT + 8}" style="max-width:100%" role="img" aria-label="{title}">'
        f"{marks}</svg><p>{escape(caption)}</p>"
    )


def _within(values: np.ndarray) -> np.ndarray:
    """Scale `values` to [0, 1]; values that are all the same become 0.5."""
    span = np.ptp(values) if len(values) else 0
    return (values - values.min()) / span if span else np.full(len(values), 0.5)


def _columns(heights: np.ndarray, style: str) -> str:
    width = WIDTH / len(heights)
    return "".join(
        f'<rect x="{k * width:.1f}" y="{HEIGHT * (1 - height):.1f}" width="{width:.1f}" '
        f'height="{HEIGHT * height:.1f}" {style}/>'
        for k, height in enumerate(heights)
        if height > 0
    )


def _points(values: np.ndarray, top: float) -> list[str]:
    """Place `values` from 0 to `top` in the picture, one after the other; NaN leaves no point."""
    xs = np.linspace(0, WIDTH, max(2, len(values)))[: len(values)]
    ys = HEIGHT * (1 - values / top)
    return [f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True) if np.isfinite(y)]


def _curve(values: np.ndarray, top: float, style: str) -> str:
    points = " ".join(_points(values, top))
    return f'<polyline points="{points}" fill="none" stroke-width="3" {style}/>'


def _band(low: np.ndarray, high: np.ndarray, top: float, opacity: float) -> str:
    points = " ".join(_points(low, top) + _points(high, top)[::-1])
    return f'<polygon points="{points}" fill="{TEXT}" fill-opacity="{opacity}"/>'
