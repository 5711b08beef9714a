"""Learning to reweight: samples count as far as they help on a small set of trusted samples.

In come a Learner, a rate per epoch and trusted samples; out goes a `Trained`. Ren, Zeng, Yang and
Urtasun, "Learning to Reweight Examples for Robust Deep Learning", ICML 2018.
"""

from collections.abc import Sequence

import numpy as np
import torch
from fastai.basics import Learner
from torch.nn import functional as F

from o2u_nb.errors import RecordingError
from o2u_nb.rows import evenly
from o2u_nb.training.clean import clean_loader, evaluating
from o2u_nb.training.outputs import LinearCalls, main_output
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.sample_means import SampleMeans
from o2u_nb.training.subset import only
from o2u_nb.training.trained import Trained, traced
from o2u_nb.training.trusted import TrustedLabels, digest, listed, trusted_among
from o2u_nb.training.weighted_loss import WeightedLoss

AT_ONCE = 100  # trusted samples that are asked before each step, as published
MOST = 1000  # trusted samples whose pictures are kept in memory, as many as in the paper (CIFAR)


def fit(
    learn: Learner,
    rates: Sequence[float],
    *,
    trusted: TrustedLabels = None,
    seed: int = 0,
    **common,
) -> Trained:
    """Train with weights that make each step help most on trusted samples.

    Before each step, every sample of the batch gets a weight: how much a step on this sample alone
    would lower the loss of a batch of trusted samples (algorithm 1). If it would raise that loss,
    the weight is 0. The weights of a batch add up to 1; a batch in which no sample helps makes no
    step.

    | | the paper | here |
    |---|---|---|
    | gradients | of all layers, by autograd | of the last layer, see `helpfulness` |
    | trusted samples | 1,000 (CIFAR-10), not trained on | `trusted`, which stay in training |
    | their batch | 100 | 100, or all if there are fewer, drawn with `seed` |

    For the last layer the gradients are products, which takes one more forward pass for each step
    instead of three further passes. The model must end in a linear layer. `trusted` are ids of
    samples whose given labels are right, or right labels by id, see `trusted.trusted_among`; there
    should be some of every class, since samples of a class without any seem to do harm. At most
    `MOST` of them are used, without augmentation and in evaluation mode.

    The suspicion, our own, is 1 - the mean over the epochs of a sample's helpfulness divided by the
    mean helpfulness, without regard to sign, in its batch; it is above 1 where the sample would
    harm. The weights themselves would not do, since they are also 0 for right labels which the
    network knows already. See `methods` for the other options. Raises `O2UError` without trusted
    samples, or for such that are not in the training set, and `RecordingError` for a model that
    does not end in a linear layer.
    """
    trusted = listed(trusted)
    own = dict(method="reweight", rates=list(rates), trusted=digest(trusted), seed=seed)
    run = RecordedFit(goes_on=own, **common)
    weights = Helpful(run.recorder, trusted=trusted, seed=seed)
    try:
        run.fit(learn, rates, [weights])
    finally:
        weights.close()
    return Trained(run.trace, suspicion=weights.suspicion)


train = traced(fit)


def helpfulness(
    residuals: torch.Tensor,
    features: torch.Tensor,
    trusted_residuals: torch.Tensor,
    trusted_features: torch.Tensor,
    *,
    bias: bool = True,
) -> torch.Tensor:
    """Return how fast the trusted samples' mean loss falls with the weight of each sample: (n,).

    `features` (n, d) are the inputs of the last linear layer, with or without `bias`, and
    `residuals` (n, n_classes) are softmax minus the one-hot label; the same (m, ...) for trusted
    samples. The gradient of cross entropy for the layer's weights is the product of the two. So
    this is the product of each sample's gradient with the mean gradient of the trusted samples:
    minus the derivative of Ren et al. at the weights 0, for a learning rate of 1.
    """
    of_weights = trusted_residuals.T @ trusted_features / len(trusted_features)
    found = ((residuals @ of_weights) * features).sum(1)
    return found + residuals @ trusted_residuals.mean(0) if bias else found


def relative_weights(helpfulness: torch.Tensor) -> torch.Tensor:
    """Return the weights of a batch: helpfulness (n,) above 0, scaled so that their mean is 1.

    With the mean over the batch of weight times loss, that is the sum with weights that add up to
    1. All are 0 where no sample helps.

    >>> relative_weights(torch.tensor([3.0, -5.0, 1.0, 0.0])).tolist()
    [3.0, 0.0, 1.0, 0.0]
    """
    helping = helpfulness.clamp_min(0)
    mean = helping.mean()
    return torch.where(mean > 0, helping / mean, torch.zeros_like(helping))


class Helpful(WeightedLoss):
    """Weight the samples of each batch by how much they help on trusted samples."""

    kept = (*WeightedLoss.kept, "harm", "random")

    calls: LinearCalls | None = None
    harm: SampleMeans | None = None

    def __init__(self, recorder: DynamicsRecorder, *, trusted: TrustedLabels, seed: int):
        super().__init__(recorder)
        self.trusted = trusted
        self.random = torch.Generator().manual_seed(seed)

    @property
    def suspicion(self) -> np.ndarray | None:
        """Return 1 - the mean relative helpfulness of each sample: (n_samples,)."""
        return None if self.harm is None else 1 - self.harm.mean()

    def before_fit(self):
        """Read the inputs of the trusted samples."""
        super().before_fit()
        device = self.recorder.labels.device
        found = trusted_among(self.trusted, self.recorder.who)
        some = evenly(len(found.rows), MOST)
        order = np.argsort(found.rows[some])
        rows, labels = found.rows[some][order], found.labels[some][order]
        self.right = F.one_hot(torch.as_tensor(labels), self.n_classes).float().to(device)
        self.inputs = inputs_of(self.learn, rows, device)
        self.harm = SampleMeans(self.n_samples, device)

    def before_train(self):
        """Watch the layers of the model."""
        self.calls = LinearCalls(self.learn.model)

    def after_train(self):
        """Stop watching."""
        self.close()

    def close(self) -> None:
        """Stop watching the model, also after an error."""
        if self.calls is not None:
            self.calls.close()

    def weights_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the weights of the batch; their mean is 1, or 0 where no sample helps."""
        features, bias = self._features(logits)
        residuals = logits.float().softmax(1) - F.one_hot(labels, self.n_classes)
        chosen = torch.randperm(len(self.right), generator=self.random)[:AT_ONCE]
        right = self.right[chosen.to(self.right.device)]
        with evaluating(self.learn.model):
            outputs = self.learn.model(*(part[chosen] for part in self.inputs))
        others = main_output(outputs, len(right), self.n_classes)
        trusted_features, _ = self._features(others)
        found = helpfulness(
            residuals, features, others.float().softmax(1) - right, trusted_features, bias=bias
        )
        self.harm.add(rows, found / found.abs().mean().clamp_min(1e-12))
        return relative_weights(found)

    def _features(self, logits: torch.Tensor) -> tuple[torch.Tensor, bool]:
        """Return the inputs (n, d) of the layer that gave `logits`, and whether it has a bias."""
        call = self.calls.last(logits)
        if call is None:
            raise RecordingError(
                "Expected a model that ends in a linear layer, whose gradients give the weights; "
                f"no torch.nn.Linear of {type(self.learn.model).__name__} gives its output."
            )
        return call.features.as_subclass(torch.Tensor).float(), call.layer.bias is not None


def inputs_of(learn: Learner, rows: np.ndarray, device: torch.device) -> list[torch.Tensor]:
    """Return the model's inputs for the training samples at `rows` (k,), rising, unaugmented.

    A list with a tensor (k, ...) on `device` for each input of the model.
    """
    loader = clean_loader(learn.dls)
    kept = np.zeros(len(loader.dataset), dtype=bool)
    kept[rows] = True
    parts = [tuple(batch)[:-1] for batch in only(loader, kept)]
    return [
        torch.cat([part.as_subclass(torch.Tensor) for part in parts_of_input]).to(device)
        for parts_of_input in zip(*parts, strict=True)
    ]
