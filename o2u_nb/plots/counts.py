"""The figure of the estimates: how many labels are wrong, by each estimator.

In comes the table of `detect.counts.compare_estimators`; out comes a figure with a dot for each
row.
"""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from o2u_nb.detect.counts import RECOMMENDED, extremes
from o2u_nb.plots.look import CROWD, SUSPECT, TEXT, named_ticks, themed
from o2u_nb.text import percent, plotted

# Heights in pixels.
ROW = 34  # an estimator's row
AROUND = 190  # the title, the legend and the axis together
# How the dots are drawn. Their shapes differ as well, since colour must not be the only sign.
ESTIMATORS: dict[str, dict] = {
    "others": dict(mode="markers+text", marker=dict(color=CROWD, symbol="circle", size=10)),
    "recommended": dict(mode="markers+text", marker=dict(color=SUSPECT, symbol="diamond", size=14)),
    "no estimate": dict(mode="text"),
}


def estimates(table: pd.DataFrame, n_samples: int) -> go.Figure:
    """Draw a dot for each estimator: how many labels, out of `n_samples`, it says are wrong.

    `table` is what `detect.counts.compare_estimators` returns. The recommended estimator is a
    diamond; where an estimator refuses, the figure says so, and the hover label says why.
    """
    count = table["count"].to_numpy(dtype=float)
    refuses = np.isnan(count)
    recommended = table.index == RECOMMENDED
    groups = {
        "others": ~refuses & ~recommended,
        "recommended": ~refuses & recommended,
        "no estimate": refuses,
    }
    shown = [f"{c:,.0f} ({percent(c / max(1, n_samples))})" for c in np.nan_to_num(count)]
    texts = np.where(refuses, "no estimate", shown)
    hover = np.array([[plotted(name), plotted(note, 200)] for name, note in table["note"].items()])
    figure = go.Figure()
    for name, mask in groups.items():
        figure.add_scatter(
            **ESTIMATORS[name],
            x=np.nan_to_num(count[mask]),
            y=np.flatnonzero(mask),
            text=[f"  {text}" for text in texts[mask]],  # clear of the dot
            textposition="middle right",
            textfont_color=TEXT,
            customdata=hover[mask],
            hovertemplate="%{customdata[0]}:%{text}<br>%{customdata[1]}<extra></extra>",
            name=name,
            showlegend=bool(mask.any()) and name != "no estimate",
            cliponaxis=False,
        )
    low, high = extremes(table)
    room = 1.35 * high if high > 0 else 1  # the text of the last dot ends within the figure
    figure.update_xaxes(title_text="number of wrong labels", range=[-0.02 * room, room])
    figure.update_yaxes(**named_ticks(table.index), autorange="reversed")
    between = f" Between {low:,.0f} and {high:,.0f} of {n_samples:,}" if high >= 0 else ""
    themed(figure, f"How many labels are wrong?{between}", height=AROUND + ROW * len(table))
    return figure.update_layout(legend=dict(yanchor="bottom", y=1.0, xanchor="right", x=1))
