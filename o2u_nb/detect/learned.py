"""How far the network has learned to tell the classes apart, and what its count is worth then.

In come class probabilities and the rate of contradicted labels. Out come a number from 0 to 1, and
the rate, drawn towards the usual one as far as the network has not learned. A network that has
learned nothing contradicts nearly every label, and calls nearly every label wrong.
"""

import math

import numpy as np

from o2u_nb.detect.class_rows import Probs, peaks

# The share of wrong labels, 0 to 1, that is assumed where a network says nothing, and a low one for
# the lower end of the range. Ours; test sets that many people use have between 0.1 and 10 %
# (Northcutt, Athalye and Mueller, NeurIPS 2021), sets that one person labelled once have more.
USUAL = 0.1
USUAL_LOW = 0.01
# A network whose sureness is `NOTHING` or below has learned nothing; from `ENOUGH` on, its count is
# taken as it is. Chosen on seed 0 of 33 small sets, see benchmarks/reliability.py.
NOTHING = 0.05
ENOUGH = 0.33
# A network that has learned less than this, 0 to 1, has hardly learned: no probability is shown as
# if it were known. Our choice.
HARDLY = 0.5
# Smallest factor of the slope of the calibration, so that different scores keep different
# probabilities.
LEAST_SLOPE = 0.05


def sureness(probs: Probs) -> float:
    """Return how sure the network is on average, corrected for chance: 0 to 1.

    `probs` is (n, n_classes) float, the mean of what the network said over its training; rows of
    NaN are left out. The figure is the mean of the largest probability p of each row, as
    (p - 1/n_classes) / (1 - 1/n_classes): 0 for a network that finds all classes equally likely, 1
    for one that is always certain, and 1 where no row is known or there is a single class.

    >>> sureness(np.array([[0.5, 0.5], [1.0, 0.0]]))
    0.5
    """
    n_classes = probs.shape[1]
    if n_classes < 2:
        return 1.0
    _, peak = peaks(probs)
    known = peak[~np.isnan(peak)]
    if not len(known):
        return 1.0
    return float(np.clip((known.mean() - 1 / n_classes) / (1 - 1 / n_classes), 0, 1))


def learned(probs: Probs) -> float:
    """Return how far the network has learned to tell the classes apart: 0 = not at all, 1 = enough.

    It rises evenly with `sureness`, from `NOTHING` to `ENOUGH`. `probs` is as there.

    >>> learned(np.full((9, 200), 1 / 200)), learned(np.eye(9))
    (0.0, 1.0)
    """
    return float(np.clip((sureness(probs) - NOTHING) / (ENOUGH - NOTHING), 0, 1))


def drawn(rate: float, learned: float, n: int, usual: float = USUAL) -> float:
    """Draw `rate`, 0 to 1, towards the `usual` one, as far as the network has not learned.

    `learned`, 0 to 1, is the weight of the log-odds of `rate`; the rest is that of `usual`. A rate
    among `n` samples that is 0 or 1 counts as half a sample. Where `learned` is 1, the rate is
    returned as it is.

    >>> [round(drawn(0.96, trust, 2400), 2) for trust in (0.0, 0.5, 1.0)]
    [0.1, 0.62, 0.96]
    """
    if learned == 1:
        return rate
    half = 0.5 / max(n, 1)
    known = min(max(rate, half), 1 - half)
    return 1 / (1 + math.exp(-learned * _log_odds(known) - (1 - learned) * _log_odds(usual)))


def _log_odds(rate: float) -> float:
    return math.log(rate / (1 - rate))


def slope_factor(learned: float) -> float:
    """Return by how much the slope of the calibration is multiplied, `LEAST_SLOPE` to 1.

    Where the network has not learned, its log-odds say little, and the probabilities of a wrong
    label come near the rate.

    >>> slope_factor(1.0), slope_factor(0.25), slope_factor(0.0)
    (1.0, 0.5, 0.05)
    """
    return max(LEAST_SLOPE, math.sqrt(learned))
