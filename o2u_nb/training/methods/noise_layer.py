"""The noise adaptation layer: a learnt layer after the softmax that turns right labels into given.

In come a Learner and a rate per epoch; out goes a `Trained`. Goldberger and Ben-Reuven, "Training
Deep Neural Networks Using a Noise Adaptation Layer", ICLR 2017.
"""

from collections.abc import Sequence
from contextlib import closing

import numpy as np
import torch
from fastai.basics import Learner
from torch import nn
from torch.nn import functional as F

from o2u_nb.detect.transition import weighted
from o2u_nb.errors import O2UError, RecordingError
from o2u_nb.training.batch_loss import BatchLoss
from o2u_nb.training.clean import clean_logits, clean_probs
from o2u_nb.training.corrected import as_trained
from o2u_nb.training.outputs import LinearCalls
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.trained import Trained, traced

# Rate of the layer's own optimiser, Adam. Our choice.
LAYER_LR = 0.01
# Smallest probability in the first transition matrix, so that its logarithm is finite. Our choice.
SMALLEST = 1e-3


def fit(
    learn: Learner,
    rates: Sequence[float],
    *,
    form: str = "simple",
    warmup: int | None = None,
    layer_lr: float = LAYER_LR,
    **common,
) -> Trained:
    """Train plainly, then together with a layer from right to given labels, which is then dropped.

    The first `warmup` epochs (default: a third) train with the Learner's own loss. In the others
    the probability of the given label j is sum_i p_i theta_ij, where p is the softmax. With the
    `form` "simple", theta_ij = softmax_j(b_ij); with "complex" it depends on the input h of the
    model's last layer, and is softmax_j(u_ij h + b_ij). b starts from the soft confusion of the
    plainly trained network, as published, and u from 0. The layer has an optimiser of its own, Adam
    with the rate `layer_lr`. `transition` is theta, in the complex form its mean over the samples,
    weighted by p; `probs` are the probability of each class given picture and label, and the
    suspicion is one minus that of the given label, 0 to 1. See `methods` for the other options.

    The complex form has n_classes^2 numbers for each feature, too many for hundreds of classes.

    Not as published: the layer's optimiser and rate are our choice, h is scaled to a sum of
    absolute values of 1, so that one rate suits every width, no gradient flows through h, and the
    suspicion is ours. Raises `O2UError` for another form, and `RecordingError` for "complex" when
    the model does not end in a linear layer.
    """
    if form not in ("simple", "complex"):
        raise O2UError(f'Unknown form {form!r}: expected "simple" or "complex".')
    own = dict(method="noise_layer", rates=list(rates), form=form, warmup=warmup, layer_lr=layer_lr)
    run = RecordedFit(goes_on=own, **common)
    rest = run.warm_up(learn, rates, warmup)
    _, labels, classes = run.who(learn)
    first = run.once(
        learn, "first", lambda: soft_confusion(clean_probs(learn, len(classes)), labels)
    )
    with closing(Features(learn.model) if form == "complex" else NoFeatures()) as features:
        layer = Adapting(run.recorder, NoiseLayer(first), features, layer_lr)
        run.fit(learn, rest, [layer])
        return as_trained(run, *_looked(learn, layer.noise, features, labels))


train = traced(fit)


def soft_confusion(probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return T_ij = sum_n [y_n = j] p_i(x_n) / sum_n p_i(x_n), the layer's first transition matrix.

    `probs` (n, n_classes) float are softmax outputs of the plainly trained network, `labels` (n,)
    int. No probability is below 0.001 before the rows are made to add up to 1.
    """
    given = np.eye(probs.shape[1])[labels]
    joint = np.asarray(probs, dtype=np.float64).T @ given
    rows = np.maximum(joint / np.maximum(joint.sum(1, keepdims=True), SMALLEST), SMALLEST)
    return rows / rows.sum(1, keepdims=True)


class NoiseLayer(nn.Module):
    """Hold the probability of each given label for each right one; it starts as `first`.

    `first` is (n_classes, n_classes) float. `u`, (n_classes, n_classes, d), is there from the first
    call with features on.
    """

    def __init__(self, first: np.ndarray):
        super().__init__()
        self.b = nn.Parameter(torch.as_tensor(np.log(first), dtype=torch.float32))
        self.u: nn.Parameter | None = None

    def forward(self, h: torch.Tensor | None) -> torch.Tensor:
        """Return log theta: (n, n_classes, n_classes) for features `h` (n, d), else with n = 1."""
        if h is None:
            return self.b.log_softmax(1)[None]
        if self.u is None:
            self.u = nn.Parameter(h.new_zeros(*self.b.shape, h.shape[1]))
        slopes = F.linear(F.normalize(h, p=1.0), self.u.flatten(0, 1))
        return (slopes.unflatten(1, self.b.shape) + self.b).log_softmax(2)


class NoFeatures:
    """The simple form: theta depends on no features."""

    def of(self, logits: torch.Tensor) -> None:
        """Return None."""

    def close(self) -> None:
        """Do nothing."""


class Features:
    """The complex form: theta depends on the inputs of the model's last linear layer."""

    def __init__(self, model: nn.Module):
        self._calls = LinearCalls(model)

    def of(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the features (n, d) from which the model has just made `logits`."""
        call = self._calls.last(logits)
        if call is None:
            raise RecordingError(
                "Expected a model with a linear layer at its end, on whose inputs the complex form "
                'depends; no torch.nn.Linear of this model gives its output. Pass form="simple".'
            )
        return call.features.as_subclass(torch.Tensor).float()

    def close(self) -> None:
        """Stop watching the model."""
        self._calls.close()


class Adapting(BatchLoss):
    """Train with the cross entropy after the layer `noise`, and train the layer, too."""

    kept = ("noise", "layer_opt")

    def __init__(
        self,
        recorder: DynamicsRecorder,
        noise: NoiseLayer,
        features: Features | NoFeatures,
        lr: float,
    ):
        super().__init__(recorder)
        self.noise = noise
        self.features = features
        self.layer_lr = lr
        self.layer_opt: torch.optim.Optimizer | None = None
        self.grads: Sequence[torch.Tensor] = ()

    def before_fit(self):
        """Bring the layer to the model's device."""
        self.noise.to(self.recorder.labels.device)

    def loss_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return -log sum_i p_i theta_iy, on average."""
        log_theta = self.noise(self.features.of(logits))
        log_p = logits.float().log_softmax(1)
        loss = -torch.logsumexp(log_p + _columns(log_theta, labels), 1).mean()
        # The layer's gradients are taken here, before mixed precision scales the loss.
        self.grads = torch.autograd.grad(loss, [*self.noise.parameters()], retain_graph=True)
        return loss

    def after_batch(self):
        """Update the layer."""
        if not self.training:
            return
        self._make_optimiser()
        for parameter, grad in zip(self.noise.parameters(), self.grads, strict=True):
            parameter.grad = grad
        self.layer_opt.step()

    def load_state_dict(self, state: dict) -> None:
        """Go on with the layer and its optimiser, which may know features already."""
        held = state["parts"]
        u = held["noise"]["weights"].get("u")
        if u is not None:
            self.noise.u = nn.Parameter(torch.empty_like(u, device=self.noise.b.device))
        if held["layer_opt"] is not None:
            self._make_optimiser()
        super().load_state_dict(state)

    def _make_optimiser(self) -> None:
        if self.layer_opt is None:  # only in training are all its parameters there
            self.layer_opt = torch.optim.Adam(self.noise.parameters(), lr=self.layer_lr)


def _columns(theta: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the column of each sample's label: (n, n_classes)."""
    if len(theta) == 1:  # the simple form, the same for all samples
        return theta[0].T[labels]
    return theta[torch.arange(len(labels), device=labels.device), :, labels]


@torch.no_grad()
def _looked(
    learn: Learner, noise: NoiseLayer, features: Features | NoFeatures, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of the right labels, (n_samples, n_classes), and the mean theta."""
    probs, total, mass = [], 0.0, 0.0
    for rows, logits in clean_logits(learn, len(noise.b)):
        p = logits.softmax(1).double()
        theta = noise.to(p.device)(features.of(logits)).exp().double()
        given = torch.as_tensor(labels, device=p.device)[rows]
        probs.append(weighted(p.cpu().numpy(), _columns(theta, given).cpu().numpy()))
        total = total + torch.einsum("ni,nij->ij", p, theta.expand(len(p), -1, -1))
        mass = mass + p.sum(0)
    return np.concatenate(probs), (total / mass[:, None]).cpu().numpy()
