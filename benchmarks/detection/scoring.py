"""Scores of each training's raw material: in comes its folder, out come scores by method.

A score is float (n_samples,), higher = more suspicious, in the order of the given labels.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.detect import scores, votes
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.table import score_table
from o2u_nb.trace import Trace

AUDIT = "o2u_nb"  # what a user sees: the score of an audit
NETWORK, HEAD = "o2u_nb, network alone", "o2u_nb, head alone"  # what it is made of
OURS = (AUDIT, NETWORK, HEAD)
OF_KIND_WRONG = ", suspects of kind wrong"  # the suspects without the ambiguous ones
SAME_RUN = "same run: "  # other scores of the training of the network alone
FROZEN = "frozen features: "  # rivals on the features that the head has, too
ORACLE = "small loss, best epoch (oracle)"
RANDOM = "random"
SHOWN = (  # in the pictures
    *OURS,
    f"{SAME_RUN}o2u_mean (the paper)",
    "AUM",
    "cleanlab, self-confidence",
    "cleanlab, normalised margin",
    f"{FROZEN}AUM",
    f"{FROZEN}cleanlab, self-confidence",
    f"{FROZEN}cleanlab, normalised margin",
    f"{FROZEN}kNN vote",
    f"{FROZEN}SimiFeat-style rank",
)


class Scored(NamedTuple):
    """One method's scores, and which samples it calls wrong, bool (n_samples,); None: not said."""

    score: np.ndarray | None
    flagged: np.ndarray | None = None


def score_all(training: str, folder: Path, labels: np.ndarray, wrong: np.ndarray, seed: int):
    """Return `Scored` by method; `wrong` is read by the oracle alone."""
    if training == "audit":
        return named(AUDIT, pd.read_parquet(folder / "table.parquet"))
    if training == "o2u":
        return o2u(Trace.open(folder / "trace"), np.load(folder / "embeddings.npy"))
    if training == "plain":
        return plain(Trace.open(folder / "trace"), wrong)
    if training == "folds":
        return folds(labels, np.load(folder / "probs.npy"))
    if training == "random":
        rng = np.random.default_rng([seed, len(labels)])  # not the stream that planted the noise
        return {RANDOM: Scored(rng.random(len(labels)))}
    return on_features(training, folder, labels)


def on_features(training: str, folder: Path, labels: np.ndarray) -> dict[str, Scored]:
    """Return `Scored` by method of a training in `frozen.py`."""
    if training == "head":
        return head(Trace.open(folder / "trace"), np.load(folder / "embeddings.npy"))
    if training == "head-plain":
        return {f"{FROZEN}AUM": Scored(scores.aum(Evidence(Trace.open(folder / "trace"))))}
    if training == "head-folds":
        found = folds(labels, np.load(folder / "probs.npy"))
        return {FROZEN + name: scored for name, scored in found.items()}
    return votes_of(
        np.load(folder / "neighbours.npy"), np.load(folder / "similarities.npy"), labels
    )


def named(name: str, table: pd.DataFrame) -> dict[str, Scored]:
    """Take what a user sees from the table that an audit writes: score, suspects, their kind.

    A sample that the audit left out has NaN, comes last, and is no suspect.
    """
    return {
        name: Scored(table["score"].to_numpy(), table["suspect"].eq(True).to_numpy()),
        name + OF_KIND_WRONG: Scored(None, (table["kind"] == "wrong").to_numpy()),
    }


def o2u(trace: Trace, embeddings: np.ndarray) -> dict[str, Scored]:
    """Score the network alone: by the table of an audit, and by the columns beside its score."""
    table = score_table(trace, embeddings).loc[trace.ids]
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
    return named(NETWORK, table) | beside


def head(trace: Trace, embeddings: np.ndarray) -> dict[str, Scored]:
    """Score a head alone by the table of an audit."""
    return named(HEAD, score_table(trace, embeddings).loc[trace.ids])


def votes_of(
    neighbours: np.ndarray, similarities: np.ndarray, labels: np.ndarray
) -> dict[str, Scored]:
    """Score the labels of the nearest; see `votes`."""
    methods = {
        "kNN vote": votes.knn,
        "SimiFeat-style vote": votes.simifeat_by_vote,
        "SimiFeat-style rank": votes.simifeat_by_rank,
    }
    similarities = similarities.astype(np.float64)
    return {
        FROZEN + name: Scored(*vote(neighbours, similarities, labels))
        for name, vote in methods.items()
    }


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
