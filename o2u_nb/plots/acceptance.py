"""The operating characteristic of a sampling plan: how good labels must be to be accepted.

In come shares of wrong labels and the chance that each is accepted; out comes a plotly figure.
"""

from collections.abc import Sequence

import plotly.graph_objects as go

from o2u_nb.plots.look import COLORS, TEXT, themed
from o2u_nb.text import percent

GOOD, BAD = COLORS[2], COLORS[0]


def operating_characteristic(
    shares: Sequence[float],
    chances: Sequence[float],
    *,
    good: tuple[float, float],
    bad: tuple[float, float],
    title: str,
) -> go.Figure:
    """Draw the chance of acceptance over the share of wrong labels, both in [0, 1].

    `good` is the share of a lot that should be accepted, with the producer's risk that it is not;
    `bad` that of a lot that must not be accepted, with the consumer's risk that it is.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[100 * share for share in shares],
        y=[100 * chance for chance in chances],
        mode="lines",
        line=dict(color=COLORS[1], width=2),
        name="chance to be accepted",
        hovertemplate="%{x:.2f} % wrong: accepted with %{y:.1f} %<extra></extra>",
    )
    for (share, risk), chance, color, symbol, who in (
        (good, 1 - good[1], GOOD, "circle", "producer"),
        (bad, bad[1], BAD, "diamond", "consumer"),
    ):
        figure.add_scatter(
            x=[100 * share],
            y=[100 * chance],
            mode="markers",
            marker=dict(color=color, symbol=symbol, size=11, line=dict(color=TEXT, width=1)),
            name=f"{who}'s risk: {percent(risk)}",
            hovertemplate=f"{percent(share)} wrong, {who}'s risk {percent(risk)}<extra></extra>",
        )
    figure.update_xaxes(title_text="wrong labels in the delivered set, %", rangemode="tozero")
    figure.update_yaxes(title_text="probability of acceptance, %", range=[-2, 102])
    figure = themed(figure, title, height=340)
    return figure.update_layout(margin_b=85)  # the legend has more entries than elsewhere
