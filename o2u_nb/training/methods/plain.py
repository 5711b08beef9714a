"""Plain training: cross entropy on the given labels, with every sample's dynamics recorded.

In come a Learner and a rate per epoch; out goes a `Trained`. The other methods are compared with
this one, which has the same network, rates and number of passes.
"""

from collections.abc import Sequence

from fastai.basics import Learner

from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.trained import Trained, traced


def fit(learn: Learner, rates: Sequence[float], **common) -> Trained:
    """Train with the Learner's own loss; see `methods` for the options."""
    run = RecordedFit(goes_on=dict(method="plain", rates=list(rates)), **common)
    run.fit(learn, rates)
    return Trained(run.trace)


train = traced(fit)
