"""Verification in the manner of CleanNet: samples count as far as they look like their class.

In come a Learner, a rate per epoch and trusted samples; out goes a `Trained`. Lee, He, Zhang and
Yang, "CleanNet: Transfer Learning for Scalable Image Classifier Training with Label Noise", CVPR
2018.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from fastai.basics import Learner

from o2u_nb.training.identity import identity
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.sample_features import first_epochs, sample_features
from o2u_nb.training.trained import Trained, traced
from o2u_nb.training.trusted import Trusted, TrustedLabels, trusted_among
from o2u_nb.training.verification import similarities
from o2u_nb.training.weighted_loss import WeightedLoss


def fit(
    learn: Learner,
    rates: Sequence[float],
    *,
    trusted: TrustedLabels = None,
    first: int | None = None,
    seed: int = 0,
    **common,
) -> Trained:
    """Train with the weight max(0, s), where s is how similar a sample is to its given class.

    A small network learns from the `trusted` samples what belongs to a class, and compares each
    sample with the prototype of its given class; see `verification` for what is as published. The
    weights are those of the paper, which trains the classifier and this network by turns where we
    do each once.

    The features are those of a head, or of the network itself after `first` epochs of plain
    training, by default three in ten. `trusted` are ids of samples whose given labels are right, or
    right labels by id, see `trusted.trusted_among`. A class without any is represented by all
    samples with its label. `seed` is that of the small network.

    The suspicion is 1 - s, 0 to 2. See `methods` for the other options. Raises `O2UError` without
    trusted samples, or for such that are not in the training set; `ValueError` for a `first` that
    is not among the epochs; and `RecordingError` for a model that does not end in a linear
    layer.
    """
    first = first_epochs(learn, len(rates), first)
    run = RecordedFit(**common)
    who = identity(learn.dls.train, root=Path(learn.path), ids=run.recorder.ids)
    weights = Verified(run.recorder, trusted_among(trusted, who), seed=seed)
    run.fit(learn, rates[:first])
    run.fit(learn, rates[first:], [weights])
    return Trained(run.trace, suspicion=weights.suspicion)


train = traced(fit)


class Verified(WeightedLoss):
    """Weight samples by their similarity to their given class."""

    suspicion: np.ndarray | None = None

    def __init__(self, recorder: DynamicsRecorder, trusted: Trusted, *, seed: int):
        super().__init__(recorder)
        self.trusted = trusted
        self.seed = seed

    def before_fit(self):
        """Compare the samples with their classes in the present features."""
        labels = self.recorder.who.labels
        found = similarities(
            sample_features(self.learn), labels, self.n_classes, self.trusted, seed=self.seed
        )
        own = np.take_along_axis(found, labels[:, None].astype(int), 1)[:, 0]
        self.suspicion = 1 - own
        self.weights = torch.as_tensor(own.clip(0), device=self.recorder.labels.device)

    def weights_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the weights of the batch."""
        return self.weights[rows]
