"""The learning rates of O2U-Net and ODD for each epoch, and the callback that sets them.

Out comes a list with one rate per epoch. `EpochRates` keeps each rate constant for its epoch, as
the paper of O2U-Net does (Huang et al., ICCV 2019), and can raise it from batch to
batch in the first epoch.
"""

import math

from fastai.basics import Learner
from fastai.callback.core import Callback

RATE = 0.05  # largest rate for a network from scratch. Our choice, see `fit_o2u`.


def largest_rate(learn: Learner) -> float:
    """Return the largest learning rate that suits a Learner: its `largest_rate`, or else `RATE`."""
    return getattr(learn, "largest_rate", RATE)


def cyclic_rates(n_epochs: int, *, r1: float, r2: float, cycle: int) -> list[float]:
    """Return O2U-Net's cyclic learning rates, one per epoch.

    With s(t) = (1 + ((t - 1) mod cycle)) / cycle, epoch t = 1, 2, ... has the rate
    (1 - s) r1 + s r2. In each cycle of `cycle` epochs the rate falls linearly to `r2`, then it
    jumps back. The largest rate used is r1 - (r1 - r2) / cycle. Huang et al., ICCV 2019.

    >>> [round(rate, 4) for rate in cyclic_rates(4, r1=0.01, r2=0.001, cycle=3)]
    [0.007, 0.004, 0.001, 0.007]
    """
    shares = [(1 + t % cycle) / cycle for t in range(n_epochs)]
    return [(1 - s) * r1 + s * r2 for s in shares]


def high_then_low(n_epochs: int, *, lr: float, high: int) -> list[float]:
    """Return a learning rate per epoch: `lr` for `high` epochs, then half a cosine towards 0.

    >>> [round(rate, 3) for rate in high_then_low(5, lr=0.1, high=2)]
    [0.1, 0.1, 0.085, 0.05, 0.015]
    """
    steps = n_epochs - high + 1
    low = [lr * (1 + math.cos(math.pi * step / steps)) / 2 for step in range(1, steps)]
    return [lr] * high + low


class EpochRates(Callback):
    """Keep the learning rate at `rates[epoch]` for a whole epoch, in all parameter groups.

    With `ramp`, the rate rises from batch to batch in the first epoch, up to `rates[0]`.
    """

    run_valid = False

    def __init__(self, rates: list[float], *, ramp: bool = False):
        self.rates = rates
        self.ramp = ramp

    def before_batch(self):
        """Set the rate of this batch, unless it is that of the batch before."""
        rising = self.ramp and self.epoch == 0
        if rising or self.iter == 0:
            share = (self.iter + 1) / self.n_iter if rising else 1
            self.opt.set_hyper("lr", share * self.rates[self.epoch])
