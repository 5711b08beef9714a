"""Figures of the scores: histograms, and the mean of the loss against its variance.

In comes a scores table; out come figures that tell the suspects from the rest.
"""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from o2u_nb.detect.registry import called, describe
from o2u_nb.detect.suspects import of_label
from o2u_nb.errors import O2UError
from o2u_nb.plots.bars import BINS, bars, bin_edges, fill, overlaid
from o2u_nb.plots.look import CROWD, SUSPECT, TEXT, how_many, of_class, pair, themed
from o2u_nb.rows import evenly
from o2u_nb.text import plotted

MAX_SVG_POINTS = 5_000  # beyond this the browser needs WebGL

_HOVER = "%{customdata[0]}<br>%{customdata[1]}<br>mean %{x:.3f}, variance %{y:.3f}<extra></extra>"

POINTS = {
    "the rest": dict(
        mode="markers",
        marker=dict(color=CROWD, symbol="circle", size=5, opacity=0.55),
        hovertemplate=_HOVER,
    ),
    "suspects": dict(
        mode="markers",
        # A thin symbol has no area: its colour is that of its outline.
        marker=dict(symbol="x-thin", size=7, color=SUSPECT, line=dict(color=SUSPECT, width=1.5)),
        hovertemplate=_HOVER,
    ),
}


def histogram(
    scores: pd.DataFrame,
    column: str = "o2u_mean",
    *,
    label: str | None = None,
    threshold: float | None = None,
    bins: int = BINS,
) -> go.Figure:
    """Draw the distribution of one `column` of the score table `scores`, suspects over the rest.

    With `label`, only samples with that given label are counted; with `threshold`, a line is drawn
    there. Values are counted here in `bins` equal bins, so that the figure's size does not grow
    with the data; those that are not finite are left out. The axis of the counts is logarithmic,
    because the few suspects could not be seen beside the many others otherwise. Raises `O2UError`
    for an unknown class, or a column that is not there or not numeric.
    """
    _require(scores, column)
    chosen = of_label(scores, label)
    values = chosen[column].to_numpy(dtype=float)
    finite = np.isfinite(values)
    suspect = chosen["suspect"].to_numpy(dtype=bool)
    edges = bin_edges(values[finite], bins)
    counts = {
        name: np.histogram(values[finite & mask], bins=edges)[0]
        for name, mask in (("the rest", ~suspect), ("suspects", suspect))
    }
    figure = empty_histogram(column, f"Samples by {plotted(called(column))}{of_class(label)}")
    fill(figure.data, counts, edges)
    if threshold is not None:
        figure.add_vline(
            x=threshold, line=dict(color=TEXT, dash="dash", width=2), annotation_text="threshold"
        )
    return figure


def empty_histogram(column: str, title: str, *, height: int = 360) -> go.Figure:
    """Return the histogram of score `column` with empty bars, which `bars.fill` fills."""
    figure = go.Figure(bars("the rest", "suspects"))
    figure.update_xaxes(title_text=axis_title(column))
    figure.update_yaxes(title_text="samples", type="log", dtick=1)
    return overlaid(themed(figure, title, height=height))


def axis_title(column: str) -> str:
    """Say what score `column` is, and in which unit; for an unknown column, return its name."""
    return plotted(describe(column) or column)


def mean_against_variance(
    scores: pd.DataFrame, *, label: str | None = None, max_points: int = MAX_SVG_POINTS
) -> go.Figure:
    """Draw the variance of each sample's loss (nats², upwards) against its mean (nats).

    `scores` is a score table; its suspects have another symbol, and with `label` only the samples
    with that given label are drawn. At most `max_points` are drawn, chosen by `thinned`; the title
    says how many. Above 5,000 points the figure uses WebGL. Each point's `ids` holds the sample id
    as it is, and its `customdata` the inert text of the hover label. Raises `O2UError` for an
    unknown class.
    """
    chosen = of_label(scores, label)
    suspect = chosen["suspect"].to_numpy(dtype=bool)
    parts = thinned(np.flatnonzero(suspect), np.flatnonzero(~suspect), max_points)
    suspects = chosen.iloc[parts[0]]
    rest = chosen.iloc[parts[1]]
    shown = len(suspects) + len(rest)
    kind = go.Scattergl if shown > MAX_SVG_POINTS else go.Scatter
    figure = go.Figure()
    for (name, look), part in zip(POINTS.items(), (rest, suspects), strict=True):
        figure.add_trace(
            kind(
                look,
                x=part["o2u_mean"],
                y=part["o2u_var"],
                ids=part.index.tolist(),
                customdata=hover_names(part),
                name=f"{name} ({len(part):,})",
            )
        )
    some = how_many(shown, len(chosen), "samples")
    return scatter_style(figure, f"Mean against variance of the loss{of_class(label)}{some}")


def scatter_style(figure: go.Figure, title: str) -> go.Figure:
    """Give a figure of points the axes and the look of mean against variance."""
    figure.update_xaxes(title_text=axis_title("o2u_mean"))
    figure.update_yaxes(title_text=axis_title("o2u_var"))
    return themed(figure, title, height=480)


def thinned(
    suspects: np.ndarray, rest: np.ndarray, most: int = MAX_SVG_POINTS
) -> tuple[np.ndarray, np.ndarray]:
    """Keep at most `most` points, evenly spaced among `suspects` and among `rest`.

    Suspects may take up half of them, or more where there are few of the rest. Arguments and
    results are positions (n,) of int.

    >>> thinned(np.arange(3), np.arange(9), 6)
    (array([0, 1, 2]), array([0, 4, 8]))
    """
    kept = suspects[evenly(len(suspects), max(most // 2, most - len(rest)))]
    return kept, rest[evenly(len(rest), most - len(kept))]


def hover_names(rows: pd.DataFrame) -> np.ndarray:
    """Return sample id and pair of labels of each row, (n, 2), as inert text for hover labels."""
    names = np.empty((len(rows), 2), dtype=object)  # plotly copies an array faster than lists
    names[:, 0] = [plotted(id) for id in rows.index]
    names[:, 1] = list(map(pair, rows["label"], rows["suggested_label"]))
    return names


def _require(scores: pd.DataFrame, column: str) -> None:
    if column not in scores or not pd.api.types.is_numeric_dtype(scores[column]):
        numeric = ", ".join(scores.select_dtypes("number").columns)
        raise O2UError(f"No numeric column {column!r} in the scores: choose one of {numeric}.")
