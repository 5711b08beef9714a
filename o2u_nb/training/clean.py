"""Clean passes over the samples: in order, without augmentation and without training.

In come a Learner's loaders and its model. Out come the model's outputs, batch by batch, with the
positions of the samples.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from fastai.basics import Learner
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.torch_core import to_device
from torch import nn

from o2u_nb.training.batches import SampleLoader
from o2u_nb.training.outputs import main_output


def clean_loader(dls: DataLoaders, *, valid: bool = False) -> DataLoader:
    """Return a loader of the training samples, in order and without augmentation.

    With `valid`, it is a loader of the validation samples. fastai's data sets get the transforms of
    the validation set. A torch data set gets the `transform` of the validation set, if both have
    one; otherwise it is served as it is.
    """
    if valid:
        return dls.valid.new(shuffle=False, drop_last=False)
    train = dls.train
    if isinstance(train, SampleLoader):
        return train.new(shuffle=False, drop_last=False)
    if hasattr(train.dataset, "tls"):
        # A loader by train.new(shuffle=False) would still augment. A test loader applies the
        # transforms of the validation set. Its items are those that the training loader was built
        # from, so no type transforms may be left out.
        return dls.test_dl(train.items, rm_type_tfms=0, with_labels=True, bs=train.bs)
    return train.new(_unaugmented(train.dataset, dls.valid_ds), shuffle=False, drop_last=False)


def _unaugmented(data: Any, valid: Any) -> Any:
    """Return a copy of a torch data set with the `transform` of the validation set.

    This also works for a data set inside a `Subset`.
    """
    if hasattr(data, "dataset"):
        part = copy.copy(data)
        part.dataset = _unaugmented(data.dataset, valid)
        return part
    while not hasattr(valid, "transform") and hasattr(valid, "dataset"):
        valid = valid.dataset
    if not (hasattr(data, "transform") and hasattr(valid, "transform")):
        return data
    clean = copy.copy(data)
    for name in ("transform", "transforms"):  # torchvision keeps the transform in both
        if hasattr(data, name) and hasattr(valid, name):
            setattr(clean, name, getattr(valid, name))
    return clean


@torch.no_grad()
def clean_pass(
    model: nn.Module, loader: DataLoader, device: torch.device
) -> Iterator[tuple[torch.Tensor, Any, torch.Tensor]]:
    """Yield, for each batch of `loader`, positions (n,) int, the model's outputs, and targets (n,).

    Positions are counted from 0 in the order of the loader. No gradients are computed. The caller
    must put the model into evaluation mode, see `evaluating`.
    """
    start = 0
    for batch in loader:
        *inputs, target = to_device(tuple(batch), device)
        yield torch.arange(start, start + len(target), device=device), model(*inputs), target
        start += len(target)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put the model into evaluation mode; at the end each layer gets back the mode that it had."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def clean_logits(learn: Learner, n_classes: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield positions (n,) int and logits, float32 (n, n_classes), of all training samples.

    The model is in evaluation mode until the last batch is taken.
    """
    device = next(learn.model.parameters()).device
    with evaluating(learn.model):
        for rows, outputs, _ in clean_pass(learn.model, clean_loader(learn.dls), device):
            logits = main_output(outputs, len(rows), n_classes)
            yield rows, logits.as_subclass(torch.Tensor).float()


def clean_probs(learn: Learner, n_classes: int) -> np.ndarray:
    """Return the softmax of the training samples in order, float32 (n_samples, n_classes)."""
    probs = [logits.softmax(1) for _, logits in clean_logits(learn, n_classes)]
    return torch.cat(probs).cpu().numpy()
