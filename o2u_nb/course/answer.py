"""What an explorable shows for given values of its controls: figures, and a sentence.

The functions of the course that answer controls return an `Answer`; a panel draws it, and a
notebook without panels can show its figures one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go


@dataclass(frozen=True)
class Answer:
    """Hold the `figures` to draw, and a `message` that says in a sentence or two what they show."""

    figures: Sequence[go.Figure]
    message: str
