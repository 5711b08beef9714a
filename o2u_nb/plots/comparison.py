"""Figures of a comparison: how each method does under each noise, with the spread over the seeds.

In comes a `Comparison`; out come plain plotly figures.
"""

import plotly.graph_objects as go

from o2u_nb.comparison import FIGURES, Comparison
from o2u_nb.plots.look import COLORS, TEXT, named_ticks, themed
from o2u_nb.text import inert

SYMBOLS = ("circle", "diamond", "square", "cross", "triangle-up", "star")
ROW, AROUND = 26, 170  # pixels of a method's row, and of all else


def comparison(found: Comparison, figure: str = "average_precision") -> go.Figure:
    """Draw one row for each method, best on average at the top, and a mark for each noise.

    `figure` is one of `comparison.FIGURES`. A mark is the mean over the seeds, its bar the standard
    deviation (n - 1). Noises differ in colour and shape. Raises `O2UError` for another figure.
    """
    mean, spread = found.mean(figure), found.spread(figure)
    title, more_is_better = FIGURES[figure]
    order = mean.mean(axis=1).sort_values(ascending=not more_is_better).index
    drawn = go.Figure()
    for k, noise in enumerate(mean):
        values = mean.loc[order, noise]
        drawn.add_scatter(
            x=values,
            y=list(range(len(order))),
            error_x=dict(type="data", array=spread.loc[order, noise].fillna(0), thickness=1),
            mode="markers",
            marker=dict(
                color=COLORS[k % len(COLORS)], symbol=SYMBOLS[k % len(SYMBOLS)], size=9,
                line=dict(color=TEXT, width=0.5),
            ),
            name=inert(noise, 40),
            text=[inert(name, 40) for name in order],
            hovertemplate="%{text}: %{x:.3f}",
        )  # fmt: skip
    drawn.update_xaxes(title_text=title)
    drawn.update_yaxes(**named_ticks(order), autorange="reversed")
    themed(drawn, title[0].upper() + title[1:], height=AROUND + ROW * len(order))
    return drawn.update_layout(legend=dict(yanchor="bottom", y=1.0, xanchor="right", x=1))
