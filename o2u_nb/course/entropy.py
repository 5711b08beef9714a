"""Lesson 3: cross entropy is a part that can be learnt, and a part that cannot.

In come the share of people who say "yes" to a label, and the probability that a model gives it; out
come the cross entropy and its two parts, in nats:

    cross entropy(q, p) = KL(q || p) + entropy(q)

The first part vanishes for p = q. The second stays, whatever the model does: it is the doubt in the
labels themselves (Cover and Thomas, Elements of Information Theory, 2006, sections 2.1 and 2.3).
"""

import numpy as np
import plotly.graph_objects as go
from scipy.special import entr, rel_entr

from o2u_nb.course.answer import Answer, drawn
from o2u_nb.plots.look import COLORS

STEPS = 199  # points of a curve: enough to look smooth


def entropy(q: float | np.ndarray) -> np.ndarray:
    """Return the entropy in nats of labels of which a share `q` in [0, 1] says "yes".

    >>> round(float(entropy(0.5)), 4), float(entropy(1.0))
    (0.6931, 0.0)
    """
    q = np.asarray(q, dtype=float)
    return entr(q) + entr(1 - q)


def divergence(q: float | np.ndarray, p: float | np.ndarray) -> np.ndarray:
    """Return the Kullback-Leibler divergence in nats of a model's `p` from the labels' `q`."""
    q, p = np.asarray(q, dtype=float), np.asarray(p, dtype=float)
    return rel_entr(q, p) + rel_entr(1 - q, 1 - p)


def cross_entropy(q: float | np.ndarray, p: float | np.ndarray) -> np.ndarray:
    """Return the mean loss in nats of a model that says `p` where a share `q` of labels is "yes".

    >>> round(float(cross_entropy(1.0, 0.5)), 4)
    0.6931
    """
    return divergence(q, p) + entropy(q)


def explain(q: float, p: float) -> Answer:
    """Draw the loss of every model where a share `q` of the labels says "yes", and that of `p`."""
    models = np.linspace(0.005, 0.995, STEPS)
    floor = float(entropy(q))
    learnt = float(divergence(q, p))
    curve = go.Figure(
        [
            go.Scatter(x=models, y=cross_entropy(q, models), name="cross entropy",
                       line=dict(color=COLORS[1], width=2)),
            go.Scatter(x=models, y=np.full(STEPS, floor), name="entropy of the labels",
                       line=dict(color=COLORS[0], dash="dash", width=2)),
            go.Scatter(x=[p], y=[floor + learnt], name="your model", mode="markers",
                       marker=dict(color=COLORS[2], size=12)),
        ]
    )  # fmt: skip
    curve.update_xaxes(title="probability p that the model gives “yes”", range=[0, 1])
    curve.update_yaxes(title="mean loss (nats)", range=[0, 4])
    parts = go.Figure(
        [
            go.Bar(x=["your model"], y=[floor], name="entropy: cannot be learned",
                   marker=dict(color=COLORS[0], pattern=dict(shape="/"))),
            go.Bar(x=["your model"], y=[learnt], name="KL divergence: can still be learned",
                   marker_color=COLORS[1]),
        ]
    )  # fmt: skip
    parts.update_layout(barmode="stack")
    parts.update_yaxes(title="mean loss (nats)", range=[0, 4])
    message = (
        f"Loss {floor + learnt:.2f} nats = {learnt:.2f} that can still be learned + {floor:.2f} "
        f"that no model can learn, because {100 * q:.0f} % of the labels say “yes”."
    )
    return Answer(
        (
            drawn(curve, "The loss of every model, for these labels", height=320),
            drawn(parts, "The two parts of your model's loss", height=320),
        ),
        message,
    )
