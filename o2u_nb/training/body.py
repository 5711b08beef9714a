"""The body of a classifier: everything before its last linear layer.

In comes a network that ends in a linear layer, or a fastai Learner with such a network; out goes a
copy that gives the inputs of that layer, and the size and statistics of the pictures it was trained
on.
"""

import copy
from typing import NamedTuple

import torch
from fastai.basics import Learner
from fastai.data.transforms import Normalize
from torch import nn

from o2u_nb.errors import RecordingError
from o2u_nb.training.clean import clean_loader
from o2u_nb.training.loaders import PixelLoader
from o2u_nb.training.outputs import LinearCalls, main_output


class Served(NamedTuple):
    """What a loader serves: pictures of `size` pixels, normalised by `mean` and `std` (3 each)."""

    size: tuple[int, int]  # height and width
    mean: tuple[float, ...]  # of each colour channel, in [0, 1]
    std: tuple[float, ...]


class Body(nn.Module):
    """Give the inputs of the layer `name` of a copy of `model`: (n, 3, h, w) in, (n, d) out."""

    def __init__(self, model: nn.Module, name: str):
        super().__init__()
        self.model = copy.deepcopy(model).cpu().eval()
        self.features: torch.Tensor | None = None
        self.model.get_submodule(name).register_forward_pre_hook(self._note)

    def _note(self, layer: nn.Module, inputs: tuple) -> None:
        self.features = inputs[0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features (n, d) of the pictures `x` (n, 3, height, width)."""
        self.model(x)
        features, self.features = self.features, None
        return features


def body(model: nn.Module, size: int, n_classes: int) -> Body:
    """Return everything before the linear layer that gives the `n_classes` logits of `model`.

    `size` (pixels) is that of the pictures with which this layer is looked for. `model` is not
    changed. Raises `RecordingError` when no linear layer gives the output.
    """
    trial = copy.deepcopy(model).cpu().eval()
    calls = LinearCalls(trial)
    pictures = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    try:
        with torch.inference_mode():
            found = calls.last(main_output(trial(pictures), 2, n_classes))
    finally:
        calls.close()
    if found is None:
        raise RecordingError(
            "Expected a network that ends in a linear layer, whose input are the features; no "
            f"torch.nn.Linear of {type(model).__name__} gives its output. Pass the part of it that "
            "gives the features, (n, 3, size, size) to (n, d), as a callable."
        )
    (name,) = [name for name, module in trial.named_modules() if module is found.layer]
    return Body(model, name)


def served(learn: Learner) -> Served:
    """Return what the training loader of `learn` serves, without augmentation.

    Raises `RecordingError` when it does not serve batches of pictures with three channels.
    """
    loader = learn.dls.train
    if isinstance(loader, PixelLoader):
        height, width = loader.dataset.pixels.shape[1:3]
        return Served((height, width), *map(_three, loader.stats))
    batch = clean_loader(learn.dls).one_batch()[0]
    if batch.ndim != 4 or batch.shape[1] != 3:
        raise RecordingError(
            "Expected a Learner whose loader serves pictures of shape (n, 3, height, width); found "
            f"batches of shape {tuple(batch.shape)}."
        )
    steps = getattr(loader, "after_batch", None)
    normalise = [step for step in getattr(steps, "fs", ()) if isinstance(step, Normalize)]
    size = (batch.shape[2], batch.shape[3])
    if not normalise:
        return Served(size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return Served(size, _three(normalise[-1].mean), _three(normalise[-1].std))


def _three(values: torch.Tensor) -> tuple[float, ...]:
    return tuple(values.detach().cpu().flatten().expand(3).tolist())
