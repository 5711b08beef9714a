"""The score table: every detector, the recommended ranking and what it says of each sample.

In comes a trace, and embeddings where there are any; out comes one row per sample, most suspicious
first.
"""

import numpy as np
import pandas as pd

from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.registry import DETECTORS
from o2u_nb.detect.threshold import Estimate, estimate
from o2u_nb.trace import Trace

KINDS = pd.array(["", "ambiguous", "wrong"], dtype="str")


def score_table(trace: Trace, embeddings: np.ndarray | None = None) -> pd.DataFrame:
    """Return one row per sample, sorted by `rank`, indexed by `sample_id`.

    `embeddings` (n_samples, d) float, in the order of the trace, are what `probe.embed` makes.
    Columns: `label`; each detector of `registry.DETECTORS` whose evidence is there, higher = more
    suspicious, among them `score`, the recommended one; `rank`, 1 = most suspicious; `p_wrong`, the
    estimated probability that the label is wrong; `suspect`, whether the sample is among the
    estimated number of wrong labels; `suggested_label`, the likeliest other class; `kind`, for
    suspects `wrong`, or `ambiguous` where `p_wrong` is below a half, and "" for the rest. A sample
    that was never seen has NaN in every detector's column and the last ranks. Raises `O2UError` for
    embeddings of another number of samples.
    """
    return ranked(Evidence(trace, embeddings))[0]


def ranked(evidence: Evidence) -> tuple[pd.DataFrame, Estimate]:
    """Return the table of `score_table` and the estimate that it is cut by, computed once."""
    said = {name: evidence.column(detector.function) for name, detector in DETECTORS.items()}
    scores = {name: values for name, values in said.items() if values is not None}
    found = estimate(evidence, scores["score"])
    order = _most_suspicious_first(scores["score"])
    rank = np.arange(1, len(order) + 1)
    p_wrong = found.p_wrong[order]
    suspect = rank <= found.count
    classes = pd.array(evidence.trace.classes, dtype="str")
    columns = dict(
        label=classes.take(evidence.labels[order]),
        **{name: values[order] for name, values in scores.items()},
        rank=rank,
        p_wrong=p_wrong,
        suspect=suspect,
        suggested_label=classes.take(evidence.suggested[order]),
        kind=KINDS.take(np.where(p_wrong >= 0.5, 2, 1) * suspect),
    )
    return pd.DataFrame(columns, index=evidence.trace.ids[order], copy=False), found


def _most_suspicious_first(score: np.ndarray) -> np.ndarray:
    """Order positions by falling score; ties keep the samples' order, NaN comes last."""
    return np.argsort(-score, kind="stable")  # numpy sorts NaN to the end
