"""Ours against the others: in come the rows of all runs, out comes who leads, where, by how much.

Ours is on each set the whole product, or, where only parts of it were run, the part that stands
first in `OURS`. A lead is taken seed by seed, on the same pictures and wrong labels.
"""

import numpy as np
import pandas as pd

from benchmarks.detection.scoring import ORACLE, OURS, RANDOM, SAME_RUN
from benchmarks.detection.sets import SETS

FIGURES = {
    "AP": "Average precision",
    "AUROC": "Area under the ROC curve",
    "precision at true count": "Precision at the true count",
    "precision top 1 %": "Precision among the top 1 %",
    "precision top 5 %": "Precision among the top 5 %",
    "effort 90 %": "Review effort: labels to look at to find 90 % of the wrong ones / wrong labels",
}
# Figures of what is called wrong outright; the second is made of `flagged / true`.
OF_FLAGS = ("flag F1", "count, off by a factor")
LOWER_IS_BETTER = ("effort 90 %", "count, off by a factor")


def product(rows: pd.DataFrame) -> pd.Series:
    """Say which method is ours on each set: names, by set."""
    mine = rows.loc[rows["method"].isin(OURS), ["set", "method"]]
    first = mine["method"].map(OURS.index).groupby(mine["set"]).min()
    return first.map(lambda place: OURS[place])


def compared(rows: pd.DataFrame, figure: str = "AP") -> pd.DataFrame:
    """Compare every method with ours by one `figure`, on the seeds that have both.

    One row for each set and rival: `theirs`, `ours`, `lead` (positive: the rival is better), each a
    mean over seeds, `spread` (standard deviation of the leads, n - 1), the seeds it is `ahead` on,
    `seeds`, and how many `passes` over the pictures it trains for each of ours.
    """
    rows = with_count(rows)
    columns = ["set", "seed", figure, "training_passes"]
    ours = rows.loc[rows["method"] == rows["set"].map(product(rows)), columns]
    others = rows[rows["method"] != rows["set"].map(product(rows))]
    others = others[(others["method"] != RANDOM) & others[figure].notna()]
    others = others.rename(columns={"method": "rival"})
    pairs = others.merge(ours, on=["set", "seed"], suffixes=("", " ours"))
    pairs["passes"] = pairs["training_passes"] / pairs["training_passes ours"].replace(0, np.nan)
    sign = -1 if figure in LOWER_IS_BETTER else 1
    pairs["lead"] = sign * (pairs[figure] - pairs[f"{figure} ours"])
    groups = pairs.dropna(subset="lead").groupby(["set", "rival"], sort=False)
    table = pd.DataFrame(
        {
            "theirs": groups[figure].mean(),
            "ours": groups[f"{figure} ours"].mean(),
            "lead": groups["lead"].mean(),
            "spread": groups["lead"].std(),
            "ahead": groups["lead"].agg(lambda lead: int((lead > 0).sum())),
            "seeds": groups.size(),
            "passes": groups["passes"].mean(),
        }
    ).reset_index()
    return table.sort_values("set", key=lambda names: names.map(list(SETS).index), kind="stable")


def with_count(rows: pd.DataFrame) -> pd.DataFrame:
    """Add by which factor the number of flagged samples is too large or too small, 1 at best.

    Where nothing is flagged, it is the factor of a single sample, so that it counts as a failure.
    """
    if "flagged / true" not in rows:
        return rows
    ratio = rows["flagged / true"].clip(lower=1 / (rows["n"] * rows["share_wrong"]))
    return rows.assign(**{OF_FLAGS[1]: np.maximum(ratio, 1 / ratio)})


def rivals_of(pairs: pd.DataFrame) -> pd.DataFrame:
    """Leave out what is no rival: other scores of ours, parts of the product, and the oracle."""
    own = pairs["rival"].str.startswith((SAME_RUN, *OURS))
    return pairs[~own & (pairs["rival"] != ORACLE)]


def best_of(pairs: pd.DataFrame) -> pd.DataFrame:
    """Keep the best rival of each set, and count as `better` those that are better than we are."""
    groups = pairs.groupby("set", sort=False)
    better = groups["lead"].agg(lambda lead: f"{(lead > 0).sum()} of {len(lead)}")
    best = pairs.loc[groups["lead"].idxmax()]
    return best.assign(better=best["set"].map(better))


def best_rivals(rows: pd.DataFrame) -> pd.DataFrame:
    """Compare the best rival of each set with ours by every figure: `best_of`, and `figure`."""
    found = [
        best_of(rivals_of(compared(rows, figure))).assign(figure=figure)
        for figure in (*FIGURES, *OF_FLAGS)
        if figure in with_count(rows)
    ]
    return pd.concat(found, ignore_index=True).sort_values(
        "set", key=lambda names: names.map(list(SETS).index), kind="stable"
    )
