"""LUO: a penalty on the variance of the predictions when the inputs are perturbed.

In come a Learner and a rate per epoch; out goes a `Trained`. Luo, Zhu and Pfister, "A Simple yet
Effective Baseline for Robust Deep Learning with Noisy Labels", arXiv 1909.09338.
"""

from collections.abc import Sequence

import torch
from fastai.basics import Learner
from torch.nn import functional as F

from o2u_nb.training.batch_loss import BatchLoss
from o2u_nb.training.outputs import main_output
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.trained import Trained, traced

WEIGHT = 10.0  # of the penalty; our choice
NOISE = 0.5  # standard deviation of the perturbation, in those of the batch's inputs; our choice


def fit(
    learn: Learner,
    rates: Sequence[float],
    *,
    weight: float = WEIGHT,
    noise: float = NOISE,
    seed: int = 0,
    **common,
) -> Trained:
    """Train with cross entropy plus `weight` times the variance of the predictions.

    The variance is that of the softmax of a sample, summed over classes, when its input is
    perturbed. It is estimated from two forward passes: the training pass, with its augmentation and
    dropout, and one in which Gaussian noise is added to the inputs, of `noise` times the standard
    deviation of the batch's inputs. `seed` is that of the noise. For small noise the penalty is
    proportional to the squared norm of the Jacobian. See `methods` for the other options. Raises
    `ValueError` for a negative `weight` or `noise`.

    Unconfirmed: the paper's form of the perturbation, and its weights; both defaults are ours. In
    our trials the penalty helped networks that can memorise labels more than linear heads. With the
    second pass an epoch takes up to twice as long, and batch normalisation sees it, too.
    """
    if weight < 0 or noise < 0:
        raise ValueError(f"Expected weight and noise of 0 or more, found {weight} and {noise}.")
    own = dict(method="luo", rates=list(rates), weight=weight, noise=noise, seed=seed)
    run = RecordedFit(goes_on=own, **common)
    run.fit(learn, rates, [Steady(run.recorder, weight, noise, seed)])
    return Trained(run.trace)


train = traced(fit)


def variance(probs: torch.Tensor, perturbed: torch.Tensor) -> torch.Tensor:
    """Return the variance of two softmax outputs of each sample, summed over classes: (n,).

    Both are (n, n_classes) float. It is the unbiased estimate, (p - p')^2 / 2.
    """
    return ((probs - perturbed) ** 2).sum(1) / 2


class Steady(BatchLoss):
    """Train with cross entropy and `weight` times the variance under `noise`."""

    kept = ("_random",)

    def __init__(self, recorder: DynamicsRecorder, weight: float, noise: float, seed: int):
        super().__init__(recorder)
        self.weight = weight
        self.noise = noise
        self.seed = seed
        self._random: torch.Generator | None = None

    def loss_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the mean of cross entropy and penalty."""
        outputs = self.model(*(self._perturbed(x) for x in self.xb))
        other = main_output(outputs, len(rows), self.n_classes).as_subclass(torch.Tensor)
        penalty = variance(logits.softmax(1), other.softmax(1)).mean()
        return F.cross_entropy(logits, labels) + self.weight * penalty

    def _perturbed(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x` with noise; inputs of whole numbers, such as indices, stay as they are."""
        if not x.is_floating_point():
            return x
        if self._random is None:
            self._random = torch.Generator(x.device).manual_seed(self.seed)
        drawn = torch.empty_like(x).normal_(generator=self._random)
        return x + self.noise * x.std() * drawn
