"""Figures of the classes: the share of suspects in each, and which label is taken for which.

In comes a scores table, or the counted pairs of given and suggested labels; out come figures.
"""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from o2u_nb.detect.suspects import confused, per_class
from o2u_nb.plots.look import (
    CROWD,
    MAX_CLASSES,
    SUSPECT,
    how_many,
    named_ticks,
    shade,
    themed,
)
from o2u_nb.text import percent, plotted

# Heights in pixels.
BAR = 24  # a bar with its text
CELL = 34  # a cell with its number
OPAQUE = [[0, "#FFF1E6"], [1, "#E8853A"]]
# At its strongest it is dark enough for white text on a dark page, 6:1, and pale enough for black
# text on a white one, 6:1.
THROUGH = [[0, shade(SUSPECT, 0.06)], [1, shade(SUSPECT, 0.7)]]
AROUND = 149  # the title, the margins and the names of the axis together


def class_counts(scores: pd.DataFrame) -> go.Figure:
    """Draw the share of suspects in each given class, in percent, as horizontal bars.

    `scores` is a score table. At most the 30 classes with most suspects are drawn.
    """
    table = per_class(scores)
    shown = table.head(MAX_CLASSES)[::-1]
    labels = [
        f"{percent(row.share)}  ({row.suspects:,} of {row.samples:,})" for row in shown.itertuples()
    ]
    figure = go.Figure(
        go.Bar(
            x=shown["share"],
            y=np.arange(len(shown)),
            orientation="h",
            text=labels,
            textposition="auto",
            customdata=[plotted(name) for name in shown.index],
            hovertemplate="%{customdata}: %{text}<extra></extra>",
            marker=dict(color=CROWD),
            cliponaxis=False,
        )
    )
    figure.update_xaxes(title_text="share of suspects", tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(**named_ticks(shown.index), showgrid=False)
    title = "Suspects per class" + how_many(len(shown), len(table), "classes")
    return themed(figure, title, height=AROUND + BAR * len(shown))


def confusion(scores: pd.DataFrame) -> go.Figure:
    """Draw how often each given label (row) has which suggestion (column) among the suspects.

    `scores` is a score table; the numbers are counts of suspects. Of more than 30 classes, those
    30 are drawn that are involved most often. Pairs that do not occur are blank.
    """
    pairs = confused(scores)
    counts = confusion_counts(pairs)
    names = list(counts)
    figure = go.Figure(heatmap(counts))
    figure.update_xaxes(named_ticks(names))
    figure.update_yaxes(named_ticks(names))
    total = len(set(pairs["given"]) | set(pairs["suggested"]))
    title = "Given and suggested labels of the suspects" + how_many(len(names), total, "classes")
    return matrix_style(figure, title, len(names))


def matrix_style(figure: go.Figure, title: str, n_classes: int) -> go.Figure:
    """Give a figure the axes and the look of given labels (rows) against suggested ones."""
    figure.update_xaxes(title_text="suggested label", showgrid=False)
    figure.update_yaxes(title_text="given label", showgrid=False, autorange="reversed")
    figure.update_yaxes(title_standoff=16)  # clear of names of any length
    return themed(figure, title, height=matrix_height(n_classes))


def confusion_counts(pairs: pd.DataFrame) -> pd.DataFrame:
    """Spread `pairs` (columns given, suggested, count) over a square table, given by suggested.

    Of more than 30 classes, it keeps the 30 that are involved most often. It holds NaN where a pair
    does not occur.
    """
    involved = pd.concat([pairs.groupby(side)["count"].sum() for side in ("given", "suggested")])
    involved = involved.groupby(level=0).sum().sort_values(ascending=False, kind="stable")
    names = sorted(involved.index[:MAX_CLASSES])
    counts = pairs.pivot(index="given", columns="suggested", values="count")
    return counts.reindex(index=names, columns=names)


def matrix_height(n_classes: int) -> int:
    """Return the height in pixels at which a matrix of `n_classes` rows can be read."""
    return max(280, min(AROUND + CELL * n_classes, 900))


def heatmap(counts: pd.DataFrame, *, on_page: bool = False) -> go.Heatmap:
    """Draw a square table as coloured cells with numbers in them.

    On every colour of the scale the numbers have a contrast of at least 6.5:1. With `on_page`, the
    page shows through where the counts are low, so that few is pale on a light page and dark on a
    dark one. That is for pages that write the numbers in their own colour, see `look.readable`.
    """
    names = list(counts)
    hover = [[[plotted(given), plotted(other)] for other in names] for given in names]
    return go.Heatmap(
        x=np.arange(len(names)),
        y=np.arange(len(names)),
        z=counts.astype(object).where(counts.notna(), None).to_numpy().tolist(),  # JSON has no NaN
        zmin=0,
        customdata=hover,
        colorscale=THROUGH if on_page else OPAQUE,
        texttemplate="%{z}",
        textfont_color="#1A1A1A",
        hoverongaps=False,
        hovertemplate="%{customdata[0]} → %{customdata[1]}: %{z}<extra></extra>",
        showscale=False,
        xgap=1,
        ygap=1,
    )
