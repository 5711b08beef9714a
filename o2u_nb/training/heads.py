"""The head: a small classifier on features that a frozen network has computed.

In come features in the order of a samples table; out goes a fastai Learner that trains in seconds,
and on which every method and the recorder work as on any other Learner.
"""

import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.basics import Learner
from fastai.callback.core import Callback
from fastai.learner import CastToTensor
from torch import nn
from torch.nn import functional as F

from o2u_nb.errors import FeaturesError
from o2u_nb.head_file import Head
from o2u_nb.rows import rows_of
from o2u_nb.training.feature_loader import CHUNK, feature_loaders
from o2u_nb.training.fitting import sgd

# Largest rates of the cyclic schedule, for SGD with momentum 0.9 and features scaled by `Centred`.
# Chosen on seed 0 of CIFAR-10N and of photographs with planted noise, see
# benchmarks/detection/README.md.
HEAD_RATE = 0.002  # for a linear head
HIDDEN_RATE = 0.005  # for a head with a hidden layer
HIDDEN = 256  # width of the hidden layer in these trials
# How an audit trains the cyclic phase of a head: with generalised cross entropy, to which labels
# that the head doubts after the warm-up count less, and at rates that suit that loss. Chosen on
# seeds 11 and 12, see benchmarks/detection/README.md.
DOUBTING = dict(cyclic_q=0.9, r1=0.015, r2=0.0015)
# The epochs of the warm-up of such a head, with few samples and with many. A hyperplane separates
# any labels of fewer samples than twice their features (Cover, IEEE Trans. Electronic Computers
# 1965), so with few samples a head soon remembers wrong labels, which the cyclic phase then does
# not doubt. Between as many samples as features and twice as many, the number rises. Chosen on
# seeds 11 to 13, see benchmarks/detection/README.md.
FEWEST_WARMUP, MOST_WARMUP = 3, 6


def head_learner(
    features: Any,
    samples: pd.DataFrame,
    *,
    valid: tuple[Any, pd.DataFrame] | None = None,
    hidden: int | None = None,
    dropout: float = 0.5,
    bs: int = 64,
    seed: int = 0,
    device: str | torch.device | None = None,
) -> Learner:
    """Return a Learner for a classifier on `features`, float (n_samples, d), of `samples`.

    The features are scaled by `Centred`. The head is linear, or with `hidden` it has one hidden
    layer of that width, followed by ReLU and `dropout` (0 to 1). Its `largest_rate`, with which
    `learn.fit_o2u()` and `learn.fit_odd()` train it by default, is `HEAD_RATE`, or `HIDDEN_RATE`
    with a hidden layer. `seed` determines the initial weights, the order of the samples and the
    dropout. `valid`, `bs` and `device`, and the errors, are those of `feature_loaders`.
    """
    dls = feature_loaders(features, samples, valid=valid, bs=bs, seed=seed, device=device)
    rows = dls.train.dataset.features
    classifier = head(rows.shape[1], len(dls.train.vocab), hidden, dropout, seed)
    model = nn.Sequential(Centred(mean_of(rows)), classifier)
    learn = HeadLearner(dls, model, loss_func=nn.CrossEntropyLoss(), opt_func=sgd)
    learn.largest_rate = HIDDEN_RATE if hidden else HEAD_RATE
    return learn


def heads_on(
    features: np.ndarray, samples: pd.DataFrame, **options
) -> Callable[[pd.DataFrame, pd.DataFrame, int], Learner]:
    """Return a function that makes heads on parts of `samples`, for `retrain(learner=...)`.

    `features` is (n_samples, d) in the order of `samples`; `options` are those of `head_learner`.
    The tables that the function gets may have other labels. It raises `FeaturesError` for samples
    that are not among `samples`.
    """

    def rows(part: pd.DataFrame) -> np.ndarray:
        strangers = part.index.difference(samples.index)
        if len(strangers):
            raise FeaturesError(
                f"Expected samples that have features, found {len(strangers):,} of {len(part):,} "
                f"without, such as {strangers[0]!r}: compute features of them, too."
            )
        return features[rows_of(samples.index, part.index)]

    def make(train: pd.DataFrame, held_out: pd.DataFrame, seed: int) -> Learner:
        valid = rows(held_out), held_out
        return head_learner(rows(train), train, valid=valid, seed=seed, **options)

    return make


def as_audited(learn: Learner) -> dict[str, float]:
    """Return the options of `fit_o2u` with which an audit trains this Learner.

    They are those of `DOUBTING` and `warmup_epochs` for a linear head, and none for other networks:
    `DOUBTING` was found worse for networks that are trained on the pictures, and was not tried for
    heads with a hidden layer.
    """
    linear = isinstance(learn, HeadLearner) and isinstance(learn.model[-1], nn.Linear)
    if not linear:
        return {}
    return {**DOUBTING, "warmup": warmup_epochs(*learn.dls.train.dataset.features.shape)}


def warmup_epochs(n_samples: int, n_features: int) -> int:
    """Return how many epochs the warm-up of a linear head has in an audit.

    The head has `n_features` inputs, and is trained on `n_samples` samples.

    >>> [warmup_epochs(n, 1_000) for n in (100, 1_000, 1_500, 2_000, 10_000)]
    [3, 3, 4, 6, 6]
    """
    return min(max(round(FEWEST_WARMUP * n_samples / n_features), FEWEST_WARMUP), MOST_WARMUP)


class HeadLearner(Learner):
    """A fastai Learner whose steps cost little beside the head's own few operations.

    fastai asks every callback at every event of a step, and most have nothing to do; here only
    those are asked that have. Its `CastToTensor` is left out, because the loaders of features serve
    plain tensors. The operations are too small to be shared out among threads, which would spend
    most of the time waiting for each other, so `fit` uses one. `largest_rate` is the learning rate
    that suits the head, for methods that choose the rates.
    """

    largest_rate = HEAD_RATE

    def __init__(self, *args, **options):
        self._sorted: tuple[Callback, ...] = ()  # the callbacks for which `_asked` is known
        self._asked: dict[str, list[Callback]] = {}
        super().__init__(*args, **options)
        self.remove_cb(CastToTensor)

    def __call__(self, event_name: str | Sequence[str]) -> None:
        """Call the callbacks that have something to do at an event, or at several, in order."""
        for name in [event_name] if isinstance(event_name, str) else event_name:
            for callback in self._answering(name):
                callback(name)

    def _answering(self, event_name: str) -> list[Callback]:
        """Return the callbacks that answer an event, in order; they are looked up once a fit."""
        callbacks = tuple(self.cbs)
        if callbacks != self._sorted or event_name == "before_fit":
            self._sorted, self._asked = callbacks, {}
        if event_name not in self._asked:
            self._asked[event_name] = [
                callback
                for callback in sorted(callbacks, key=attrgetter("order"))
                # At the end of a fit, fastai also resets something in each callback.
                if event_name == "after_fit" or _answers(callback, event_name)
            ]
        return self._asked[event_name]

    def _set_device(self, b: tuple) -> tuple:
        """Return the batch on the model's device; one that is there already is not looked through.

        The loaders of features serve tensors that are all on one device.
        """
        there = b[0].device == next(self.model.parameters()).device
        return b if there else super()._set_device(b)

    def fit(self, *args, **options) -> None:
        """Train as `Learner.fit` does, on one thread of the CPU."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            super().fit(*args, **options)
        finally:
            torch.set_num_threads(threads)


def _answers(callback: Callback, event_name: str) -> bool:
    return hasattr(type(callback), event_name) or event_name in vars(callback)


def head(n_in: int, n_classes: int, hidden: int | None, dropout: float, seed: int) -> nn.Module:
    """Return the classifier: features (n, n_in) in, logits (n, n_classes) out.

    torch's global random state stays as it is.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if not hidden:
            return nn.Linear(n_in, n_classes)
        return nn.Sequential(
            nn.Linear(n_in, hidden), nn.ReLU(), Dropout(dropout, seed), nn.Linear(hidden, n_classes)
        )


class Centred(nn.Module):
    """Subtract `mean` (d,) from features, and scale each row to the length sqrt(d).

    Networks give features of very different sizes. After this, one learning rate suits them all.
    """

    def __init__(self, mean: torch.Tensor):
        super().__init__()
        self.register_buffer("mean", mean)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x`, float32 (n, d), centred and scaled; a row that equals the mean becomes 0."""
        return F.normalize(x - self.mean).mul_(math.sqrt(x.shape[1]))


def numbers_of(learn: Learner) -> Head:
    """Return the numbers of a linear head, a Learner of `head_learner`, for its file."""
    centre, linear = learn.model
    numbers = (linear.weight, linear.bias, centre.mean)
    return Head(*(number.detach().float().cpu().numpy() for number in numbers))


def mean_of(features: torch.Tensor) -> torch.Tensor:
    """Return the mean of the rows of `features` (n, d): float32 (d,), added up in float64."""
    total = sum(part.double().sum(0) for part in features.split(CHUNK))
    return (total / max(1, len(features))).float()


class Dropout(nn.Module):
    """Set a share `p` (0 to 1) of the inputs to zero in training, and scale up the others.

    It is torch's dropout, except that its random numbers come from `seed` alone, so that a training
    does not depend on what else draws random numbers at the same time.
    """

    def __init__(self, p: float, seed: int):
        super().__init__()
        self.p = p
        self.seed = seed
        self._random: torch.Generator | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x` with zeros in random places while training, else `x` itself."""
        if not self.training or not self.p:
            return x
        if self._random is None or self._random.device != x.device:
            self._random = torch.Generator(x.device).manual_seed(self.seed)
        kept = torch.empty_like(x).bernoulli_(1 - self.p, generator=self._random)
        return x * kept.div_(1 - self.p)
