"""The estimated number of wrong labels, and each sample's probability of a wrong label.

In come the evidence and the recommended score. Out come a count with a range, and one probability
per sample. The noise rate need not be known.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from o2u_nb.detect.class_rows import Probs, peaks, taken
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.learned import USUAL_LOW, drawn, learned, slope_factor

# Contradicted labels are counted among this share (0 to 1) of the samples, those with the surest
# predictions: `SURE_SHARE` gives the estimate, `RANGE_SHARES` the ends of its range. They were
# chosen on one or two seeds of Fashion-MNIST, CIFAR-10 and coats with symmetric, look-alike and
# human noise. There the estimate is within a tenth of the truth on most sets, but a third too high
# on CIFAR-10 with symmetric noise and a fifth too low on coats; the truth is within the range.
SURE_SHARE = 0.6
RANGE_SHARES: tuple[float, ...] = (0.25, 0.9)
# The same where one of the eyes is a head on frozen features. Such a head remembers some of the
# wrong labels, so that it contradicts fewer of them; therefore its look-alikes are asked too, and
# more of the samples count. Chosen on seed 0 of CIFAR-10N, Fashion-MNIST and photographs. The ends
# of the range were chosen later, on seeds 21, 22 and 31 of CIFAR-10, CIFAR-10N and photographs with
# 2 to 40 % of wrong labels: there the truth is within it in 26 of 38 cases. With few wrong labels
# the lower end is nearest to the truth. See benchmarks/detection/README.md.
FROZEN_SHARE = 0.85
FROZEN_RANGE = (0.25, 0.5, 0.95)
# Log-odds of a wrong label, in nats, above which the curve has only the part `BENT` of its slope:
# there the scores grow faster than the evidence. Of labels that were said to be wrong with 99.6 %,
# 96.5 % were. Chosen on seed 0 of the sets of `learned`, see benchmarks/reliability.py.
KNEE = 2.3
BENT = 0.5
# Largest numbers of iterations, of expectation maximisation and of Newton's method. Both stop
# earlier when they have converged. Newton's method usually needs five steps, and more when nearly
# all scores are equal.
EM_STEPS = 100
ROOT_STEPS = 100


class Estimate(NamedTuple):
    """An estimate of how many labels are wrong, and which.

    `count` is the estimated number of wrong labels, `low` to `high` its range. `p_wrong`
    (n_samples,) float is each sample's probability of a wrong label, 0 to 1, NaN for samples that
    were not seen. `learned`, 0 to 1, says how far the network has learned to tell the classes
    apart: below 1, the count and the probabilities are drawn towards what is usual.
    """

    count: int  # type: ignore[assignment]  # not the method of a tuple
    low: int
    high: int
    p_wrong: np.ndarray
    learned: float = 1.0


class Counted(NamedTuple):
    """A number of wrong labels, `low` to `high` its range, and how far the network has learned."""

    count: int  # type: ignore[assignment]  # not the method of a tuple
    low: int
    high: int
    learned: float


def estimate(evidence: Evidence, score: np.ndarray) -> Estimate:
    """Estimate how many labels are wrong, and each sample's probability of a wrong label.

    `score` (n_samples,) float holds the log-odds against each label (nats, higher = more
    suspicious), such as the recommended score, NaN for samples that were not seen; these are left
    out. See `count_wrong` for the number and its range, and `calibrated` for the probabilities,
    which add up to the number.
    """
    seen = ~np.isnan(score)
    count, low, high, sure = count_wrong(evidence, seen)
    p_wrong = np.full(len(score), np.nan)
    p_wrong[seen] = calibrated(score[seen], count, sure)
    return Estimate(count, low, high, p_wrong, sure)


def count_wrong(evidence: Evidence, seen: np.ndarray) -> Counted:
    """Return the estimated number of wrong labels among the samples `seen`, and its range.

    `seen` is bool (n_samples,). The number is the rate of contradicted labels among the surest
    samples (see `sure_rate` and `basis`) times the number of samples; the range goes from the
    lowest to the highest of the rates among fewer and among more of the samples. It is wide where
    wrong labels cannot be told from hard pictures. As far as the network has not learned to tell
    the classes apart (see `learned`), the number is drawn towards the usual one, and the lower end
    to a low one.
    """
    kept = slice(None) if seen.all() else seen  # indexing with a slice copies nothing
    probs, share = basis(evidence)
    probs = taken(probs, kept)
    labels = evidence.labels[kept]
    shares = FROZEN_RANGE if evidence.any_frozen else RANGE_SHARES
    rates = sure_rates(probs, labels, (share, *shares))
    n = int(seen.sum())
    sure = learned(probs)
    ends = drawn(min(rates), sure, n, USUAL_LOW), max(rates)
    count, low, high = (round(rate * n) for rate in (drawn(rates[0], sure, n), *ends))
    return Counted(count, min(low, count), max(high, count), sure)


def basis(evidence: Evidence) -> tuple[Probs, float]:
    """Return the probabilities by which wrong labels are counted, and the share that is counted.

    The probabilities are float (n_samples, n_classes): `Evidence.class_probs` for a single network
    that was trained on the pictures, else `Evidence.agreed_probs`. The share is the part, 0 to 1,
    of the samples whose predictions are sure enough.
    """
    if evidence.any_frozen:
        return evidence.agreed_probs, FROZEN_SHARE
    return (evidence.agreed_probs if evidence.others else evidence.class_probs), SURE_SHARE


def sure_rate(probs: Probs, labels: np.ndarray, share: float) -> float:
    """Return how often the likeliest class is not the given label, among the surest predictions.

    `probs` is (n, n_classes) float, rows of NaN are left out; `labels` (n,) int are the given
    classes. Counted are the `share` (0 to 1) of the samples whose largest probability is highest;
    samples that tie for the last places count in part. There a right label is hardly ever
    contradicted, so that nearly all contradicted labels are wrong. Among all samples, the same rate
    would include every picture that is too hard for the network. Returns a rate, 0 to 1; 0 when
    there are no samples.
    """
    return sure_rates(probs, labels, (share,))[0]


def sure_rates(probs: Probs, labels: np.ndarray, shares: Sequence[float]) -> list[float]:
    """Return `sure_rate` for each of `shares`, which reads `probs` only once."""
    top, peak = peaks(probs)
    wrong = top != labels
    known = ~np.isnan(peak)
    peak = peak[known]
    wrong = wrong[known]
    return [_contradicted(peak, wrong, share) if len(peak) else 0.0 for share in shares]


def _contradicted(peak: np.ndarray, wrong: np.ndarray, share: float) -> float:
    """Return the share of `wrong` among the `share` of samples with the highest `peak`."""
    places = max(1, round(share * len(peak)))
    last = np.partition(peak, -places)[-places]
    above = peak > last
    tied = peak == last
    found = wrong[above].sum() + (places - above.sum()) * wrong[tied].mean()
    return float(found / places)


def calibrated(score: np.ndarray, count: int, learned: float = 1.0) -> np.ndarray:
    """Turn scores into probabilities of a wrong label: float (n,), 0 to 1.

    `score` is (n,) float without NaN, higher = more suspicious. The probabilities add up to
    `count`. The score is, up to a constant, the network's own log-odds against the label, so the
    probability is a logistic curve of the score with slope 1. Where the scores of wrong and right
    labels are far apart, the curve is steeper: then the slope is that for two normal distributions
    with a common variance, found by expectation maximisation with `count` fixed. Where the network
    has not `learned`, 0 to 1, the curve is flatter, see `learned.slope_factor`. Near certainty it
    is flatter, too, see `KNEE`.
    """
    if count <= 0 or count >= len(score):
        return np.full(len(score), float(count > 0))
    # The shift is the score with the probability 0.5. The search starts at the score of the last
    # suspect.
    shift = float(np.partition(score, -count)[-count])
    slope = 0.0
    probs, shift = logistic(score, count, 1.0, shift)
    for _ in range(EM_STEPS):
        before = slope
        slope = max(1.0, _separation(score, probs))
        probs, shift = logistic(score, count, slope, shift)
        if abs(slope - before) < 1e-3 * slope:
            break
    return logistic(score, count, slope * slope_factor(learned), shift, bent=BENT)[0]


def logistic(
    score: np.ndarray, count: int, slope: float, shift: float, bent: float = 1.0
) -> tuple[np.ndarray, float]:
    """Shift a logistic curve of this `slope` so that its values at `score` add up to `count`.

    Returns the values (n,) and the shift. The shift is found by Newton's method on the log-odds of
    the sum, started at `shift` and kept within bounds. Every step goes through all samples; scipy's
    root finders need four times as many steps. Above the log-odds `KNEE`, the slope is `bent`
    times as large, more than 0 and at most 1.
    """
    n = len(score)
    probs = np.empty(n)
    # At this distance from the shift, the curve is 0 or 1 in double precision.
    reach = 50 / (slope * bent)
    low = score.min() - reach
    high = score.max() + reach
    for _ in range(ROOT_STEPS):
        np.subtract(score, shift, out=probs)  # all steps use the same array, which saves time
        np.multiply(probs, slope, out=probs)
        if bent < 1:
            np.minimum(probs, KNEE + bent * (probs - KNEE), out=probs)
        total = expit(probs, out=probs).sum()
        if abs(total - count) < 1e-11 * count:
            break
        if total > count:
            low = shift
        else:
            high = shift
        with np.errstate(divide="ignore", invalid="ignore"):
            steepness = slope * (total - probs @ probs) * n / (total * (n - total))
            shift = shift + (logit(total / n) - logit(count / n)) / steepness
        if not low < shift < high:  # also true if the shift is NaN
            shift = (low + high) / 2
    return probs, shift


def _separation(score: np.ndarray, probs: np.ndarray) -> float:
    """Return the slope of the log-odds between two normals of equal variance: (m1 - m0) / v."""
    m1 = np.average(score, weights=probs)
    m0 = np.average(score, weights=1 - probs)
    variance = np.mean(probs * (score - m1) ** 2 + (1 - probs) * (score - m0) ** 2)
    # The variance is 0 if there are only two different scores, so a smallest one is needed.
    least = max(1e-6 * (m1 - m0) ** 2, np.finfo(float).tiny)
    return (m1 - m0) / max(variance, least)
