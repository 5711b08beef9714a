"""CurriculumNet: train on the densest part of each class first, and let the others join later.

In come a Learner and a rate per epoch; out goes a `Trained`. Guo, Huang, Zhang, Zhuang, Dong, Scott
and Huang, "CurriculumNet: Weakly Supervised Learning from Large-Scale Web Images", ECCV 2018.
"""

from collections.abc import Sequence

import numpy as np
import torch
from fastai.basics import Learner

from o2u_nb.detect.density import densities, parts, ranks_within
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.sample_features import first_epochs, sample_features
from o2u_nb.training.trained import Trained, traced
from o2u_nb.training.weighted_loss import WeightedLoss


def fit(
    learn: Learner,
    rates: Sequence[float],
    *,
    first: int | None = None,
    weights: Sequence[float] = (1.0, 0.5, 0.5),
    **common,
) -> Trained:
    """Train in three stages: on the clean part, then also on the noisy one, then on all samples.

    The samples of each class are divided into three parts by their density in the network's
    features, see `detect.density.parts`. In the stages the parts 0, 0 to 1, and 0 to 2 have their
    `weights` in the loss, and all others 0.

    | | the paper | here |
    |---|---|---|
    | features | of a network trained on all samples | the same after `first` epochs, or a head's |
    | network of the stages | a new one | the same goes on |
    | length of the stages | until the loss stops falling | a third of the other epochs each |
    | `weights` of the parts | 1, 0.5, 0.5 (unconfirmed) | the same |
    | a batch | from the parts of the stage | from all, others with the weight 0 |

    A head has features from the beginning, so that `first` is 0; for other networks it is three in
    ten of the epochs. Samples are recorded in all stages, also those that do not count yet.

    The suspicion, our own, is how sparse the neighbourhood is among samples with the same label, 0
    to 1, see `detect.density.ranks_within`. See `methods` for the other options. Raises
    `ValueError` for a `first` that is not among the epochs, or other than three `weights`.
    """
    first = first_epochs(learn, len(rates), first)
    if len(weights) != 3:
        raise ValueError(f"Expected three weights, one for each part; found {len(weights)}.")
    own = dict(method="curriculum", rates=list(rates), first=first, weights=list(weights))
    run = RecordedFit(goes_on=own, **common)
    run.fit(learn, rates[:first])
    labels = run.who(learn).labels
    found = run.once(learn, "densities", lambda: densities(sample_features(learn), labels))
    stages = Stages(run.recorder, weights, found)
    run.fit(learn, rates[first:], [stages])
    return Trained(run.trace, suspicion=stages.suspicion)


train = traced(fit)


def stage(epoch: int, n_epochs: int) -> int:
    """Return the stage, 0 to 2, of `epoch`, counted from 0: three stages of nearly equal length.

    >>> [stage(epoch, 7) for epoch in range(7)]
    [0, 0, 0, 1, 1, 2, 2]
    """
    return 3 * epoch // n_epochs


class Stages(WeightedLoss):
    """Weight samples by the part that they are in, and by the stage.

    `weights` are those of the three parts, and `found` (n_samples,) float the samples' densities.
    """

    suspicion: np.ndarray | None = None

    def __init__(self, recorder: DynamicsRecorder, weights: Sequence[float], found: np.ndarray):
        super().__init__(recorder)
        self.of_parts = list(weights)
        self.found = found

    def before_fit(self):
        """Divide the samples by their density."""
        super().before_fit()
        labels = self.recorder.who.labels
        self.suspicion = ranks_within(self.found, labels)
        part = torch.as_tensor(parts(self.found, labels), device=self.recorder.labels.device)
        # Row k are the weights of all samples in stage k.
        weights = torch.tensor(self.of_parts, device=part.device)[part]
        self.weights = torch.stack([torch.where(part <= last, weights, 0) for last in range(3)])

    def weights_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the weights of the batch."""
        return self.weights[stage(self.epoch, self.n_epoch)][rows]
