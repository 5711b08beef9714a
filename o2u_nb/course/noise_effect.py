"""Lesson 2: what planted noise does to a classifier's accuracy and to its calibration.

In come a kind of noise and its rate; out come the transition matrix, the labels that it gives, and
what a classifier learns from them. The classifier is linear discriminant analysis on the pixels of
`digits`: it is fitted in a few milliseconds, so that a slider can be answered at once.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from o2u_nb.course.answer import Answer, drawn
from o2u_nb.course.digits import NAMES, digits
from o2u_nb.data import noise
from o2u_nb.plots.look import COLORS
from o2u_nb.text import percent

KINDS = ("symmetric", "pair flip", "look-alike")
CLASSES = 10
TRAIN = 1_200  # digits that are learnt from, of 1,797; the others are for testing
BINS = 10  # bins of confidence of the calibration curve, as in Guo et al. (ICML 2017)
RATES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # those of the curve of accuracy


class Fitted(NamedTuple):
    """What one classifier does on test digits with right labels.

    `accuracy` is a share, `confidence` float (n,) the probability of the answered class, `right`
    bool (n,) whether that is the true class.
    """

    accuracy: float
    confidence: np.ndarray
    right: np.ndarray


@cache
def look_alike() -> np.ndarray:
    """Return for each class the one whose mean picture is nearest to its own: int (10,)."""
    pixels, labels = digits()
    means = np.stack([pixels[labels == k].mean(0) for k in range(CLASSES)])
    apart = ((means[:, None] - means[None]) ** 2).sum(-1)
    np.fill_diagonal(apart, np.inf)
    return apart.argmin(1)


def transition(kind: str, rate: float) -> np.ndarray:
    """Return the transition matrix T of a noise, float (10, 10): T[i, j] = P(label j | class i).

    Symmetric noise spreads `rate` over all nine other classes, a pair flip gives it to the next
    class, look-alike noise to the class with the nearest mean picture. Each row sums to 1. Raises
    `ValueError` for another kind or a rate outside [0, 1].

    >>> transition("pair flip", 0.2)[9, [0, 9]]
    array([0.2, 0.8])
    """
    if kind not in KINDS or not 0 <= rate <= 1:
        raise ValueError(f"Expected one of {KINDS} and a rate from 0 to 1, found {kind!r}, {rate}")
    own = np.arange(CLASSES)
    others = np.zeros((CLASSES, CLASSES))
    if kind == "symmetric":
        others[:] = 1 / (CLASSES - 1)
        np.fill_diagonal(others, 0)
    else:
        others[own, (own + 1) % CLASSES if kind == "pair flip" else look_alike()] = 1
    return (1 - rate) * np.eye(CLASSES) + rate * others


def relabel(matrix: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Return noisy labels int (n,): each is drawn from the row of its class in `matrix`."""
    draw = noise.transition(matrix, NAMES)
    return draw(None, labels, list(NAMES), np.random.default_rng(seed))


@cache
def split() -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the digits to learn from, and of those to test on."""
    order = np.random.default_rng(0).permutation(len(digits().labels))
    return order[:TRAIN], order[TRAIN:]


def fit(matrix: np.ndarray, seed: int = 0) -> Fitted:
    """Learn from digits with labels from `matrix` (10, 10), and test on right labels."""
    pixels, labels = digits()
    train, test = split()
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1)
    model.fit(pixels[train], relabel(matrix, labels[train], seed))
    probs = model.predict_proba(pixels[test])
    right = model.classes_[probs.argmax(1)] == labels[test]
    return Fitted(float(right.mean()), probs.max(1), right)


def calibration(fitted: Fitted) -> tuple[np.ndarray, np.ndarray, float]:
    """Return mean confidence and accuracy by bin, each float (10,), and the expected error.

    A bin without a sample is NaN. The error is the mean distance of the two, weighted by the
    samples of each bin (ECE; Guo et al., ICML 2017, equation 3).
    """
    places = np.minimum((fitted.confidence * BINS).astype(int), BINS - 1)
    n = np.bincount(places, minlength=BINS)
    with np.errstate(invalid="ignore"):
        said = np.bincount(places, fitted.confidence, BINS) / n
        true = np.bincount(places, fitted.right, BINS) / n
    return said, true, float(np.nansum(n * np.abs(said - true)) / n.sum())


@cache
def by_rate(kind: str, seed: int = 0) -> np.ndarray:
    """Return the test accuracy after noise of each of `RATES`, float (9,)."""
    return np.array([fit(transition(kind, rate), seed).accuracy for rate in RATES])


def explain(kind: str, rate: float, seed: int = 0) -> Answer:
    """Draw the transition matrix, the accuracy, and the calibration after this noise."""
    matrix = transition(kind, rate)
    fitted = fit(matrix, seed)
    said, true, error = calibration(fitted)
    message = (
        f"{percent(rate)} of the labels are wrong. The accuracy on right labels is "
        f"{percent(fitted.accuracy)}. The mean probability of the answers is "
        f"{percent(fitted.confidence.mean())}, and the expected calibration error {error:.2f}."
    )
    return Answer(
        (_matrix(matrix), _accuracy(kind, rate, fitted.accuracy, seed), _calibration(said, true)),
        message,
    )


def _matrix(matrix: np.ndarray) -> go.Figure:
    names = [str(k) for k in range(CLASSES)]
    figure = go.Figure(
        go.Heatmap(z=matrix, x=names, y=names, zmin=0, zmax=1, showscale=False, xgap=1, ygap=1,
                   colorscale=[[0, "rgba(128,128,128,0.08)"], [1, COLORS[1]]],
                   hovertemplate="a %{y} is labelled %{x}: %{z:.2f}<extra></extra>")
    )  # fmt: skip
    figure.update_xaxes(title="label", type="category")
    figure.update_yaxes(title="true class", type="category", autorange="reversed")
    return drawn(figure, "Transition matrix T", height=340)


def _accuracy(kind: str, rate: float, accuracy: float, seed: int) -> go.Figure:
    figure = go.Figure(
        [
            go.Scatter(x=RATES, y=by_rate(kind, seed), name=kind, mode="lines+markers",
                       line=dict(color=COLORS[1])),
            go.Scatter(x=[rate], y=[accuracy], name="now", mode="markers",
                       marker=dict(color=COLORS[0], size=13, symbol="diamond")),
            go.Scatter(x=[0, 0.8], y=[1, 0.2], name="share of right labels",
                       line=dict(color=COLORS[3], dash="dot")),
        ]
    )  # fmt: skip
    figure.update_xaxes(title="share of wrong labels", range=[-0.02, 0.82])
    figure.update_yaxes(title="accuracy on right labels", range=[0, 1.02])
    return drawn(figure, "Accuracy", height=340)


def _calibration(said: np.ndarray, true: np.ndarray) -> go.Figure:
    figure = go.Figure(
        [
            go.Scatter(x=[0, 1], y=[0, 1], name="calibrated", line=dict(color=COLORS[3],
                       dash="dot")),
            go.Scatter(x=said, y=true, name="classifier", mode="lines+markers",
                       line=dict(color=COLORS[1])),
        ]
    )  # fmt: skip
    figure.update_xaxes(title="probability of the answer", range=[0, 1.02])
    figure.update_yaxes(title="share of these that is right", range=[0, 1.02])
    return drawn(figure, "Calibration", height=340)
