"""A comparison of training methods and detectors: its rows, its tables, and where it is kept.

In come rows of figures, one for each method, noise and seed; out come tables of means with their
spread. Everything here works without torch; `training/compare.py` makes the rows.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from o2u_nb.data import atomic
from o2u_nb.errors import O2UError

ROWS, SETTINGS = "rows.csv", "settings.json"
# What can be compared, by column: what people call it, and whether more is better.
FIGURES = {
    "average_precision": ("average precision of the wrong labels", True),
    "precision_at_count": (
        "share of wrong labels among as many top suspects as labels are wrong",
        True,
    ),
    "accuracy": ("accuracy on held-out samples with right labels", True),
    "seconds": ("seconds of training", False),
}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Hold `rows`, one for each noise, seed and method, and `settings`, what all of them share.

    The columns of `rows` are `noise`, `rate` (the share of wrong labels as realised), `seed`,
    `method`, `kind` ("training" or "detector"), and the figures of `FIGURES`, NaN where a method
    has none: a detector trains nothing, and without wrong labels nothing can be found.
    """

    rows: pd.DataFrame
    settings: dict[str, Any]

    def table(self, figure: str = "average_precision", *, digits: int = 3) -> pd.DataFrame:
        """Return "mean ± standard deviation" over the seeds: methods as rows, noises as columns.

        `figure` is one of `FIGURES`; methods that do not have it are left out, and a single seed
        has no spread. Raises `O2UError` for another figure.
        """
        mean, spread = self.mean(figure), self.spread(figure)
        cells = {
            noise: [_cell(*pair, digits) for pair in zip(mean[noise], spread[noise], strict=True)]
            for noise in mean
        }
        return pd.DataFrame(cells, index=mean.index)

    def mean(self, figure: str = "average_precision") -> pd.DataFrame:
        """Return the mean over the seeds: float, methods as rows, noises as columns."""
        return self._over_seeds(figure).mean().unstack("noise").reindex(columns=self.noises)

    def spread(self, figure: str = "average_precision") -> pd.DataFrame:
        """Return the standard deviation over the seeds (n - 1), NaN for a single one."""
        return self._over_seeds(figure).std(ddof=1).unstack("noise").reindex(columns=self.noises)

    @property
    def noises(self) -> list[str]:
        """Return the noises, in the order in which they were asked for."""
        return list(dict.fromkeys(self.rows["noise"]))

    def leads(self, figure: str = "accuracy", *, over: str = "plain") -> pd.DataFrame:
        """Compare every method with the method `over`, seed by seed.

        Returns, by `noise` and `method`: `lead`, the mean difference (positive: better than
        `over`), `spread`, its standard deviation over the seeds (n - 1), `seeds`, and `clear`,
        whether the lead is larger than its spread. Raises `O2UError` for another figure, or where
        no row is of the method `over`.
        """
        _, more_is_better = _known(figure)
        rows = self.rows.dropna(subset=[figure])
        base = rows.loc[rows["method"] == over, ["noise", "seed", figure]]
        if base.empty:
            raise O2UError(f"No rows of the method {over!r} to compare with.")
        pairs = rows[rows["method"] != over].merge(base, on=["noise", "seed"], suffixes=("", "_o"))
        pairs["lead"] = (pairs[figure] - pairs[f"{figure}_o"]) * (1 if more_is_better else -1)
        groups = pairs.groupby(["noise", "method"], sort=False)["lead"]
        found = groups.agg(lead="mean", spread="std", seeds="count")
        return found.assign(clear=found["lead"] > found["spread"].fillna(0))

    def ahead(self, *, of: str = "score", figure: str = "average_precision") -> list[str]:
        """Say which others are ahead of the recommended score: a sentence for each noise.

        A noise under which nothing is ahead has none, nor has a comparison without the method `of`.
        Each sentence names those whose mean is better, the farthest ahead first, and by how much;
        "not clear" stands where the lead is no larger than its spread over the seeds, and "one
        seed" where there is no spread. Raises `O2UError` for another figure.
        """
        _known(figure)
        if self.rows.loc[self.rows["method"] == of, figure].dropna().empty:
            return []
        leads = self.leads(figure, over=of)
        leads = leads[leads["lead"].round(3) > 0].sort_values("lead", ascending=False)
        found = [noise for noise in self.noises if noise in leads.index.get_level_values("noise")]
        return [f"Under {noise}, ahead of {of!r}: {_leads(leads.loc[noise])}." for noise in found]

    def _over_seeds(self, figure: str):
        _known(figure)
        rows = self.rows.dropna(subset=[figure])
        methods = pd.Categorical(rows["method"], list(dict.fromkeys(rows["method"])), ordered=True)
        rows = rows.assign(method=methods)
        return rows.groupby(["method", "noise"], observed=True)[figure]

    @classmethod
    def open(cls, folder: str | os.PathLike) -> "Comparison":
        """Open the comparison in `folder`, finished or not.

        Raises `O2UError` when there is none.
        """
        folder = Path(folder)
        try:
            settings = _settings_in(folder)
            rows = pd.read_csv(folder / ROWS, dtype={"noise": str, "method": str, "kind": str})
        except (OSError, ValueError) as error:
            raise O2UError(
                f"Expected a comparison in {folder}, with {SETTINGS} and {ROWS} ({error}): name "
                "the folder that was its out."
            ) from None
        return cls(rows, settings)


class Kept:
    """Keep rows in a folder as they come, so that a comparison that was stopped goes on.

    Without a `folder` they are kept in memory. Raises `O2UError` when the folder holds a comparison
    with other settings, or files of these names that no comparison has written.
    """

    def __init__(self, folder: str | os.PathLike | None, settings: dict[str, Any]):
        self.folder = None if folder is None else Path(folder)
        self.settings = settings
        self.rows: list[dict] = []
        if self.folder is not None:
            self._begin(self.folder)

    def _begin(self, folder: Path) -> None:
        if (folder / SETTINGS).exists():
            known = _settings_in(folder)
            if other := [name for name in self.settings if known.get(name) != self.settings[name]]:
                name = other[0]
                raise O2UError(
                    f"{folder} holds a comparison with another {name}: {known.get(name)!r}, not "
                    f"{self.settings[name]!r}. Pass another folder."
                )
            has_rows = (folder / ROWS).exists()
            self.rows = Comparison.open(folder).rows.to_dict("records") if has_rows else []
            return
        if (folder / ROWS).exists():
            raise O2UError(
                f"{folder} holds a file {ROWS} that no comparison has written: pass another folder."
            )
        folder.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(folder / SETTINGS) as file:
            file.write(json.dumps(self.settings, indent=1).encode())

    def has(self, **key: Any) -> bool:
        """Tell whether there is a row with this `noise`, `seed` and `method`."""
        return any(all(row[name] == value for name, value in key.items()) for row in self.rows)

    def add(self, rows: Iterable[dict]) -> None:
        """Add rows, and write all of them."""
        self.rows += rows
        if self.folder is not None:
            with atomic.replacing(self.folder / ROWS) as file:
                pd.DataFrame(self.rows).to_csv(file, index=False)

    @property
    def comparison(self) -> Comparison:
        """Return what is there so far."""
        return Comparison(pd.DataFrame(self.rows), self.settings)


def _settings_in(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise O2UError(
            f"Expected a comparison in {folder}, with {SETTINGS} ({error}): name another folder."
        ) from None
    if not isinstance(found, dict):
        raise O2UError(f"{SETTINGS} in {folder} holds no settings: name another folder.")
    return found


def _known(figure: str) -> tuple[str, bool]:
    if figure not in FIGURES:
        raise O2UError(f"No figure {figure!r}: expected one of {', '.join(FIGURES)}.")
    return FIGURES[figure]


def _leads(leads: pd.DataFrame) -> str:
    return ", ".join(f"{row.Index} ({row.lead:+.3f}{_doubt(row)})" for row in leads.itertuples())


def _doubt(row: Any) -> str:
    """Say why a lead may be nothing, "" if it is clear; a single seed has no spread."""
    return ", one seed" if row.seeds == 1 else "" if row.clear else ", not clear"


def _cell(mean: float, spread: float, digits: int) -> str:
    if pd.isna(mean):
        return "–"
    return f"{mean:.{digits}f}" + ("" if pd.isna(spread) else f" ± {spread:.{digits}f}")
