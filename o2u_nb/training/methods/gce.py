"""Generalised cross entropy: a loss to which labels that the network doubts count less.

In come a Learner and a rate per epoch; out goes a `Trained`. Zhang and Sabuncu, "Generalized Cross
Entropy Loss for Training Deep Neural Networks with Noisy Labels", NeurIPS 2018.
"""

from collections.abc import Sequence

import torch
from fastai.basics import Learner

from o2u_nb.training.batch_loss import BatchLoss
from o2u_nb.training.losses import generalised_cross_entropy, require_q
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.trained import Trained, traced


def fit(learn: Learner, rates: Sequence[float], *, q: float = 0.7, **common) -> Trained:
    """Train with the loss L_q of equation 6; `q`, above 0 and at most 1, is 0.7 as published.

    See `methods` for the other options, and `losses.generalised_cross_entropy` for the loss. Raises
    `ValueError` for another `q`.
    """
    run = RecordedFit(goes_on=dict(method="gce", rates=list(rates), q=q), **common)
    run.fit(learn, rates, [Doubting(run.recorder, q)])
    return Trained(run.trace)


train = traced(fit)


class Doubting(BatchLoss):
    """Train with the mean of `generalised_cross_entropy`; `ValueError` for a `q` out of range."""

    def __init__(self, recorder: DynamicsRecorder, q: float):
        super().__init__(recorder)
        require_q(q)
        self.q = q

    def loss_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the mean loss of the batch."""
        return generalised_cross_entropy(logits, labels, q=self.q).mean()
