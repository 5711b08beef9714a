"""Co-teaching: two networks, each of which learns from the samples that the other finds easy.

In come a Learner and a rate per epoch; out goes a `Trained`. Han, Yao, Yu, Niu, Xu, Hu, Tsang and
Sugiyama, "Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy Labels",
NeurIPS 2018.
"""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from fastai.basics import Learner
from torch import nn
from torch.nn import functional as F

from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.threshold import count_wrong
from o2u_nb.training.batch_loss import BatchLoss
from o2u_nb.training.outputs import main_output
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.sample_means import SampleMeans
from o2u_nb.training.trained import Trained, traced

# Share of all epochs over which the forget rate rises. Our choice: the paper has 10 of 200 epochs,
# but with few epochs the estimate of the noise rate needs more of them.
RAMP_SHARE = 0.3


def fit(
    learn: Learner,
    rates: Sequence[float],
    *,
    tau: float | None = None,
    ramp: int | None = None,
    pretrained: bool | None = None,
    seed: int = 0,
    **common,
) -> Trained:
    """Train two networks, each on the samples whose loss is smallest in the other.

    In a batch of B samples, each network picks the int((1 - R) B) samples with the smallest cross
    entropy (at least one), and the other one trains on these (algorithm 1). The forget rate R is
    min(e / `ramp`, 1) `tau` in epoch e = 0, 1, ...; see `forget_rate`.

    | | the paper | here |
    |---|---|---|
    | `tau`, largest forget rate | the true noise rate | estimated in each epoch of the ramp |
    | `ramp`, epochs until it is reached | 10 of 200 | three in ten of all epochs, at least 1 |
    | second network | other initial weights | the same, drawn with `seed` |

    The true noise rate is not known; without `tau` (0 to 1), the share of wrong labels is estimated
    by `detect.threshold.count_wrong` from the epochs so far, until the ramp ends. The Learner's
    model is the first network. The second one is a copy of it whose layers get new weights by their
    `reset_parameters`, or if `pretrained`, only its last linear layer. By default a model counts as
    pretrained if some of its weights are frozen, or if fastai's `vision_learner` made it so. The
    second network has the same optimiser, rates and batches, and is gone afterwards.

    The suspicion is the share of the epochs, 0 to 1, in which neither network picked the sample;
    the paper has no such number. See `methods` for the other options. Raises `ValueError` for a
    `tau` outside of [0, 1), or a `ramp` below 1.
    """
    ramp = max(1, round(RAMP_SHARE * len(rates))) if ramp is None else ramp
    if tau is not None and not 0 <= tau < 1:
        raise ValueError(f"Expected tau from 0 to below 1, the share of wrong labels; found {tau}.")
    if ramp < 1:
        raise ValueError(f"Expected a ramp of at least 1 epoch, found {ramp}.")
    own: dict = dict(tau=tau, ramp=ramp, pretrained=pretrained, seed=seed)
    run = RecordedFit(goes_on=dict(method="co_teaching", rates=list(rates), **own), **common)
    pair = CoTeaching(run.recorder, **own)
    run.fit(learn, rates, [pair])
    return Trained(run.trace, suspicion=pair.suspicion)


train = traced(fit)


class Exchanged(NamedTuple):
    """What two networks pick from a batch: positions in it, and who was picked by neither.

    `by_first` and `by_second` are int (kept,), smallest loss first; `dropped` is bool (n,).
    """

    by_first: torch.Tensor
    by_second: torch.Tensor
    dropped: torch.Tensor


def forget_rate(epoch: int, *, tau: float, ramp: int) -> float:
    """Return the share of samples to leave out in `epoch`, counted from 0: min(e / ramp, 1) tau.

    >>> [round(forget_rate(epoch, tau=0.4, ramp=4), 2) for epoch in range(6)]
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.4]
    """
    return min(epoch / ramp, 1.0) * tau


def exchanged(first: torch.Tensor, second: torch.Tensor, forget: float) -> Exchanged:
    """Return the samples that each network picks for the other.

    `first` and `second` (n,) float are the losses of the two networks for the same batch, and
    `forget` (0 to 1) is the share of the batch that is left out.

    >>> first = torch.tensor([0.1, 4.0, 0.2, 3.0])
    >>> second = torch.tensor([0.3, 2.0, 5.0, 0.1])
    >>> picked = exchanged(first, second, 0.5)
    >>> picked.by_first.tolist(), picked.by_second.tolist(), picked.dropped.tolist()
    ([0, 2], [3, 0], [False, True, False, False])
    """
    kept = max(1, int((1 - forget) * len(first)))
    by_first = first.argsort(stable=True)[:kept]
    by_second = second.argsort(stable=True)[:kept]
    dropped = torch.ones_like(first, dtype=torch.bool)
    dropped[by_first] = False
    dropped[by_second] = False
    return Exchanged(by_first, by_second, dropped)


def second_network(model: nn.Module, *, last_only: bool, seed: int) -> nn.Module:
    """Return a copy of `model` with other initial weights, drawn from `seed`.

    With `last_only`, only the last of its linear layers gets new ones. torch's global random state
    stays as it is.
    """
    other = copy.deepcopy(model)
    layers = [layer for layer in other.modules() if hasattr(layer, "reset_parameters")]
    if last_only:
        layers = [layer for layer in layers if isinstance(layer, nn.Linear)][-1:]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for layer in layers:
            layer.reset_parameters()
    return other


class CoTeaching(BatchLoss):
    """Train the Learner's model and a second network on the samples that the other one picks."""

    kept = ("other", "other_opt", "estimate", "drops")

    def __init__(
        self,
        recorder: DynamicsRecorder,
        *,
        tau: float | None,
        ramp: int,
        pretrained: bool | None,
        seed: int,
    ):
        super().__init__(recorder)
        self.tau = tau
        self.ramp = ramp
        self.pretrained = pretrained
        self.seed = seed
        self.drops = None
        self.forget = 0.0

    @property
    def suspicion(self) -> np.ndarray | None:
        """Return the share of the epochs in which neither network picked a sample: (n_samples,)."""
        return None if self.drops is None else self.drops.mean()

    def before_fit(self):
        """Make the second network and its optimiser."""
        model = self.learn.model
        partly = self.pretrained
        if partly is None:
            frozen = not all(weights.requires_grad for weights in model.parameters())
            partly = frozen or getattr(self.learn, "pretrained", False) is True
        self.other = second_network(model, last_only=partly, seed=self.seed)
        # The factory that makes the Learner's own optimiser, for the same groups of weights.
        self.other_opt = self.learn.opt_func(self.learn.splitter(self.other), lr=self.learn.lr)
        self.estimate = 0.0
        device = next(model.parameters()).device
        self.drops = SampleMeans(self.n_samples, device)

    def before_train(self):
        """Set the forget rate of the epoch."""
        self.other.train()
        tau = self.tau
        if tau is None:
            if 0 < self.epoch <= self.ramp:
                self.estimate = estimated_rate(self.recorder)
            tau = self.estimate
        self.forget = forget_rate(self.epoch, tau=tau, ramp=self.ramp)

    def loss_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the loss of the first network, and train the second one."""
        others = main_output(self.other(*self.xb), len(rows), self.n_classes)
        first = F.cross_entropy(logits, labels, reduction="none")
        second = F.cross_entropy(others, labels, reduction="none")
        picked = exchanged(first.detach(), second.detach(), self.forget)
        self.drops.add(rows, picked.dropped)
        second[picked.by_first].mean().backward()
        self.other_opt.set_hyper("lr", self.opt.hypers[-1]["lr"])
        self.other_opt.step()
        self.other_opt.zero_grad()
        return first[picked.by_second].mean()

    def after_fit(self):
        """Let go of the second network."""
        del self.other, self.other_opt


def estimated_rate(recorder: DynamicsRecorder) -> float:
    """Return the estimated share of wrong labels, 0 to below 1, from the epochs so far."""
    evidence = Evidence(recorder.trace)
    seen = evidence.seen
    found = count_wrong(evidence, seen)
    return min(found.count / max(1, seen.sum()), 1 - 1 / len(recorder.who.classes))
