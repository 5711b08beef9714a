"""The table of scores: every detector, the recommended ranking and what it says of each sample.

In comes a trace, and embeddings where there are any; out comes one row per sample, most suspicious
first.
"""

import numpy as np
import pandas as pd

from o2u_nb.detect.neighbours import lookalike_probs
from o2u_nb.detect.odds import likeliest_other, log_odds_against
from o2u_nb.detect.scores import DETECTORS, blocks, class_probs
from o2u_nb.detect.swaps import swap_odds
from o2u_nb.detect.threshold import Estimate, estimate
from o2u_nb.trace import Trace

FLOOR = 1e-3  # of a probability by 50 look-alikes, which cannot say less
KINDS = pd.array(["", "ambiguous", "wrong"], dtype="str")


def score_table(trace: Trace, embeddings: np.ndarray | None = None) -> pd.DataFrame:
    """Return one row per sample, sorted by `rank`, indexed by `sample_id`.

    `embeddings` (n_samples, d) float, in the order of the trace, are what `probe.embed` makes.
    Columns: `label`; each detector of `scores.DETECTORS` and the further parts of the score, see
    `parts`, higher = more suspicious; `score`, the recommended one, see `combined`; `rank`, 1 =
    most suspicious; `p_wrong`, the estimated probability that the label is wrong; `suspect`,
    whether the sample is among the estimated number of wrong labels; `suggested_label`, the
    likeliest other class; `kind`, for suspects `wrong`, or `ambiguous` where `p_wrong` is below a
    half, and "" for the rest. A sample that was never seen has NaN scores and the last ranks.
    Raises `O2UError` for embeddings of another number of samples.
    """
    return ranked(trace, embeddings)[0]


def ranked(trace: Trace, embeddings: np.ndarray | None = None) -> tuple[pd.DataFrame, Estimate]:
    """Return the table of `score_table` and the estimate that it is cut by, computed once."""
    scores = {name: np.asarray(detector(trace)) for name, detector in DETECTORS.items()}
    further, suggested = parts(trace, embeddings)
    scores.update(further)
    scores["score"] = combined(
        scores["settled_margin"], further.get("lookalike_margin"), further["swap_odds"]
    )
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
        suggested_label=classes.take(suggested[order]),
        kind=KINDS.take(np.where(p_wrong >= 0.5, 2, 1) * suspect),
    )
    return pd.DataFrame(columns, index=trace.ids[order], copy=False), found


def parts(trace: Trace, embeddings: np.ndarray | None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the parts of the score that compare samples, and the suggested class of each sample.

    Each part is (n_samples,), nats, higher = more suspicious: `lookalike_margin`, with embeddings
    only, what the network thinks of the samples that look alike, as log-odds against the label (see
    `neighbours.lookalike_probs`); and `swap_odds`, how common it is that the suggested class bears
    the given label. The suggested class, int (n_samples,), is the likeliest but for the given one,
    asking the sample and its look-alikes. All but `swap_odds` is NaN where a sample was never seen.
    """
    probs, found = class_probs(trace), {}
    if embeddings is not None:
        alike = lookalike_probs(embeddings, probs)
        found["lookalike_margin"] = log_odds_against(alike + FLOOR, trace.labels)
        probs = np.where(np.isnan(alike), probs, (probs + alike) / 2)
    suggested = np.empty(trace.n_samples, dtype=np.int64)
    for block in blocks(trace):
        suggested[block] = likeliest_other(probs[block], trace.labels[block])
    found["swap_odds"] = swap_odds(probs, trace.labels, suggested)
    return found, suggested


def combined(dynamics: np.ndarray, look_alikes: np.ndarray | None, swaps: np.ndarray) -> np.ndarray:
    """Return the recommended score, (n_samples,), nats: log-odds against the label.

    `dynamics` is what the network said of the sample itself (`scores.settled_margin`),
    `look_alikes` what it said of those that look like it; the mean of both, or the former alone
    where the latter is unknown, is what the pictures say. Where that is against the label, it
    counts exp(`swaps`) times: more where such a mix-up is common, less where it is rare. Added
    instead, as Bayes' rule has it for odds that can be trusted, `swaps` hardly moves the oddest
    pictures, which a network contradicts with far too many nats, and doubts labels that nothing
    else speaks against. NaN where the sample itself was never seen.
    """
    said = dynamics
    if look_alikes is not None:
        said = np.where(np.isnan(look_alikes), dynamics, (dynamics + look_alikes) / 2)
    return np.where(said > 0, said * np.exp(swaps), said)


def _most_suspicious_first(score: np.ndarray) -> np.ndarray:
    """Order positions by falling score; ties keep the samples' order, NaN comes last."""
    return np.argsort(-score, kind="stable")  # numpy sorts NaN to the end
