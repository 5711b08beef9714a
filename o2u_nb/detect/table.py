"""The table of scores: every detector, the recommended ranking and what it says of each sample.

In comes a trace, and embeddings where there are any; out comes one row per sample, most suspicious
first.
"""

import numpy as np
import pandas as pd

from o2u_nb.detect.neighbours import lookalike_margin
from o2u_nb.detect.scores import DETECTORS, blocks, class_probs
from o2u_nb.detect.threshold import estimate
from o2u_nb.trace import Trace

DYNAMICS, LOOK_ALIKES = "settled_margin", "lookalike_margin"  # the two parts of the score
KINDS = pd.array(["", "ambiguous", "wrong"], dtype="str")


def score_table(trace: Trace, embeddings: np.ndarray | None = None) -> pd.DataFrame:
    """Return one row per sample, sorted by `rank`, indexed by `sample_id`.

    `embeddings` (n_samples, d) float, in the order of the trace, are what `training.embed` makes.
    Columns: `label`; each detector of `scores.DETECTORS`, higher = more suspicious, and with
    embeddings `lookalike_margin`; `score`, the recommended one, see `combined`; `rank`, 1 = most
    suspicious; `p_wrong`, the estimated probability that the label is wrong; `suspect`, whether
    the sample is among the estimated number of wrong labels; `suggested_label`, the likeliest other
    class; `kind`, for suspects `wrong`, or `ambiguous` where `p_wrong` is below a half, and "" for
    the rest. A sample that was never seen has NaN scores and the last ranks. Raises `O2UError` for
    embeddings of another number of samples.
    """
    scores = {name: np.asarray(detector(trace)) for name, detector in DETECTORS.items()}
    if embeddings is not None:
        scores[LOOK_ALIKES] = lookalike_margin(embeddings, class_probs(trace), trace.labels)
    scores["score"] = combined(scores[DYNAMICS], scores.get(LOOK_ALIKES))
    found = estimate(trace, scores["score"])
    order = _most_suspicious_first(scores["score"])
    rank, p_wrong = np.arange(1, len(order) + 1), found.p_wrong[order]
    suspect, classes = rank <= found.count, pd.array(trace.classes, dtype="str")
    columns = dict(
        label=classes.take(trace.labels[order]),
        **{name: values[order] for name, values in scores.items()},
        rank=rank,
        p_wrong=p_wrong,
        suspect=suspect,
        suggested_label=classes.take(suggested_positions(trace)[order]),
        kind=KINDS.take(np.where(p_wrong >= 0.5, 2, 1) * suspect),
    )
    return pd.DataFrame(columns, index=trace.ids[order], copy=False)


def combined(dynamics: np.ndarray, look_alikes: np.ndarray | None) -> np.ndarray:
    """Return the recommended score: the mean of two log-odds against the label, (n_samples,).

    `dynamics` is what the network said of the sample itself (`scores.settled_margin`),
    `look_alikes` what it said of those that look like it (`neighbours.lookalike_margin`); where the
    latter is unknown, the former stands alone. Both are in nats, so that the sum says which part
    spoke louder. NaN where the sample itself was never seen.
    """
    if look_alikes is None:
        return dynamics.copy()
    return np.where(np.isnan(look_alikes), dynamics, (dynamics + look_alikes) / 2)


def suggested_positions(trace: Trace) -> np.ndarray:
    """Return the class that is likeliest on average, the given one apart: int (n_samples,)."""
    likeliest = np.empty(trace.n_samples, dtype=np.int64)
    for block in blocks(trace):
        part = trace.take(block)
        probs = np.nan_to_num(class_probs(part), nan=0.0)
        probs[np.arange(part.n_samples), part.labels] = -1
        likeliest[block] = probs.argmax(1)
    return likeliest


def _most_suspicious_first(score: np.ndarray) -> np.ndarray:
    """Order positions by falling score; ties keep the samples' order, NaN comes last."""
    return np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable")
