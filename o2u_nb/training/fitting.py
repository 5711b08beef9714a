"""Settings of a Learner that a training method changes for a while.

In comes a Learner. Inside a `with` block it trains with another optimiser, or in other batches.
Afterwards, even after an error, the settings are as they were; only the model has changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from fastai.basics import Learner
from fastai.optimizer import OptimWrapper

from o2u_nb.errors import RecordingError
from o2u_nb.training.batches import renewed


def sgd(params, **options) -> OptimWrapper:
    """Return O2U-Net's optimiser for the parameters `params`.

    It is SGD with momentum 0.9 and weight decay 5e-4 (Huang et al., ICCV 2019), in torch's fused
    implementation; `options` change these settings.
    """
    defaults = dict(momentum=0.9, weight_decay=5e-4, fused=True)
    return OptimWrapper(params, torch.optim.SGD, **{**defaults, **options})


@contextmanager
def optimiser(learn: Learner, opt_func) -> Iterator[None]:
    """Use `opt_func` (None: the Learner's own) to make the optimiser inside the `with` block.

    The optimiser is discarded at the end, so that a later fit makes a new one.
    """
    own = learn.opt_func
    learn.opt_func = opt_func or own
    try:
        yield
    finally:
        learn.opt_func = own
        learn.opt = None


@contextmanager
def explained(learn: Learner) -> Iterator[None]:
    """Say what to do where batch normalisation meets a batch of one sample; torch only refuses."""
    try:
        yield
    except ValueError as error:
        if "Expected more than 1 value per channel" not in str(error):
            raise
        dl = learn.dls.train
        raise RecordingError(
            f"Expected at least two samples in each batch, because the network has batch "
            f"normalisation; {dl.n} samples in batches of {dl.bs} leave a batch of one. Build the "
            "loaders with another bs, or with drop_last=True."
        ) from error


@contextmanager
def batches_of(learn: Learner, bs: int | None) -> Iterator[None]:
    """Use batches of `bs` training samples (None: the loader's own) inside the `with` block."""
    own = learn.dls.train
    with own_loader(learn):
        if bs and bs != own.bs:
            learn.dls.loaders[0] = renewed(own, bs=bs)
        yield


@contextmanager
def own_loader(learn: Learner) -> Iterator[None]:
    """Put the present training loader back at the end of the `with` block."""
    own = learn.dls.train
    try:
        yield
    finally:
        learn.dls.loaders[0] = own
