"""The look of all figures: colours, the theme, and how names and counts are written in them.

In comes a plotly figure or a name; out comes the figure in the theme that is readable on light and
dark pages, or the name as inert text.
"""

from collections.abc import Iterable
from functools import lru_cache

import pandas as pd
import plotly.graph_objects as go

from o2u_nb.text import inert

# Okabe and Ito's colours, told apart by colour-blind readers; yellow and black are left out because
# each vanishes on one of the two page colours.
COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
SUSPECT = COLORS[0]
CROWD = COLORS[5]
TEXT = "#767676"  # contrast 4.5:1 against white and 4.2:1 against JupyterLab's dark page
GRID = "rgba(128,128,128,0.25)"
MAX_CLASSES = 30  # rows of names that a figure or a page shows at most, so that each can be read


def shade(color: str, opacity: float) -> str:
    """Return `color`, written `#RRGGBB`, with an `opacity` in [0, 1].

    >>> shade("#0072B2", 0.25)
    'rgba(0,114,178,0.25)'
    """
    red, green, blue = bytes.fromhex(color[1:])
    return f"rgba({red},{green},{blue},{opacity:.2f})"


def themed(figure: go.Figure, title: str, *, height: int) -> go.Figure:
    """Give a finished figure the look that works on any page: no background, one text colour.

    `height` is in pixels. Returns the figure, which is changed.
    """
    figure.update_layout(
        template="none",
        title=dict(text=title, font_size=15, x=0, xref="paper"),
        height=height,
        font=dict(color=TEXT, size=12),
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin=dict(l=60, r=20, t=60, b=50),
        hovermode="closest",
        legend=dict(orientation="h", yanchor="top", y=-0.16, x=0, font_size=11),
    )
    figure.update_xaxes(gridcolor=GRID, zerolinecolor=GRID, linecolor=GRID)
    figure.update_yaxes(gridcolor=GRID, zerolinecolor=GRID, linecolor=GRID)
    return figure


def named_ticks(names: Iterable[str]) -> dict:
    """Return the ticks of an axis of classes.

    They are placed by position, so that two names clipped to the same text stay two classes.
    """
    texts = [inert(name, 18) for name in names]
    return dict(tickvals=list(range(len(texts))), ticktext=texts, automargin=True, zeroline=False)


@lru_cache(maxsize=10_000)  # many samples, few pairs of classes
def pair(given: str, suggested: object) -> str:
    """Write a given and a suggested label (None or NaN = none) as inert text.

    >>> pair("cat", "<dog>"), pair("cat", None)
    ('cat → &lt;dog&gt;', 'cat → no suggestion')
    """
    other = inert(suggested, 24) if pd.notna(suggested) else "no suggestion"
    return f"{inert(given, 24)} → {other}"


def of_class(label: str | None) -> str:
    """Write the end of a title that says which class is drawn; it is empty for all classes."""
    return "" if label is None else f" of {inert(label, 40)}"


def how_many(shown: int, total: int, what: str) -> str:
    """Write the end of a title that says how many are shown; it is empty where all are.

    >>> how_many(30, 1200, "classes")
    ', 30 of 1,200 classes shown'
    """
    return f", {shown} of {total:,} {what} shown" if shown < total else ""
