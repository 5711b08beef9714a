"""Still pictures of panels, for where neither widgets nor plotly run: nbviewer, an export, a mail.

In come the numbers that a panel draws; out goes a piece of HTML with an inline SVG, no script and
nothing to fetch.
"""

from html import escape

import numpy as np

from o2u_nb import plots

WIDTH, HEIGHT = 640, 200


def loss_curves(bands: np.ndarray, suspects: np.ndarray, message: str) -> str:
    """Draw the crowd's quantile `bands` (5, n_epochs) and the `suspects` (n_epochs,), in nats."""
    return curves(
        bands,
        suspects[None],
        f"{message} Loss of everybody (grey: median and bands) and of the current suspects "
        f"(dashed), 0 to {_top(bands, suspects):.3g} nats, by epoch.",
    )


def curves(bands: np.ndarray, lines: np.ndarray, caption: str, *, width: int = WIDTH) -> str:
    """Draw `lines` (n, n_epochs) >= 0, dashed, over quantile `bands` (5, n_epochs), both by epoch.

    `caption` is plain text; `width` is in CSS pixels.
    """
    top = _top(bands, lines)
    outer, inner = _band(bands[0], bands[4], top, 0.18), _band(bands[1], bands[3], top, 0.3)
    median = _curve(bands[2], top, f'stroke="{plots.TEXT}"')
    style = f'stroke="{plots.SUSPECT}" stroke-dasharray="9 6"'
    dashed = "".join(_curve(line, top, style) for line in lines)
    return _figure(outer + inner + median + dashed, "Loss by epoch", caption, width)


def bars(rest: np.ndarray, suspects: np.ndarray, caption: str) -> str:
    """Draw two histograms (n,) of counts over each other, on a logarithmic scale."""
    highest = np.log1p(max(1, *rest, *suspects))
    return _figure(
        _columns(np.log1p(rest) / highest, f'fill="{plots.CROWD}"')
        + _columns(np.log1p(suspects) / highest, f'fill="{plots.SUSPECT}" fill-opacity="0.75"'),
        "Histogram of the score",
        caption,
    )


def points(x: np.ndarray, y: np.ndarray, suspect: np.ndarray, caption: str) -> str:
    """Draw points (n,) that are finite, those that are `suspect` (n,) bool as crosses."""
    left, top = WIDTH * _within(x), HEIGHT * (1 - _within(y))
    marks = "".join(
        f'<path d="M{a - 3:.0f} {b - 3:.0f}l6 6m0 -6l-6 6" stroke="{plots.SUSPECT}"/>'
        if cross
        else f'<circle cx="{a:.0f}" cy="{b:.0f}" r="2" fill="{plots.CROWD}"/>'
        for a, b, cross in zip(left, top, suspect, strict=True)
    )
    return _figure(marks, "Scatter of mean and variance", caption)


def _figure(marks: str, title: str, caption: str, width: int = WIDTH) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" viewBox="-4 -4 {WIDTH + 8} '
        f'{HEIGHT + 8}" style="max-width:100%" role="img" aria-label="{title}">'
        f"{marks}</svg><p>{escape(caption)}</p>"
    )


def _within(values: np.ndarray) -> np.ndarray:
    """Scale `values` to [0, 1]; all in the middle where they are all the same."""
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


def _top(bands: np.ndarray, lines: np.ndarray) -> float:
    return float(np.nanmax([*bands[4], *lines.ravel(), 1e-9]))


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
    return f'<polygon points="{points}" fill="{plots.TEXT}" fill-opacity="{opacity}"/>'
