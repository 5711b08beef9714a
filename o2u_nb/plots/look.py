"""The look of all figures: colours, the theme, and how names and counts are written in them.

In comes a plotly figure or a name; out comes the figure in the theme that is readable on light and
dark pages, or the name as inert text.
"""

from collections.abc import Iterable
from functools import lru_cache

import pandas as pd
import plotly.graph_objects as go

from o2u_nb.text import plotted

# Okabe and Ito's colours, told apart by colour-blind readers; yellow and black are left out because
# each vanishes on one of the two page colours.
COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
SUSPECT = COLORS[0]
CROWD = COLORS[5]
TEXT = "#767676"  # contrast 4.5:1 against white and 4.2:1 against JupyterLab's dark page
GRID = "rgba(128,128,128,0.25)"
# A hover label lies on top of everything, so one pair of colours does for every page. 14:1.
LABEL = dict(bgcolor="#2B2B2B", bordercolor="#767676", font=dict(color="#FFFFFF", size=12))
# The text of a figure that stands on the page itself: its title, axes, legend and annotations, and
# the numbers in cells through which the page is seen.
ON_PAGE = (".infolayer text", "[class$=tick] text", ".textpoint text", ".heatmap-label text")
BAR = 30  # pixels above the title, where plotly shows its bar of buttons
BELOW = 70  # pixels below the axes: the ticks, the title of the axis, and a legend of one row
MAX_CLASSES = 30  # rows of names that a figure or a page shows at most, so that each can be read


def shade(color: str, opacity: float) -> str:
    """Return `color`, written `#RRGGBB`, with an `opacity` in [0, 1].

    >>> shade("#0072B2", 0.25)
    'rgba(0,114,178,0.25)'
    """
    red, green, blue = bytes.fromhex(color[1:])
    return f"rgba({red},{green},{blue},{opacity:.2f})"


def readable(inside: str, color: str) -> str:
    """Return a CSS rule that writes all that stands on the page in `color`, a CSS colour.

    `inside` is the selector of what holds the figures. No single colour has a contrast of 4.5:1
    both on white and on a dark page, so that a figure's own colour cannot do it: a panel or a page
    that knows its theme adds this rule.

    >>> readable(".page", "black").splitlines()[-1]
    '.page .heatmap-label text { fill: black !important; }'
    """
    return ",\n".join(f"{inside} {part}" for part in ON_PAGE) + (
        f" {{ fill: {color} !important; }}"
    )


def themed(figure: go.Figure, title: str, *, height: int) -> go.Figure:
    """Give a finished figure the look that works on any page: no background, one text colour.

    The title stands below plotly's bar of buttons, which would cover the end of a long one.
    `height` is in pixels, without the place for those buttons. Returns the figure, which is
    changed.
    """
    figure.update_layout(
        template="none",
        title=dict(
            text=title,
            font_size=15,
            x=0,
            xref="paper",
            y=1,
            yref="container",
            yanchor="top",
            pad=dict(t=BAR),
        ),
        height=height + BAR,
        font=dict(color=TEXT, size=12),
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin=dict(l=60, r=20, t=60 + BAR, b=BELOW),
        hovermode="closest",
        hoverlabel=LABEL,
        modebar=dict(bgcolor="rgba(0,0,0,0)", color=TEXT, activecolor=CROWD),
        legend=dict(orientation="h", yref="container", yanchor="bottom", y=0, x=0, font_size=11),
    )
    figure.update_xaxes(gridcolor=GRID, zerolinecolor=GRID, linecolor=GRID, title_standoff=4)
    figure.update_yaxes(gridcolor=GRID, zerolinecolor=GRID, linecolor=GRID)
    return figure


def named_ticks(names: Iterable[str]) -> dict:
    """Return the ticks of an axis of classes.

    They are placed by position, so that two names clipped to the same text stay two classes.
    """
    texts = [plotted(name, 18) for name in names]
    return dict(tickvals=list(range(len(texts))), ticktext=texts, automargin=True, zeroline=False)


@lru_cache(maxsize=10_000)  # many samples, few pairs of classes
def pair(given: str, suggested: object) -> str:
    """Write a given and a suggested label (None or NaN = none) as inert text.

    >>> pair("cat", "<dog>"), pair("cat", None)
    ('cat → &lt;dog&gt;', 'cat → no suggestion')
    """
    other = plotted(suggested, 24) if pd.notna(suggested) else "no suggestion"
    return f"{plotted(given, 24)} → {other}"


def of_class(label: str | None) -> str:
    """Write the end of a title that says which class is drawn; it is empty for all classes."""
    return "" if label is None else f" of {plotted(label, 40)}"


def how_many(shown: int, total: int, what: str) -> str:
    """Write the end of a title that says how many are shown; it is empty where all are.

    >>> how_many(30, 1200, "classes")
    ', 30 of 1,200 classes shown'
    """
    return f", {shown} of {total:,} {what} shown" if shown < total else ""
