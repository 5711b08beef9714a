"""What several benchmarks share: figures of a ranking, the machine, and tables with spread."""

import os
import platform
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from o2u_nb.data import atomic

RESULTS = Path(__file__).parent / "results"


class Runs:
    """Keep one row of figures for each run in `results/name.csv`, so that none is done twice."""

    def __init__(self, name: str):
        self.path = RESULTS / f"{name}.csv"
        self.table = pd.read_csv(self.path) if self.path.exists() else pd.DataFrame()

    def has(self, key: dict) -> bool:
        """Tell whether a run is there, by the columns in `key`."""
        known = self.table
        return len(known) and bool((known[list(key)] == pd.Series(key)).all(axis=1).any())

    def add(self, row: dict) -> None:
        """Add a run, and write the file."""
        print({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
        self._append([row])

    def put(self, key: dict, rows: list[dict]) -> None:
        """Add a run that has several rows, in the place of older ones with that `key`."""
        if self.has(key):
            same = (self.table[list(key)] == pd.Series(key)).all(axis=1)
            self.table = self.table[~same]
        self._append([{**key, **row} for row in rows])

    def _append(self, rows: list[dict]) -> None:
        self.table = pd.concat([self.table, pd.DataFrame(rows)], ignore_index=True)
        self.path.parent.mkdir(exist_ok=True)
        with atomic.replacing(self.path) as file:  # readers get either the old file or the new one
            self.table.to_csv(file, index=False, float_format="%.5g")


def calibration_error(p_wrong: np.ndarray, wrong: np.ndarray, bins: int = 10) -> float:
    """Compare probabilities with what happened: the expected calibration error, 0 to 1.

    `p_wrong` (n,) in [0, 1], `wrong` (n,) bool; bins of equal width, weighted by their size.
    Guo et al., ICML 2017, equation 3.
    """
    which = np.minimum((p_wrong * bins).astype(int), bins - 1)
    gaps = [abs(p_wrong[which == k].sum() - wrong[which == k].sum()) for k in range(bins)]
    return float(sum(gaps) / len(wrong))


def detection_figures(scores: pd.DataFrame, wrong: pd.Series) -> dict[str, float]:
    """Compare a ranking with the truth: `wrong` is bool by `sample_id`; shares are 0 to 1."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    wrong = wrong.reindex(scores.index).to_numpy()
    count = int(wrong.sum())
    by_rank = wrong[np.argsort(scores["rank"].to_numpy())]
    return {
        "AUROC": roc_auc_score(wrong, scores["score"]),
        "average precision": average_precision_score(wrong, scores["score"]),
        "precision at true count": float(by_rank[:count].mean()),
        "effort 90 %": effort(found_after(scores["score"].to_numpy(), wrong)),
        "true share wrong": float(wrong.mean()),
        "estimated / true": float(scores["suspect"].sum() / count),
        "calibration error": calibration_error(scores["p_wrong"].to_numpy(), wrong),
    }


def found_after(score: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Count the wrong labels among the first k of a ranking: float (n + 1,), for k = 0 to n.

    `score` (n,), higher = reviewed earlier, NaN last; `wrong` (n,) bool. Samples that tie are taken
    in random order: this is the mean over all such orders.
    """
    place = _dense(score)
    tied = np.bincount(place)[::-1].cumsum()
    found = np.bincount(place, weights=wrong)[::-1].cumsum()
    return np.interp(np.arange(len(score) + 1), [0, *tied], [0, *found])


def _dense(score: np.ndarray) -> np.ndarray:
    """Number the distinct values of `score` from 0 = smallest; NaN counts as smallest of all."""
    return np.unique(np.nan_to_num(score, nan=-np.inf), return_inverse=True)[1]


def ranking_figures(score: np.ndarray | None, wrong: np.ndarray) -> dict[str, float]:
    """Compare `score` (n,), higher = more suspicious, with the truth `wrong` (n,) of bool.

    Shares are 0 to 1. `effort 90 %` is how many samples one has to review, in the order of the
    ranking, to meet 90 % of the wrong labels, divided by the number of wrong labels: 0.9 at best.
    Without a score the result is empty.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    if score is None:
        return {}
    found = found_after(score, wrong)
    places = _dense(score)
    count = int(wrong.sum())
    precision = lambda k: float(found[k] / k)  # noqa: E731
    return {
        "AUROC": roc_auc_score(wrong, places),
        "AP": average_precision_score(wrong, places),
        "precision at true count": precision(count),
        "precision top 1 %": precision(max(1, round(0.01 * len(wrong)))),
        "precision top 5 %": precision(max(1, round(0.05 * len(wrong)))),
        "effort 90 %": effort(found),
    }


def effort(found: np.ndarray) -> float:
    """Return how many labels to look at to find 90 % of the wrong ones, by the wrong labels.

    `found` is what `found_after` returns; 0.9 at best.
    """
    count = found[-1]
    return float(np.argmax(found >= 0.9 * count - 1e-9) / count)


def flag_figures(flagged: np.ndarray | None, wrong: np.ndarray) -> dict[str, float]:
    """Compare the samples that a method calls wrong, (n,) of bool, with the truth.

    Without them the result is empty.
    """
    if flagged is None:
        return {}
    hits = (flagged & wrong).sum()
    return {
        "flagged / true": flagged.sum() / wrong.sum(),
        "flag precision": hits / max(1, flagged.sum()),
        "flag recall": hits / wrong.sum(),
        "flag F1": 2 * hits / (flagged.sum() + wrong.sum()),
    }


CURVE = np.linspace(0, 3, 51)[1:]  # labels reviewed, divided by the number of wrong ones


def review_curve(score: np.ndarray, wrong: np.ndarray) -> dict[str, float]:
    """Return the share of wrong labels found, 0 to 1, after reviewing as many as `CURVE` says."""
    found = found_after(score, wrong)
    count = wrong.sum()
    shares = np.interp(CURVE * count, np.arange(len(found)), found / count)
    return {f"{reviewed:.2f}": share for reviewed, share in zip(CURVE, shares, strict=True)}


def machine() -> str:
    """Name processor, cores, Python, torch and the date."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else processor()
    return (
        f"{device}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, "
        f"torch {torch.__version__.split('+')[0]}, {date.today().isoformat()}"
    )


def processor() -> str:
    """Return the processor's name, as Linux tells it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def mean_and_spread(rows: pd.DataFrame, by: list[str], digits: int = 3) -> pd.DataFrame:
    """Average over seeds: "mean ± standard deviation" for each figure, and the number of seeds.

    One seed has no spread, and a figure that no seed has is a dash.
    """
    groups = rows.drop(columns="seed").groupby(by, sort=False)
    mean = groups.mean()
    spread = groups.std(ddof=0)
    count = groups.count()
    table = pd.DataFrame(index=mean.index)
    for column in mean:
        cells = zip(mean[column], spread[column], count[column], strict=True)
        table[column] = [_cell(m, s, n, digits) for m, s, n in cells]
    table["seeds"] = groups.size()
    return table


def _cell(mean: float, spread: float, count: int, digits: int) -> str:
    if count == 0:
        return "–"
    return f"{mean:.{digits}f}" + (f" ± {spread:.{digits}f}" if count > 1 else "")


def median_and_range(values, digits: int = 1) -> str:
    """Write the median of some runs, and the smallest and the largest, as "2.0 (1.0 to 9.0)"."""
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def write_table(name: str, title: str, table: pd.DataFrame, notes: str) -> Path:
    """Write a Markdown table to `results/name.md`, with the machine and `notes`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.md"
    text = f"# {title}\n\n{machine()}\n\n{markdown(table)}\n\n{notes}\n"
    path.write_text(text, encoding="utf-8")
    return path


def markdown(table: pd.DataFrame) -> str:
    """Write a table as Markdown, its index first."""
    columns = [*table.index.names, *table.columns]
    rows = [
        [*(key if isinstance(key, tuple) else (key,)), *values]
        for key, values in zip(table.index, table.to_numpy(), strict=True)
    ]
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
