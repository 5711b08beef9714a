"""How far two people agree on labels, by more than chance, and where they differ.

In come the answers of two reviewers on the same pictures; out come Cohen's kappa with an interval,
and the pictures and pairs of classes on which they differ.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.errors import O2UError
from o2u_nb.review.certificate import Z
from o2u_nb.review.mistakes import upper_share


class Kappa(NamedTuple):
    """Cohen's kappa, from `low` to `high` its 95 % interval; `agreed` of `n` answers are the same.

    1 is agreement on everything, 0 as much as by chance, below 0 less. `value` is NaN where both
    gave the same one class to everything, so that chance alone would make them agree.
    """

    value: float
    low: float
    high: float
    agreed: int
    n: int


class Agreement(NamedTuple):
    """What two reviewers, `first` and `second`, answered to the same samples.

    `table` counts the pairs of answers: rows are those of the first. `differing` has a row for each
    sample on which they differ, indexed by `sample_id`, with one column for each of them. `pairs`
    counts the differences, the commonest first: columns first, second and count.
    """

    first: str
    second: str
    kappa: Kappa
    table: pd.DataFrame
    differing: pd.DataFrame
    pairs: pd.DataFrame


def agreement(first: pd.Series, second: pd.Series) -> Agreement:
    """Compare the answers of two reviewers: text by `sample_id`, named after the reviewers.

    Only samples that both have answered count. Raises `O2UError` where there are none.
    """
    names = str(first.name), str(second.name)
    both = pd.concat([first.astype(object), second.astype(object)], axis=1, keys=[0, 1]).dropna()
    if both.empty:
        raise O2UError(
            f"{names[0]} and {names[1]} have not answered any sample in common: let one of them "
            "check what the other one has decided, with audit.check(reviewer=...)."
        )
    classes = sorted({*both[0], *both[1]})
    table = pd.crosstab(both[0], both[1]).reindex(index=classes, columns=classes, fill_value=0)
    differing = both[both[0] != both[1]].rename_axis("sample_id").sort_index()
    pairs = differing.groupby([0, 1]).size().rename("count").reset_index()
    pairs = pairs.rename(columns={0: "first", 1: "second"})
    return Agreement(
        *names,
        kappa=cohens_kappa(table.to_numpy()),
        table=table.rename_axis(index=names[0], columns=names[1]),
        differing=differing.set_axis(list(names), axis=1),
        pairs=pairs.sort_values(
            ["count", "first", "second"], ascending=[False, True, True], ignore_index=True
        ),
    )


def cohens_kappa(table: np.ndarray) -> Kappa:
    """Return Cohen's kappa of a square table of counts, with a 95 % interval.

    `table[i, j]` counts the samples that the first reviewer calls i and the second one j. J. Cohen,
    Educational and Psychological Measurement 1960; the standard error for large samples is that of
    J. L. Fleiss, J. Cohen and B. S. Everitt, Psychological Bulletin 1969. Where both agree on
    everything that error is 0. Then `low` is what the smallest share of agreement allows that is
    not rejected (Clopper and Pearson, 2.5 %), with the same chance to agree. Raises `O2UError` for
    a table that is not square.

    >>> [round(figure, 3) for figure in cohens_kappa(np.array([[20, 5], [10, 15]]))]
    [0.4, 0.151, 0.649, 35, 50]
    """
    counts = np.asarray(table, dtype=float)
    n = counts.sum()
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or n <= 0 or (counts < 0).any():
        raise O2UError(f"Expected a square table of counts, found one of shape {counts.shape}.")
    agreed = int(np.trace(counts))
    p = counts / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    chance = float(rows @ columns)
    if chance >= 1:
        return Kappa(np.nan, np.nan, np.nan, agreed, int(n))
    value = float((agreed / n - chance) / (1 - chance))
    if agreed == n:
        least = 1 - upper_share(0, int(n), 0.025)
        return Kappa(1.0, max((least - chance) / (1 - chance), -1.0), 1.0, agreed, int(n))
    half = Z * float(np.sqrt(_variance(p, value, chance) / n))
    return Kappa(value, max(value - half, -1.0), min(value + half, 1.0), agreed, int(n))


def _variance(p: np.ndarray, value: float, chance: float) -> float:
    """Return n times the variance of kappa for the shares `p` (k, k), for large n."""
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    # How much kappa changes with each share: the delta method.
    weights = np.eye(len(p)) - (1 - value) * (rows[None, :] + columns[:, None])
    spread = (p * weights**2).sum() - (p * weights).sum() ** 2
    return float(max(spread, 0.0)) / (1 - chance) ** 2
