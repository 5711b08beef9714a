"""Features whose classes are known: blobs in a plane of many dimensions, with planted noise."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from fastai.basics import Learner
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar
from sklearn.metrics import roc_auc_score

from o2u_nb.training.heads import head_learner, heads_on
from o2u_nb.training.verbs import usual_rates

CLASSES = ["ant", "bee", "cat"]


@dataclass
class Blobs:
    """Hold `features` float32 (n, d), `true` and `given` int (n,), positions in `CLASSES`."""

    features: np.ndarray
    true: np.ndarray
    given: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        """Return which given labels are wrong: bool (n,)."""
        return self.true != self.given

    @property
    def table(self) -> pd.DataFrame:
        """Return the samples table with the given labels."""
        ids = pd.Index([f"{k:04d}" for k in range(len(self.given))], name="sample_id", dtype="str")
        labels = np.array(CLASSES, dtype=object)[self.given]
        return pd.DataFrame({"label": labels, "split": "train"}, index=ids)

    def heads(self):
        """Return a function that makes heads on parts of the table."""
        return heads_on(self.features, self.table, bs=16, device="cpu")


def blobs(n: int = 120, *, wrong: float = 0.0, seed: int = 0, spread: float = 0.6) -> Blobs:
    """Draw `n` points around three centres, a share `wrong` of which has the next class's label."""
    random = np.random.default_rng(seed)
    true = np.arange(n) % len(CLASSES)
    centres = random.normal(size=(len(CLASSES), 16))
    features = centres[true] + spread * random.normal(size=(n, 16))
    given = true.copy()
    changed = random.choice(n, round(wrong * n), replace=False)
    given[changed] = (given[changed] + 1) % len(CLASSES)
    return Blobs(features.astype(np.float32), true, given)


def head(points: Blobs, *, bs: int = 16, seed: int = 0, **options) -> Learner:
    """Return a Learner for a linear head on the points with their given labels."""
    return head_learner(points.features, points.table, bs=bs, seed=seed, device="cpu", **options)


def fitted(fit, learn: Learner, epochs: int = 12, *, lr: float = 0.01, **options):
    """Train by a method's `fit` at the usual rates; return the Learner and what it found."""
    with learn.no_bar(), learn.no_logging():
        return learn, fit(learn, usual_rates(learn, epochs, lr), **options)


def accuracy(learn: Learner, points: Blobs) -> float:
    """Return the share of the points to which the Learner gives their true class, 0 to 1."""
    learn.model.eval()
    with torch.no_grad():
        found = learn.model(torch.from_numpy(points.features)).argmax(1).numpy()
    return float((found == points.true).mean())


def ranks(wrong: np.ndarray, suspicion: np.ndarray) -> float:
    """Return the probability that a wrong label is more suspicious than a right one, 0 to 1."""
    return float(roc_auc_score(wrong, suspicion))
