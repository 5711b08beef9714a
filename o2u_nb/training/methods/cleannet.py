"""Verification in the manner of CleanNet: samples count as far as they look like their class.

In come a Learner, a rate per epoch and trusted samples; out goes a `Trained`. Lee, He, Zhang and
Yang, "CleanNet: Transfer Learning for Scalable Image Classifier Training with Label Noise", CVPR
2018.
"""

from collections.abc import Sequence

import numpy as np
import torch
from fastai.basics import Learner

from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.sample_features import first_epochs, sample_features
from o2u_nb.training.trained import Trained, traced
from o2u_nb.training.trusted import TrustedLabels, digest, listed, trusted_among
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
    trusted = listed(trusted)
    own = dict(
        method="cleannet", rates=list(rates), trusted=digest(trusted), first=first, seed=seed
    )
    run = RecordedFit(goes_on=own, **common)
    who = run.who(learn)
    known = trusted_among(trusted, who)

    def similarity() -> np.ndarray:
        features = sample_features(learn)
        found = similarities(features, who.labels, len(who.classes), known, seed=seed)
        return np.take_along_axis(found, who.labels[:, None].astype(int), 1)[:, 0]

    run.fit(learn, rates[:first])
    found = run.once(learn, "similarity", similarity)
    run.fit(learn, rates[first:], [Verified(run.recorder, found)])
    return Trained(run.trace, suspicion=1 - found)


train = traced(fit)


class Verified(WeightedLoss):
    """Weight samples by their `similarity`, (n_samples,) float, to their given class."""

    def __init__(self, recorder: DynamicsRecorder, similarity: np.ndarray):
        super().__init__(recorder)
        self.similarity = similarity

    def before_fit(self):
        """Bring the weights to the model's device."""
        super().before_fit()
        self.weights = torch.as_tensor(self.similarity.clip(0), device=self.recorder.labels.device)

    def weights_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the weights of the batch."""
        return self.weights[rows]
