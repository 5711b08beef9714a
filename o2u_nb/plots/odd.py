"""The figure of ODD: the loss of every sample beside the loss that random labels would have.

In comes an `Odd`; out come the counts in bins, and the figure of them.
"""

import numpy as np
import plotly.graph_objects as go

from o2u_nb.detect.odd import Odd
from o2u_nb.plots.bars import BINS, bars, bins_of, overlaid
from o2u_nb.plots.look import themed


def odd_losses(odd: Odd | None) -> go.Figure:
    """Draw the losses recorded before ODD removes, and those that random labels would have.

    Without `odd`, an empty figure to fill. The percentile is left to the caller.
    """
    simulated = "random labels, if all were"
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

    Returns both counts (60,) and the edges (61,), nats; the simulated losses are weighted so that
    they add up to the number of samples. What lies beyond the last edge is in the last bin.
    """
    recorded = odd.loss[~np.isnan(odd.loss)]
    # Nearly all losses are in view, and the threshold is, with some room beside it.
    tails = (np.quantile(losses, 0.995) for losses in (recorded, odd.simulated))
    top = max(1.1 * odd.threshold, *tails)
    edges = np.linspace(0, top, BINS + 1)
    of_recorded, of_simulated = (
        np.histogram(np.minimum(losses, top), edges)[0] for losses in (recorded, odd.simulated)
    )
    return of_recorded, of_simulated * (len(recorded) / len(odd.simulated)), edges
