"""The two pictures of the page: average precision, and labels found against labels reviewed."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.common import CURVE
from benchmarks.detection.comparing import product
from benchmarks.detection.scoring import FROZEN, HEAD, OURS, SHOWN
from benchmarks.detection.sets import SETS, full_title

COLUMNS = 3
FIRST = 0.5  # where the picture of review effort begins: before, all methods are close to perfect
# Colours of Okabe and Ito, which colour-blind readers can tell apart, and a grey.
COLOURS = {
    "o2u_nb": "#0072B2",
    "o2u_nb, network alone": "#56B4E9",
    HEAD: "#56B4E9",
    "same run: o2u_mean (the paper)": "#E69F00",
    "AUM": "#D55E00",
    "cleanlab, self-confidence": "#009E73",
    "cleanlab, normalised margin": "#000000",
    "kNN vote": "#CC79A7",
    "SimiFeat-style rank": "#7F7F7F",
}


class Style(NamedTuple):
    """How a method is drawn: on frozen features with a hollow marker and a broken line."""

    colour: str
    marker: str
    frozen: bool


STYLES = {
    method: Style(
        COLOURS[name := method.removeprefix(FROZEN)],
        "osd^vPXD*"[list(COLOURS).index(name)],
        method == HEAD or method.startswith(FROZEN),
    )
    for method in SHOWN
}


def average_precision(rows: pd.DataFrame, path: Path) -> None:
    """Draw a panel for each set: a dot for each method, and its spread over seeds."""
    figure, panels = grid(rows, height=3.0)
    methods = [method for method in SHOWN if method in set(rows["method"])]
    for number, (name, panel) in enumerate(panels.items()):
        values = rows[rows["set"] == name].groupby("method")["AP"]
        mean, spread = values.mean().reindex(methods), values.std().reindex(methods).fillna(0)
        for place, method in enumerate(methods):
            colour, marker, frozen = STYLES[method]
            fill = "white" if frozen else colour
            style = dict(color=colour, marker=marker, mfc=fill, markersize=7, capsize=3)
            panel.errorbar(mean[method], place, xerr=spread[method], **style)
        ours = product(rows)[name]
        panel.axvline(mean[ours], color=STYLES[ours].colour, linewidth=1, linestyle=":")
        panel.set_yticks(range(len(methods)), methods if number % COLUMNS == 0 else [])
        panel.set_ylim(len(methods) - 0.5, -0.5)
        panel.xaxis.set_major_locator(MaxNLocator(4, min_n_ticks=3))
        panel.grid(axis="x", color="0.9")
    figure.supxlabel("average precision (each panel has its own range)", fontsize=11)
    figure.savefig(path, dpi=110)


def review_effort(curves: pd.DataFrame, path: Path) -> None:
    """Draw a panel for each set: the share of wrong labels found against labels reviewed."""
    figure, panels = grid(curves, height=2.3)
    columns = [f"{reviewed:.2f}" for reviewed in CURVE]
    for name, panel in panels.items():
        means = curves[curves["set"] == name].groupby("method")[columns].mean()
        panel.plot([0, 1, 3], [0, 1, 1], color="0.6", linestyle="--", linewidth=1, label="perfect")
        for method in (m for m in SHOWN if m in means.index):
            style = dict(linewidth=2.4, zorder=3) if method in OURS[:2] else dict(linewidth=1.3)
            style |= dict(color=STYLES[method].colour, label=method)
            line = "--" if STYLES[method].frozen else "-"
            panel.plot(CURVE, means.loc[method].to_numpy(), linestyle=line, **style)
        lowest = np.interp(FIRST, CURVE, means.min())
        panel.set_xlim(FIRST, CURVE[-1])
        panel.set_ylim(np.floor(10 * lowest) / 10, 1.02)
        panel.grid(color="0.9")
    drawn = {
        label: line
        for panel in panels.values()
        for line, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        drawn.values(),
        drawn.keys(),
        loc="outside upper center",
        ncols=4,
        frameon=False,
        fontsize=10,
    )
    note = (
        "labels reviewed, in the order of the ranking / wrong labels (each panel has its own range)"
    )
    figure.supxlabel(note, fontsize=11)
    figure.supylabel("share of the wrong labels found", fontsize=11)
    figure.savefig(path, dpi=110)


def grid(rows: pd.DataFrame, height: float) -> tuple[Figure, dict]:
    """Lay out a panel for each set that has rows; `height` of a row of panels in inches."""
    names = [name for name in SETS if name in set(rows["set"])]
    n_rows = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(12, height * n_rows + 1.2), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.07)
    axes = np.ravel(figure.subplots(n_rows, COLUMNS, squeeze=False))
    for axis in axes[len(names) :]:
        axis.axis("off")
    panels = dict(zip(names, axes, strict=False))
    for name, panel in panels.items():
        panel.set_title(full_title(name), fontsize=10)
    return figure, panels
