"""The two pictures of the page: average precision, and labels found against labels reviewed."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.common import CURVE
from benchmarks.detection.scoring import OURS, SHOWN
from benchmarks.detection.sets import SETS, full_title

COLUMNS = 3
FIRST = 0.5  # where the picture of review effort begins: before, all methods are close to perfect
# Colours of Okabe and Ito, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#CC79A7", "#009E73", "#000000")
STYLES = dict(zip(SHOWN, zip(COLOURS, "os^vDPX", strict=True), strict=True))


def average_precision(rows: pd.DataFrame, path: Path) -> None:
    """Draw a panel for each set: a dot for each method, and its spread over seeds."""
    figure, panels = grid(rows, height=2.1)
    methods = [method for method in SHOWN if method in set(rows["method"])]
    for number, (name, panel) in enumerate(panels.items()):
        values = rows[rows["set"] == name].groupby("method")["AP"]
        mean, spread = values.mean().reindex(methods), values.std().reindex(methods).fillna(0)
        for place, method in enumerate(methods):
            colour, marker = STYLES[method]
            style = dict(color=colour, marker=marker, markersize=7, capsize=3)
            panel.errorbar(mean[method], place, xerr=spread[method], **style)
        panel.axvline(mean[OURS], color=STYLES[OURS][0], linewidth=1, linestyle=":")
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
            ours = dict(linewidth=2.4, zorder=3) if method == OURS else dict(linewidth=1.3)
            values = means.loc[method].to_numpy()
            panel.plot(CURVE, values, color=STYLES[method][0], label=method, **ours)
        lowest = np.interp(FIRST, CURVE, means.min())
        panel.set_xlim(FIRST, CURVE[-1])
        panel.set_ylim(np.floor(10 * lowest) / 10, 1.02)
        panel.grid(color="0.9")
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=10)
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
