"""Truncated generalised cross entropy: now and then, samples that the network doubts are left out.

In come a Learner and a rate per epoch; out goes a `Trained`. Zhang and Sabuncu, "Generalized Cross
Entropy Loss for Training Deep Neural Networks with Noisy Labels", NeurIPS 2018.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from fastai.basics import Learner

from o2u_nb.training.batch_loss import BatchLoss
from o2u_nb.training.clean import clean_probs
from o2u_nb.training.losses import generalised_cross_entropy
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.trained import Trained, traced

# Shares of all epochs (0 to 1): the paper prunes from epoch 40 of 120, every 10 epochs.
START_SHARE = 40 / 120
EVERY_SHARE = 10 / 120


def fit(
    learn: Learner,
    rates: Sequence[float],
    *,
    q: float = 0.7,
    k: float = 0.5,
    start: int | None = None,
    every: int | None = None,
    **common,
) -> Trained:
    """Train with the loss L_q, and from epoch `start` on only with samples whose label is likely.

    After `start` epochs (default: a third, as published), and again `every` epochs (default: a
    twelfth, as published), the samples are pruned whose label has a softmax of at most `k`, 0 to 1,
    in a clean pass. Until the next pruning they have the constant loss (1 - k^q) / q, so that they
    do not train. `q` and `k` are as published; this is algorithm 1. The suspicion is the share of
    the prunings in which a sample was pruned, 0 to 1, NaN when there were none. See `methods` for
    the other options. Raises `ValueError` for a negative `start`, an `every` below 1, or a `k` that
    is not between 0 and 1.

    Not as published: the paper prunes by the best network so far, judged by validation samples,
    and this by the present one, so that no other samples are needed; and the suspicion is ours. A
    pruning that would leave a class out altogether keeps that class. A network that has learnt
    little by the first pruning, as a linear head with many classes, gives many right labels less
    than `k`, and may lose by it: start later, or lower `k`.
    """
    n = len(rates)
    start = max(1, round(START_SHARE * n)) if start is None else start
    every = max(1, round(EVERY_SHARE * n)) if every is None else every
    if start < 0 or every < 1 or not 0 < k < 1:
        raise ValueError(
            f"Expected start >= 0, every >= 1 and 0 < k < 1; found {start}, {every} and {k}."
        )
    own = dict(method="gce_truncated", rates=list(rates), q=q, k=k, start=start, every=every)
    run = RecordedFit(goes_on=own, **common)
    pruned = Pruned(run.recorder, q, k, range(start, n, every))
    run.fit(learn, rates, [pruned])
    return Trained(run.trace, suspicion=pruned.suspicion)


train = traced(fit)


class Pruned(BatchLoss):
    """Train with L_q, with pruning before each of the epochs `prunings`, counted from 0."""

    kept = ("unpruned", "times", "out")

    def __init__(self, recorder: DynamicsRecorder, q: float, k: float, prunings: Sequence[int]):
        super().__init__(recorder)
        self.q = q
        self.k = k
        self.prunings = prunings
        self.unpruned: torch.Tensor | None = None  # bool (n_samples,), on the model's device
        self.times = 0  # number of prunings so far
        self.out: np.ndarray | int = 0  # how often each sample was pruned

    @property
    def suspicion(self) -> np.ndarray:
        """Return the share of the prunings in which each sample was pruned: float (n_samples,)."""
        return self.out / self.times if self.times else np.full(self.n_samples, np.nan)

    def before_train(self):
        """Prune, if it is time."""
        if self.epoch not in self.prunings:
            return
        labels = self.recorder.who.labels
        pruned = doubted(clean_probs(self.learn, self.n_classes), labels, self.k)
        self.times += 1
        self.out = self.out + pruned
        self.unpruned = torch.as_tensor(~pruned, device=self.recorder.labels.device)

    def loss_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the mean loss of the batch, with a constant for pruned samples."""
        losses = generalised_cross_entropy(logits, labels, q=self.q)
        if self.unpruned is not None:
            constant = -math.expm1(self.q * math.log(self.k)) / self.q  # (1 - k^q) / q
            losses = torch.where(self.unpruned[rows], losses, constant)
        return losses.mean()


def doubted(probs: np.ndarray, labels: np.ndarray, k: float) -> np.ndarray:
    """Return which samples have a label with a probability of at most `k`: bool (n,).

    `probs` is (n, n_classes) float and `labels` (n,) int. Nothing is said of a class whose every
    sample that is labelled so would be left out.
    """
    found = probs[np.arange(len(labels)), labels] <= k
    kept = np.bincount(labels[~found], minlength=probs.shape[1])
    return found & (kept[labels] > 0)
