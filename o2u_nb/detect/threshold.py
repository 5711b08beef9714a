"""How many labels are wrong, and how probable it is that a given one is.

In come the evidence and the recommended score; out come a count with a range, and one probability
per sample. No noise rate has to be known.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from o2u_nb.detect.evidence import Evidence

# Shares of the surest samples that are counted among. Chosen on one or two seeds of Fashion-MNIST,
# CIFAR-10 and coats with symmetric, look-alike and human noise. There 0.6 counts within a tenth of
# the truth on most sets (a third too many on CIFAR with symmetric noise, a fifth too few on coats);
# the truth lies between what 0.25 and 0.9 count.
SURE_SHARE = 0.6
RANGE_SHARES = (0.25, 0.9)
# Limits that are hardly ever reached: both iterations stop by themselves when they have settled.
EM_STEPS = 100
ROOT_STEPS = 100  # usually five are enough; scores that are all but equal need more


class Estimate(NamedTuple):
    """Estimated number of wrong labels, its range, and `p_wrong` (n_samples,), NaN if not seen."""

    count: int  # type: ignore[assignment]  # not the method of a tuple
    low: int
    high: int
    p_wrong: np.ndarray


def estimate(evidence: Evidence, score: np.ndarray) -> Estimate:
    """Estimate how many labels are wrong, and each sample's probability of a wrong label.

    `score` (n_samples,) is the log-odds against each label, such as a mean logit margin, higher =
    more suspicious, NaN for samples not seen, which are left out. See `count_wrong` for the number
    and its range, and `calibrated` for the probabilities, which add up to the number.
    """
    seen = ~np.isnan(score)
    count, low, high = count_wrong(evidence, seen)
    p_wrong = np.full(len(score), np.nan)
    p_wrong[seen] = calibrated(score[seen], count)
    return Estimate(count, low, high, p_wrong)


def count_wrong(evidence: Evidence, seen: np.ndarray) -> tuple[int, int, int]:
    """Count wrong labels among the samples `seen`, bool (n_samples,): the number, and its range.

    The rate is that of contradictions among the surest 60 % (see `sure_rate`), its range that among
    the surest 25 % and 90 %: wide where wrong labels cannot be told from hard pictures.
    """
    kept = slice(None) if seen.all() else seen  # a slice copies nothing
    probs, labels = evidence.class_probs[kept], evidence.labels[kept]
    rates = sure_rates(probs, labels, (SURE_SHARE, *RANGE_SHARES))
    counts = [round(rate * seen.sum()) for rate in rates]
    return counts[0], min(counts), max(counts)


def sure_rate(probs: np.ndarray, labels: np.ndarray, share: float) -> float:
    """Return how often the likeliest class is not the given label where it is surest, 0 to 1.

    `probs` (n, n_classes), NaN rows are left out; `labels` (n,) int. Surest are the `share` of the
    samples whose `probs` peak highest; of those that tie for the last places, each counts for its
    part. There a clean label is hardly ever contradicted, so what is contradicted is wrong; over
    all samples the same figure would count every picture that is too hard for the network.
    """
    return sure_rates(probs, labels, (share,))[0]


def sure_rates(probs: np.ndarray, labels: np.ndarray, shares: Sequence[float]) -> list[float]:
    """Return `sure_rate` for each of `shares`, looking at `probs` once."""
    top = probs.argmax(1)
    peak = np.take_along_axis(probs, top[:, None], 1)[:, 0]
    wrong = top != labels
    known = ~np.isnan(peak)
    peak, wrong = peak[known], wrong[known]
    return [_contradicted(peak, wrong, share) if len(peak) else 0.0 for share in shares]


def _contradicted(peak: np.ndarray, wrong: np.ndarray, share: float) -> float:
    """Return the share of `wrong` among the `share` of samples with the highest `peak`."""
    places = max(1, round(share * len(peak)))
    last = np.partition(peak, -places)[-places]
    above, tied = peak > last, peak == last
    found = wrong[above].sum() + (places - above.sum()) * wrong[tied].mean()
    return float(found / places)


def calibrated(score: np.ndarray, count: int) -> np.ndarray:
    """Turn `score` (n,) into probabilities of a wrong label that add up to `count`.

    The score is, up to a constant, the network's own log-odds against the label, hence a logistic
    curve of slope 1. Where wrong and clean labels stand well apart the odds are clearer than the
    network's: then the slope is the one of two normal distributions with a common variance, found
    by expectation maximisation with `count` fixed.
    """
    if count <= 0 or count >= len(score):
        return np.full(len(score), float(count > 0))
    shift = float(np.partition(score, -count)[-count])  # half-way is at the last suspect
    slope = 0.0
    probs, shift = _logistic(score, count, 1.0, shift)
    for _ in range(EM_STEPS):
        before = slope
        slope = max(1.0, _separation(score, probs))
        probs, shift = _logistic(score, count, slope, shift)
        if abs(slope - before) < 1e-3 * slope:
            break
    return probs


def _logistic(
    score: np.ndarray, count: int, slope: float, shift: float
) -> tuple[np.ndarray, float]:
    """Shift the logistic curve of `slope` so that it adds up to `count`; return it and the shift.

    Newton's method on the log-odds of the sum, from `shift` on and kept within bounds. Every step
    goes through all samples, and scipy's root finders need four times as many.
    """
    n = len(score)
    probs = np.empty(n)
    reach = 50 / slope  # so far beyond all scores the curve is 0 or 1 to double precision
    low, high = score.min() - reach, score.max() + reach
    for _ in range(ROOT_STEPS):
        np.subtract(score, shift, out=probs)  # one array for all steps: new ones cost more
        np.multiply(probs, slope, out=probs)
        total = expit(probs, out=probs).sum()
        if abs(total - count) < 1e-11 * count:
            break
        low, high = (shift, high) if total > count else (low, shift)
        with np.errstate(divide="ignore", invalid="ignore"):
            steepness = slope * (total - probs @ probs) * n / (total * (n - total))
            shift = shift + (logit(total / n) - logit(count / n)) / steepness
        if not low < shift < high:  # NaN, too
            shift = (low + high) / 2
    return probs, shift


def _separation(score: np.ndarray, probs: np.ndarray) -> float:
    """Return the slope of the log-odds between two normals of equal variance: (m1 - m0) / v."""
    m1, m0 = np.average(score, weights=probs), np.average(score, weights=1 - probs)
    variance = np.mean(probs * (score - m1) ** 2 + (1 - probs) * (score - m0) ** 2)
    least = max(1e-6 * (m1 - m0) ** 2, np.finfo(float).tiny)  # two single values have no variance
    return (m1 - m0) / max(variance, least)
