"""ODD (on-the-fly data denoising): which samples have a higher loss than random labels would have.

In come the weights or the outputs of a network. Out come simulated losses of uniformly random
labels, a threshold taken from them, and the samples above it. Song, Hu, Auli, Dauphin and Ma,
"Robust and on-the-fly dataset denoising for image classification", arXiv 2003.10647.
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
# Number of simulated losses. With so many, the 10th percentile is exact to about 0.1 percentage
# points: sqrt(0.1 * 0.9 / 100,000).
DRAWS = 100_000
BLOCK = 4_000_000  # random numbers drawn at the same time: 32 MB in double precision
# With fewer removed samples than this, nothing is said about the kind of noise. Our choice.
ENOUGH = 50
# Total variation distance (0 to 1) from uniform noise above which a warning is given. We measured
# up to 0.15 for uniform noise, and 0.33 or more for pair flips.
UNEVEN = 0.25
# Removing more than this share of a class (0 to 1) gives a warning. Our choice.
MANY = 0.5
# Largest factor by which the mean and the mean square of features may differ from the values that
# the published formula assumes, and the limits of the share of zeros (0 to 1), which it assumes to
# be a half. Our choice.
LARGEST_FACTOR = 1.5
SHARE_OF_ZEROS = (0.25, 0.75)


def gaussian_losses(
    weight: np.ndarray, bias: np.ndarray | None = None, *, n: int = DRAWS, seed: int = 0
) -> np.ndarray:
    """Draw `n` losses of uniformly random labels from the weights of the last layer, as published.

    `weight` (n_classes, d) float and `bias` (n_classes,) float or None are those of the last linear
    layer. With x ~ N(0, I_d), logits = weight relu(x) + bias, and a label k uniform over all
    classes, the loss is logsumexp(logits) - logits_k. Returns float64 (n,), nats; the same `seed`
    gives the same losses. arXiv 2003.10647. The formula holds for networks that end in
    batch normalisation, ReLU and one linear layer; for others use `empirical_losses`.
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
    """Return the losses that uniformly random labels would have by the network's own outputs.

    `every_class` (n_samples, n_classes) float holds the loss, in nats, that each class would have
    as the label of each sample, with rows of NaN for samples that were not seen. Returns the losses
    of all pairs of sample and class, float64 (m,). Nothing is assumed about the features. The
    network must not have memorised random labels yet, so use outputs of the high-rate phase. Where
    `gaussian_losses` draws labels at random, here every label of every sample is counted once.

    A random label is right in one of n_classes cases, and then its loss is as low as that of a
    clean label. With `wrong_only` the likeliest class of each sample is left out. Then nine in ten
    wrong labels exceed the 10th percentile, even with few classes.
    """
    found = np.asarray(every_class, dtype=np.float64)
    if wrong_only:
        found = found.copy()
        found[np.arange(len(found)), np.argmin(found, axis=1)] = np.nan
    return found[~np.isnan(found)]


def losses(logits: np.ndarray) -> np.ndarray:
    """Return the cross entropy that each class would have as the label: float (n, n_classes), nats.

    `logits` is (n, n_classes) float.
    """
    peak = logits.max(1, keepdims=True)
    return np.log(np.exp(logits - peak).sum(1, keepdims=True)) + peak - logits


def looks_gaussian(features: np.ndarray) -> bool:
    """Return whether features (n, d) float are distributed as `gaussian_losses` assumes.

    It assumes the ReLU of standard normal numbers, of which half are 0, and whose mean is 0.399 and
    mean square 0.5. `SHARE_OF_ZEROS` and `LARGEST_FACTOR` say how far features may differ from
    that. Features that are averages over a picture are never 0. They vary less than the formula
    assumes, so that its threshold would be too low for them.
    """
    mean_of_relu = 1 / np.sqrt(2 * np.pi)
    least, most = SHARE_OF_ZEROS
    return (
        least <= float(np.mean(features == 0)) <= most
        and _is_near(float(np.mean(features)), mean_of_relu)
        and _is_near(float(np.mean(features**2)), 0.5)
    )


def _is_near(found: float, wanted: float) -> bool:
    return 1 / LARGEST_FACTOR <= found / wanted <= LARGEST_FACTOR


@dataclass(frozen=True, repr=False)
class Odd:
    """Hold what ODD found at the end of the high-rate phase, and what it removed.

    `trace` has all epochs; `epoch` is the number of epochs before the removal, and removed samples
    are NaN in the later ones. `loss` (n_samples,) float, nats, is each sample's mean loss over the
    last epochs before the removal, NaN for samples not seen. `simulated` (m,) float, nats, are the
    losses of uniformly random labels. `variant` says how they were made (see `VARIANTS`), and
    `reason` why so. Samples whose loss exceeds `threshold`, the `percentile` (0 to 100) of
    `simulated`, were removed. `final` is False while training goes on: then they are those that
    would be removed now.
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
        """Return the loss, in nats, above which samples were removed."""
        return float(np.percentile(self.simulated, self.percentile))

    @property
    def score(self) -> np.ndarray:
        """Return mean loss minus threshold: float (n_samples,), nats, higher = more suspicious.

        Samples with a positive score were removed. NaN for samples not seen.
        """
        return self.loss - self.threshold

    @property
    def removed(self) -> np.ndarray:
        """Return which samples were removed: bool (n_samples,), False for samples never seen."""
        return self.loss > self.threshold

    @property
    def ids(self) -> pd.Index:
        """Return the ids of the removed samples, most suspicious first."""
        order = np.argsort(-self.loss, kind="stable")
        return self.trace.ids[order[self.removed[order]]]

    @property
    def estimated_wrong(self) -> float:
        """Return an estimate of the number of wrong labels, under the assumption of uniform noise.

        Of uniformly random wrong labels all but `percentile` % are removed, so the number of
        removed samples is divided by the share that is. Samples that are hard but rightly labelled
        count too if they were removed. See `detect.counts` for other estimates.
        """
        return float(self.removed.sum() / (1 - self.percentile / 100))

    def at(self, percentile: float) -> tuple[float, int]:
        """Return the threshold (nats) and the number of removed samples for another percentile.

        `percentile` is between 0 and 100.
        """
        threshold = float(np.percentile(self.simulated, percentile))
        return threshold, int((self.loss > threshold).sum())

    def describe(self, percentile: float | None = None) -> str:
        """Return sentences that say what was removed, and the `warnings`.

        With another `percentile` (0 to 100), they say what would be removed.
        """
        own = percentile is None or percentile == self.percentile
        percentile = self.percentile if percentile is None else percentile
        threshold, count = self.at(percentile)
        n = self.trace.n_samples
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
        """Return samples and removed samples of each given class.

        A table indexed by `label` with the columns `samples` and `removed` (int), and `share`
        (`removed` divided by `samples`, 0 to 1).
        """
        labels = self.trace.labels
        n_classes = len(self.trace.classes)
        table = pd.DataFrame(
            {
                "samples": np.bincount(labels, minlength=n_classes),
                "removed": np.bincount(labels[self.removed], minlength=n_classes),
            },
            index=pd.Index(self.trace.classes, name="label"),
        )
        return table.assign(share=table["removed"] / table["samples"].clip(lower=1))

    @property
    def warnings(self) -> list[str]:
        """Return sentences that say where the assumptions of ODD do not seem to hold."""
        found = []
        table = self.by_class
        heavy = table[(table["share"] > MANY) & (table["samples"] > 1)]
        if len(heavy):
            name = heavy["share"].idxmax()
            found.append(
                f"{percent(heavy['share'][name])} of the samples labelled {name!r} were removed: "
                "the network may not have learnt this class yet. Train longer before removing, or "
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
        """Return how far removed labels are from uniform noise, and the most frequent confusion.

        Among the removed samples for which the network predicts one class, uniform noise would
        spread the given labels evenly over the other classes. The distance is the mean, over the
        predicted classes, of the total variation distance from that: 0 (uniform) to 1. The distance
        that is expected by chance is subtracted. The confusion is the most frequent pair (given
        class, predicted class). Both are None with fewer than `ENOUGH` removed samples or fewer
        than three classes, where nothing can be said.
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
        # A share p that is measured on n draws has a mean absolute error of about
        # sqrt(2 p (1 - p) / (pi n)).
        noise = np.sqrt(2 * chance * (1 - chance) / (np.pi * np.maximum(counts, 1)))
        excess = np.maximum(distance - (n_classes - 1) / 2 * noise, 0)
        return float(np.average(excess, weights=counts)), pair

    def _pairs(self) -> np.ndarray:
        """Count the removed samples of each pair (predicted class, other given class).

        float (n_classes, n_classes): row = predicted class, column = given class, 0 where the two
        are the same.
        """
        n_classes = len(self.trace.classes)
        table = np.zeros((n_classes, n_classes))
        pred = self.trace.pred[self.epoch - 1]
        given = self.trace.labels
        chosen = self.removed & (pred >= 0) & (pred != given)
        np.add.at(table, (pred[chosen], given[chosen]), 1)
        return table


def mean_loss(trace: Trace, *, epoch: int, h: int) -> np.ndarray:
    """Return each sample's mean loss over the `h` epochs that end with epoch number `epoch`.

    Epochs are counted from 1. float64 (n_samples,), nats; NaN for samples seen in none of these
    epochs. Raises `TraceError` when the trace does not hold all of these epochs.
    """
    if not 0 < h <= epoch <= trace.n_epochs:
        raise TraceError(
            f"Expected {h} recorded epochs up to number {epoch}, found {trace.n_epochs} in all: "
            "choose an h of at least 1 and no more than the epochs before the removal."
        )
    rows = np.asarray(trace.loss[epoch - h : epoch], dtype=np.float64)
    seen = ~np.isnan(rows)
    total = np.where(seen, rows, 0).sum(0)
    count = seen.sum(0)
    return np.divide(total, count, out=np.full(trace.n_samples, np.nan), where=count > 0)
