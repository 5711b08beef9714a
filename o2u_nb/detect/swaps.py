"""Common mix-ups: which classes are labelled as which others more often than others are.

In come probabilities and the given labels; out comes one number per sample. Wrong labels rarely
fall evenly: tigers are called leopards, not teapots. A network that has seen one tiger in five
labelled leopard doubts the next such label less for it, though it is the likelier to be wrong.
"""

import numpy as np

# All three were chosen on development sets, see benchmarks/detection/README.md.
SURE_PART = 0.1  # share of the samples taken for a class that count: there the network hardly errs
LEAST_SHAPE = 3.0  # smallest shape of the Gamma prior; the smaller, the more a few samples count
WEIGHT = 0.5  # power to which the ratio of a mix-up counts


def swap_odds(probs: np.ndarray, labels: np.ndarray, suspected: np.ndarray) -> np.ndarray:
    """Return the log of how common it is, compared with other mix-ups, that a label is swapped so.

    `probs` (n, n_classes) float, NaN rows are left out; `labels` (n,) int, the given classes;
    `suspected` (n,) int, what each sample may be instead. float (n,), nats: positive where samples
    of the class `suspected` bear the given label more often than the average wrong one, negative
    where less often, 0 where there is no telling. The logarithm of `swap_ratios` counts by `WEIGHT`
    only: a network that confuses two classes even where it is surest looks like a common mix-up.
    """
    return WEIGHT * np.log(swap_ratios(probs, labels))[labels, suspected]


def swap_ratios(probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how common each mix-up is, compared with the average one: (n_classes, n_classes).

    Row = given class, column = true class; 1 = as common as the average, which the diagonal is
    set to. Counted are the surest tenth of the samples that the network takes for each class, where
    it is hardly ever wrong itself: n_yj of those taken for j are labelled y, against m_yj if
    mix-ups fell evenly. The ratio is the posterior mean (n + a) / (m + a) of a rate that is Gamma
    distributed with mean 1 and shape a over the pairs of classes; a comes from how unevenly the
    counts are spread, sum of m^2 / (sum of (n - m)^2 - m), as in Clayton and Kaldor, Biometrics
    1987, and is at least `LEAST_SHAPE`. Even noise, or too few samples to tell, gives ratios of 1.
    """
    n_classes = probs.shape[1]
    sure, taken_for = _surest(probs)
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (labels[sure], taken_for[sure]), 1)
    swapped = ~np.eye(n_classes, dtype=bool)
    chances = np.broadcast_to(counts.sum(0), counts.shape) * swapped  # to be labelled otherwise
    expected = chances * (counts[swapped].sum() / max(chances.sum(), 1))
    excess = ((counts - expected)[swapped] ** 2).sum() - expected.sum()
    if excess <= 0:
        return np.ones_like(counts)
    shape = max(LEAST_SHAPE, (expected**2).sum() / excess)
    return np.where(swapped, (counts + shape) / (expected + shape), 1)


def _surest(probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the surest samples of each class, and the class each is taken for."""
    taken_for = probs.argmax(1)
    peak = np.take_along_axis(probs, taken_for[:, None], 1)[:, 0]
    known = ~np.isnan(peak)
    # one key sorts by both: class k lies about 2 k - 1, also where sums of a softmax exceed 1
    falling = np.where(known, 2 * taken_for - peak.astype(np.float64), np.inf)
    order = np.argsort(falling)[: known.sum()]
    sizes = np.bincount(taken_for[known], minlength=probs.shape[1])
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # within its class
    return order[place < np.rint(SURE_PART * np.repeat(sizes, sizes))], taken_for
