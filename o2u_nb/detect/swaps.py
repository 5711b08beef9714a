"""Common confusions: which pairs of classes are mixed up more often than others.

In come class probabilities and the given labels; out comes one number per sample. Wrong labels are
rarely spread evenly: tigers are labelled leopard, not teapot. If one tiger in five is labelled
leopard, the network learns that from the labels and contradicts such a label less, although the
label is then more likely to be wrong. The numbers computed here correct that.
"""

import numpy as np

from o2u_nb.detect.class_rows import Probs, peaks

# All of these were chosen on development sets, see benchmarks/detection/README.md.
# Share (0 to 1) of the samples predicted as a class that are counted: the surest ones, for which
# the network is hardly ever wrong. Of small classes more are counted, `LEAST_SURE` samples but at
# most the share `MOST_PART`, because a few samples do not show which confusions are common.
SURE_PART = 0.1
LEAST_SURE = 100
MOST_PART = 0.25
# Smallest shape parameter of the Gamma prior. The smaller it is, the more a few samples change the
# ratio.
LEAST_SHAPE = 3.0
WEIGHT = 0.5  # exponent of the ratio of a confusion, so the factor of its logarithm


def swap_odds(probs: Probs, labels: np.ndarray, suspected: np.ndarray) -> np.ndarray:
    """Return how common the confusion of each sample would be, as the logarithm of a ratio.

    `probs` is (n, n_classes) float, with rows of NaN where not known; `labels` (n,) int are the
    given classes, and `suspected` (n,) int the classes that the samples may have instead. Returns
    float (n,), nats, higher = more suspicious: positive where samples of the class `suspected` have
    the given label more often than wrong labels do on average, negative where less often, and 0
    where that cannot be told. The logarithm of `swap_ratios` is multiplied by `WEIGHT`, because a
    network that confuses two classes, even in its surest predictions, cannot be told from a common
    confusion.
    """
    return WEIGHT * np.log(swap_ratios(probs, labels))[labels, suspected]


def swap_ratios(probs: Probs, labels: np.ndarray) -> np.ndarray:
    """Return how common each confusion is, compared with the average one.

    float (n_classes, n_classes): row = given class, column = true class; 1 = as common as the
    average; the diagonal is set to 1. `probs` is (n, n_classes) float, with rows of NaN where not
    known; `labels` (n,) int are the given classes.

    Counted are the surest of the samples that are predicted as each class, for which the network is
    hardly ever wrong: a tenth of them, or of small classes up to a quarter. n_yj of those predicted
    as j have the label y; m_yj is the number expected if all confusions were equally common. The
    ratio is the posterior mean (n + a) / (m + a) of a rate that has a Gamma distribution with mean
    1 and shape a over the pairs of classes. The shape is estimated from how unevenly the counts are
    spread, as the sum of m^2 divided by the sum of (n - m)^2 - m (Clayton and Kaldor, Biometrics
    1987), and is at least `LEAST_SHAPE`. Uniform noise, or too few samples to tell, gives ratios of
    1.
    """
    n_classes = probs.shape[1]
    sure, taken_for = _surest(probs)
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (labels[sure], taken_for[sure]), 1)
    swapped = ~np.eye(n_classes, dtype=bool)
    # Samples that could have each wrong label: all that are predicted as the class of the column.
    chances = np.broadcast_to(counts.sum(0), counts.shape) * swapped
    expected = chances * (counts[swapped].sum() / max(chances.sum(), 1))
    excess = ((counts - expected)[swapped] ** 2).sum() - expected.sum()
    if excess <= 0:
        return np.ones_like(counts)
    shape = max(LEAST_SHAPE, (expected**2).sum() / excess)
    return np.where(swapped, (counts + shape) / (expected + shape), 1)


def _surest(probs: Probs) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the surest samples, and the predicted class (n,) of all samples.

    The surest are, of the samples that are predicted as each class, as many as `_places` says.
    """
    taken_for, peak = peaks(probs)
    known = ~np.isnan(peak)
    # One key sorts by class first, then by falling probability: the keys of class k lie between
    # 2 k - 1 and 2 k, and rounding errors of the softmax do not mix the classes.
    falling = np.where(known, 2 * taken_for - peak.astype(np.float64), np.inf)
    order = np.argsort(falling)[: known.sum()]
    sizes = np.bincount(taken_for[known], minlength=probs.shape[1])
    # The place of each sample within its class, counted from 0.
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return order[place < np.repeat(_places(sizes), sizes)], taken_for


def _places(sizes: np.ndarray) -> np.ndarray:
    """Return how many samples are counted in classes of `sizes` (n_classes,): int (n_classes,)."""
    least = np.minimum(LEAST_SURE, MOST_PART * sizes)
    return np.rint(np.maximum(SURE_PART * sizes, least)).astype(int)
