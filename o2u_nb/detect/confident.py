"""Confident learning: what a model says of samples that it was not trained on.

In come features of a frozen network and given labels; out come the probabilities of each class for
each sample, from a model that has not seen the sample, and columns that read them. Northcutt, Jiang
and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021. The filter is
cleanlab's.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from o2u_nb.data.groups import together
from o2u_nb.detect.evidence import Evidence
from o2u_nb.errors import FeaturesError, SourceError

MEASURED = "out_of_sample_probs"  # their name in `Evidence.measured`
FOLDS = 5
# scikit-learn's C for rows of length 1, and tol of the logistic regression. With C of .13, .4 and
# 1.3, the average precision of the normalised margin on 2,500 pictures of CIFAR-10 with 20 % of
# planted noise was .859, .857, .846 (symmetric) and .817, .808, .774 (next class); on 2,527
# photographs of waste .889, .913, .916 and .850, .858, .844. That of self-confidence falls below
# .89 with .13. A smaller tol than .001 changed none by more than .001, and took twice the time.
INVERSE_PENALTY, TOLERANCE = 0.4, 1e-3
MOST_ITERATIONS = 300  # it converged in 31 at most


def out_of_sample_probs(
    features: np.ndarray,
    samples: pd.DataFrame,
    folds: int = FOLDS,
    seed: int = 0,
    *,
    classes: Sequence[str] | None = None,
    groups: pd.Series | np.ndarray | None = None,
) -> np.ndarray:
    """Predict each fold by logistic regression on the other folds.

    `features` is float (n_samples, d) in the order of `samples`, a samples table of which only the
    index and the column `label` are read. They are centred and scaled as a head does it. Each class
    is spread evenly over the `folds`, by a draw that `seed` determines. Returns float32 (n_samples,
    n_classes), 0 to 1, rows that add up to 1. The columns are `classes`, by default the labels in
    lexicographic order, which is that of a trace. A class that the other folds do not have gets the
    probability 0. The result does not depend on the order of the samples. Features must come from a
    network that was not trained on these labels, else the predictions are not out-of-sample; and
    no picture should be predicted from a copy of it: `groups` (n_samples,) says which samples are
    copies of each other, NA for none (see `data.duplicates.find`), and keeps each group in a fold.

    Raises `FeaturesError` for features of another number of samples, `SourceError` for labels that
    are not in `classes`, or when some folds leave fewer than two classes to train on, and
    `ValueError` for fewer than two folds.
    """
    from sklearn.linear_model import LogisticRegression

    if folds < 2:
        raise ValueError(f"Expected at least 2 folds, found {folds}.")
    if len(features) != len(samples):
        raise FeaturesError(
            f"Expected a row of features for each of {len(samples):,} samples, found "
            f"{len(features):,}: pass the features and the table that belong together."
        )
    classes = sorted(samples["label"].unique()) if classes is None else list(classes)
    order = np.argsort(samples.index.to_numpy(str), kind="stable")
    labels = _codes(samples["label"].iloc[order], classes)
    inputs = centred(features[order])
    fold_of = _spread(labels, folds, np.random.default_rng(seed))
    fold_of = together(fold_of, None if groups is None else np.asarray(groups)[order])
    probs = np.zeros((len(labels), len(classes)), np.float32)
    c = INVERSE_PENALTY / inputs.shape[1]  # the rows have the squared length d
    for fold in range(folds):
        held_out = np.flatnonzero(fold_of == fold)
        others = np.flatnonzero(fold_of != fold)
        known = np.unique(labels[others])
        if not len(held_out):
            continue
        if len(known) < 2:
            raise SourceError(
                f"Expected at least two classes outside of each fold, found {len(known)}: the "
                "samples are too few, or have a single class."
            )
        model = LogisticRegression(C=c, tol=TOLERANCE, max_iter=MOST_ITERATIONS)
        found = model.fit(inputs[others], labels[others]).predict_proba(inputs[held_out])
        probs[order[held_out[:, None]], known] = found
    return probs


def self_confidence(evidence: Evidence) -> np.ndarray | None:
    """Return one minus the out-of-sample probability of the given label.

    float (n_samples,), 0 to 1, higher = more suspicious: 1 minus cleanlab's self-confidence. None
    where `probs_of` finds none.
    """
    probs = probs_of(evidence)
    return None if probs is None else 1 - _given(probs, evidence.labels)


def normalised_margin(evidence: Evidence) -> np.ndarray | None:
    """Return how far the best other class beats the given label, out of sample.

    float (n_samples,), 0 to 1, higher = more suspicious: 1 minus cleanlab's normalised margin,
    which is (1 + max_k p_k - p_y) / 2 with k other than y; a half where both are equal. None where
    `probs_of` finds none.
    """
    probs = probs_of(evidence)
    if probs is None:
        return None
    others = probs.copy()
    others[np.arange(len(probs)), evidence.labels] = -np.inf
    return (1 + others.max(1) - _given(probs, evidence.labels)) / 2


def confident_learning(evidence: Evidence) -> np.ndarray | None:
    """Return `self_confidence`, plus 1 for the labels that confident learning calls wrong.

    float (n_samples,), 0 to 2, higher = more suspicious. The labels are called wrong by cleanlab's
    default filter, `prune_by_noise_rate`: for each pair of classes as many as the calibrated
    confident joint counts, those with the largest margins (Northcutt et al., section 3.2). None
    where `probs_of` finds no probabilities.
    """
    probs = probs_of(evidence)
    if probs is None:
        return None
    return 1 - _given(probs, evidence.labels) + called_wrong(evidence.labels, probs)


def called_wrong(labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Return which labels cleanlab's default filter calls wrong: bool (n_samples,).

    `labels` (n_samples,) int are positions in the columns of `probs`, float (n_samples,
    n_classes), out of sample; samples with a row of NaN are left out, and never called wrong.
    Classes that are no given label are left out, too.
    """
    from cleanlab.filter import find_label_issues

    found = np.zeros(len(labels), dtype=bool)
    known = ~np.isnan(probs).any(1)
    classes, codes = np.unique(labels[known], return_inverse=True)
    if len(classes) < 2:
        return found
    of_classes = np.asarray(probs, dtype=np.float64)[np.ix_(known, classes)]
    total = of_classes.sum(1, keepdims=True)
    of_classes = np.divide(of_classes, total, out=np.full_like(of_classes, 1 / len(classes)),
                           where=total > 0)  # fmt: skip
    found[known] = find_label_issues(codes, of_classes, n_jobs=1)
    return found


def probs_of(evidence: Evidence) -> np.ndarray | None:
    """Return out-of-sample probabilities, float64 (n_samples, n_classes), or None.

    They are those that were measured, if any. For a head on frozen features they are computed from
    the features, which are its embeddings, with the defaults of `out_of_sample_probs`; the first
    call takes seconds for 10,000 samples. There are none for a network that was trained on the
    pictures: its embeddings have seen the labels.
    """
    found = evidence.measured.get(MEASURED)
    found = evidence.kept(_computed) if found is None else found
    return None if found is None else found.astype(np.float64)


def _computed(evidence: Evidence) -> np.ndarray | None:
    if not evidence.trace.frozen or evidence.embeddings is None:
        return None
    samples = evidence.trace.given.to_frame()
    if samples["label"].nunique() < 2:
        return None
    return out_of_sample_probs(
        evidence.embeddings, samples, classes=evidence.trace.classes, groups=evidence.copies
    )


def centred(features: np.ndarray) -> np.ndarray:
    """Return `features` (n, d) less their mean, each row scaled to the length sqrt(d): float32.

    A row that equals the mean becomes 0. This is `training.heads.Centred`.
    """
    rows = features.astype(np.float32)
    return scaled(rows - rows.mean(0, dtype=np.float64).astype(np.float32))


def scaled(rows: np.ndarray) -> np.ndarray:
    """Return `rows`, float32 (n, d), each scaled to the length sqrt(d); a row of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows * (np.sqrt(rows.shape[1]) / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _codes(labels: pd.Series, classes: list[str]) -> np.ndarray:
    codes = pd.Index(classes).get_indexer(pd.Index(labels))
    if (codes < 0).any():
        stranger = labels.iloc[int(np.argmax(codes < 0))]
        raise SourceError(
            f"Expected labels among the {len(classes)} classes, found {stranger!r}: pass the "
            "classes of the trace, and the labels that it was trained with."
        )
    return codes


def _spread(labels: np.ndarray, folds: int, random: np.random.Generator) -> np.ndarray:
    """Return the fold of each sample, int (n,), such that each class is spread evenly over them."""
    fold_of = np.empty(len(labels), dtype=np.int64)
    drawn = random.permutation(len(labels))
    drawn = drawn[np.argsort(labels[drawn], kind="stable")]  # class after class, each shuffled
    fold_of[drawn] = np.arange(len(labels)) % folds
    return fold_of


def _given(probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return probs[np.arange(len(labels)), labels]
