"""What one can change about the training of a head while one plays with it, and what comes of it.

In come the positions of a panel's controls; out go `Settings`. `Training` is what the panel asks
for: a training that goes on epoch by epoch. `training/play.py` has the one of a head on features.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from o2u_nb.trace import Trace

# Kinds of noise that can be planted on top of the labels, as `Settings.noise` names them.
NOISES = ("none", "symmetric", "look-alike")


@dataclass(frozen=True)
class Settings:
    """The settings of one training: O2U-Net's schedule, the head, and the noise planted on top.

    `warmup` epochs at the rate `r1` are followed by `cycles` cycles of `cycle` epochs, in each of
    which the rate falls from `r1` to `r2`. `bs` is the number of samples in a batch. The head is
    linear, or has a `hidden` layer. `share` (0 to 1) of the labels are changed by `noise`, one of
    `NOISES`. `seed` determines everything random.
    """

    warmup: int = 6
    cycles: int = 2
    cycle: int = 6
    r1: float = 0.002
    r2: float = 0.0002
    bs: int = 64
    hidden: bool = False
    noise: str = "none"
    share: float = 0.1
    seed: int = 0

    @property
    def n_epochs(self) -> int:
        """Count the epochs of both phases."""
        return self.warmup + self.cycles * self.cycle


class Training(Protocol):
    """A training with certain `Settings` that goes on from where it stopped.

    `samples` is the samples table with the labels that are trained on, and `planted` (n_samples,)
    of bool tells which of these were changed. `trace` holds the epochs done so far.
    """

    samples: pd.DataFrame
    planted: np.ndarray

    @property
    def trace(self) -> Trace:
        """Return the trace of the epochs done so far."""

    def advance(self, epochs: int | None = None, *, cancelled: Callable[[], bool] = ...) -> bool:
        """Train `epochs` more epochs, or all that are left; tell whether that was not cancelled."""


def share_planted(scores: pd.DataFrame, planted: pd.Series, k: int) -> float:
    """Return which share of the `k` most suspicious samples has a planted label, 0 to 1.

    `scores` is a score table, and `planted` is bool by `sample_id`. NaN for `k` = 0.

    >>> share_planted(pd.DataFrame(index=list("bca")), pd.Series([0, 1, 0] , list("abc")) > 0, 2)
    0.5
    """
    top = planted.reindex(scores.index[:k])
    return float(top.mean()) if len(top) else float("nan")
