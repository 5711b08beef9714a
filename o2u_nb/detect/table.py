"""The table of scores: every detector, the recommended ranking and what it says of each sample.

In comes a trace; out comes one row per sample, most suspicious first.
"""

import numpy as np
import pandas as pd

from o2u_nb.detect.scores import DETECTORS, class_probs
from o2u_nb.detect.threshold import estimate
from o2u_nb.trace import Trace

RECOMMENDED = "cyclic_margin"


def score_table(trace: Trace) -> pd.DataFrame:
    """Return one row per sample, sorted by `rank`, indexed by `sample_id`.

    Columns: `label`; each detector of `scores.DETECTORS`, higher = more suspicious; `score`, the
    recommended one; `rank`, 1 = most suspicious; `p_wrong`, the estimated probability that the
    label is wrong; `suspect`, whether the sample is among the estimated number of wrong labels;
    `suggested_label`, the likeliest other class; `kind`, for suspects `wrong`, or `ambiguous`
    where `p_wrong` is below a half, and "" for the rest. A sample that was never seen has NaN
    scores and the last ranks.
    """
    table = pd.DataFrame(index=trace.ids)
    table["label"] = trace.given
    for name, detector in DETECTORS.items():
        table[name] = detector(trace)
    table["score"] = table[RECOMMENDED]
    table["rank"] = _ranks(table["score"].to_numpy())
    found = estimate(trace, table["score"].to_numpy())
    table["p_wrong"] = found.p_wrong
    table["suspect"] = table["rank"] <= found.count
    suggested = suggested_positions(trace)
    table["suggested_label"] = np.asarray(trace.classes, dtype=object)[suggested]
    table["kind"] = np.select(
        [table["suspect"] & (table["p_wrong"] >= 0.5), table["suspect"]], ["wrong", "ambiguous"], ""
    )
    return table.sort_values("rank")


def suggested_positions(trace: Trace) -> np.ndarray:
    """Return the class that is likeliest on average, the given one apart: int (n_samples,)."""
    probs = np.nan_to_num(class_probs(trace), nan=0.0)
    probs[np.arange(trace.n_samples), trace.labels] = -1
    return probs.argmax(1)


def _ranks(score: np.ndarray) -> np.ndarray:
    """Rank from 1 = highest; ties keep the samples' order, NaN comes last."""
    order = np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable")
    ranks = np.empty(len(score), dtype=np.int64)
    ranks[order] = np.arange(1, len(score) + 1)
    return ranks
