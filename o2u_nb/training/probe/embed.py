"""Embeddings: what a trained network makes of each training picture, before it names a class.

In comes a fastai Learner; out goes one row per sample, the input of the network's last linear
layer, in which pictures that the network sees alike lie close together.
"""

from contextlib import contextmanager

import numpy as np
import torch
from fastai.basics import Learner
from fastai.torch_core import to_device
from torch import nn
from torch.nn import functional as F

from o2u_nb.errors import RecordingError
from o2u_nb.training.models import last_linear
from o2u_nb.training.recorder import clean_loader


def embed(learn: Learner) -> np.ndarray:
    """Return the embedding of every training sample: float16 (n_samples, d), rows of length 1.

    One clean pass: evaluation mode, no augmentation, no gradients; the model is left as it was.
    Rows are in the order of the training set's items, which is that of a trace's `ids`. A sample
    whose features are not finite gets a row of zeros: it is similar to nothing. Raises
    `RecordingError` when the model has no linear layer, or does not end in one.
    """
    layer, caught, rows = _last_linear(learn.model), [], []
    hook = layer.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    try:
        with _evaluating(learn.model), torch.no_grad():
            for *inputs, _ in clean_loader(learn.dls):
                caught.clear()
                learn.model(*to_device(inputs, layer.weight.device))
                rows.append(_unit(_features(caught, len(inputs[0]))).half().cpu())
    finally:
        hook.remove()
    return torch.cat(rows).numpy()


def _last_linear(model: nn.Module) -> nn.Linear:
    layer = last_linear(model)
    if layer is None:
        raise RecordingError(
            f"Expected a model with a linear layer, whose input is a picture's embedding; found "
            f"none in {type(model).__name__}. Go on without embeddings, or end the model in "
            "torch.nn.Linear."
        )
    return layer


@contextmanager
def _evaluating(model: nn.Module):
    """Switch to evaluation mode for a while, then put each layer back into the mode it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _features(caught: list[torch.Tensor], n_samples: int) -> torch.Tensor:
    """Return what the last linear layer was given for one batch: (n_samples, d)."""
    shapes = [tuple(features.shape) for features in caught]
    if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][0] != n_samples:
        raise RecordingError(
            f"Expected the model's last linear layer to be called once for a batch, with one row "
            f"for each of {n_samples} samples; found inputs of shapes {shapes}. Its features are "
            "no embeddings of the samples: go on without them."
        )
    return caught[0].as_subclass(torch.Tensor)  # fastai's own tensors are slow


def _unit(features: torch.Tensor) -> torch.Tensor:
    finite = features.isfinite().all(1, keepdim=True)
    return F.normalize(torch.where(finite, features, 0).float())
