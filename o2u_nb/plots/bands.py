"""Bands of quantiles: where half, and nine tenths, of many samples lie in each epoch.

In come the losses or margins of the samples; out come their quantiles, and the plotly traces of
both bands and of the median. The figure of trajectories, the panel of that name, the live plot and
the still pictures all draw these.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from o2u_nb.detect.suspects import of_label
from o2u_nb.errors import TraceError
from o2u_nb.plots.look import TEXT, shade
from o2u_nb.rows import evenly
from o2u_nb.trace import Trace

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MEDIAN = 2  # its place in QUANTILES
# The ends of each band, as places in QUANTILES, and its opacity in [0, 1]. The inner band is drawn
# over the outer one. Both are pale enough to show the bands of a class through those of the crowd.
BANDS = {(0, 4): 0.15, (1, 3): 0.25}
MEDIAN_TRACE = len(BANDS)  # its place among the traces of `band_traces`
IN_WORDS = "median, 50 and 90 % bands"
CROWD_NAME = "crowd (not suspects)"
# Samples of the crowd that quantiles are taken of. In a random sample of this size, the rank of the
# median has a standard error of 0.35 % (0.5 / sqrt(20,000)); that of other quantiles is smaller.
MAX_CROWD = 20_000


def crowd_bands(
    trace: Trace, scores: pd.DataFrame, *, label: str | None = None, value: str = "loss"
) -> np.ndarray:
    """Return the `QUANTILES` of the crowd's `value` per epoch, (5, n_epochs).

    The crowd are the samples that are not suspects, of class `label` if that is given. At most
    20,000 of them are used, evenly spaced. `value` is `loss` (nats) or `margin` (logits). The
    quantiles are NaN in an epoch in which no sample was seen. Raises `TraceError` for scores of
    another trace.
    """
    chosen = of_label(scores, label)
    crowd = chosen[~chosen["suspect"].astype(bool)]
    crowd = crowd.iloc[evenly(len(crowd), MAX_CROWD)]
    return quantiles(getattr(trace, value)[:, positions_in(trace, crowd.index)])


def quantiles(values: np.ndarray) -> np.ndarray:
    """Return the `QUANTILES` of each row of `values` (n_epochs, n) as (5, n_epochs).

    Values that are not finite are left out; the quantiles of a row without any other are NaN.
    """
    found = np.full((len(QUANTILES), len(values)), np.nan)
    for epoch, row in enumerate(values):
        seen = row[np.isfinite(row)]
        if len(seen):
            found[:, epoch] = np.quantile(seen, QUANTILES)
    return found


def positions_in(trace: Trace, ids: pd.Index) -> np.ndarray:
    """Return the positions of samples in `trace`; raise `TraceError` where it lacks one."""
    positions = trace.ids.get_indexer(ids)
    if (positions < 0).any():
        raise TraceError(
            f"{(positions < 0).sum()} samples of the scores are not in the trace (such as "
            f"{ids[positions < 0][0]!r}): pass the trace that these scores were computed from."
        )
    return positions


def band_traces(color: str = TEXT, dash: str = "solid") -> list[go.Scatter]:
    """Make empty traces of the outer band, the inner band and the median, for `fill_bands`.

    `dash` is the style of the median's line. The legend lists only the median; a click on it there
    hides all three.
    """
    common = dict(mode="lines", legendgroup=color)
    filled = dict(line_width=0, fill="toself", hoverinfo="skip", showlegend=False)
    areas = [
        go.Scatter(fillcolor=shade(color, opacity), **filled, **common)
        for opacity in BANDS.values()
    ]
    median = go.Scatter(
        line=dict(color=color, width=3, dash=dash),
        connectgaps=True,
        hovertemplate="epoch %{x}, median: %{y:.3f}<br>%{fullData.name}<extra></extra>",
        **common,
    )
    return [*areas, median]


def fill_bands(traces: Sequence[go.Scatter], found: np.ndarray, name: str) -> None:
    """Put the quantiles `found` (5, n_epochs) into the three traces of `band_traces`.

    `name` (inert text) says in the legend of which samples they are.
    """
    *areas, median = traces
    for area, (low, high) in zip(areas, BANDS, strict=True):
        area.update(_outline(found[low], found[high]))
    median.update(by_epoch(found[MEDIAN]), name=f"{name}: {IN_WORDS}", showlegend=None)


def empty_bands(traces: Sequence[go.Scatter]) -> None:
    """Take what `fill_bands` has drawn out of the three traces again."""
    for trace in traces:
        trace.update(x=[], y=[])
    traces[MEDIAN_TRACE].update(name="", showlegend=False)


def by_epoch(values: np.ndarray | Sequence[float]) -> dict[str, Any]:
    """Return the points of a line through `values` (n_epochs,); epochs count from 1."""
    return dict(x=np.arange(1, len(values) + 1), y=values)


def _outline(low: np.ndarray, high: np.ndarray) -> dict[str, np.ndarray]:
    """Return the points of the closed line around a band: to the right above it, and back below it.

    Epochs in which no sample was seen are skipped.
    """
    there = np.flatnonzero(np.isfinite(low))
    back = there[::-1]
    return dict(
        x=np.concatenate([there, back]) + 1,
        y=np.concatenate([high[there], low[back]]),
    )
