"""Lesson 9: the reviewer. What a ranking saves, what a suggestion does, and what a review costs.

In come the share of wrong labels and how well a score separates them; out come effort curves and
precision at the top. In comes a student's own trial with and without suggestions; out comes the
anchoring: how much more often an answer is the suggested one when it was shown.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from scipy.stats import norm

from o2u_nb.course.answer import Answer, drawn
from o2u_nb.course.cases import probabilities
from o2u_nb.course.digits import DIGITS, digits, picture
from o2u_nb.course.trial import Question
from o2u_nb.plots.look import COLORS
from o2u_nb.review.checks import difference
from o2u_nb.text import percent

N = 10_000  # samples of the imagined set
POINTS = 400  # points of a curve


def separation(auroc: float) -> float:
    """Return how many standard deviations two normal scores are apart for this AUROC.

    AUROC = Phi(d / sqrt(2)) (Hanley and McNeil, Radiology 1982).

    >>> round(separation(0.5), 6), round(separation(0.9), 2)
    (0.0, 1.81)
    """
    return float(np.sqrt(2) * norm.ppf(auroc))


class Effort(NamedTuple):
    """`looked` float (n,) is the share of all samples that is looked at, most suspicious first.

    `found` (n,) is the share of the wrong labels among these, `precision` (n,) how many of these
    are wrong.
    """

    looked: np.ndarray
    found: np.ndarray
    precision: np.ndarray


def effort(auroc: float, wrong: float) -> Effort:
    """Return the effort curve of a normal score with this `auroc`; a share `wrong` is wrong."""
    apart = separation(auroc)
    cuts = np.linspace(apart + 4, -4, POINTS)
    found, false = norm.sf(cuts - apart), norm.sf(cuts)
    looked = wrong * found + (1 - wrong) * false
    return Effort(looked, found, wrong * found / looked)


def to_find(auroc: float, wrong: float, share: float = 0.9) -> float:
    """Return the share of all samples to look at until `share` of the wrong labels are found."""
    curve = effort(auroc, wrong)
    return float(np.interp(share, curve.found, curve.looked))


def explain(auroc: float, wrong: float, seconds: float) -> Answer:
    """Draw the effort curve and the precision at the top, for an AUROC and a share of wrong."""
    curve = effort(auroc, wrong)
    looks = to_find(auroc, wrong)
    at_count = float(np.interp(wrong, curve.looked, curve.precision))
    hours = N * looks * seconds / 3600
    message = (
        f"AUROC {auroc:.2f} with {percent(wrong)} wrong: of the first {round(N * wrong):,} "
        f"suspects in {N:,}, {percent(at_count)} are wrong. To find 9 in 10 wrong labels, look at "
        f"{percent(looks)} of the set: {hours:.1f} hours at {seconds:g} seconds a picture, instead "
        f"of {0.9 * N * seconds / 3600:.1f} in random order."
    )
    return Answer((_effort(curve, looks), _precision(curve, wrong)), message)


def _effort(curve: Effort, looks: float) -> go.Figure:
    figure = go.Figure(
        [
            go.Scatter(x=curve.looked, y=curve.found, name="most suspicious first",
                       line=dict(color=COLORS[1])),
            go.Scatter(x=[0, 1], y=[0, 1], name="random order",
                       line=dict(color=COLORS[3], dash="dot")),
            go.Scatter(x=[looks], y=[0.9], name="9 in 10 found", mode="markers",
                       marker=dict(color=COLORS[0], size=12, symbol="diamond")),
        ]
    )  # fmt: skip
    figure.update_xaxes(title="share of the set that is looked at", range=[0, 1])
    figure.update_yaxes(title="share of the wrong labels found", range=[0, 1.02])
    return drawn(figure, "Effort", height=340)


def _precision(curve: Effort, wrong: float) -> go.Figure:
    figure = go.Figure(
        [
            go.Scatter(x=N * curve.looked, y=curve.precision, name="ranked",
                       line=dict(color=COLORS[1])),
            go.Scatter(x=[0, N], y=[wrong, wrong], name="random order",
                       line=dict(color=COLORS[3], dash="dot")),
        ]
    )  # fmt: skip
    figure.update_xaxes(title=f"number of first suspects, of {N:,}", range=[0, N / 4])
    figure.update_yaxes(title="share of these that are wrong", range=[0, 1.02])
    return drawn(figure, "Precision at the top", height=340)


def anchoring_trial(n: int = 20, seed: int = 0) -> list[Question]:
    """Return `n` hard digits to name; every second one, at random, comes with a suggestion.

    Half of the suggestions are the second likeliest class, which is mostly wrong. A question's
    `about` holds `truth`, `suggestion` (what was or would have been shown) and `shown`. The digits
    are those that a simple classifier doubts most.
    """
    rng = np.random.default_rng(seed)
    probs, (pixels, labels) = probabilities(), digits()
    hard = rng.choice(np.argsort(probs.max(1))[: 3 * n], n, replace=False)
    shown = rng.permutation(np.arange(n) % 2 == 0)
    second = rng.permutation(np.arange(n) % 4 < 2)
    suggested = np.where(second, np.argsort(-probs[hard], 1)[:, 1], probs[hard].argmax(1))
    return [
        Question(
            f"digit-{row:04d}",
            f"Which digit is this? The computer says {suggestion}."
            if with_suggestion
            else "Which digit is this?",
            picture(pixels[row]),
            DIGITS,
            {
                "truth": str(labels[row]),
                "suggestion": str(suggestion),
                "shown": bool(with_suggestion),
            },
        )
        for row, suggestion, with_suggestion in zip(hard, suggested, shown, strict=True)
    ]


class Anchoring(NamedTuple):
    """How often the answer was the suggested one, with it shown and without: shares in [0, 1].

    `effect` is the difference, from `low` to `high` its 95 % interval (Newcombe).
    """

    shown: float
    hidden: float
    effect: float
    low: float
    high: float


def anchoring(table: pd.DataFrame) -> Anchoring:
    """Measure the anchoring in a table of answers to `anchoring_trial`.

    Raises `ValueError` unless some answers were given with a suggestion and some without.
    """
    follows = table["answer"] == table["suggestion"]
    shown = table["shown"].astype(bool)
    if not shown.any() or shown.all():
        raise ValueError(
            "Expected answers with a suggestion and answers without, found "
            f"{shown.sum()} with and {(~shown).sum()} without: go on with the trial."
        )
    counts = (
        int(follows[shown].sum()), int(shown.sum()), int(follows[~shown].sum()), int((~shown).sum())
    )  # fmt: skip
    return Anchoring(counts[0] / counts[1], counts[2] / counts[3], *difference(*counts))


def by_order(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean seconds and share of right answers in both halves of a trial."""
    half = np.where(np.arange(len(table)) < len(table) / 2, "first half", "second half")
    right = table["answer"] == table["truth"]
    return (
        pd.DataFrame({"seconds": table["seconds"], "right": right})
        .groupby(half)
        .mean()
        .rename_axis("part of the trial")
    )
