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

SURE_SHARE = 0.5  # the surer half of the samples
RANGE_SHARES = (0.3, 0.7)


class Estimate(NamedTuple):
    """Estimated number of wrong labels, its range, and `p_wrong` (n_samples,), NaN if not seen."""

    count: int
    low: int
    high: int
    p_wrong: np.ndarray


def estimate(trace: Trace, score: np.ndarray) -> Estimate:
    """Estimate how many labels are wrong, and each sample's probability of a wrong label.

    The rate is `sure_disagreement` among the surer half; the range comes from the surest 30 % and
    the surest 70 %, and is wide where wrong labels cannot be told from hard pictures. `score`
    (n_samples,) is a mean logit margin, so up to a constant it is the network's own log-odds that
    the label is wrong; the constant is set so that the probabilities add up to the count.
    """
    rates = [sure_disagreement(trace, share) for share in (SURE_SHARE, *RANGE_SHARES)]
    seen = ~np.isnan(score)
    count, *ends = (round(rate * seen.sum()) for rate in rates)
    p_wrong = np.full(len(score), np.nan)
    p_wrong[seen] = _probabilities(score[seen], count)
    return Estimate(count, min(count, *ends), max(count, *ends), p_wrong)


def sure_disagreement(trace: Trace, share: float) -> float:
    """Return how often the network contradicts the given label where it is surest, 0 to 1.

    Surest are the `share` of the samples whose averaged softmax peaks highest. There a clean label
    is hardly ever contradicted, so what is contradicted is wrong; over all samples the same figure
    would count every picture that is too hard for the network.
    """
    probs = class_probs(trace)
    peak, pred = probs.max(1), probs.argmax(1)
    seen = np.flatnonzero(~np.isnan(peak))
    if not len(seen):
        return 0.0
    surest = seen[np.argsort(-peak[seen], kind="stable")[: max(1, round(share * len(seen)))]]
    return float((pred[surest] != trace.labels[surest]).mean())


def _probabilities(score: np.ndarray, count: int) -> np.ndarray:
    """Shift `score` (log-odds) so that the probabilities add up to `count`."""
    if count <= 0 or count >= len(score):
        return np.full(len(score), float(count > 0))
    excess = lambda shift: expit(score - shift).sum() - count  # noqa: E731
    return expit(score - brentq(excess, score.min() - 50, score.max() + 50))
