"""Trainings of heads on blobs by a method of the catalogue, and what they are worth."""

import numpy as np
import torch
from fastai.basics import Learner
from sklearn.metrics import average_precision_score

from o2u_nb.training.catalogue import METHODS
from o2u_nb.training.trained import Trained
from o2u_nb.training.verbs import usual_rates
from tests.features import Blobs, blobs, head


def parts(n: int, *, wrong: float, seed: int, spread: float = 0.9) -> tuple[Blobs, Blobs]:
    """Draw `n` points with planted noise to train on, and 600 others around the same centres."""
    points = blobs(n + 600, wrong=wrong, seed=seed, spread=spread)
    arrays = points.features, points.true, points.given
    return Blobs(*(a[:n] for a in arrays)), Blobs(*(a[n:] for a in arrays))


def fitted(name: str, points: Blobs, *, epochs: int = 12, seed: int = 0, **options):
    """Train a head by the method called `name`: the Learner and the `Trained`."""
    learn = head(points, seed=seed)
    return learn, trained(name, learn, epochs=epochs, **options)


def trained(name: str, learn: Learner, *, epochs: int = 12, lr: float = 0.02, **options) -> Trained:
    """Train `learn` by the method called `name`, without a word."""
    with learn.no_bar(), learn.no_logging():
        return METHODS[name].fit(learn, usual_rates(learn, epochs, lr), **options)


def accuracy(learn: Learner, points: Blobs) -> float:
    """Return how often the Learner's model finds the true class of `points`."""
    learn.model.eval()
    with torch.no_grad():
        found = learn.model(torch.as_tensor(points.features)).argmax(1).numpy()
    return float((found == points.true).mean())


def precision(found: Trained, points: Blobs) -> float:
    """Return the average precision of the suspicion for the planted labels, 0 to 1."""
    return float(average_precision_score(points.wrong, found.suspicion))


def gain(name: str, *, n: int = 90, wrong: float = 0.4, epochs: int = 12, **options) -> np.ndarray:
    """Return by how much the method's accuracy beats that of plain training, for three seeds."""
    gains = []
    for seed in range(3):
        points, others = parts(n, wrong=wrong, seed=seed)
        own = accuracy(fitted(name, points, epochs=epochs, **options)[0], others)
        plain = accuracy(fitted("plain", points, epochs=epochs)[0], others)
        gains.append(own - plain)
    return np.array(gains)
