"""Lesson 6: what a digit's probabilities over the epochs say about its label.

In comes a recorded training; out come numbers for each digit: the margin of the label, confidence
and variability as in data maps, and how often it was forgotten.
"""

import numpy as np
import plotly.graph_objects as go

from o2u_nb.course.answer import Answer, drawn
from o2u_nb.course.digits import NAMES, digits
from o2u_nb.course.memorising import STEP, Memorised, recorded
from o2u_nb.plots.look import COLORS
from o2u_nb.text import percent

MEASURES = ("loss", "low margin", "low confidence", "variability", "forgetting")


def margins(found: Memorised) -> np.ndarray:
    """Return log-probability of the label minus that of the best other class: float (n_epochs, n).

    With logits instead of log-probabilities the number is the same; its mean over the epochs is the
    area under the margin (AUM; Pleiss et al., NeurIPS 2020).
    """
    scores = -found.codes / STEP
    own = np.take_along_axis(scores, found.given[None, :, None], 2)[..., 0]
    others = scores.copy()
    np.put_along_axis(
        others, np.broadcast_to(found.given[None, :, None], (*own.shape, 1)), -np.inf, 2
    )
    return own - others.max(2)


def data_map(found: Memorised, epochs: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return confidence and variability of each digit over the first `epochs`, each float (n,).

    Confidence is the mean of the label's probability, variability its standard deviation
    (Swayamdipta et al., EMNLP 2020, section 2).
    """
    own = np.take_along_axis(found.probs[:epochs], found.given[None, :, None], 2)[..., 0]
    return own.mean(0), own.std(0)


def forgotten(found: Memorised, epochs: int | None = None) -> np.ndarray:
    """Count how often each digit was answered with its label and then no longer: int (n,).

    A forgetting event (Toneva et al., ICLR 2019): right after one epoch, wrong after the next.
    """
    agrees = found.answers()[:epochs] == found.given
    return (agrees[:-1] & ~agrees[1:]).sum(0)


def suspicion(found: Memorised, measure: str, epochs: int) -> np.ndarray:
    """Return how suspicious each digit is after `epochs`, float (n,): higher = more suspicious.

    `measure` is one of `MEASURES`. Raises `ValueError` for another one.
    """
    confidence, variability = data_map(found, epochs)
    measures = {
        "loss": lambda: found.losses()[:epochs].mean(0),
        "low margin": lambda: -margins(found)[:epochs].mean(0),
        "low confidence": lambda: -confidence,
        "variability": lambda: variability,
        "forgetting": lambda: forgotten(found, epochs).astype(float),
    }
    if measure not in measures:
        raise ValueError(f"Expected one of {MEASURES}, found {measure!r}")
    return measures[measure]()


def precision(suspicious: np.ndarray, wrong: np.ndarray) -> float:
    """Return the share of wrong labels among as many first suspects as there are wrong labels."""
    n = int(wrong.sum())
    first = np.argsort(-suspicious, kind="stable")[:n]
    return float(wrong[first].mean())


def explain(measure: str, epochs: int, found: Memorised | None = None) -> Answer:
    """Draw the data map after `epochs`, and how many wrong labels `measure` finds by epoch."""
    found = found or recorded()
    scores = suspicion(found, measure, epochs)
    at = precision(scores, found.wrong)
    message = (
        f"After {epochs} epochs, {percent(at)} of the {int(found.wrong.sum())} digits that "
        f"“{measure}” finds most suspicious have a wrong label."
    )
    return Answer((_map(found, epochs), _by_epoch(found, measure, epochs, at)), message)


def _map(found: Memorised, epochs: int) -> go.Figure:
    confidence, variability = data_map(found, epochs)
    figure = go.Figure(
        [
            go.Scatter(x=variability[mask], y=confidence[mask], name=name, mode="markers",
                       marker=dict(color=color, symbol=symbol, size=6),
                       customdata=np.flatnonzero(mask))
            for name, mask, color, symbol in (
                ("right labels", ~found.wrong, COLORS[1], "circle"),
                ("wrong labels", found.wrong, COLORS[0], "x"),
            )
        ]
    )  # fmt: skip
    figure.update_xaxes(title="variability: standard deviation", range=[-0.02, 0.52])
    figure.update_yaxes(title="confidence: mean probability", range=[-0.02, 1.02])
    return drawn(figure, f"Data map of {epochs} epochs", height=360)


def _by_epoch(found: Memorised, measure: str, epochs: int, at: float) -> go.Figure:
    steps = list(range(2, len(found.test) + 1, 4))
    values = [precision(suspicion(found, measure, k), found.wrong) for k in steps]
    figure = go.Figure(
        [
            go.Scatter(x=steps, y=values, name=measure, line=dict(color=COLORS[1])),
            go.Scatter(x=[epochs], y=[at], name="now", mode="markers",
                       marker=dict(color=COLORS[0], size=12, symbol="diamond")),
        ]
    )  # fmt: skip
    figure.update_xaxes(title="epochs that the measure looks at", range=[0, len(found.test) + 1])
    figure.update_yaxes(title="share with a wrong label", range=[0, 1.02])
    return drawn(figure, "Precision of the first suspects", height=360)


def digit_figure(found: Memorised, position: int | None) -> go.Figure:
    """Draw what the network said of one digit over the epochs, with the scan itself beside it.

    `position` is that of the digit in `found`; None draws an empty figure that asks for a click.
    """
    epochs = np.arange(1, len(found.test) + 1)
    figure = go.Figure(
        [
            go.Scatter(x=epochs, y=np.full(len(epochs), np.nan), name="given label",
                       line=dict(color=COLORS[0], dash="dash")),
            go.Scatter(x=epochs, y=np.full(len(epochs), np.nan), name="right class",
                       line=dict(color=COLORS[1])),
            go.Heatmap(z=np.zeros((8, 8)), xaxis="x2", yaxis="y2", showscale=False,
                       hoverinfo="skip", zmin=0, zmax=1,
                       colorscale=[[0, "#FFFFFF"], [1, "#000000"]]),
        ]
    )  # fmt: skip
    title = "Click a point of the data map, to see the digit"
    if position is not None:
        given, truth = int(found.given[position]), int(found.truth[position])
        figure.data[0].y = found.probs[:, position, given]
        figure.data[1].y = found.probs[:, position, truth]
        figure.data[2].z = digits().pixels[found.rows[position]].reshape(8, 8)
        title = f"Labelled “{NAMES[given]}”, right class “{NAMES[truth]}”"
    figure.update_layout(
        xaxis=dict(title="epoch", range=[0, len(epochs) + 1], domain=[0, 0.72]),
        yaxis=dict(title="probability", range=[-0.02, 1.02]),
        xaxis2=dict(domain=[0.78, 1], visible=False),
        yaxis2=dict(anchor="x2", autorange="reversed", visible=False, scaleanchor="x2"),
    )
    return drawn(figure, title, height=300)
