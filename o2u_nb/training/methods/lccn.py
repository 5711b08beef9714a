"""LCCN: the right labels are drawn from their posterior, with a Dirichlet prior on the noise.

In come a Learner and a rate per epoch; out goes a `Trained`. Yao, Wu, Zhang, Tsang and Sun,
"Safeguarded Dynamic Label Regression for Noisy Supervision", AAAI 2019, with the latent
class-conditional noise model.
"""

from collections.abc import Sequence

import numpy as np
import torch
from fastai.basics import Learner
from torch.nn import functional as F

from o2u_nb.detect.transition import posterior
from o2u_nb.training.batch_loss import BatchLoss
from o2u_nb.training.clean import clean_probs
from o2u_nb.training.corrected import as_trained
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.trained import Trained, traced


def fit(
    learn: Learner,
    rates: Sequence[float],
    *,
    warmup: int | None = None,
    alpha: float = 1.0,
    seed: int = 0,
    **common,
) -> Trained:
    """Train plainly, then on labels that are drawn for each batch by Gibbs sampling.

    The first `warmup` epochs (default: a third; the paper has 20,000 steps) train with the
    Learner's own loss. Then each sample has a latent right label z, first the likeliest class. For
    each batch z is drawn again, with a probability proportional to p_z (N_zy + alpha) / (N_z + K
    alpha), where p is the softmax, y the given label, N counts the pairs of z and y of all other
    samples, and `alpha`, 1 as published, is the Dirichlet prior; the network trains on z with cross
    entropy. `seed` is that of the draws. `transition` is the posterior mean of the noise, `probs`
    the probability of each class given picture and label, from a clean pass at the end, and the
    suspicion is one minus that of the given label, 0 to 1. See `methods` for the other options.
    Raises `ValueError` for an `alpha` of 0 or less.

    Not as published: the counts are used as they are, not as they were up to 200 steps before; the
    samples of a batch are drawn at the same time; and the suspicion is ours.
    """
    if alpha <= 0:
        raise ValueError(f"Expected an alpha above 0, found {alpha}: 1 is the paper's.")
    own = dict(method="lccn", rates=list(rates), warmup=warmup, alpha=alpha, seed=seed)
    run = RecordedFit(goes_on=own, **common)
    rest = run.warm_up(learn, rates, warmup)
    _, labels, classes = run.who(learn)
    n_classes = len(classes)
    first = run.once(learn, "first", lambda: clean_probs(learn, n_classes).argmax(1))
    gibbs = Gibbs(Latent(first, labels, n_classes, alpha=alpha, seed=seed), run.recorder)
    run.fit(learn, rest, [gibbs])
    transition = gibbs.latent.transition().cpu().numpy()
    return as_trained(run, posterior(clean_probs(learn, n_classes), labels, transition), transition)


train = traced(fit)


class Latent:
    """The latent right label of each sample, and how often each goes with each given label.

    `right` and `given`, int (n_samples,), are the first right and the given labels.
    """

    kept = ("right", "counts", "random")

    def __init__(
        self,
        right: np.ndarray,
        given: np.ndarray,
        n_classes: int,
        *,
        alpha: float,
        seed: int,
    ):
        self.right = torch.as_tensor(right).long()
        self.given = torch.as_tensor(given).long()
        self.alpha = alpha
        self.seed = seed
        self.counts = torch.zeros(n_classes, n_classes, dtype=torch.float64)
        self._count(slice(None), 1)
        self.random = torch.Generator().manual_seed(seed)

    def to(self, device: torch.device) -> "Latent":
        """Move everything to `device`, and return self."""
        if self.counts.device != device:
            self.right, self.given = self.right.to(device), self.given.to(device)
            self.counts = self.counts.to(device)
            self.random = torch.Generator(device).manual_seed(self.seed)
        return self

    def transition(self) -> torch.Tensor:
        """Return the posterior mean of the noise: double (n_classes, n_classes), rows = right."""
        smoothed = self.counts + self.alpha
        return smoothed / smoothed.sum(1, keepdim=True)

    def draw(self, rows: torch.Tensor, probs: torch.Tensor) -> torch.Tensor:
        """Draw the right labels of the samples `rows` (n,) int again, and return them: int (n,).

        `probs` (n, n_classes) float is the network's softmax.
        """
        own = rows.unique()  # a weighted loader may draw a sample twice
        self._count(own, -1)
        weights = probs.double() * self.transition().T[self.given[rows]]
        self.right[rows] = torch.multinomial(weights, 1, generator=self.random)[:, 0]
        self._count(own, 1)
        return self.right[rows]

    def _count(self, rows: torch.Tensor | slice, sign: int) -> None:
        pairs = self.right[rows], self.given[rows]
        ones = torch.full_like(pairs[0], sign, dtype=torch.float64)
        self.counts.index_put_(pairs, ones, accumulate=True)


class Gibbs(BatchLoss):
    """Train with cross entropy on the right labels that are drawn for each batch."""

    kept = ("latent",)

    def __init__(self, latent: Latent, recorder: DynamicsRecorder):
        super().__init__(recorder)
        self.latent = latent

    def before_fit(self):
        """Bring the latent labels to the model's device."""
        self.latent.to(self.recorder.labels.device)

    def loss_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the mean cross entropy of the drawn labels."""
        return F.cross_entropy(logits, self.latent.draw(rows, logits.detach().softmax(1)))
