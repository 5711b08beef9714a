"""Loss correction: two stages of training, and between them an estimate of the transition matrix.

In come a Learner, a rate per epoch and a corrected loss; out goes a `Trained`. This is what the
methods `forward_correction` and `backward_correction` have in common.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from fastai.basics import Learner

from o2u_nb.detect.transition import conditioned, estimate, posterior
from o2u_nb.text import percent
from o2u_nb.training.batch_loss import BatchLoss
from o2u_nb.training.clean import clean_probs
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.trained import Trained

# The loss of each sample from logits (n, n_classes), labels (n,), and a matrix.
Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def fit_corrected(
    learn: Learner,
    rates: Sequence[float],
    loss: Loss,
    matrix_of: Callable[[np.ndarray], np.ndarray],
    *,
    method: str,
    warmup: int | None,
    estimator: str,
    say: Callable[[str], None],
    **common,
) -> Trained:
    """Train plainly, estimate T, and train on with `loss`, which gets `matrix_of(T)`.

    `method` is its name. The options are those of `forward_correction.fit`.
    """
    own = dict(method=method, rates=list(rates), warmup=warmup, estimator=estimator)
    run = RecordedFit(goes_on=own, say=say, **common)
    rest = run.warm_up(learn, rates, warmup)
    _, labels, classes = run.who(learn)
    n_classes = len(classes)
    transition = run.once(
        learn,
        "transition",
        lambda: estimate(clean_probs(learn, n_classes), labels, estimator),
    )
    transition, weight = conditioned(transition)
    if weight:
        say(
            f"The estimated transition matrix is nearly singular, so {percent(weight)} of the "
            "identity was blended into it. A longer warm-up may give a better one."
        )
    run.fit(learn, rest, [Corrected(run.recorder, loss, matrix_of(transition))])
    probs = posterior(clean_probs(learn, n_classes), labels, transition)
    return as_trained(run, probs, transition)


def as_trained(run: RecordedFit, probs: np.ndarray, transition: np.ndarray) -> Trained:
    """Return the result of a method that finds the probability of the right labels.

    `probs` (n_samples, n_classes) float is this probability. The suspicion is one minus its value
    at the given label, and `transition` is T.
    """
    trace = run.trace
    suspicion = 1 - probs[np.arange(len(probs)), trace.labels]
    return Trained(trace, suspicion=suspicion, probs=probs, transition=transition)


class Corrected(BatchLoss):
    """Train with the mean of `loss`, which gets `matrix`, (n_classes, n_classes).

    A batch whose mean is negative does not train: see `backward_correction.fit`.
    """

    def __init__(self, recorder: DynamicsRecorder, loss: Loss, matrix: np.ndarray):
        super().__init__(recorder)
        self.corrected = loss
        self.matrix = torch.as_tensor(matrix, dtype=torch.float32)

    def loss_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the mean corrected loss of the batch, at least 0."""
        self.matrix = self.matrix.to(logits.device)
        return self.corrected(logits.float(), labels, self.matrix).mean().clamp_min(0)
