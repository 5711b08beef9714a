"""What an explorable shows for given values of its controls: figures, and a sentence.

The functions of the course that answer controls return an `Answer`; a panel draws it, and a
notebook without panels can show its figures one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from o2u_nb.plots.look import themed


@dataclass(frozen=True)
class Answer:
    """Hold the `figures` to draw, and a `message` that says in a sentence or two what they show."""

    figures: Sequence[go.Figure]
    message: str


def drawn(figure: go.Figure, title: str, *, height: int = 340) -> go.Figure:
    """Give a figure of a lesson its look: the key above the axes, since their title is below.

    `height` is in pixels. Returns the figure, which is changed.
    """
    themed(figure, title, height=height)
    figure.update_layout(
        legend=dict(yref="paper", y=1.02, yanchor="bottom", x=0), margin=dict(t=112, b=54, r=12)
    )
    return figure
