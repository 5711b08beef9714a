"""Stopping early: end the cyclic phase when a cycle more hardly changes the ranking.

In comes the recorder of a training; out goes fastai's cancelled fit, always between two cycles.
"""

from fastai.callback.core import Callback, CancelFitException

from o2u_nb.detect.stability import Stability, stability
from o2u_nb.training.recorder import DynamicsRecorder


class StopWhenStable(Callback):
    """End the fit after the first cycle, from the second on, whose `Stability` reaches `share`.

    `recorder` files the epochs of the same fit, cycles of `cycle` epochs. `found` is the
    `Stability` at which it stopped, None while it did not. The last cycle stops nothing.
    """

    order = 75  # after all that look at a finished epoch
    run_valid = False

    def __init__(self, recorder: DynamicsRecorder, *, cycle: int, share: float):
        self.dynamics = recorder
        self.cycle, self.share = cycle, share
        self.found: Stability | None = None

    def after_epoch(self):
        """Look at the ranking where a cycle ends."""
        done = self.epoch + 1
        if done % self.cycle or done == self.n_epoch:
            return
        compared = stability(self.dynamics.trace, self.cycle)
        if compared and compared[-1].reaches(self.share):
            self.found = compared[-1]
            raise CancelFitException()


def require_share(stop_early: float | None) -> None:
    """Raise `ValueError` unless `stop_early` is None or a share from 0 to 1."""
    a_share = not isinstance(stop_early, bool) and (stop_early is None or 0 <= stop_early <= 1)
    if not a_share:
        raise ValueError(
            f"Expected stop_early to be None, or the share of suspects that must stay the same, "
            f"0 to 1, such as 0.97; found {stop_early!r}."
        )
