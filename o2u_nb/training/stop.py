"""Early stopping: end the cyclic phase when a further cycle hardly changes the ranking.

In comes the recorder of a training; the callback cancels fastai's fit, always between two cycles.
"""

from fastai.callback.core import Callback, CancelFitException

from o2u_nb.detect.stability import Stability, stability
from o2u_nb.training.recorder import DynamicsRecorder


class StopWhenStable(Callback):
    """End the fit after the first cycle, from the second on, whose `Stability` reaches `share`.

    `recorder` is the recorder of the same fit, whose cycles have `cycle` epochs; `share` is between
    0 and 1. `found` is the `Stability` at which the fit was stopped, or None if it was not. After
    the last cycle nothing is left to stop, so `found` stays None.
    """

    order = 75  # runs after all other callbacks that use a finished epoch
    run_valid = False

    def __init__(self, recorder: DynamicsRecorder, *, cycle: int, share: float):
        self.dynamics = recorder
        self.cycle = cycle
        self.share = share
        self.found: Stability | None = None

    def before_fit(self):
        """Look at the epochs that are there already, when a training goes on."""
        self._look(self.dynamics.trace.only(self.dynamics.phase).n_epochs)

    def after_epoch(self):
        """Look at the epochs so far."""
        self._look(self.epoch + 1)

    def _look(self, done: int) -> None:
        """Compare the rankings where a cycle ends, and stop if they agree."""
        if not done or done % self.cycle or done == self.n_epoch:
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
