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
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" viewBox="-4 -4 {WIDTH + 8} '
        f'{HEIGHT + 8}" style="max-width:100%" role="img" aria-label="Loss by epoch">'
        f"{outer}{inner}{median}{dashed}</svg><p>{escape(caption)}</p>"
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
