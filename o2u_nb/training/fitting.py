"""What a training method borrows from a Learner, and gives back when it is done.

In comes a Learner; for the time of a `with` block it trains with another optimiser or serves other
batches. Afterwards, also after an error, it is as it was, but for what the model has learnt.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from fastai.basics import Learner
from fastai.optimizer import OptimWrapper

from o2u_nb.training.loaders import renewed


def sgd(params, **options) -> OptimWrapper:
    """Build O2U-Net's optimiser: SGD, momentum 0.9, weight decay 5e-4, fused into one pass."""
    defaults = dict(momentum=0.9, weight_decay=5e-4, fused=True)
    return OptimWrapper(params, torch.optim.SGD, **{**defaults, **options})


@contextmanager
def optimiser(learn: Learner, opt_func) -> Iterator[None]:
    """Train with `opt_func` (None: the Learner's own) for a while.

    The optimiser itself is forgotten afterwards, so that a later fit makes its own.
    """
    own = learn.opt_func
    learn.opt_func = opt_func or own
    try:
        yield
    finally:
        learn.opt_func = own
        learn.opt = None


@contextmanager
def batches_of(learn: Learner, bs: int | None) -> Iterator[None]:
    """Serve the training set in batches of `bs` samples (None: the loader's own) for a while."""
    own = learn.dls.train
    with own_loader(learn):
        if bs and bs != own.bs:
            learn.dls.loaders[0] = renewed(own, bs=bs)
        yield


@contextmanager
def own_loader(learn: Learner) -> Iterator[None]:
    """Put the training loader back at the end, whatever happens to it meanwhile."""
    own = learn.dls.train
    try:
        yield
    finally:
        learn.dls.loaders[0] = own
