"""Figures of a training that one plays with: two groups of samples, epoch by epoch and in bars.

In come a trace and which samples are marked, such as those with planted labels. Out come figures
that are made empty once, and filled again whenever there is another trace.
"""

import numpy as np
import plotly.graph_objects as go

from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.scores import o2u_mean, o2u_var
from o2u_nb.plots.bands import band_traces, by_epoch, fill_bands, quantiles
from o2u_nb.plots.bars import BINS, bars, bin_edges, fill, overlaid
from o2u_nb.plots.epochs import empty_epochs, mark_phases, rate_trace
from o2u_nb.plots.look import SUSPECT, themed
from o2u_nb.plots.scores import axis_title
from o2u_nb.trace import Trace

MOMENTS = {"o2u_mean": o2u_mean, "o2u_var": o2u_var}  # the scores that have a histogram
HEIGHT = 300  # pixels of each histogram
REST = "the others"


def empty_dynamics() -> go.Figure:
    """Return the figure of losses and rates by epoch without anything in it."""
    figure = empty_epochs("Loss by epoch", "loss", height=440)
    figure.add_traces([*band_traces(), *band_traces(SUSPECT)], rows=1, cols=1)
    figure.add_trace(rate_trace(), row=2, col=1)
    return figure


def fill_dynamics(figure: go.Figure, bands: list[np.ndarray], trace: Trace, marked: str) -> None:
    """Put the bands of both groups, and the rate of each epoch, into `figure`.

    `bands` are those of `groups`; `marked` (inert text) names the marked samples.
    """
    fill_bands(figure.data[:3], bands[0], REST)
    fill_bands(figure.data[3:6], bands[1], marked)
    figure.data[6].update(by_epoch(trace.lr))
    mark_phases(figure, trace.phase)


def groups(trace: Trace, marked: np.ndarray) -> list[np.ndarray]:
    """Return the quantiles of the loss of the samples not in `marked`, and of those in it.

    `marked` is bool (n_samples,); each result is (5, n_epochs), as `bands.quantiles` returns it.
    """
    return [quantiles(trace.loss[:, ~marked]), quantiles(trace.loss[:, marked])]


def empty_moment(column: str, marked: str) -> go.Figure:
    """Return an empty histogram of the score `column`, one of `MOMENTS`."""
    figure = go.Figure(bars(REST, marked))
    figure.update_xaxes(title_text=axis_title(column))
    figure.update_yaxes(title_text="samples", type="log", dtick=1)
    what = {"o2u_mean": "mean", "o2u_var": "variance"}[column]
    return overlaid(themed(figure, f"Samples by {what} of the loss", height=HEIGHT))


def fill_moment(figure: go.Figure, values: np.ndarray, marked: np.ndarray, name: str) -> None:
    """Count `values` (n_samples,) of both groups in equal bins, and put them into `figure`.

    `marked` is bool (n_samples,), and `name` (inert text) says in the legend who they are. Values
    that are not finite are left out.
    """
    seen = np.isfinite(values)
    edges = bin_edges(values[seen], BINS)
    counts = {
        who: np.histogram(values[seen & part], bins=edges)[0]
        for who, part in ((REST, ~marked), (name, marked))
    }
    fill(figure.data, counts, edges)


def moments(trace: Trace) -> dict[str, np.ndarray]:
    """Return the mean and the variance of each sample's loss: (n_samples,) each, by column."""
    evidence = Evidence(trace)
    return {column: score(evidence) for column, score in MOMENTS.items()}
