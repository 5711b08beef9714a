"""The figure of a map: all samples as points, those that look alike near each other.

In come coordinates; out go a figure with a fixed number of layers, and what to draw in them. A
panel fills the layers anew; so the figure itself stays, with its zoom and its selection.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from o2u_nb.plots.look import BAR, COLORS, CROWD, SUSPECT, TEXT, themed
from o2u_nb.plots.scores import MAX_SVG_POINTS
from o2u_nb.text import plotted

# Told apart on light and dark pages; after the first six by the symbol, too.
PALETTE = (*COLORS, "#8B6FD6", "#8F8F2A", "#B0643C", "#1BA3A3", "#D663B0", "#5C8A4A")
SYMBOLS = ("circle", "diamond", "square")
OTHERS = "#8A8A8A"
FAINT = "#9AA5AD"  # samples that nothing was decided on
# In the order of `review.filters.STATES` without the first: keep, relabel, drop, unsure.
DECISIONS = (COLORS[2], COLORS[0], COLORS[3], COLORS[4])
# From the least to the most suspicious: readable on both pages, and without red against green.
SCALE = ((0.0, CROWD), (0.5, "#9A9A9A"), (1.0, SUSPECT))
SIZES = {2_000: 8, 20_000: 6}  # pixels of a point, up to so many of them
SMALLEST = 4
ALL, FIRST_GROUP, FOCUS = 0, 1, 1 + len(PALETTE)  # the numbers of the layers
RANGE = 15_000  # coordinates are drawn as whole numbers from minus this to this, see `placed`
EDGE = 1.06 * RANGE  # of the axes, so that no point is cut
HEIGHT = 560


def empty_map(n: int) -> go.Figure:
    """Return the figure for `n` samples without points: all, a layer for each group, the focus.

    Beyond `MAX_SVG_POINTS` points it is drawn by WebGL.
    """
    kind = go.Scatter if n <= MAX_SVG_POINTS else go.Scattergl
    size = next((size for most, size in SIZES.items() if n <= most), SMALLEST)
    layers = [kind(_look(OTHERS, "circle", size), name="all", opacity=0.6)]
    for number, color in enumerate(PALETTE):
        layers.append(kind(_look(color, SYMBOLS[number // 6], size), visible=False))
    ring = dict(symbol="circle-open", size=14, color=TEXT, line=dict(width=3))
    layers.append(
        kind(
            mode="markers", marker=ring, name="selected", hoverinfo="skip", showlegend=False,
            unselected=dict(marker=dict(opacity=1)),
        )
    )  # fmt: skip
    figure = themed(go.Figure(layers), "Map of all samples", height=HEIGHT)
    figure.update_layout(
        dragmode="lasso",
        title_pad_t=BAR + 14,  # its second line moves the first one up, below plotly's buttons
        legend=dict(itemsizing="constant"),
        newselection=dict(line=dict(color=TEXT, width=1.5)),
    )
    axis = dict(showticklabels=False, zeroline=False, showgrid=False, showline=False)
    figure.update_xaxes(axis, range=[-EDGE, EDGE], scaleanchor="y")  # as wide as there is room
    figure.update_yaxes(axis, range=[-EDGE, EDGE])
    return figure


def _look(color: str, symbol: str, size: int) -> dict:
    return dict(
        mode="markers",
        marker=dict(color=color, symbol=symbol, size=size),
        hoverinfo="none",  # the tile beside the pointer says it, and shows the picture
    )


def placed(coordinates: np.ndarray) -> np.ndarray:
    """Return coordinates (n, 2) as they are drawn: int16, centred, both axes in the same scale.

    They have no unit. Whole numbers of two bytes are a quarter of what decimals take on the way to
    the browser, and less than a third on the way back, when many points are selected.

    >>> placed(np.array([[0.0, 0.0], [4.0, 1.0], [2.0, 0.5]])).tolist()
    [[-15000, -3750], [15000, 3750], [0, 0]]
    """
    low, high = coordinates.min(0), coordinates.max(0)
    half = max(float((high - low).max()) / 2, np.finfo(np.float32).tiny)
    return np.round((coordinates - (low + high) / 2) / half * RANGE).astype(np.int16)


def groups(names: Sequence[str], counts: Sequence[int]) -> list[dict]:
    """Return what the layers of groups say in the legend; hidden layers fill up the rest."""
    found = [
        dict(name=f"{plotted(name, 24)} ({count:,})", visible=True)
        for name, count in zip(names, counts, strict=True)
    ]
    return found + [dict(visible=False)] * (len(PALETTE) - len(found))


def scale(values: np.ndarray, title: str) -> dict:
    """Return the marker of points that are coloured by `values` (n,); NaN is grey.

    The ends of the colours are the 1st and the 99th percentile, so that few extreme values do not
    take all the colours.
    """
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, [1, 99]) if len(known) else (0.0, 1.0)
    return dict(
        color=values.astype(np.float32),
        colorscale=[list(stop) for stop in SCALE],
        cmin=float(low),
        cmax=float(high) if high > low else float(low) + 1.0,
        showscale=True,
        colorbar=dict(title=plotted(title, 24), thickness=12, outlinewidth=0),
    )


def plain(color: str) -> dict:
    """Return the marker of points of one colour, where `scale` was before."""
    return dict(color=color, showscale=False)
