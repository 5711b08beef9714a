"""Figures by epoch: the loss or margin of samples against the crowd, and the learning rate below.

In come a trace and a scores table; out comes the figure of a few samples' trajectories. The panel
and the live plot build theirs from the same parts: the axes, the learning rate, the phases.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from o2u_nb.detect.forgetting import rate_jumps
from o2u_nb.detect.suspects import top_suspects
from o2u_nb.errors import O2UError
from o2u_nb.phases import phase_of
from o2u_nb.plots.bands import (
    CROWD_NAME,
    band_traces,
    by_epoch,
    crowd_bands,
    fill_bands,
    positions_in,
)
from o2u_nb.plots.look import COLORS, DASHES, TEXT, pair, shade, themed
from o2u_nb.text import plotted
from o2u_nb.trace import Trace

VALUES = {"loss": "loss (nats)", "margin": "margin of the given label (logits)"}
MAX_LINES = 60  # more cannot be told apart
IN_LEGEND = 12  # lines; the legend of more lines would be higher than the plot
JUMP = 0.215  # where jumps are told, from the lower end: between the two rows of the figure
# Pixels below both rows: for the ticks and the name of the axis, and for each line of the legend.
AXIS = 48
LEGEND_LINE = 28
IN_LINE = 3  # entries of the legend in a line, where a notebook is 1,000 pixels wide
NARROW = 4  # lines that a legend of so many entries needs where each has a line of its own
EVERY_EPOCH = 20  # up to this number of epochs, each has its tick on the axis


def trajectories(
    trace: Trace,
    scores: pd.DataFrame,
    ids: Sequence[str] | None = None,
    *,
    top: int = 8,
    label: str | None = None,
    value: str = "loss",
    names: Mapping[str, str] | None = None,
) -> go.Figure:
    """Draw each epoch's loss of a few samples against the quantile bands of the crowd.

    The samples are `ids`, or else the `top` suspects (of class `label`); at most 60 are drawn. The
    crowd are the samples that are not suspects, of class `label` if that is given. `value` is
    `loss` (nats, high = the network disagrees with the label) or `margin` (logits, negative = it
    disagrees). `names` maps sample ids to the names to show. Epochs in which a sample was not seen
    are gaps; the learning rate is the panel below. Raises `TraceError` for samples that the trace
    does not hold, `O2UError` for those that the scores do not hold.
    """
    if value not in VALUES:
        raise O2UError(f"Unknown value {value!r}: expected one of {', '.join(VALUES)}.")
    chosen = _chosen(scores, ids, top, label)
    who = "the chosen samples" if ids is not None else "the top suspects"
    title = f"{value.capitalize()} of {who}, compared with the crowd"
    figure = empty_epochs(title, value, height=540)
    crowd = band_traces()
    fill_bands(crowd, crowd_bands(trace, scores, label=label, value=value), CROWD_NAME)
    losses = getattr(trace, value)[:, positions_in(trace, chosen.index)]
    figure.add_traces([*crowd, *_lines(losses, chosen, value, names or {})], rows=1, cols=1)
    figure.add_trace(rate_trace(trace.lr), row=2, col=1)
    mark_phases(figure, trace.phase)
    mark_jumps(figure, rate_jumps(trace))
    mark_epochs(figure, trace.n_epochs)
    make_room(figure, 1 + len(chosen) * (len(chosen) <= IN_LEGEND))
    return figure


def empty_epochs(title: str, value: str, *, height: int) -> go.Figure:
    """Return a figure by epoch with no traces: `value` in its first row, the rate in its second.

    `value` is `loss` or `margin`, `height` is in pixels.
    """
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.8, 0.2], vertical_spacing=0.05
    )
    figure.update_yaxes(value_axis(value), row=1, col=1)
    figure.update_yaxes(
        title_text="learning rate", rangemode="tozero", nticks=3, exponentformat="e", row=2, col=1
    )
    figure.update_xaxes(title_text="epoch", title_standoff=4, row=2, col=1)
    # plotly's own room for the legend is too small when its entries change after it was drawn.
    at_bottom = dict(yref="container", yanchor="bottom", y=0)
    themed(figure, title, height=height).update_layout(legend=at_bottom, margin_autoexpand=False)
    make_room(figure, 1)
    return figure


def make_room(figure: go.Figure, entries: int) -> None:
    """Leave room for a legend of `entries` below the rows of `figure`, which grows by it.

    A short legend, as of a single sample and three bands, has room on narrow pages, too.
    """
    lines = max(-(-entries // IN_LINE), min(entries, NARROW))
    below = AXIS + LEGEND_LINE * lines
    height = figure.layout.height - figure.layout.margin.b + below
    figure.update_layout(height=height, margin_b=below)


def value_axis(value: str) -> dict:
    """Return the properties of the axis of `loss` or `margin`; only that of a loss begins at 0."""
    return dict(title_text=VALUES[value], rangemode="tozero" if value == "loss" else "normal")


def rate_trace(lr: np.ndarray | Sequence[float] = ()) -> go.Scatter:
    """Draw the learning rate of each epoch (n_epochs,), for the second row of the figure."""
    return go.Scatter(
        **by_epoch(lr),
        mode="lines",
        line=dict(color=TEXT, width=1.5, shape="hvh"),
        name="learning rate",
        showlegend=False,
        hovertemplate="epoch %{x}, learning rate %{y:.2g}<extra></extra>",
    )


def mark_epochs(figure: go.Figure, n_epochs: int) -> None:
    """Give both rows of `figure` an axis of `n_epochs` epochs, numbered from 1."""
    ticks = dict(dtick=1) if n_epochs <= EVERY_EPOCH else dict(tickformat="d")
    figure.update_xaxes(range=[0.5, n_epochs + 0.5], **ticks)


def mark_phases(figure: go.Figure, phase: Iterable[str]) -> None:
    """Write each phase's words above its epochs, and shade those that prepare for another phase.

    `phase` names the phase of each epoch. Marks made earlier are replaced.
    """
    shapes = []
    words = []
    start = 0
    for name, epochs in groupby(phase):
        stop = start + len(list(epochs))
        known = phase_of(name)
        if known.is_shaded:
            shapes.append(_shaded(start, stop))
        words.append(_written(known.words, start, stop))
        start = stop
    figure.layout.shapes = shapes
    figure.layout.annotations = words


def mark_jumps(figure: go.Figure, epochs: Iterable[int]) -> None:
    """Draw a dotted line through both rows where the rate jumps, at the beginning of `epochs`.

    Epochs count from 0. To be called after `mark_phases`, which removes all marks. The first jump
    is told in words, the others with an arrow.
    """
    for number, epoch in enumerate(epochs):
        at = epoch + 0.5
        across = dict(x0=at, x1=at, xref="x", y0=0, y1=1, yref="paper", layer="below")
        figure.add_shape(type="line", line=dict(color=TEXT, dash="dot", width=1.5), **across)
        beside = dict(x=at, xref="x", y=JUMP, yref="paper", xanchor="right", yanchor="middle")
        words = "the rate jumps ↑" if number == 0 else "↑"
        figure.add_annotation(text=words, showarrow=False, **beside)


def spread(values: np.ndarray, gap: float) -> np.ndarray:
    """Move `values` (n,) up until they are `gap` apart, so that text beside each can be read.

    Their order stays as it is.

    >>> spread(np.array([2.0, 0.0, 0.5]), 1.0)
    array([2., 0., 1.])
    """
    moved = np.array(values, dtype=float)
    order = np.argsort(moved, kind="stable")
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    return moved


def _shaded(start: int, stop: int) -> dict:
    """Shade both rows behind the epochs [start, stop), counted from 0."""
    place = dict(x0=start + 0.5, x1=stop + 0.5, xref="x", y0=0, y1=1, yref="paper")
    return dict(type="rect", layer="below", fillcolor=shade(COLORS[1], 0.08), line_width=0, **place)


def _written(words: str, start: int, stop: int) -> dict:
    """Write `words` above the middle of the epochs [start, stop), counted from 0."""
    place = dict(x=(start + stop + 1) / 2, xref="x", y=1, yref="paper", yanchor="bottom")
    return dict(text=plotted(words), showarrow=False, **place)


def _chosen(
    scores: pd.DataFrame, ids: Iterable[str] | None, top: int, label: str | None
) -> pd.DataFrame:
    if ids is None:
        return top_suspects(scores, label=label, n=min(top, MAX_LINES))
    ids = list(ids)[:MAX_LINES]
    unknown = [id for id in ids if id not in scores.index]
    if unknown:
        raise O2UError(
            f"Not in the scores: {unknown[:3]}; expected sample ids such as "
            f"{list(scores.index[:1])}."
        )
    return scores.loc[ids]


def _lines(
    values: np.ndarray, chosen: pd.DataFrame, value: str, names: Mapping[str, str]
) -> list[go.Scatter]:
    """Draw a line through each column of `values` (n_epochs, n), the rows of `chosen`."""
    lines = []
    for i, (id, row) in enumerate(zip(chosen.index, chosen.itertuples(), strict=True)):
        labels = pair(row.label, row.suggested_label)
        lines.append(
            go.Scatter(
                **by_epoch(values[:, i]),
                ids=[id] * len(values),
                mode="lines",
                line=dict(color=COLORS[i % len(COLORS)], dash=DASHES[i % len(DASHES)], width=1.8),
                name=f"{row.rank:.0f} · {labels}",
                showlegend=len(chosen) <= IN_LEGEND,
                hovertext=f"{plotted(names.get(id, id))}<br>{labels}",
                hovertemplate=f"%{{hovertext}}<br>epoch %{{x}}, {VALUES[value]}: %{{y:.3f}}"
                "<extra></extra>",
            )
        )
    return lines
