"""Figures of an audit: loss trajectories, histograms, scatter, classes, confusion, estimates, ODD.

In come a trace and a scores table, out come plain plotly figures that a notebook shows, a panel
wraps and the report embeds. They are readable on light and dark pages, colour is never the only
sign, and every name in them is inert text. The functions below are for notebooks; what panels share
with them lies in the modules of this folder.
"""

from o2u_nb.plots.classes import class_counts, confusion
from o2u_nb.plots.comparison import comparison
from o2u_nb.plots.counts import estimates
from o2u_nb.plots.epochs import trajectories
from o2u_nb.plots.look import COLORS, themed
from o2u_nb.plots.odd import odd_losses
from o2u_nb.plots.scores import histogram, mean_against_variance

__all__ = [
    # figures
    "trajectories", "histogram", "mean_against_variance", "class_counts", "confusion", "estimates",
    "odd_losses", "comparison",
    # the look, for one's own figures
    "COLORS", "themed",
]  # fmt: skip
