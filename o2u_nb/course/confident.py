"""Lesson 7: confident learning, one step at a time.

In come out-of-sample probabilities of digits and their planted labels; out come the thresholds, the
confident joint, and the labels that it finds (Northcutt, Jiang and Chuang, JAIR 2021, section 3).
The steps are written out here to be read; an audit uses cleanlab's.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from o2u_nb.course.answer import Answer, drawn
from o2u_nb.course.digits import digits
from o2u_nb.course.noise_effect import relabel, transition
from o2u_nb.plots.look import COLORS
from o2u_nb.text import percent

CLASSES = 10
RATE = 0.2
NEIGHBOURS = 15  # nearer ones count more, so that a digit in the training set decides by itself
MODELS = ("out of sample", "in sample")


class Labelled(NamedTuple):
    """Digits with planted labels: `given` and `truth` int (n,), `probs` float (n, 10).

    `probs` are those of a classifier, out of sample or in sample.
    """

    given: np.ndarray
    truth: np.ndarray
    probs: np.ndarray


@cache
def labelled(kind: str = "look-alike", rate: float = RATE, model: str = MODELS[0]) -> Labelled:
    """Plant wrong labels in all digits, and ask a classifier about each.

    "out of sample" asks one of five classifiers that did not learn from that digit; "in sample"
    asks one that learnt from it, and knows its planted label by heart. The classifier is a vote of
    the nearest neighbours.
    """
    pixels, truth = digits()
    given = relabel(transition(kind, rate), truth, seed=0)
    classifier = KNeighborsClassifier(NEIGHBOURS, weights="distance")
    if model == MODELS[0]:
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        probs = cross_val_predict(classifier, pixels, given, cv=folds, method="predict_proba")
    else:
        probs = classifier.fit(pixels, given).predict_proba(pixels)
    return Labelled(given, truth, probs)


def thresholds(given: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Return for each class the mean of its probability over the samples labelled so: float (10,).

    Equation 2 of the paper: how sure the classifier usually is of that class.
    """
    return np.array([probs[given == k, k].mean() for k in range(probs.shape[1])])


def confident_joint(given: np.ndarray, probs: np.ndarray, at_least: np.ndarray) -> np.ndarray:
    """Count the samples labelled i that are confidently j: int (10, 10).

    A sample counts where the probability of a class reaches its threshold; if several do, for the
    likeliest of them (equation 1). A sample for which none does is not counted at all.
    """
    reached = probs >= at_least
    likeliest = np.where(reached, probs, -1).argmax(1)
    joint = np.zeros((probs.shape[1],) * 2, dtype=np.int64)
    some = reached.any(1)
    np.add.at(joint, (given[some], likeliest[some]), 1)
    return joint


def found(given: np.ndarray, probs: np.ndarray, at_least: np.ndarray) -> np.ndarray:
    """Tell which labels lie off the diagonal of the confident joint: bool (n,)."""
    reached = probs >= at_least
    likeliest = np.where(reached, probs, -1).argmax(1)
    return reached.any(1) & (likeliest != given)


def explain(kind: str, rate: float, model: str, shift: float) -> Answer:
    """Draw the thresholds, each moved by `shift`, and the confident joint that follows."""
    data = labelled(kind, round(rate, 2), model)
    usual = thresholds(data.given, data.probs)
    moved = np.clip(usual + shift, 0, 1)
    suspects = found(data.given, data.probs, moved)
    wrong = data.given != data.truth
    hits = int((suspects & wrong).sum())
    message = (
        f"{int(suspects.sum())} labels are suspects, {hits} of them are wrong: precision "
        f"{percent(hits / max(1, suspects.sum()))}, recall {percent(hits / max(1, wrong.sum()))}. "
        f"Planted: {int(wrong.sum())}."
    )
    joint = confident_joint(data.given, data.probs, moved)
    return Answer((_bars(usual, moved), _joint(joint)), message)


def _bars(usual: np.ndarray, moved: np.ndarray) -> go.Figure:
    names = [str(k) for k in range(CLASSES)]
    figure = go.Figure(
        [
            go.Bar(x=names, y=moved, name="threshold", marker_color=COLORS[1]),
            go.Scatter(x=names, y=usual, name="mean of the class: that of the paper",
                       mode="markers", marker=dict(color=COLORS[0], size=10, symbol="diamond")),
        ]
    )  # fmt: skip
    figure.update_xaxes(title="class", type="category")
    figure.update_yaxes(title="probability that must be reached", range=[0, 1.02])
    return drawn(figure, "A threshold for each class", height=360)


def _joint(joint: np.ndarray) -> go.Figure:
    names = [str(k) for k in range(CLASSES)]
    # The diagonal is left empty; JSON, which panels are sent as, knows no NaN.
    diagonal = np.eye(CLASSES, dtype=bool)
    shown = np.where(diagonal, 0, joint)
    counts = np.where(diagonal, "", joint.astype(str))
    figure = go.Figure(
        go.Heatmap(z=shown, x=names, y=names, zmin=0, showscale=False, xgap=1, ygap=1,
                   text=counts, texttemplate="%{text}",
                   colorscale=[[0, "rgba(128,128,128,0.08)"], [1, COLORS[0]]],
                   hovertemplate="labelled %{y}, confidently %{x}: %{z}<extra></extra>")
    )  # fmt: skip
    figure.update_xaxes(title="confidently this class", type="category")
    figure.update_yaxes(title="given label", type="category", autorange="reversed")
    return drawn(figure, "Confident joint, off the diagonal", height=360)
