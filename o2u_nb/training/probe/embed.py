"""Embeddings: a vector for each picture, such that similar pictures have similar vectors.

In comes a fastai Learner; out goes one row per sample. It is the input of the last linear layer of
the trained network.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from fastai.basics import Learner
from torch.nn import functional as F

from o2u_nb.embedding_file import MAX_BYTES, n_bytes
from o2u_nb.errors import RecordingError
from o2u_nb.training.clean import clean_loader, clean_pass, evaluating
from o2u_nb.training.items import labels_and_classes, loaders_of
from o2u_nb.training.outputs import LinearCall, LinearCalls, main_output


def embed(learn: Learner, *, valid: bool = False) -> np.ndarray:
    """Return the embedding of each training sample of `learn`: float16 (n_samples, d), length 1.

    An embedding is the input of the model's last linear layer, scaled to length 1. It is computed
    in one clean pass: in evaluation mode, without augmentation and gradients; the model does not
    change. The rows are in the order of the training set's items, which is that of a trace's
    `ids`; with `valid`, the rows of the validation set's items follow. A sample whose features are
    not finite gets a row of zeros, so that no sample is similar to it. Raises `RecordingError` when
    the model does not end in a linear layer.
    """
    rows = [_unit(features).half().cpu() for features in _features(learn, valid=False)]
    if len(loaders_of(learn.dls, valid=valid)) > 1:
        rows += [_unit(features).half().cpu() for features in _features(learn, valid=True)]
    return torch.cat(rows).numpy()


def embed_if_small(
    learn: Learner, *, say: Callable[[str], None], valid: bool = False
) -> np.ndarray | None:
    """Return the embeddings of `embed`, or None if they would take more than 100 MB.

    In this case `say` is called with a message. Raises `RecordingError` as `embed` does.
    """
    loaders = loaders_of(learn.dls, valid=valid)
    n = sum(len(dl.dataset) for dl in loaders)
    d = next(_features(learn, valid=False)).shape[1]
    if n_bytes(n, d) > MAX_BYTES:
        say(
            f"Keeping no embeddings: {n:,} x {d:,} numbers are {n_bytes(n, d) / 1e6:,.0f} MB, more "
            f"than {MAX_BYTES / 1e6:.0f} MB. The review will show no look-alikes."
        )
        return None
    return embed(learn, valid=valid)


def _features(learn: Learner, *, valid: bool) -> Iterator[torch.Tensor]:
    """Yield the inputs of the last linear layer for each batch of a clean pass: (n, d)."""
    for call, _ in last_calls(learn, valid=valid):
        yield call.features.as_subclass(torch.Tensor)  # fastai's subclass is slow


def last_calls(learn: Learner, *, valid: bool = False) -> Iterator[tuple[LinearCall, torch.Tensor]]:
    """Yield the last linear layer's call, and the targets (n,), for each batch of a clean pass.

    The batches are of the training samples, or with `valid` of the validation samples, in order.
    Raises `RecordingError` when the model does not end in a linear layer.
    """
    model = learn.model
    _, classes = labels_and_classes(learn.dls.train)
    calls = LinearCalls(model)
    device = next(model.parameters()).device
    try:
        with evaluating(model):
            loader = clean_loader(learn.dls, valid=valid)
            for rows, outputs, target in clean_pass(model, loader, device):
                found = calls.last(main_output(outputs, len(rows), len(classes)))
                if found is None:
                    raise RecordingError(_no_last_layer(type(model).__name__))
                yield found, target
    finally:
        calls.close()


def _no_last_layer(name: str) -> str:
    return (
        f"Expected a model that ends in a linear layer, whose input is a picture's embedding; no "
        f"torch.nn.Linear of {name} gives the model's output. Go on without embeddings, or end "
        "the model in one."
    )


def _unit(features: torch.Tensor) -> torch.Tensor:
    finite = features.isfinite().all(1, keepdim=True)
    return F.normalize(torch.where(finite, features, 0).float())
