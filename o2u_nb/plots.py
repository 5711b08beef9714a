"""Figures of an audit: loss trajectories, histograms, scatter, classes, confusion.

In come a trace and a scores table, out come plain plotly figures that a notebook shows, a panel
wraps and the report embeds. They are readable on light and dark pages, colour is never the only
sign, and every name in them is inert text.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from o2u_nb.detect.counts import RECOMMENDED, extremes
from o2u_nb.detect.odd import Odd
from o2u_nb.detect.suspects import confused, of_label, per_class, top_suspects
from o2u_nb.errors import O2UError, TraceError
from o2u_nb.sampling import evenly
from o2u_nb.text import inert, percent
from o2u_nb.trace import Trace

# Okabe and Ito's colours, told apart by colour-blind readers; yellow and black are left out because
# each vanishes on one of the two page colours.
COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
SUSPECT, CROWD = COLORS[0], COLORS[5]
TEXT = "#767676"  # 4.5:1 against white and 4.2:1 against JupyterLab's dark page
GRID = "rgba(128,128,128,0.25)"
SHADE = "rgba(128,128,128,{:.2f})"

BARS = {
    name: dict(
        name=name,
        marker=marker,
        hovertemplate="%{customdata[0]:.3g} to %{customdata[1]:.3g}: %{y} samples",
    )
    for name, marker in {
        "the rest": dict(color=CROWD),
        "suspects": dict(color=SUSPECT, pattern=dict(shape="/", size=5, solidity=0.6)),
    }.items()
}

ODD_BARS = {
    name: dict(
        name=name,
        marker=marker,
        opacity=0.75,
        hovertemplate="%{customdata[0]:.3g} to %{customdata[1]:.3g}: %{y:.0f} samples",
    )
    for name, marker in {
        "recorded": dict(color=CROWD),
        "random labels, if all were": dict(
            color=SUSPECT, pattern=dict(shape="/", size=5, solidity=0.6)
        ),
    }.items()
}
_MOMENTS = "%{customdata[0]}<br>%{customdata[1]}<br>mean %{x:.3f}, variance %{y:.3f}<extra></extra>"
POINTS = {
    "the rest": dict(
        mode="markers",
        marker=dict(color=CROWD, symbol="circle", size=5, opacity=0.55),
        hovertemplate=_MOMENTS,
    ),
    "suspects": dict(
        mode="markers",
        # thin symbols are all outline
        marker=dict(symbol="x-thin", size=7, color=SUSPECT, line=dict(color=SUSPECT, width=1.5)),
        hovertemplate=_MOMENTS,
    ),
}

ESTIMATORS = {
    "others": dict(mode="markers+text", marker=dict(color=CROWD, symbol="circle", size=10)),
    "recommended": dict(mode="markers+text", marker=dict(color=SUSPECT, symbol="diamond", size=14)),
    "refuses": dict(mode="text"),
}

MAX_LINES = 60
MAX_CROWD = 20_000  # quantiles of an even sample this large are exact to about half a percent
MAX_SVG_POINTS = 5_000  # beyond this the browser needs WebGL
MAX_CLASSES = 30
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
PHASES = {"warmup": "warm-up", "high": "high rate", "low": "falling rate"}
SHADED = ("warmup", "high")
VALUES = {"loss": "loss (nats)", "margin": "margin of the given label (logits)"}
AXES = {
    "o2u_mean": "mean loss over the cyclic epochs, centred (nats)",
    "o2u_var": "variance of the loss (nats²)",
    "aum": "AUM, negated (logits)",
    "settled_margin": "margin, settled epochs counting more, negated (logits)",
    "lookalike_margin": "what the network thinks of the look-alikes (nats)",
    "swap_odds": "how common such a mix-up is (nats)",
    "p_wrong": "probability that the label is wrong",
    "score": "score (higher = more suspicious)",
}


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
    does not hold.
    """
    if value not in VALUES:
        raise O2UError(f"Unknown value {value!r}: expected one of {', '.join(VALUES)}.")
    chosen = _chosen(scores, ids, top, label)
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.8, 0.2], vertical_spacing=0.05
    )
    epochs = np.arange(1, trace.n_epochs + 1)
    _add_crowd(figure, epochs, crowd_bands(trace, scores, label=label, value=value))
    lines = getattr(trace, value)[:, _positions(trace, chosen.index)]
    _add_lines(figure, epochs, lines, chosen, unit=VALUES[value], names=names or {})
    add_learning_rate(figure, epochs, trace.lr)
    mark_phases(figure, trace.phase)
    figure.update_yaxes(title_text=VALUES[value], row=1, col=1)
    mark_epochs(figure, trace.n_epochs)
    who = "the samples chosen" if ids is not None else "the top suspects"
    return themed(figure, f"{value.capitalize()} of {who} against the crowd", height=540)


def crowd_bands(
    trace: Trace, scores: pd.DataFrame, *, label: str | None = None, value: str = "loss"
) -> np.ndarray:
    """Return the quantiles `QUANTILES` of the crowd's `value` per epoch, (5, n_epochs).

    The crowd are the samples that are no suspects, of class `label` if that is given, 20,000 of
    them at most, evenly spaced. NaN where nobody was seen.
    """
    return quantiles(getattr(trace, value)[:, _positions(trace, _crowd(scores, label).index)])


def histogram(
    scores: pd.DataFrame,
    column: str = "o2u_mean",
    *,
    label: str | None = None,
    threshold: float | None = None,
    bins: int = 60,
) -> go.Figure:
    """Draw the distribution of one score `column`: suspects laid over the rest.

    Only samples with given label `label` when that is set; a line at `threshold` when that is set.
    Counting happens here in `bins` equal bins, so the figure's size does not grow with the data.
    Counts are on a logarithmic axis: else the few suspects could not be seen beside the many
    others. Values that are not finite are not counted.
    """
    _require(scores, column)
    chosen = of_label(scores, label)
    values = chosen[column].to_numpy(dtype=float)
    finite, suspect = np.isfinite(values), chosen["suspect"].to_numpy(dtype=bool)
    edges = np.histogram_bin_edges(values[finite], bins=bins)
    figure = go.Figure([go.Bar(look) for look in BARS.values()])
    for bar, (name, mask) in zip(
        figure.data, {"the rest": ~suspect, "suspects": suspect}.items(), strict=True
    ):
        counts, _ = np.histogram(values[finite & mask], bins=edges)
        bar.update(bins_of(counts, edges), name=f"{name} ({counts.sum():,})")
    if threshold is not None:
        figure.add_vline(
            x=threshold, line=dict(color=TEXT, dash="dash", width=2), annotation_text="threshold"
        )
    return histogram_style(figure, column, f"Samples by {inert(column)}{_of(label)}")


def histogram_style(figure: go.Figure, column: str, title: str) -> go.Figure:
    """Give a figure of overlaid bars the axes and the look of a histogram of score `column`."""
    figure.update_layout(barmode="overlay", bargap=0)
    figure.update_xaxes(title_text=AXES.get(column, inert(column)))
    figure.update_yaxes(title_text="samples", type="log", dtick=1)
    themed(figure, title, height=360)
    above = dict(yanchor="bottom", y=1.02, xanchor="right", x=1)
    return figure.update_layout(legend=above)


def mean_against_variance(
    scores: pd.DataFrame, *, label: str | None = None, max_points: int = MAX_SVG_POINTS
) -> go.Figure:
    """Scatter each sample's mean loss against its variance, suspects with another symbol.

    At most `max_points` are drawn: the suspects first (up to half of them), then an even sample of
    the rest; the title says so. Above 5,000 points the figure uses WebGL. Each point's `ids` holds
    the sample id as it is, `customdata` the inert text of the hover label.
    """
    chosen = of_label(scores, label)
    suspect = chosen["suspect"].to_numpy(dtype=bool)
    parts = thinned(np.flatnonzero(suspect), np.flatnonzero(~suspect), max_points)
    suspects, rest = (chosen.iloc[positions] for positions in parts)
    shown = len(suspects) + len(rest)
    kind = go.Scattergl if shown > MAX_SVG_POINTS else go.Scatter
    figure = go.Figure()
    for (name, look), part in zip(POINTS.items(), (rest, suspects), strict=True):
        figure.add_trace(
            kind(
                look,
                x=part["o2u_mean"],
                y=part["o2u_var"],
                ids=part.index.tolist(),
                customdata=hover_names(part),
                name=f"{name} ({len(part):,})",
            )
        )
    some = f", {shown:,} of {len(chosen):,} shown" if shown < len(chosen) else ""
    return scatter_style(figure, f"Mean against variance of the loss{_of(label)}{some}")


def scatter_style(figure: go.Figure, title: str) -> go.Figure:
    """Give a figure of points the axes and the look of mean against variance."""
    figure.update_xaxes(title_text=AXES["o2u_mean"])
    figure.update_yaxes(title_text=AXES["o2u_var"])
    return themed(figure, title, height=480)


def class_counts(scores: pd.DataFrame) -> go.Figure:
    """Draw the share of suspects in each class, the 30 classes with most suspects at most."""
    table = per_class(scores)
    shown = table.head(MAX_CLASSES)[::-1]
    labels = [
        f"{percent(row.share)}  ({row.suspects:,} of {row.samples:,})" for row in shown.itertuples()
    ]
    figure = go.Figure(
        go.Bar(
            x=shown["share"],
            y=np.arange(len(shown)),
            orientation="h",
            text=labels,
            textposition="auto",
            customdata=[inert(name) for name in shown.index],
            hovertemplate="%{customdata}: %{text}<extra></extra>",
            marker=dict(color=CROWD),
            cliponaxis=False,
        )
    )
    figure.update_xaxes(title_text="share of suspects", tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(**named_ticks(shown.index), showgrid=False)
    title = "Suspects per class" + _first(len(shown), len(table), "classes")
    return themed(figure, title, height=130 + 24 * len(shown))


def estimates(table: pd.DataFrame, n_samples: int) -> go.Figure:
    """Draw how many labels each estimator takes for wrong, out of `n_samples`, a dot for each.

    `table` is what `o2u_nb.detect.counts.compare_estimators` returns. The recommended estimator is
    a diamond; where an estimator refuses, the figure says so, and the hover label says why.
    """
    count = table["count"].to_numpy(dtype=float)
    refuses, recommended = np.isnan(count), table.index == RECOMMENDED
    groups = {
        "others": ~refuses & ~recommended,
        "recommended": ~refuses & recommended,
        "refuses": refuses,
    }
    shown = [f"{c:,.0f} ({percent(c / max(1, n_samples))})" for c in np.nan_to_num(count)]
    texts = np.where(refuses, "refuses", shown)
    hover = np.array([[inert(name), inert(note, 200)] for name, note in table["note"].items()])
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
            showlegend=bool(mask.any()) and name != "refuses",
            cliponaxis=False,
        )
    low, high = extremes(table)
    room = 1.35 * high if high > 0 else 1  # for the text of the last dot
    figure.update_xaxes(title_text="labels that are wrong", range=[-0.02 * room, room])
    figure.update_yaxes(**named_ticks(table.index), autorange="reversed")
    between = f" Between {low:,.0f} and {high:,.0f} of {n_samples:,}" if high >= 0 else ""
    themed(figure, f"How many labels are wrong?{between}", height=190 + 34 * len(table))
    return figure.update_layout(legend=dict(yanchor="bottom", y=1.0, xanchor="right", x=1))


def odd_counts(odd: Odd) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the recorded losses and those of random labels in the same 60 bins.

    Returns both counts (60,) and the edges (61,), nats; the simulated losses are weighted so that
    they add up to the number of samples. What lies beyond the last edge is in the last bin.
    """
    recorded = odd.loss[~np.isnan(odd.loss)]
    top = max(1.1 * odd.threshold, *(np.quantile(v, 0.995) for v in (recorded, odd.simulated)))
    edges = np.linspace(0, top, 61)
    counts = [np.histogram(np.minimum(v, top), edges)[0] for v in (recorded, odd.simulated)]
    return counts[0], counts[1] * (len(recorded) / len(odd.simulated)), edges


def odd_losses(odd: Odd | None) -> go.Figure:
    """Draw the losses recorded before ODD removes, and those that random labels would have.

    Without `odd`, an empty figure to fill. The percentile is left to the caller.
    """
    figure = go.Figure([go.Bar(look) for look in ODD_BARS.values()])
    figure.update_layout(barmode="overlay", bargap=0)
    figure.update_xaxes(title_text="mean loss over the last epochs (nats)", rangemode="tozero")
    figure.update_yaxes(title_text="samples", rangemode="tozero")
    title = "Loss of samples, and of random labels"
    if odd is not None:
        *counts, edges = odd_counts(odd)
        for bars, values in zip(figure.data, counts, strict=True):
            bars.update(bins_of(values, edges))
        title += f", after epoch {odd.epoch}"
    themed(figure, title, height=360)
    return figure.update_layout(legend=dict(yanchor="bottom", y=1.02, xanchor="right", x=1))


def confusion(scores: pd.DataFrame) -> go.Figure:
    """Draw how often each given label (row) has which suggestion (column) among the suspects.

    With more than 30 classes, the 30 most often involved. Empty cells are left blank.
    """
    pairs = confused(scores)
    counts = confusion_counts(pairs)
    names = list(counts)
    figure = go.Figure(heatmap(counts))
    figure.update_xaxes(named_ticks(names))
    figure.update_yaxes(named_ticks(names))
    total = len(set(pairs["given"]) | set(pairs["suggested"]))
    title = "Given and suggested labels" + _first(len(names), total, "classes")
    return matrix_style(figure, title, len(names))


def matrix_style(figure: go.Figure, title: str, n_classes: int) -> go.Figure:
    """Give a figure the axes and the look of given labels (rows) against suggested ones."""
    figure.update_xaxes(title_text="suggested label", showgrid=False)
    figure.update_yaxes(title_text="given label", showgrid=False, autorange="reversed")
    figure.update_yaxes(title_standoff=16)  # clear of names of any length
    return themed(figure, title, height=matrix_height(n_classes))


def confusion_counts(pairs: pd.DataFrame) -> pd.DataFrame:
    """Spread `pairs` (columns given, suggested, count) over a square table, given by suggested.

    With more than 30 classes, the 30 most often involved; NaN where there is no such pair.
    """
    involved = pd.concat([pairs.groupby(side)["count"].sum() for side in ("given", "suggested")])
    involved = involved.groupby(level=0).sum().sort_values(ascending=False, kind="stable")
    names = sorted(involved.index[:MAX_CLASSES])
    counts = pairs.pivot(index="given", columns="suggested", values="count")
    return counts.reindex(index=names, columns=names)


def matrix_height(n_classes: int) -> int:
    """Return the height in pixels at which a matrix of `n_classes` rows can be read."""
    return max(280, min(140 + 34 * n_classes, 900))


def _chosen(scores, ids, top, label) -> pd.DataFrame:
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


def _crowd(scores: pd.DataFrame, label: str | None) -> pd.DataFrame:
    chosen = of_label(scores, label)
    clean = chosen[~chosen["suspect"].astype(bool)]
    return clean.iloc[evenly(len(clean), MAX_CROWD)]


def _positions(trace: Trace, ids: pd.Index) -> np.ndarray:
    positions = trace.ids.get_indexer(ids)
    if (positions < 0).any():
        raise TraceError(
            f"{(positions < 0).sum()} samples of the scores are not in the trace (such as "
            f"{ids[positions < 0][0]!r}): pass the trace that these scores were computed from."
        )
    return positions


def quantiles(values: np.ndarray) -> np.ndarray:
    """Return `QUANTILES` of each row of `values` (n_epochs, n), (5, n_epochs); NaN for no value."""
    bands = np.full((len(QUANTILES), len(values)), np.nan)
    for epoch, row in enumerate(values):
        seen = row[np.isfinite(row)]
        if len(seen):
            bands[:, epoch] = np.quantile(seen, QUANTILES)
    return bands


def outline(epochs: np.ndarray, low: np.ndarray, high: np.ndarray) -> dict[str, np.ndarray]:
    """Return x and y of the closed line around the band from `low` to `high`, without gaps."""
    seen = np.isfinite(low)
    x, low, high = epochs[seen], low[seen], high[seen]
    return dict(x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]))


def _add_crowd(figure: go.Figure, epochs: np.ndarray, bands: np.ndarray) -> None:
    for low, high, opacity, name in ((0, 4, 0.18, "crowd, 5–95 %"), (1, 3, 0.3, "crowd, 25–75 %")):
        figure.add_scatter(
            **outline(epochs, bands[low], bands[high]),
            fill="toself",
            fillcolor=SHADE.format(opacity),
            line=dict(width=0),
            mode="lines",
            hoverinfo="skip",
            name=name,
            row=1,
            col=1,
        )
    figure.add_scatter(
        x=epochs,
        y=bands[2],
        mode="lines",
        connectgaps=True,
        line=dict(color=TEXT, width=3),
        name="crowd, median",
        hovertemplate="median of the crowd<br>epoch %{x}: %{y:.3f}<extra></extra>",
        row=1,
        col=1,
    )


def _add_lines(figure, epochs, values, chosen, *, unit, names) -> None:
    for i, (id, row) in enumerate(zip(chosen.index, chosen.itertuples(), strict=True)):
        labels = pair(row.label, row.suggested_label)
        figure.add_scatter(
            x=epochs,
            y=values[:, i],
            ids=[id] * len(epochs),
            mode="lines",
            line=dict(color=COLORS[i % len(COLORS)], dash=DASHES[i % len(DASHES)], width=1.8),
            name=f"{row.rank:.0f} · {labels}",
            showlegend=len(chosen) <= 12,
            hovertext=f"{inert(names.get(id, id))}<br>{labels}",
            hovertemplate=f"%{{hovertext}}<br>epoch %{{x}}, {unit}: %{{y:.3f}}<extra></extra>",
            row=1,
            col=1,
        )


def add_learning_rate(figure: go.Figure, epochs: np.ndarray, lr: np.ndarray) -> None:
    """Draw the learning rate in the second row of `figure`."""
    figure.add_scatter(
        x=epochs,
        y=lr,
        mode="lines",
        line=dict(color=TEXT, width=1.5, shape="hvh"),
        showlegend=False,
        hovertemplate="epoch %{x}, learning rate %{y:.2g}<extra></extra>",
        row=2,
        col=1,
    )
    figure.update_yaxes(
        title_text="rate", rangemode="tozero", nticks=3, exponentformat="e", row=2, col=1
    )


def mark_epochs(figure: go.Figure, n_epochs: int) -> None:
    """Give both rows of `figure` an axis of epochs, numbered from 1."""
    ticks = dict(dtick=1) if n_epochs <= 12 else dict(tickformat="d")
    figure.update_xaxes(range=[0.5, n_epochs + 0.5], **ticks)
    figure.update_xaxes(title_text="epoch", row=2, col=1)


def mark_phases(figure: go.Figure, phase: Iterable[str]) -> None:
    """Shade the first phase and write each phase's name above its epochs."""
    start = 0
    for name, run in groupby(phase):
        stop = start + len(list(run))
        if name in SHADED:
            figure.add_vrect(
                x0=start + 0.5,
                x1=stop + 0.5,
                fillcolor=COLORS[1],
                opacity=0.08,
                line_width=0,
                layer="below",
                row="all",
                col=1,
            )
        figure.add_annotation(
            x=(start + stop + 1) / 2,
            y=1,
            xref="x",
            yref="paper",
            yanchor="bottom",
            text=PHASES.get(name, inert(name)),
            showarrow=False,
        )
        start = stop


def bins_of(counts: np.ndarray, edges: np.ndarray) -> dict[str, np.ndarray]:
    """Return the points of a bar trace: `counts` (n,) between `edges` (n + 1,), none where zero."""
    return dict(
        x=(edges[:-1] + edges[1:]) / 2,
        y=np.where(counts > 0, counts, np.nan),
        width=np.diff(edges),
        customdata=np.stack([edges[:-1], edges[1:]], axis=1),
    )


def thinned(
    suspects: np.ndarray, rest: np.ndarray, most: int = MAX_SVG_POINTS
) -> tuple[np.ndarray, np.ndarray]:
    """Share `most` points: suspects get what the rest leaves free, and at least half.

    >>> thinned(np.arange(3), np.arange(9), 6)
    (array([0, 1, 2]), array([0, 4, 8]))
    """
    kept = suspects[evenly(len(suspects), max(most // 2, most - len(rest)))]
    return kept, rest[evenly(len(rest), most - len(kept))]


def hover_names(rows: pd.DataFrame) -> np.ndarray:
    """Return sample id and pair of labels of each row, (n, 2), as inert text for hover labels."""
    names = np.empty((len(rows), 2), dtype=object)  # which plotly copies faster than lists
    names[:, 0] = [inert(id) for id in rows.index]
    names[:, 1] = list(map(pair, rows["label"], rows["suggested_label"]))
    return names


def heatmap(counts: pd.DataFrame) -> go.Heatmap:
    """Colour a square table from pale to full: dark numbers are read on all of it (6.5:1)."""
    names = list(counts)
    hover = [[[inert(given), inert(other)] for other in names] for given in names]
    return go.Heatmap(
        x=np.arange(len(names)),
        y=np.arange(len(names)),
        z=counts.astype(object).where(counts.notna(), None).to_numpy().tolist(),  # JSON has no NaN
        zmin=0,
        customdata=hover,
        colorscale=[[0, "#FFF1E6"], [1, "#E8853A"]],
        texttemplate="%{z}",
        textfont_color="#1A1A1A",
        hoverongaps=False,
        hovertemplate="%{customdata[0]} → %{customdata[1]}: %{z}<extra></extra>",
        showscale=False,
        xgap=1,
        ygap=1,
    )


def named_ticks(names: Iterable[str]) -> dict:
    """Place names by position, so that two names clipped to the same text stay two classes."""
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


def _of(label: str | None) -> str:
    return "" if label is None else f" of {inert(label, 40)}"


def _first(shown: int, total: int, what: str) -> str:
    return f", {shown} of {total:,} {what} shown" if shown < total else ""


def _require(scores: pd.DataFrame, column: str) -> None:
    if column not in scores or not pd.api.types.is_numeric_dtype(scores[column]):
        numeric = ", ".join(scores.select_dtypes("number").columns)
        raise O2UError(f"No numeric column {column!r} in the scores: choose one of {numeric}.")


def themed(figure: go.Figure, title: str, *, height: int) -> go.Figure:
    """Give a finished figure the look that works on any page: no background, one text colour."""
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
