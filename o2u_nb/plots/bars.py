"""Histograms of two kinds of samples laid over each other, counted in Python.

In come counts and the edges of their bins; out come plotly bars. Since nothing is counted in the
browser, a figure of a million samples is no larger than one of a thousand.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from o2u_nb.plots.look import CROWD, SUSPECT

BINS = 60  # each is about ten pixels wide in a figure as wide as a notebook's page
LIGHT = dict(color=CROWD)
# Their hatching tells these bars from the others where colours cannot.
DARK = dict(color=SUSPECT, pattern=dict(shape="/", size=5, solidity=0.6))


def bars(light: str, dark: str, *, count: str = "%{y}", **style: Any) -> list[go.Bar]:
    """Make two empty traces of bars, named `light` and, drawn over them, `dark`.

    `count` is plotly's template for the number of samples in the hover label.
    """
    between = f"%{{customdata[0]:.3g}} to %{{customdata[1]:.3g}}: {count} samples"
    hover = f"{between}<br>%{{fullData.name}}<extra></extra>"
    return [
        go.Bar(name=name, marker=marker, hovertemplate=hover, **style)
        for name, marker in ((light, LIGHT), (dark, DARK))
    ]


def fill(traces: Sequence[go.Bar], counts: Mapping[str, np.ndarray], edges: np.ndarray) -> None:
    """Put counts per bin into the traces of `bars`, in their order, with the total in each name.

    `counts` maps each trace's name to an array (n,); `edges` (n + 1,) are the edges of the bins.
    """
    for trace, (name, count) in zip(traces, counts.items(), strict=True):
        trace.update(bins_of(count, edges), name=f"{name} ({count.sum():,})")


def bins_of(counts: np.ndarray, edges: np.ndarray) -> dict[str, np.ndarray]:
    """Return the properties of bars as high as `counts` (n,) between `edges` (n + 1,).

    A count of 0 has no bar.
    """
    return dict(
        x=(edges[:-1] + edges[1:]) / 2,
        y=np.where(counts > 0, counts, np.nan),
        width=np.diff(edges),
        customdata=np.stack([edges[:-1], edges[1:]], axis=1),
    )


def overlaid(figure: go.Figure) -> go.Figure:
    """Lay the bars of a finished `figure` over each other, with the legend above them."""
    figure.update_layout(barmode="overlay", bargap=0)
    return figure.update_layout(
        legend=dict(yref="paper", yanchor="bottom", y=1.0, xanchor="right", x=1)
    )


def bin_edges(values: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the edges (bins + 1,) of equal bins over `values`, which must be finite.

    Values that hardly differ are treated as if they were equal, and get bins around their middle.
    Bins between them would be narrower than floating-point numbers can tell apart.
    """
    if len(values):
        middle = values.min() / 2 + values.max() / 2
        least = 2 * bins * np.spacing(np.abs(values).max())
        if values.max() - values.min() < least:
            half = max(0.5, least)
            return np.linspace(middle - half, middle + half, bins + 1)
    return np.histogram_bin_edges(values, bins=bins)
