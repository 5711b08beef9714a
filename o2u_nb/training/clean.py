"""Clean passes: samples as they are, in order, without augmentation and without training.

In come a Learner's loaders and its model; out come batches with the positions of their samples.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.torch_core import to_device
from torch import nn

from o2u_nb.training.loaders import PixelLoader


def clean_loader(dls: DataLoaders, *, valid: bool = False) -> DataLoader:
    """Serve the training samples, or with `valid` the validation samples, in order and clean.

    fastai's data sets get the transforms of the validation set. A torch data set with a
    `transform` gets that of the validation set, if it has one; others are served as they are.
    """
    if valid:
        return dls.valid.new(shuffle=False, drop_last=False)
    train = dls.train
    if isinstance(train, PixelLoader):
        return train.new(shuffle=False, drop_last=False)
    if hasattr(train.dataset, "tls"):
        # train.new(shuffle=False) would still augment; a test loader applies validation transforms.
        # The items are those that the loader was built from, so all type transforms apply.
        return dls.test_dl(train.items, rm_type_tfms=0, with_labels=True, bs=train.bs)
    return train.new(_unaugmented(train.dataset, dls.valid_ds), shuffle=False, drop_last=False)


def _unaugmented(data: Any, valid: Any) -> Any:
    """Copy a torch data set, also within `Subset`, with the `transform` of the validation set."""
    if hasattr(data, "dataset"):
        part = copy.copy(data)
        part.dataset = _unaugmented(data.dataset, valid)
        return part
    while not hasattr(valid, "transform") and hasattr(valid, "dataset"):
        valid = valid.dataset
    if not (hasattr(data, "transform") and hasattr(valid, "transform")):
        return data
    clean = copy.copy(data)
    for name in ("transform", "transforms"):  # torchvision keeps it in both
        if hasattr(data, name) and hasattr(valid, name):
            setattr(clean, name, getattr(valid, name))
    return clean


@torch.no_grad()
def clean_pass(
    model: nn.Module, loader: DataLoader, device: torch.device
) -> Iterator[tuple[torch.Tensor, Any, torch.Tensor]]:
    """Yield positions (n,) int, the model's outputs and targets (n,) of each batch of `loader`.

    The caller has put the model into evaluation mode. No gradients are computed.
    """
    start = 0
    for batch in loader:
        *inputs, target = to_device(tuple(batch), device)
        yield torch.arange(start, start + len(target), device=device), model(*inputs), target
        start += len(target)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch to evaluation mode for a while, then put each layer back into the mode it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
