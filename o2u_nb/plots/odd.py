"""The figure of ODD: the losses of the samples beside the losses that random labels would have.

In comes an `Odd`; out come the counts in bins, and the figure of them. `detect.odd` explains ODD.
"""

import numpy as np
import plotly.graph_objects as go

from o2u_nb.detect.odd import Odd
from o2u_nb.plots.bars import BINS, bars, bins_of, overlaid
from o2u_nb.plots.look import themed


def odd_losses(odd: Odd | None) -> go.Figure:
    """Draw the losses recorded before ODD removes samples, and those that random labels would have.

    Without `odd` the figure is empty, for a panel to fill. The line of the percentile is left to
    the caller.
    """
    simulated = "as many random labels"
    figure = go.Figure(bars("recorded", simulated, count="%{y:.0f}", opacity=0.75))
    figure.update_xaxes(title_text="mean loss over the last epochs (nats)", rangemode="tozero")
    figure.update_yaxes(title_text="samples", rangemode="tozero")
    title = "Loss of samples, and of random labels"
    if odd is not None:
        *counts, edges = odd_counts(odd)
        for trace, values in zip(figure.data, counts, strict=True):
            trace.update(bins_of(values, edges))
        title += f", after epoch {odd.epoch}"
    return overlaid(themed(figure, title, height=360))


def odd_counts(odd: Odd) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the recorded losses and those of random labels in the same 60 bins.

    Returns both counts (60,), and the edges (61,) in nats. The simulated losses are weighted so
    that their counts add up to the number of samples. Losses above the last edge are counted in the
    last bin.
    """
    recorded = odd.loss[~np.isnan(odd.loss)]
    # The axis shows 99.5 % of all losses, and the threshold with some room beside it.
    tails = (np.quantile(losses, 0.995) for losses in (recorded, odd.simulated))
    top = max(1.1 * odd.threshold, *tails)
    edges = np.linspace(0, top, BINS + 1)
    of_recorded, _ = np.histogram(np.minimum(recorded, top), edges)
    of_simulated, _ = np.histogram(np.minimum(odd.simulated, top), edges)
    return of_recorded, of_simulated * (len(recorded) / len(odd.simulated)), edges
