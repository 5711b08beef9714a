"""Lessons 3 and 6: a network learns the right labels first, and the wrong ones by heart later.

In come digits of which some labels are planted wrong; out comes what a small network says of each
one after every epoch. The network is that of scikit-learn, with one hidden layer, so that none of
this needs torch; it trains in a few seconds.

The effect is that of Arpit et al. (ICML 2017) and Zhang et al. (ICLR 2017).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import plotly.graph_objects as go
from sklearn.neural_network import MLPClassifier

from o2u_nb.course.answer import Answer, drawn
from o2u_nb.course.digits import digits
from o2u_nb.course.noise_effect import relabel, transition
from o2u_nb.plots.look import COLORS
from o2u_nb.text import percent

N = 400  # digits of which the dynamics are recorded
EPOCHS = 60
RATE = 0.3  # share of wrong labels, spread evenly
HIDDEN = 512  # units of the hidden layer: enough to learn 400 labels by heart
BINS = np.linspace(0, 8, 41)  # edges of the histogram of losses, in nats
STEP = 30  # losses are kept in steps of 1/30 nat, up to 8.5: one byte each


@dataclass(frozen=True)
class Memorised:
    """What a network said of the digits `rows` after each epoch.

    `rows` int (n,) are positions in `digits()`, `given` and `truth` int (n,) the planted and the
    right labels. `codes` uint8 (n_epochs, n, 10) is the loss that each class would have as a label,
    in thirtieths of a nat. `test` float (n_epochs,) is the accuracy on digits with right labels
    that were not learnt from.
    """

    rows: np.ndarray
    given: np.ndarray
    truth: np.ndarray
    codes: np.ndarray
    test: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        """Tell which labels were planted wrong: bool (n,)."""
        return self.given != self.truth

    @cached_property
    def probs(self) -> np.ndarray:
        """Return the probability of each class: float (n_epochs, n, 10), each row with sum 1."""
        probs = np.exp(-self.codes / STEP)
        return probs / probs.sum(2, keepdims=True)

    def losses(self) -> np.ndarray:
        """Return the loss of the given label in nats: float (n_epochs, n)."""
        return np.take_along_axis(self.codes, self.given[None, :, None], 2)[..., 0] / STEP

    def answers(self) -> np.ndarray:
        """Return the likeliest class: int (n_epochs, n)."""
        return self.codes.argmin(2)


def record(seed: int = 0, on_epoch: Callable[[int], None] | None = None) -> Memorised:
    """Train on digits with wrong labels, and record what the network says after each epoch.

    `on_epoch(k)` is called after each of the `EPOCHS`, with k from 1.
    """
    pixels, labels = digits()
    order = np.random.default_rng(seed).permutation(len(labels))
    rows, others = np.sort(order[:N]), order[N:]
    given = relabel(transition("symmetric", RATE), labels[rows], seed)
    network = MLPClassifier((HIDDEN,), learning_rate_init=2e-3, batch_size=32, random_state=seed)
    codes, test = [], []
    for epoch in range(EPOCHS):
        network.partial_fit(pixels[rows], given, classes=np.arange(10))
        codes.append(_coded(network.predict_proba(pixels[rows])))
        test.append(network.score(pixels[others], labels[others]))
        if on_epoch is not None:
            on_epoch(epoch + 1)
    return Memorised(rows, given, labels[rows], np.stack(codes), np.array(test))


def _coded(probs: np.ndarray) -> np.ndarray:
    losses = -np.log(np.maximum(probs, 1e-9))
    return np.round(STEP * losses).clip(max=255).astype(np.uint8)


@cache
def recorded() -> Memorised:
    """Return what `record()` gives; it trains once in a process."""
    return record()


def medians(found: Memorised) -> tuple[np.ndarray, np.ndarray]:
    """Return the median loss of right and of wrong labels by epoch, each float (n_epochs,)."""
    losses = found.losses()
    return np.median(losses[:, ~found.wrong], 1), np.median(losses[:, found.wrong], 1)


def explain(epoch: int, found: Memorised | None = None) -> Answer:
    """Draw the losses of right and wrong labels after `epoch`, counted from 1, and their course."""
    found = found or recorded()
    at = epoch - 1
    losses, wrong = found.losses()[at], found.wrong
    learnt = found.answers()[at] == found.given
    message = (
        f"Epoch {epoch}: the network agrees with {percent(learnt[~wrong].mean())} of the right "
        f"labels and with {percent(learnt[wrong].mean())} of the wrong ones. Its accuracy on "
        f"other digits is {percent(found.test[at])}."
    )
    return Answer((_histogram(losses, wrong, epoch), _course(found, epoch)), message)


def _histogram(losses: np.ndarray, wrong: np.ndarray, epoch: int) -> go.Figure:
    middle, width = (BINS[:-1] + BINS[1:]) / 2, np.diff(BINS)
    cut = losses.clip(max=BINS[-1] - 1e-9)
    figure = go.Figure(
        [
            go.Bar(x=middle, width=width, y=np.histogram(cut[mask], BINS)[0], name=name,
                   marker=look)
            for name, mask, look in (
                ("right labels", ~wrong, dict(color=COLORS[1])),
                ("wrong labels", wrong, dict(color=COLORS[0], pattern=dict(shape="/"))),
            )
        ]
    )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0)
    figure.update_xaxes(title="loss of the given label (nats; the last bar: 8 and more)")
    figure.update_yaxes(title="digits", range=[0, 240])
    return drawn(figure, f"Losses after epoch {epoch}", height=340)


def _course(found: Memorised, epoch: int) -> go.Figure:
    epochs = np.arange(1, len(found.test) + 1)
    lines = (*medians(found), 1 - found.test)
    names = ("right labels: median loss", "wrong labels: median loss", "other digits: error rate")
    figure = go.Figure(
        [
            go.Scatter(x=epochs, y=line, name=name, line=dict(color=COLORS[c], dash=dash))
            for line, name, c, dash in zip(
                lines, names, (1, 0, 2), ("solid", "dash", "dot"), strict=True
            )
        ]
        + [
            go.Scatter(x=[epoch] * 3, y=[line[epoch - 1] for line in lines], mode="markers",
                       marker=dict(color=COLORS[4], size=10), name="now", showlegend=False)
        ]
    )  # fmt: skip
    figure.update_xaxes(title="epoch", range=[0, len(epochs) + 1])
    figure.update_yaxes(title="loss (nats), or error rate (share)", range=[0, 5])
    return drawn(figure, "First the right labels, then the wrong ones", height=340)
