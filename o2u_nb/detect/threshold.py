"""How many labels are wrong, and how probable it is that a given one is.

In come a trace and the recommended score; out come a count with a range, and one probability per
sample. No noise rate has to be known.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from o2u_nb.detect.scores import class_probs
from o2u_nb.trace import Trace

# Chosen on one or two seeds of Fashion-MNIST, CIFAR-10 and coats with symmetric, look-alike and
# human noise. There 0.6 counts within a tenth of the truth on most sets (a third too many on CIFAR
# with symmetric noise, a fifth too few on coats); the truth lies between what 0.25 and 0.9 count.
SURE_SHARE = 0.6
RANGE_SHARES = (0.25, 0.9)
EM_STEPS = 100


class Estimate(NamedTuple):
    """Estimated number of wrong labels, its range, and `p_wrong` (n_samples,), NaN if not seen."""

    count: int
    low: int
    high: int
    p_wrong: np.ndarray


def estimate(trace: Trace, score: np.ndarray) -> Estimate:
    """Estimate how many labels are wrong, and each sample's probability of a wrong label.

    The rate is `sure_disagreement` among the surest 60 %, its range that among the surest 25 % and
    90 %: wide where wrong labels cannot be told from hard pictures. `score` (n_samples,) is a mean
    logit margin, higher = more suspicious; see `calibrated` for the probabilities, which add up to
    the count.
    """
    seen = ~np.isnan(score)
    probs, labels = class_probs(trace)[seen], trace.labels[seen]
    rates = [sure_rate(probs, labels, share) for share in (SURE_SHARE, *RANGE_SHARES)]
    count, *ends = (round(rate * seen.sum()) for rate in rates)
    p_wrong = np.full(len(score), np.nan)
    p_wrong[seen] = calibrated(score[seen], count)
    return Estimate(count, min(count, *ends), max(count, *ends), p_wrong)


def sure_disagreement(trace: Trace, share: float) -> float:
    """Return how often the network contradicts the given label where it is surest, 0 to 1.

    See `sure_rate`, which gets the averaged softmax.
    """
    return sure_rate(class_probs(trace), trace.labels, share)


def sure_rate(probs: np.ndarray, labels: np.ndarray, share: float) -> float:
    """Return how often the largest of `probs` is not the given label where it is surest, 0 to 1.

    `probs` (n, n_classes), NaN rows are left out; `labels` (n,) int. Surest are the `share` of the
    samples whose `probs` peak highest; of those that tie for the last places, each counts for its
    part. There a clean label is hardly ever contradicted, so what is contradicted is wrong; over
    all samples the same figure would count every picture that is too hard for the network.
    """
    peak, wrong = probs.max(1), probs.argmax(1) != labels
    peak, wrong = peak[~np.isnan(peak)], wrong[~np.isnan(peak)]
    if not len(peak):
        return 0.0
    places = max(1, round(share * len(peak)))
    last = np.partition(peak, -places)[-places]
    above, tied = peak > last, peak == last
    found = wrong[above].sum() + (places - above.sum()) * wrong[tied].mean()
    return float(found / places)


def calibrated(score: np.ndarray, count: int) -> np.ndarray:
    """Turn `score` (n,) into probabilities of a wrong label that add up to `count`.

    A margin is, up to a constant, the network's own log-odds against the label, hence a logistic
    curve of slope 1. Where wrong and clean labels stand well apart the odds are clearer than the
    network's: then the slope is the one of two normal distributions with a common variance, found
    by expectation maximisation with `count` fixed.
    """
    if count <= 0 or count >= len(score):
        return np.full(len(score), float(count > 0))
    slope, probs = 0.0, _logistic(score, count, 1.0)
    for _ in range(EM_STEPS):
        before, slope = slope, max(1.0, _separation(score, probs))
        probs = _logistic(score, count, slope)
        if abs(slope - before) < 1e-3 * slope:
            break
    return probs


def _logistic(score: np.ndarray, count: int, slope: float) -> np.ndarray:
    """Shift the logistic curve of `slope` so that it adds up to `count` over `score`."""
    excess = lambda shift: expit(slope * (score - shift)).sum() - count  # noqa: E731
    reach = 50 / slope
    return expit(slope * (score - brentq(excess, score.min() - reach, score.max() + reach)))


def _separation(score: np.ndarray, probs: np.ndarray) -> float:
    """Return the slope of the log-odds between two normals of equal variance: (m1 - m0) / v."""
    m1, m0 = np.average(score, weights=probs), np.average(score, weights=1 - probs)
    variance = np.mean(probs * (score - m1) ** 2 + (1 - probs) * (score - m0) ** 2)
    return (m1 - m0) / max(variance, np.finfo(float).tiny)
