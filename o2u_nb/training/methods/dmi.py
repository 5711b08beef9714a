"""The determinant-based mutual information (DMI) of labels and predictions as a loss.

In come a Learner and a rate per epoch; out goes a `Trained`. Xu, Cao, Kong and Wang, "L_DMI: A
Novel Information-theoretic Loss Function for Training Deep Nets Robust to Label Noise", NeurIPS
2019.
"""

import math
from collections.abc import Sequence

import torch
from fastai.basics import Learner
from torch.nn import functional as F

from o2u_nb.training.batch_loss import BatchLoss
from o2u_nb.training.clean import clean_logits
from o2u_nb.training.identity import Identity
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.trained import Trained, traced

# Number of samples for each class from which the determinant is taken. The published batches of
# 256 have about as many of each of ten classes.
PER_CLASS = 25
FLOOR = 0.001  # what is added to the determinant, as published
TINY = 1e-9  # added to the diagonal, so that an exactly singular matrix has a gradient


def fit(
    learn: Learner,
    rates: Sequence[float],
    *,
    warmup: int | None = None,
    weight: float = 1.0,
    **common,
) -> Trained:
    """Train plainly, then with the loss -log(|det(Y^T P)| + 0.001).

    The first `warmup` epochs (default: a third) train with the Learner's own loss, because DMI
    needs to start from a network that knows the classes. Y holds the given labels as rows of 0 and
    1, and P the softmax. Label noise that does not depend on the picture changes the loss only by a
    constant (theorem 4.1), so that the matrix of the noise need not be known. See `methods` for the
    other options.

    Not as published: where a batch lacks a class, its determinant is 0 and says nothing. Therefore
    a batch with fewer than 25 samples for each class on average is joined with those before it,
    whose part in Y^T P is a constant that fades; the first such part is that of all samples at the
    end of the warm-up. With very many classes, 25 samples of each are many batches, the gradient
    hardly depends on one of them, and the method is slow to learn. The loss is divided so that its
    gradient has about the size of that of cross entropy, and it is trained at the same rates, times
    `weight`; the paper trains for 100 more epochs at a rate of 1e-6.
    """
    own = dict(method="dmi", rates=list(rates), warmup=warmup, weight=weight)
    run = RecordedFit(goes_on=own, **common)
    rest = run.warm_up(learn, rates, warmup)
    start = run.once(learn, "start", lambda: joint_of_all(learn, run.who(learn)))
    run.fit(learn, rest, [Informed(run.recorder, start, weight)])
    return Trained(run.trace)


train = traced(fit)


def joint_of_all(learn: Learner, who: Identity) -> torch.Tensor:
    """Return `joint` of all training samples `who`, from a clean pass."""
    labels = torch.as_tensor(who.labels)
    parts = (
        joint(logits.softmax(1).cpu(), labels[rows.cpu()])
        for rows, logits in clean_logits(learn, len(who.classes))
    )
    return torch.stack(list(parts)).sum(0)


def joint(probs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return Y^T P in double precision: (n_classes, n_classes), rows = given labels.

    `probs` is (n, n_classes) float, `labels` (n,) int. The determinant for many classes would
    exceed what float32 can hold.
    """
    given = F.one_hot(labels.long(), probs.shape[1]).double()
    return given.T @ probs.double()


def determinant_loss(matrix: torch.Tensor) -> torch.Tensor:
    """Return -log(|det| + 0.001) of Y^T P, (n_classes, n_classes) float: a scalar.

    Xu et al., NeurIPS 2019, section 4. The logarithm of the determinant is computed, which does not
    overflow.
    """
    identity = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    log_det = torch.linalg.slogdet(matrix + TINY * identity)[1]
    return -torch.logaddexp(log_det, log_det.new_tensor(math.log(FLOOR)))


class Informed(BatchLoss):
    """Train with `determinant_loss`, times `weight`.

    `start` is Y^T P of all samples, (n_classes, n_classes), double.
    """

    kept = ("memory",)

    def __init__(self, recorder: DynamicsRecorder, start: torch.Tensor, weight: float):
        super().__init__(recorder)
        self.start = start
        self.weight = weight

    def before_fit(self):
        """Choose the classes that are labels of training samples, and start the memory."""
        present = self.recorder.labels.unique()
        self.block = present[:, None], present
        held = self.start.to(present.device)
        # As if it came from `PER_CLASS` samples of each class.
        self.memory = held * (PER_CLASS * len(present) / held.sum())

    def loss_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the loss of this batch, and of what is remembered of those before it."""
        n_classes = len(self.block[1])
        fading = max(0.0, 1 - len(labels) / (PER_CLASS * n_classes))
        now = joint(logits.softmax(1), labels) + fading * self.memory
        self.memory = now.detach()
        # Each of the n samples has a gradient of about n_classes (1 - fading) / n times that of
        # cross entropy.
        scale = self.weight / (n_classes * (1 - fading))
        return scale * determinant_loss(now[self.block]).to(logits.dtype)
