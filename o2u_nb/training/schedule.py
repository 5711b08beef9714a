"""The learning rates of O2U-Net and ODD, as functions of the epoch, and the callback to set them.

In comes a list with one rate per epoch; `EpochRates` holds each for its whole epoch, as the paper
does (Huang et al., ICCV 2019, section 3.2), and can ramp up over the first epoch.
"""

import math

from fastai.callback.core import Callback


def cyclic_rates(n_epochs: int, *, r1: float, r2: float, cycle: int) -> list[float]:
    """Return the paper's cyclic rates, one per epoch.

    Epoch t = 1, 2, ... has s(t) = (1 + ((t-1) mod cycle)) / cycle and rate (1 - s) r1 + s r2: the
    rate falls linearly to `r2`, then jumps back. The largest rate used is r1 - (r1 - r2) / cycle.

    >>> [round(rate, 4) for rate in cyclic_rates(4, r1=0.01, r2=0.001, cycle=3)]
    [0.007, 0.004, 0.001, 0.007]
    """
    shares = [(1 + t % cycle) / cycle for t in range(n_epochs)]
    return [(1 - s) * r1 + s * r2 for s in shares]


def high_then_low(n_epochs: int, *, lr: float, high: int) -> list[float]:
    """Return `high` epochs at the rate `lr`, then a half cosine down towards 0, one rate per epoch.

    >>> [round(rate, 3) for rate in high_then_low(5, lr=0.1, high=2)]
    [0.1, 0.1, 0.085, 0.05, 0.015]
    """
    steps = n_epochs - high + 1
    low = [lr * (1 + math.cos(math.pi * step / steps)) / 2 for step in range(1, steps)]
    return [lr] * high + low


class EpochRates(Callback):
    """Hold `rates[epoch]` for a whole epoch; with `ramp`, climb to the first one batch by batch.

    Every parameter group gets the same rate.
    """

    run_valid = False

    def __init__(self, rates: list[float], *, ramp: bool = False):
        self.rates, self.ramp = rates, ramp

    def before_batch(self):
        """Set the rate of this batch."""
        rate = self.rates[self.epoch]
        if self.ramp and self.epoch == 0:
            rate *= (self.iter + 1) / self.n_iter
        self.opt.set_hyper("lr", rate)
