"""Scores of each training's raw material: in comes its folder, out come scores by method.

A score is float (n_samples,), higher = more suspicious, in the order of the given labels.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from o2u_nb.detect import scores
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.table import score_table
from o2u_nb.trace import Trace

OURS = "o2u_nb, score"
OF_KIND_WRONG = "o2u_nb, suspects of kind wrong"  # the suspects without the ambiguous ones
SAME_RUN = "same run: "  # other scores of the training that ours comes from
ORACLE = "small loss, best epoch (oracle)"
RANDOM = "random"
SHOWN = (  # in the pictures
    OURS,
    f"{SAME_RUN}o2u_mean (the paper)",
    "AUM",
    "data maps",
    "small loss, last epoch",
    "cleanlab, self-confidence",
    "cleanlab, normalised margin",
)


class Scored(NamedTuple):
    """One method's scores, and which samples it calls wrong, bool (n_samples,); None: not said."""

    score: np.ndarray | None
    flagged: np.ndarray | None = None


def score_all(training: str, folder: Path, labels: np.ndarray, wrong: np.ndarray, seed: int):
    """Return `Scored` by method; `wrong` is read by the oracle alone."""
    if training == "o2u":
        return o2u(Trace.open(folder / "trace"), np.load(folder / "embeddings.npy"))
    if training == "plain":
        return plain(Trace.open(folder / "trace"), wrong)
    if training == "folds":
        return folds(labels, np.load(folder / "probs.npy"))
    rng = np.random.default_rng([seed, len(labels)])  # not the stream that planted the noise
    return {RANDOM: Scored(rng.random(len(labels)))}


def o2u(trace: Trace, embeddings: np.ndarray) -> dict[str, Scored]:
    """Score our own training: what a user sees, and the columns beside it."""
    table = ours(trace, embeddings).loc[trace.ids]
    found = {
        OURS: Scored(table["score"].to_numpy(), table["suspect"].to_numpy()),
        OF_KIND_WRONG: Scored(None, (table["kind"] == "wrong").to_numpy()),
    }
    columns = {
        "o2u_mean (the paper)": "o2u_mean",
        "o2u_var": "o2u_var",
        "AUM": "aum",
        "cyclic margin": "cyclic_margin",
        "settled margin": "settled_margin",
        "look-alikes alone": "lookalike_margin",
        "average-probability margin": "average_probability_margin",
        "data maps": "low_confidence",
        "forgetting": "forgetting",
    }
    beside = {SAME_RUN + name: Scored(table[column].to_numpy()) for name, column in columns.items()}
    return found | beside


def ours(trace: Trace, embeddings: np.ndarray):
    """Compute the table that an audit writes."""
    return score_table(trace, embeddings)


def plain(trace: Trace, wrong: np.ndarray) -> dict[str, Scored]:
    """Score a plain training by what the literature reads from it."""
    evidence = Evidence(trace)
    aum = scores.aum(evidence)
    return {
        "AUM": Scored(aum),
        "data maps": Scored(scores.low_confidence(evidence)),
        "forgetting": Scored(tie_broken(scores.forgetting(evidence), aum)),
        "small loss, last epoch": Scored(np.asarray(trace.loss[-1])),
        ORACLE: Scored(best_epoch(trace.loss, wrong)),
    }


def tie_broken(score: np.ndarray, then: np.ndarray) -> np.ndarray:
    """Rank by `score` and, where that ties, by `then`: float (n_samples,), the largest first."""
    ranks = np.empty(len(score))
    ranks[np.lexsort((then, score))] = np.arange(len(score))
    return ranks


def best_epoch(loss: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Return the losses of the epoch that ranks best against the truth, which no user has."""
    from sklearn.metrics import average_precision_score

    return np.asarray(max(loss, key=lambda row: average_precision_score(wrong, row)))


def folds(labels: np.ndarray, probs: np.ndarray) -> dict[str, Scored]:
    """Score held-out probabilities (n_samples, n_classes) with cleanlab, at its defaults."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    probs = probs.astype(np.float64)
    probs /= probs.sum(1, keepdims=True)
    found = {}
    for name, method in (
        ("self-confidence", "self_confidence"),
        ("normalised margin", "normalized_margin"),
    ):
        for note, adjusted in (("", False), (", adjusted", True)):
            quality = get_label_quality_scores(
                labels, probs, method=method, adjust_pred_probs=adjusted
            )
            found[f"cleanlab, {name}{note}"] = Scored(1 - quality)
    flagged = find_label_issues(labels, probs, n_jobs=1)
    first = 2 * flagged + found["cleanlab, self-confidence"].score  # the latter is 0 to 1
    return found | {"cleanlab, find_label_issues": Scored(first, flagged)}
