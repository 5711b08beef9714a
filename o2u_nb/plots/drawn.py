"""Still pictures of the figures of a report, for where no script runs: a mail, a print, a preview.

In come a trace and a scores table; out comes SVG as text that needs nothing else. The functions
draw what those of the same names in `plots` draw for plotly.
"""

from typing import Any

import numpy as np
import pandas as pd

from o2u_nb.detect.registry import describe
from o2u_nb.detect.suspects import confused, top_suspects
from o2u_nb.phases import phase_of
from o2u_nb.plots.axes import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Axes, picture, written
from o2u_nb.plots.bands import BANDS, MEDIAN, crowd_bands, positions_in
from o2u_nb.plots.bars import BINS, bin_edges
from o2u_nb.plots.classes import confusion_counts
from o2u_nb.plots.look import COLORS, CROWD, SUSPECT
from o2u_nb.plots.scores import thinned
from o2u_nb.text import inert
from o2u_nb.trace import Trace

DASHES = ("", "8 5", "2 4", "8 4 2 4", "14 5")
KEY = 24  # height of a line of the key, in units
NAME = 15  # letters of a class name in a key
SHORT = 12  # and beside a matrix
MOST_POINTS = 1500  # more make the page heavy and the picture no clearer


def trajectories(trace: Trace, scores: pd.DataFrame, *, top: int = 8) -> str:
    """Draw the losses of the `top` suspects over the bands of the crowd, and the learning rate.

    Losses are in nats. An epoch in which a sample was not seen is a gap.
    """
    chosen = top_suspects(scores, n=top)
    crowd = crowd_bands(trace, scores)
    losses = np.asarray(trace.loss[:, positions_in(trace, chosen.index)], dtype=float)
    epochs = np.arange(1, trace.n_epochs + 1)
    highest = np.nanmax([*crowd[-1], *losses.ravel(), 1e-9])
    ends = (0.5, trace.n_epochs + 0.5)
    above = Axes(ends, (0, float(highest) * 1.03), 230, top=TOP + 16)
    below = Axes(
        ends, (0, float(np.max(trace.lr, initial=1e-9)) * 1.1), 50, top=TOP + 262, y_ticks=1
    )
    bands = [
        above.area(epochs, crowd[low], crowd[high], f'fill="currentColor" fill-opacity="{shade}"')
        for (low, high), shade in BANDS.items()
    ]
    median = above.line(
        epochs, crowd[MEDIAN], 'stroke="currentColor" stroke-opacity="0.6" stroke-width="3"'
    )
    lines = [above.line(epochs, loss, _stroke(k)) for k, loss in enumerate(losses.T)]
    rate = below.line(epochs, trace.lr, 'stroke="currentColor" stroke-opacity="0.7"')
    names = [
        f"#{row.rank:,.0f} {inert(row.label, NAME)} → {_other(row)}" for row in chosen.itertuples()
    ]
    start = TOP + 380
    key = [_key_line(k, name, start) for k, name in enumerate(names)]
    parts = [
        above.drawn("", "loss (nats)", x_ticks=False), *bands, median, *lines,
        *_phases(trace, above), below.drawn("epoch", "learning rate"), rate, *key,
    ]  # fmt: skip
    height = start + KEY * len(names)
    return picture(parts, height, "Losses of the top suspects by epoch, compared with all others")


def histogram(scores: pd.DataFrame, column: str) -> str:
    """Draw the distribution of one score, suspects over the rest, on a logarithmic scale."""
    values = scores[column].to_numpy(dtype=float)
    suspect = scores["suspect"].to_numpy(dtype=bool)
    finite = np.isfinite(values)
    edges = bin_edges(values[finite], BINS)
    counts = [np.histogram(values[finite & mask], edges)[0] for mask in (~suspect, suspect)]
    axes = Axes((edges[0], edges[-1]), (0, 1.1 * max(1, *counts[0], *counts[1])), 220, log=True,
                top=TOP + 20)  # fmt: skip
    bars = [
        _bars(axes, edges, counts[0], f'fill="{CROWD}"'),
        _bars(axes, edges, counts[1], f'fill="{SUSPECT}" fill-opacity="0.8"'),
    ]
    title = describe(column) or column
    key = _two(counts[0].sum(), counts[1].sum())
    parts = [axes.drawn(title, "samples"), *bars, key]
    return picture(parts, axes.top + axes.height + BOTTOM, f"Samples by {title}")


def mean_against_variance(scores: pd.DataFrame, *, max_points: int = MOST_POINTS) -> str:
    """Draw each sample's mean loss against its variance; suspects are crosses."""
    known = scores[np.isfinite(scores[["o2u_mean", "o2u_var"]].to_numpy(dtype=float)).all(1)]
    suspect = known["suspect"].to_numpy(dtype=bool)
    crosses, dots = thinned(np.flatnonzero(suspect), np.flatnonzero(~suspect), max_points)
    x = known["o2u_mean"].to_numpy(dtype=float)
    y = known["o2u_var"].to_numpy(dtype=float)
    axes = Axes(_around(x), _around(y), 300, top=TOP + 20)
    left = axes.left(x)
    down = axes.down(y)
    marks = [f'<circle cx="{left[k]:.1f}" cy="{down[k]:.1f}" r="2.5"/>' for k in dots]
    strokes = "".join(f"M{left[k] - 3:.1f} {down[k] - 3:.1f}l6 6m0 -6l-6 6" for k in crosses)
    parts = [
        axes.drawn(*(describe(name) or name for name in ("o2u_mean", "o2u_var"))),
        f'<g fill="{CROWD}" fill-opacity="0.6">{"".join(marks)}</g>',
        f'<path d="{strokes}" stroke="{SUSPECT}" stroke-width="1.6" fill="none"/>',
        _two(int((~suspect).sum()), int(suspect.sum())),
        written(_drawn(len(dots) + len(crosses), len(known)), WIDTH - RIGHT, TOP + 6, anchor="end"),
    ]
    return picture(parts, axes.top + axes.height + BOTTOM, "Mean against variance of the loss")


def confusion(scores: pd.DataFrame) -> str:
    """Draw how often each given label (row) looks like which class (column) among the suspects."""
    counts = confusion_counts(confused(scores))
    names = list(counts)
    left, top, right = 162, 130, 112  # room for the names, which are larger on a narrow screen
    side = min(44, (WIDTH - left - right) / max(1, len(names)))
    most = float(np.nanmax(counts.to_numpy(dtype=float), initial=1))
    cells = [
        _cell(left + side * column, top + side * row, side, value, most)
        for row, values in enumerate(counts.to_numpy(dtype=float))
        for column, value in enumerate(values)
        if np.isfinite(value)
    ]
    small = 'font-size="11"' if side < 16 else ""
    rows = [
        written(inert(name, SHORT), left - 8, top + side * (k + 0.5) + 4, anchor="end", more=small)
        for k, name in enumerate(names)
    ]
    columns = [
        written(inert(name, SHORT), x, top - 8,
                more=f'transform="rotate(-40 {x:.1f} {top - 8})" {small}')
        for k, name in enumerate(names)
        for x in (left + side * (k + 0.5),)
    ]  # fmt: skip
    bottom = top + side * len(names)
    box = f'<rect x="{left}" y="{top}" width="{side * len(names):.1f}" height="{bottom - top:.1f}" '
    frame = f'{box}fill="none" stroke="currentColor" stroke-opacity="0.3"/>'
    said = written("rows: given label; columns: class that it looks like", left, bottom + 22)
    return picture([frame, *cells, *rows, *columns, said], bottom + 30,
                   "How often each given label looks like which class")  # fmt: skip


def _cell(x: float, y: float, side: float, value: float, most: float) -> str:
    """Draw a cell, darker where there is more, with its number where there is room for it."""
    digits = f"{value:,.0f}"
    size = min(13.0, 1.5 * (side - 4) / max(1, len(digits)))
    number = ""
    if size >= 6:
        at = f'x="{x + side / 2:.1f}" y="{y + side / 2 + size / 3:.1f}"'
        number = (
            f'<text {at} text-anchor="middle" fill="currentColor" class="cell" '
            f'font-size="{size:.1f}">{digits}</text>'
        )
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{side - 1:.1f}" height="{side - 1:.1f}" '
        f'fill="{SUSPECT}" fill-opacity="{0.1 + 0.5 * value / most:.2f}"/>{number}'
    )


def _bars(axes: Axes, edges: np.ndarray, counts: np.ndarray, style: str) -> str:
    left = axes.left(edges)
    top = axes.down(counts)
    floor = axes.top + axes.height
    return "".join(
        f'<rect x="{a:.1f}" y="{y:.1f}" width="{b - a:.1f}" height="{floor - y:.1f}" {style}/>'
        for a, b, y, count in zip(left[:-1], left[1:], top, counts, strict=True)
        if count
    )


def _two(rest: int, suspects: int) -> str:
    """Write the key of the rest and the suspects above the axes, with their numbers."""
    y = TOP + 6
    middle = LEFT + 190
    return (
        f'<circle cx="{LEFT + 6}" cy="{y - 4}" r="5" fill="{CROWD}"/>'
        f"{written(f'the rest ({rest:,})', LEFT + 18, y)}"
        f'<path d="M{middle} {y - 9}l10 10m0 -10l-10 10" stroke="{SUSPECT}" stroke-width="2.5"/>'
        f"{written(f'suspects ({suspects:,})', middle + 18, y)}"
    )


def _drawn(shown: int, total: int) -> str:
    """Say how many points are drawn; "" where all are."""
    return f"{shown:,} points drawn" if shown < total else ""


def _key_line(k: int, name: str, start: float) -> str:
    """Write one line of the key."""
    x = LEFT
    y = start + KEY * k
    dash = f'<path d="M{x:.0f} {y - 4:.0f}h26" {_stroke(k)}/>'
    return dash + written(name, x + 34, y)


def _phases(trace: Trace, axes: Axes) -> list[str]:
    """Write the words of each phase above its epochs, and part it from the next by a line."""
    phase = np.asarray(trace.phase)
    starts = np.flatnonzero(np.r_[True, phase[1:] != phase[:-1]])
    parts = []
    for start, stop in zip(starts, [*starts[1:], len(phase)], strict=True):
        middle = float(axes.left((start + stop + 1) / 2))
        words = inert(phase_of(str(phase[start])).words, 30)
        parts.append(written(words, middle, axes.top - 6, anchor="middle"))
        if start:
            x = float(axes.left(start + 0.5))
            parts.append(
                f'<path d="M{x:.1f} {axes.top:.1f}v{axes.height:.1f}" stroke="currentColor" '
                'stroke-opacity="0.5" stroke-dasharray="2 3"/>'
            )
    return parts


def _stroke(k: int) -> str:
    color = COLORS[k % len(COLORS)]
    return f'stroke="{color}" stroke-width="2" stroke-dasharray="{DASHES[k % len(DASHES)]}"'


def _other(row: Any) -> str:
    return inert(row.suggested_label, NAME) if pd.notna(row.suggested_label) else "no other class"


def _around(values: np.ndarray) -> tuple[float, float]:
    """Return ends a little beyond the values; 0 and 1 where there are none."""
    if not len(values):
        return 0.0, 1.0
    room = 0.03 * (values.max() - values.min()) or 0.5
    return float(values.min() - room), float(values.max() + room)
