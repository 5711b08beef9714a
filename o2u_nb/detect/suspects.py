"""Suspects: selections and counts from the score table, for figures, galleries and the report.

In comes a score table (one row per sample, `rank` 1 = most suspicious). Out come pandas tables: the
samples of one class, the top suspects, counts per class, and counts of which class is labelled as
which.
"""

from difflib import get_close_matches

import numpy as np
import pandas as pd

from o2u_nb.errors import O2UError


def of_label(scores: pd.DataFrame, label: str | None) -> pd.DataFrame:
    """Return the rows whose given label is `label`, or all rows when it is None.

    Raises `O2UError`, which names a similar class, when no sample has this label.
    """
    if label is None:
        return scores
    chosen = scores[scores["label"] == label]
    if chosen.empty:
        names = [str(name) for name in scores["label"].unique()]
        near = get_close_matches(str(label), names, n=1) or sorted(names)[:3]
        raise O2UError(
            f"No class {label!r} among the {len(names)} classes of the score table: try "
            f"{' or '.join(map(repr, near))}."
        )
    return chosen


def top_suspects(
    scores: pd.DataFrame, *, label: str | None = None, n: int | None = None
) -> pd.DataFrame:
    """Return the `n` most suspicious suspects (all when `n` is None), most suspicious first.

    With `label`, only suspects with this given label. Raises `O2UError` when no sample has it.
    """
    chosen = of_label(scores, label)
    return chosen[chosen["suspect"].astype(bool)].sort_values("rank", kind="stable").head(n)


def per_class(scores: pd.DataFrame) -> pd.DataFrame:
    """Count samples and suspects of each given class, the class with the most suspects first.

    Returns a table indexed by `label`: `samples` and `suspects` (int), `share` of suspects (0 to
    1), and `suggestion`, the most frequent suggested label of the suspects (None without any).
    """
    given = scores["label"].astype(str)
    suspect = scores["suspect"].astype(bool)
    table = suspect.groupby(given).agg(samples="size", suspects="sum")
    table["share"] = table["suspects"] / table["samples"]
    pairs = confused(scores).drop_duplicates("given").set_index("given")["suggested"]
    table["suggestion"] = pairs.reindex(table.index).astype(object).where(lambda s: s.notna(), None)
    order = np.lexsort((table.index, -table["share"], -table["suspects"]))
    return table.iloc[order].rename_axis("label")


def confused(scores: pd.DataFrame) -> pd.DataFrame:
    """Count the pairs of given and suggested label among the suspects, most frequent first.

    Returns a table with the columns `given`, `suggested` (text) and `count` (int). Suspects without
    a suggested label are left out.
    """
    suspects = top_suspects(scores).dropna(subset=["suggested_label"])
    pairs = pd.DataFrame(
        {
            "given": suspects["label"].astype(str),
            "suggested": suspects["suggested_label"].astype(str),
        }
    )
    counts = pairs.value_counts(sort=False).rename("count").reset_index()
    return counts.sort_values(
        ["count", "given", "suggested"], ascending=[False, True, True], ignore_index=True
    )
