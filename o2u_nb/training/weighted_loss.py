"""A callback that trains with weighted samples: what methods that weight samples have in common.

In come the logits and labels of a batch, and which samples they are of; out goes a weight for each.
"""

import numpy as np
import torch
from torch.nn import functional as F

from o2u_nb.training.batch_loss import BatchLoss
from o2u_nb.training.sample_means import SampleMeans


class WeightedLoss(BatchLoss):
    """Train with the mean over the batch of weight times cross entropy.

    Subclasses define `weights_of`. A weight of 0 leaves a sample out, and one of 1 leaves its loss
    as it is. The mean is over all samples of the batch, so that small weights make small steps.
    """

    kept: tuple[str, ...] = ("means",)

    def before_fit(self):
        """Begin to count the weights of each sample."""
        self.means = SampleMeans(self.n_samples, self.recorder.labels.device)

    def weights_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the weights of one training batch, float (n,), without a gradient.

        The arguments are those of `BatchLoss.loss_of`; `logits` has no gradient.
        """
        raise NotImplementedError

    @property
    def counts(self) -> bool:
        """Return whether the weights of this batch are part of `mean_weights`."""
        return True

    @property
    def mean_weights(self) -> np.ndarray:
        """Return the mean weight of each sample so far: float32 (n_samples,), NaN for none."""
        return self.means.mean()

    def loss_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the weighted loss of the batch."""
        with torch.no_grad():
            weights = self.weights_of(logits.detach(), labels, rows)
        if self.counts:
            self.means.add(rows, weights)
        return (weights * F.cross_entropy(logits, labels, reduction="none")).mean()
