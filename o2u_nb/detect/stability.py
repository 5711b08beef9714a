"""Stability: how little one more cycle of training changes the ranking.

In comes a trace, of a training that is finished or still runs. Out comes, for each finished cycle
from the second on, how far the ranking by all cyclic epochs so far agrees with the ranking one
cycle earlier.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.scores import settled_margin
from o2u_nb.detect.threshold import count_wrong
from o2u_nb.text import percent
from o2u_nb.trace import Trace

# Smallest share of the samples (0 to 1) whose place at the top is compared. With only a handful of
# suspects, the same ones may stay at the top by chance. Our choice.
LEAST_TOP = 0.01


@dataclass(frozen=True)
class Stability:
    """Say how far the ranking after `cycle` cycles agrees with the one a cycle earlier.

    `rank_correlation` is Spearman's rank correlation over all samples that were seen, -1 to 1, NaN
    where all scores are equal. `top_overlap` is the share, 0 to 1, of the `n_top` most suspicious
    samples that were already among the `n_top` most suspicious a cycle earlier. Higher = more
    stable. Both also rise because each new cycle is a smaller part of the average than the one
    before.
    """

    cycle: int
    rank_correlation: float
    top_overlap: float
    n_top: int

    def reaches(self, share: float) -> bool:
        """Return whether both figures are at least `share` (0 to 1); False if one is NaN."""
        return self.top_overlap >= share and self.rank_correlation >= share

    def __str__(self) -> str:
        return (
            f"{percent(self.top_overlap)} of the top {self.n_top:,} suspects are the same as a "
            f"cycle ago (rank correlation {self.rank_correlation:.3f})"
        )


def stability(
    trace: Trace, cycle: int | None = None, *, n_top: int | None = None
) -> list[Stability]:
    """Compare the ranking after each finished cycle, from the second on, with the one before.

    A cycle has `cycle` epochs; by default its length is read from the learning rate, see
    `cycle_length`. Samples are ranked by `settled_margin`, the part of the recommended score that
    comes from the training dynamics, over all cyclic epochs up to the end of each cycle. Epochs of
    an unfinished cycle are left out. `n_top` is the number of samples that a reviewer would look
    at; by default it is the estimated number of wrong labels after the last epoch, and at least 1 %
    of the samples. A sample that was not yet seen a cycle earlier counts as the last one then; a
    sample that was never seen is left out. Returns one `Stability` per compared cycle, none when
    fewer than two cycles are finished. Raises `ValueError` for a `cycle` below 1.
    """
    cyclic = trace.only("cyclic")
    cycle = cycle_length(cyclic) if cycle is None else cycle
    if cycle < 1:
        raise ValueError(f"Expected a cycle of at least 1 epoch, found {cycle}.")
    ends = range(cycle, cyclic.n_epochs + 1, cycle)
    if len(ends) < 2:
        return []
    scores = [_score(cyclic, end) for end in ends]
    n_top = _n_top(cyclic, scores[-1]) if n_top is None else n_top
    return [
        Stability(number, *_agreement(before, now, n_top), n_top)
        for number, (before, now) in enumerate(pairwise(scores), start=2)
    ]


def cycle_length(trace: Trace) -> int:
    """Return the number of cyclic epochs before the learning rate first goes up.

    If it never does, that is the number of all cyclic epochs, and at least 1.
    """
    rates = trace.lr[trace.phase == "cyclic"]
    rises = np.flatnonzero(rates[1:] > rates[:-1] * (1 + 1e-6))  # ignores rounding errors
    return int(rises[0]) + 1 if len(rises) else max(1, len(rates))


def top_size(n_wrong: int, n_seen: int) -> int:
    """Return how many top samples to compare: `n_wrong`, but at least 1 % of `n_seen`, and 1."""
    return max(1, math.ceil(LEAST_TOP * n_seen), n_wrong)


def _score(cyclic: Trace, end: int) -> np.ndarray:
    """Return the score by the first `end` epochs: (n_samples,), higher = more suspicious."""
    rows = {name: getattr(cyclic, name)[:end] for name in ("loss", "margin", "pred", "lr", "phase")}
    return settled_margin(Evidence(replace(cyclic, **rows, mean_probs={})))


def _n_top(cyclic: Trace, score: np.ndarray) -> int:
    seen = ~np.isnan(score)
    return top_size(count_wrong(Evidence(cyclic), seen).count, int(seen.sum()))


def _agreement(before: np.ndarray, now: np.ndarray, n_top: int) -> tuple[float, float]:
    """Return rank correlation and top overlap of two scores (n,), NaN where not seen."""
    seen = ~np.isnan(now)
    now = now[seen]
    before = np.where(np.isnan(before), -np.inf, before)[seen]
    top = _top(now, n_top)
    stayed = np.isin(top, _top(before, n_top))
    return _spearman(before, now), float(stayed.mean()) if len(top) else math.nan


def _top(score: np.ndarray, n: int) -> np.ndarray:
    """Return the positions of the `n` highest scores; ties keep the order of the samples."""
    return np.argsort(-score, kind="stable")[:n]


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's rank correlation of two arrays (n,); ties get their mean rank.

    NaN when all values of one array are equal.
    """
    ranks = [pd.Series(values).rank().to_numpy() - (len(values) + 1) / 2 for values in (a, b)]
    lengths = math.sqrt(ranks[0] @ ranks[0]) * math.sqrt(ranks[1] @ ranks[1])
    return float(ranks[0] @ ranks[1] / lengths) if lengths else math.nan
