"""Lesson 10: does cleaning help? Drop, relabel or weight, measured on clean and on dirty digits.

In come a noise and what a reviewer finds; out comes the test accuracy of a classifier that learns
from what is left, over several seeds, and of each class. The classifier is multinomial logistic
regression on the pixels, which is fitted in a fraction of a second.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from o2u_nb.course.digits import digits
from o2u_nb.course.noise_effect import relabel, transition

REMEDIES = ("as it is", "drop", "relabel", "weight", "true labels")
TRAIN = 600  # digits to learn from; the others are for testing
WEIGHT = 0.1  # of a suspect, where it is weighted; our choice
STRENGTH = 1.0  # inverse strength of the penalty on the weights, scikit-learn's default


def one_run(
    kind: str, rate: float, *, recall: float, precision: float, seed: int, rare: int | None = None
) -> pd.DataFrame:
    """Return a row for each of the `REMEDIES`: its accuracy on true and on noisy test labels.

    A reviewer's list holds a share `recall` of the wrong labels, and so many right ones that its
    `precision` is as given. "drop" leaves out the whole list, "relabel" gives the true label to its
    wrong ones and leaves its right ones as they are, "weight" counts its members with `WEIGHT`.
    With `rare`, nine in ten digits of that class are left out of the training, and the list's right
    labels are taken from it first: rare samples look odd to every detector. Columns: remedy,
    accuracy, accuracy_dirty, rare_accuracy (NaN without `rare`), n.
    """
    rng = np.random.default_rng(seed)
    pixels, truth = digits()
    order = rng.permutation(len(truth))
    train, test = order[:TRAIN], order[TRAIN:]
    if rare is not None:
        of_rare = np.flatnonzero(truth[train] == rare)
        train = np.delete(train, of_rare[: int(0.9 * len(of_rare))])
    given = relabel(transition(kind, rate), truth[train], seed)
    dirty = relabel(transition(kind, rate), truth[test], seed + 1)
    listed = _listed(given, truth[train], recall, precision, rare, rng)
    rows = []
    for remedy in REMEDIES:
        labels, weights = _remedied(remedy, given, truth[train], listed)
        model = LogisticRegression(C=STRENGTH, max_iter=200)
        used = weights > 0
        model.fit(pixels[train][used], labels[used], sample_weight=weights[used])
        answers = model.predict(pixels[test])
        right = answers == truth[test]
        rows.append(
            {
                "remedy": remedy,
                "accuracy": right.mean(),
                "accuracy_dirty": (answers == dirty).mean(),
                "rare_accuracy": np.nan if rare is None else right[truth[test] == rare].mean(),
                "n": int(used.sum()),
            }
        )
    return pd.DataFrame(rows)


def runs(seeds: Sequence[int] = (0, 1, 2, 3, 4), **settings: Any) -> pd.DataFrame:
    """Return the rows of `one_run` for each of the `seeds`, with a column `seed`."""
    settings = {"kind": "look-alike", "rate": 0.3, "recall": 0.8, "precision": 0.8, **settings}
    return pd.concat(
        [one_run(seed=seed, **settings).assign(seed=seed) for seed in seeds], ignore_index=True
    )


def summary(found: pd.DataFrame, column: str = "accuracy") -> pd.DataFrame:
    """Return mean and standard deviation of `column` over the seeds, by remedy."""
    return found.groupby("remedy")[column].agg(["mean", "std"]).loc[list(REMEDIES)]


def _listed(
    given: np.ndarray, truth: np.ndarray, recall: float, precision: float, rare: int | None,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Tell which samples are on the reviewer's list: bool (n,)."""
    wrong = np.flatnonzero(given != truth)
    hits = rng.choice(wrong, round(recall * len(wrong)), replace=False)
    right = rng.permutation(np.flatnonzero(given == truth))
    if rare is not None:  # a stable sort: those of the rare class come first
        right = right[np.argsort(truth[right] != rare, kind="stable")]
    false = right[: round(len(hits) * (1 / precision - 1))]
    listed = np.zeros(len(given), dtype=bool)
    listed[hits] = listed[false] = True
    return listed


def _remedied(
    remedy: str, given: np.ndarray, truth: np.ndarray, listed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels and the weights to learn from."""
    ones = np.ones(len(given))
    return {
        "as it is": (given, ones),
        "drop": (given, np.where(listed, 0.0, 1.0)),
        "relabel": (np.where(listed, truth, given), ones),
        "weight": (given, np.where(listed, WEIGHT, 1.0)),
        "true labels": (truth, ones),
    }[remedy]
