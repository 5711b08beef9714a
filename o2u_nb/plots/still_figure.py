"""A still picture of a plain plotly figure, for where neither widgets nor plotly run.

In comes a figure with one pair of axes: lines, points, upright bars, or a heatmap; out comes SVG
as text. Panels that draw ready figures keep it in a saved notebook. What a figure shows beyond that
(hover labels, buttons, shapes) is left out.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from o2u_nb.plots.axes import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Axes, picture, written
from o2u_nb.plots.look import COLORS, SUSPECT
from o2u_nb.text import inert

KEY = 20  # height of a line of the key, in units
PLOT = 240  # height of the axes, in units
CELL = 34  # height of a row of a heatmap at most, in units
DASHES = {"dash": "9 6", "dot": "2 4", "dashdot": "9 4 2 4", "longdash": "14 5"}
NAME = 60  # letters of a name in the key
TICK = 14  # letters of a name on an axis


def still_figure(figure: go.Figure) -> str:
    """Return `figure` as SVG, with its axes, their titles and a key of the names of its traces.

    Raises `ValueError` for a kind of trace that this module cannot draw.
    """
    traces = [trace for trace in figure.data if trace.visible is not False]
    if any(trace.type == "heatmap" for trace in traces):
        return _heatmap(figure, traces)
    unknown = {trace.type for trace in traces} - {"scatter", "scattergl", "bar"}
    if unknown:
        raise ValueError(f"Expected lines, points, bars or a heatmap, found {sorted(unknown)}")
    names = _categories(traces)
    xs = [_places(trace.x, names) for trace in traces]
    bars = _bars(figure, traces, xs)
    tops = [bars[k][1] if k in bars else _numbers(trace.y) for k, trace in enumerate(traces)]
    feet = [bars[k][0] for k in bars]
    axes = Axes(
        _ends(figure.layout.xaxis.range, xs, 0.5 if bars else 0.0),
        _ends(figure.layout.yaxis.range, [*tops, *feet], 0.0),
        PLOT,
    )
    named = [trace.name for trace in traces if trace.showlegend is not False and trace.name]
    drawn = [
        _columns(axes, xs[k], bars[k], _width(trace), _colour(trace, k))
        if k in bars
        else _lines(axes, trace, xs[k], _colour(trace, k))
        for k, trace in enumerate(traces)
    ]
    titles = (figure.layout.xaxis.title.text or "", figure.layout.yaxis.title.text or "")
    bottom = axes.top + axes.height
    key = [
        _key(trace, _colour(trace, k), bottom + BOTTOM + KEY * named.index(trace.name))
        for k, trace in enumerate(traces)
        if trace.showlegend is not False and trace.name
    ]
    parts = [axes.drawn(*titles, x_ticks=not names), *_words(axes, names), *drawn, *key]
    return picture(parts, bottom + BOTTOM + KEY * len(named), _title(figure))


def _title(figure: go.Figure) -> str:
    return figure.layout.title.text or ""


def _colour(trace: Any, k: int) -> str:
    for place in (trace.line if "line" in trace else None, trace.marker):
        if place is not None and isinstance(place.color, str):
            return place.color
    return COLORS[k % len(COLORS)]


def _numbers(values: Any) -> np.ndarray:
    return np.asarray([] if values is None else values, dtype=float)


def _categories(traces: Sequence[Any]) -> list[str]:
    """Return the names on an x axis of names, in their order; none where x is a number."""
    names: dict[str, None] = {}
    for trace in traces:
        values = np.asarray(trace.x)
        if values.dtype.kind in "OUS" and any(isinstance(value, str) for value in values):
            names.update(dict.fromkeys(map(str, values)))
    return list(names)


def _places(values: Any, names: list[str]) -> np.ndarray:
    if not names:
        return _numbers(values)
    return np.asarray([names.index(str(value)) for value in values], dtype=float)


def _ends(given: Any, values: Sequence[np.ndarray], more: float) -> tuple[float, float]:
    """Return the ends of an axis: those that are given, or those of the values and a margin."""
    if given is not None:
        return float(given[0]), float(given[1])
    there = np.concatenate([np.asarray(v, dtype=float).ravel() for v in values] or [np.zeros(1)])
    there = there[np.isfinite(there)]
    low, high = (float(there.min()), float(there.max())) if len(there) else (0.0, 1.0)
    low = min(low, 0.0) if not more else low
    return low - more, high + more + (0.04 * (high - low) if not more else 0)


def _bars(figure: go.Figure, traces: Sequence[Any], xs: Sequence[np.ndarray]) -> dict:
    """Return the feet and the tops of the bars of each trace of bars, by its number."""
    stacked = figure.layout.barmode == "stack"
    floors: dict[float, float] = {}
    found = {}
    for k, trace in enumerate(traces):
        if trace.type != "bar":
            continue
        heights = np.nan_to_num(_numbers(trace.y))
        feet = np.asarray([floors.get(float(x), 0.0) if stacked else 0.0 for x in xs[k]])
        for x, top in zip(xs[k], feet + heights, strict=True):
            floors[float(x)] = float(top)
        found[k] = (feet, feet + heights)
    return found


def _width(trace: Any) -> np.ndarray | float:
    return 0.8 if trace.width is None else np.asarray(trace.width, dtype=float)


def _columns(
    axes: Axes, x: np.ndarray, bar: tuple[np.ndarray, np.ndarray], width: Any, colour: str
) -> str:
    left, right = axes.left(x - np.asarray(width) / 2), axes.left(x + np.asarray(width) / 2)
    rects = "".join(
        f'<rect x="{a:.1f}" y="{min(low, high):.1f}" width="{b - a:.1f}" '
        f'height="{abs(low - high):.1f}"/>'
        for a, b, low, high in zip(left, right, axes.down(bar[0]), axes.down(bar[1]), strict=True)
    )
    return f'<g fill="{colour}" fill-opacity="0.75">{rects}</g>'


def _lines(axes: Axes, trace: Any, x: np.ndarray, colour: str) -> str:
    y = _numbers(trace.y)
    mode = trace.mode or "lines"
    parts = []
    if "lines" in mode:
        dash = DASHES.get(trace.line.dash or "", "")
        more = f' stroke-dasharray="{dash}"' if dash else ""
        parts.append(axes.line(x, y, f'stroke="{colour}" stroke-width="2.5"{more}'))
    if "markers" in mode:
        there = np.isfinite(x) & np.isfinite(y)
        dots = "".join(
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3"/>'
            for a, b in zip(axes.left(x[there]), axes.down(y[there]), strict=True)
        )
        parts.append(f'<g fill="{colour}" fill-opacity="0.7">{dots}</g>')
    return "".join(parts)


def _words(axes: Axes, names: Sequence[str]) -> list[str]:
    """Write the names below an x axis of names."""
    foot = axes.top + axes.height + 18
    return [
        written(inert(name, TICK), float(axes.left(k)), foot, anchor="middle")
        for k, name in enumerate(names)
    ]


def _key(trace: Any, colour: str, y: float) -> str:
    mark = f'<path d="M{LEFT} {y - 4:.0f}h22" stroke="{colour}" stroke-width="6"/>'
    return mark + written(inert(trace.name, NAME), LEFT + 30, y)


def _heatmap(figure: go.Figure, traces: Sequence[Any]) -> str:
    (trace,) = [trace for trace in traces if trace.type == "heatmap"]
    values = np.asarray(trace.z, dtype=float)
    rows, columns = values.shape
    side, across = min(CELL, 400 / rows), (WIDTH - LEFT - RIGHT) / columns
    most = float(np.nanmax(np.abs(values), initial=1e-9))
    cells = []
    for (r, c), value in np.ndenumerate(values):
        x, y = LEFT + across * c, TOP + side * r
        if np.isfinite(value):
            cells.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{across - 1:.1f}" height="{side - 1:.1f}" '
                f'fill="{SUSPECT}" fill-opacity="{0.05 + 0.75 * abs(value) / most:.2f}"/>'
                + written(f"{value:.2g}", x + across / 2, y + side / 2 + 4, anchor="middle")
            )
    bottom = TOP + side * rows
    names = [
        written(inert(name, TICK), LEFT - 8, TOP + side * (k + 0.5) + 4, anchor="end")
        for k, name in enumerate(_of_axis(trace.y, rows))
    ] + [
        written(inert(name, TICK), LEFT + across * (k + 0.5), bottom + 18, anchor="middle")
        for k, name in enumerate(_of_axis(trace.x, columns))
    ]
    titles = [figure.layout[axis].title.text for axis in ("yaxis", "xaxis")]
    said = "; ".join(
        f"{word}: {escape(title)}"
        for word, title in zip(("rows", "columns"), titles, strict=True)
        if title
    )
    foot = written(said, LEFT, bottom + 42)
    return picture([*cells, *names, foot], bottom + BOTTOM, _title(figure))


def _of_axis(values: Any, n: int) -> list[str]:
    return [str(value) for value in (range(n) if values is None else values)]
