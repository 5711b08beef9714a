"""ODD: the loss that uniform random labels would have, and whose loss lies above it.

In come weights or logits of a network; out go simulated losses, a threshold, and what it removes.
Song, Hu, Auli, Dauphin and Ma, "Robust and on-the-fly dataset denoising for image classification",
arXiv 2003.10647.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from o2u_nb.errors import TraceError
from o2u_nb.text import percent
from o2u_nb.trace import Trace

VARIANTS = {
    "gaussian": "drawn from the last layer, as published",
    "empirical": "the network's outputs under every label",
    "wrong": "the network's outputs under every label but the likeliest",
}
DRAWS = 100_000  # simulated losses; the rank of their 10th percentile is exact to 0.1 %
BLOCK = 4_000_000  # numbers drawn at a time, 32 MB in double precision
ENOUGH = 50  # removed samples; below, nothing is said about the kind of noise; our choice
UNEVEN = 0.25  # total variation distance; measured: uniform noise up to 0.15, pair flips from 0.33
MANY = 0.5  # share of a class; removing more is worth a warning; our choice


def gaussian_losses(
    weight: np.ndarray, bias: np.ndarray | None = None, *, n: int = DRAWS, seed: int = 0
) -> np.ndarray:
    """Draw `n` losses of uniform random labels from the last layer alone, as published.

    `weight` (n_classes, d), `bias` (n_classes,) or None. x ~ N(0, I_d), logits = weight relu(x) +
    bias, label k uniform over all classes, loss = logsumexp(logits) - logits_k: float64 (n,), nats.
    arXiv 2003.10647, section 3. It holds for networks that end in batch norm, ReLU and one linear
    layer; see `empirical_losses` for others.
    """
    generator = np.random.default_rng(seed)
    width = weight.shape[1]
    blocks = []
    for start in range(0, n, max(1, BLOCK // width)):
        rows = min(n - start, max(1, BLOCK // width))
        features = np.maximum(generator.standard_normal((rows, width)), 0)
        logits = features @ weight.T + (0 if bias is None else bias)
        labels = generator.integers(len(weight), size=rows)
        blocks.append(losses(logits)[np.arange(rows), labels])
    return np.concatenate(blocks)


def empirical_losses(every_class: np.ndarray, *, wrong_only: bool = False) -> np.ndarray:
    """Pool the losses of real samples under every label: the network's own uniform random labels.

    `every_class` (n_samples, n_classes): the loss, nats, that each class would have as the label of
    each sample; NaN rows were not seen. Returns those of all pairs, float64 (m,). It assumes of the
    features nothing, and of the network that it has not memorised random labels yet, so it belongs
    to the high-rate phase. An expectation over labels, of which `gaussian_losses` draws a sample.

    A random label is the right one once in n_classes times, with a loss as low as a clean one's.
    With `wrong_only` the likeliest class of each sample is left out, so that the 10th percentile
    really is the loss that nine in ten wrong labels exceed, also with few classes.
    """
    found = np.asarray(every_class, dtype=np.float64)
    if wrong_only:
        found = found.copy()
        found[np.arange(len(found)), np.argmin(found, axis=1)] = np.nan
    return found[~np.isnan(found)]


def losses(logits: np.ndarray) -> np.ndarray:
    """Return the cross entropy that each class would have as a label: (n, n_classes), nats."""
    peak = logits.max(1, keepdims=True)
    return np.log(np.exp(logits - peak).sum(1, keepdims=True)) + peak - logits


def looks_gaussian(features: np.ndarray) -> bool:
    """Say whether features (n, d) are what the published formula draws: relu of unit normals.

    Those are zero in half of all places, and have mean 0.399 and mean square 0.5. The share of
    zeros may be a quarter to three quarters, the other two may be off by a factor of 1.5; both
    limits are our choice. Features that were pooled over a picture are never zero, whatever
    their mean: they vary less than the formula's, whose line would then lie too low.
    """
    zeros = float(np.mean(features == 0))
    mean, square = float(np.mean(features)), float(np.mean(features**2))
    return 0.25 <= zeros <= 0.75 and all(
        1 / 1.5 <= found / wanted <= 1.5
        for found, wanted in ((mean, 1 / np.sqrt(2 * np.pi)), (square, 0.5))
    )


@dataclass(frozen=True, repr=False)
class Odd:
    """Hold what ODD found at the end of the high-rate phase, and what it removed.

    `trace` has all epochs; removed samples are NaN after `epoch`, the number of epochs trained
    before the removal. `loss` (n_samples,) is each sample's mean loss over the last epochs before
    it, nats. `simulated` (m,) are losses of uniform random labels, made by `variant` (see
    `VARIANTS`) for the `reason` given. `threshold` is their `percentile`: above it, removed; while
    training goes on (`final` is False), would be removed now.
    """

    trace: Trace
    loss: np.ndarray
    simulated: np.ndarray
    percentile: float
    epoch: int
    variant: str
    reason: str
    final: bool = False

    @property
    def threshold(self) -> float:
        """Return the loss above which samples were removed, nats."""
        return float(np.percentile(self.simulated, self.percentile))

    @property
    def score(self) -> np.ndarray:
        """Rank by ODD: mean loss minus threshold, (n_samples,), positive = removed."""
        return self.loss - self.threshold

    @property
    def removed(self) -> np.ndarray:
        """Tell who was removed: bool (n_samples,). A sample never seen was not."""
        return self.loss > self.threshold

    @property
    def ids(self) -> pd.Index:
        """Name the removed samples, most suspicious first."""
        order = np.argsort(-self.loss, kind="stable")
        return self.trace.ids[order[self.removed[order]]]

    @property
    def estimated_wrong(self) -> float:
        """Estimate how many labels are wrong: uniform noise is removed to all but `percentile` %.

        Hard but right samples that were removed count too; see `detect.counts` for other ways.
        """
        return float(self.removed.sum() / (1 - self.percentile / 100))

    def at(self, percentile: float) -> tuple[float, int]:
        """Return the threshold and the number removed that another percentile would give."""
        threshold = float(np.percentile(self.simulated, percentile))
        return threshold, int((self.loss > threshold).sum())

    def describe(self, percentile: float | None = None) -> str:
        """Say in sentences what is removed (or would be, by another percentile), and any doubts."""
        own = percentile is None or percentile == self.percentile
        percentile = self.percentile if percentile is None else percentile
        (threshold, count), n = self.at(percentile), self.trace.n_samples
        verb = "were" if self.final and own else "would be"
        found = (
            f"Above a loss of {threshold:.2f}, the {percentile:g}th percentile of random labels, "
            f"{count:,} of {n:,} samples ({percent(count / n)}) {verb} removed. Random labels: "
            f"{VARIANTS[self.variant]} ({self.reason})."
        )
        return " ".join([found, *self.warnings])

    __repr__ = __str__ = describe

    @property
    def by_class(self) -> pd.DataFrame:
        """Count by given label: columns samples, removed, share (0 to 1)."""
        labels = self.trace.labels
        counts = [np.bincount(part, minlength=len(self.trace.classes)) for part in
                  (labels, labels[self.removed])]  # fmt: skip
        table = pd.DataFrame(
            {"samples": counts[0], "removed": counts[1]},
            index=pd.Index(self.trace.classes, name="label"),
        )
        return table.assign(share=table["removed"] / table["samples"].clip(lower=1))

    @property
    def warnings(self) -> list[str]:
        """Say in sentences where the assumptions of ODD do not seem to hold."""
        found = []
        table = self.by_class
        heavy = table[(table["share"] > MANY) & (table["samples"] > 1)]
        if len(heavy):
            name = heavy["share"].idxmax()
            found.append(
                f"{heavy['share'][name]:.0%} of the samples labelled {name!r} were removed: the "
                "network may not have learnt this class yet. Train longer before removing, or "
                "remove less (a larger percentile)."
            )
        distance, pair = self.unevenness()
        if distance is not None and pair is not None and distance > UNEVEN:
            found.append(
                f"What was removed does not look like uniform noise (distance {distance:.2f} of 1; "
                f"most often {pair[0]!r} that looks like {pair[1]!r}). ODD models uniform noise "
                "only: look-alike errors have a lower loss and partly stay, and some that were "
                "removed may just be hard. Look at them before trusting the number."
            )
        return found

    def unevenness(self) -> tuple[float | None, tuple[str, str] | None]:
        """Compare the labels of removed samples with uniform noise.

        For each class that the network sees in removed samples, uniform noise spreads the given
        labels evenly over the others. Returns the mean total variation distance from that, 0
        (uniform) to 1, less what chance alone makes of so few; and the most frequent pair (given,
        seen). None and None below 50 removed samples or with two classes, where nothing can be
        said.
        """
        table = self._pairs()
        n_classes = len(table)
        if table.sum() < ENOUGH or n_classes < 3:
            return None, None
        seen, given = np.unravel_index(table.argmax(), table.shape)
        pair = self.trace.classes[given], self.trace.classes[seen]
        counts = table.sum(1)
        chance = 1 / (n_classes - 1)
        off = ~np.eye(n_classes, dtype=bool)
        shares = np.divide(
            table, counts[:, None], where=counts[:, None] > 0, out=np.zeros_like(table)
        )
        distance = np.where(off, np.abs(shares - chance), 0).sum(1) / 2
        # the mean absolute error of a share of n draws is about sqrt(2 p (1-p) / (pi n))
        noise = np.sqrt(2 * chance * (1 - chance) / (np.pi * np.maximum(counts, 1)))
        excess = np.maximum(distance - (n_classes - 1) / 2 * noise, 0)
        return float(np.average(excess, weights=counts)), pair

    def _pairs(self) -> np.ndarray:
        """Count removed samples by class seen and label given, those apart: float (K, K)."""
        n_classes = len(self.trace.classes)
        table = np.zeros((n_classes, n_classes))
        pred = self.trace.pred[self.epoch - 1]
        given = self.trace.labels
        chosen = self.removed & (pred >= 0) & (pred != given)
        np.add.at(table, (pred[chosen], given[chosen]), 1)
        return table


def mean_loss(trace: Trace, *, epoch: int, h: int) -> np.ndarray:
    """Average each sample's loss over the `h` epochs that end with number `epoch`, (n_samples,).

    NaN where not seen in any. Raises `TraceError` when the trace has no such epochs.
    """
    if not 0 < h <= epoch <= trace.n_epochs:
        raise TraceError(
            f"Expected {h} recorded epochs up to number {epoch}, found {trace.n_epochs} in all: "
            "choose an h of at least 1 and no more than the epochs before the removal."
        )
    rows = np.asarray(trace.loss[epoch - h : epoch], dtype=np.float64)
    seen = ~np.isnan(rows)
    total, count = np.where(seen, rows, 0).sum(0), seen.sum(0)
    return np.divide(total, count, out=np.full(trace.n_samples, np.nan), where=count > 0)
