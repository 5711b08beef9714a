"""Frozen feature extractors, the eyes of an audit: a network, and how it wants its pictures.

In comes a name, a fastai Learner or a callable; out goes a `Backbone`, which turns pictures into
rows of numbers. It is never trained. Which pretrained networks there are is in `zoo.py`.
"""

import copy
import os
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import torch
from fastai.basics import Learner
from torch import nn

from o2u_nb.errors import O2UError, WeightsError
from o2u_nb.offline_weights import INSTALLED, OFFLINE
from o2u_nb.text import first_line
from o2u_nb.training import zoo
from o2u_nb.training.body import body, served
from o2u_nb.training.items import labels_and_classes
from o2u_nb.training.weights import checksum
from o2u_nb.training.zoo import TORCHVISION, Found

# A stronger network that fits an ordinary computer: a small vision transformer (Oquab et al.,
# "DINOv2", 2023). It needs a download, or a file.
BETTER = "vit_small_patch14_dinov2.lvd142m"
# Statistics of the pictures on which most networks are trained, for callables that say nothing.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

Model = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Backbone:
    """Hold a frozen feature extractor, and how it takes pictures.

    `model` maps pictures, float32 (n, 3, size, size), to features (n, d). The pictures are in
    [0, 1], less `mean` and divided by `std`, 3 numbers each, for red, green and blue. `name` is for
    the record. Backbones with equal `key` give equal features; it can be a file name.
    """

    name: str
    model: Model
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    key: str


def backbone(
    what: str | Learner | Model,
    *,
    weights: str | os.PathLike | None = None,
    size: int | None = None,
) -> Backbone:
    """Return a frozen feature extractor; nothing of `what` is changed.

    | `what` | the features |
    |---|---|
    | `"efficientnet_lite0"`, `"efficientnet_lite2"` | 1,280 numbers; the weights are installed |
    | a name of timm, `"vit_small_patch14_dinov2.lvd142m"` | the network without its classifier |
    | a name of torchvision, `"torchvision/resnet50"` | everything before the last linear layer |
    | a fastai Learner | everything before the last linear layer of its network |
    | a callable | its output, float (n, d); it needs `size` |

    Weights are downloaded into the library's own cache where they are not there, or read from
    `weights`, a state dict in a file by `torch.save` or of safetensors; no code in it is executed.
    `size` (pixels) is the side of the pictures, by default that of the network's training. A
    callable gets pictures that are normalised by ImageNet's statistics; for others, build a
    `Backbone`. Features of a callable that is not an `nn.Module` are not found again by a later
    call, since nothing shows that two functions are the same.

    Raises `WeightsError` for an unknown name, which names the nearest ones, without internet, and
    for a file that is damaged or of another network; `RecordingError` for a Learner whose network
    does not end in a linear layer; `O2UError` when the network cannot take pictures of this size.
    """
    if isinstance(what, str):
        return _made(what, _named(what, weights, size))
    if weights is not None:
        raise WeightsError(
            f"Expected weights=PATH with the name of a network; found it with a "
            f"{type(what).__name__}, which has its own weights: leave it out."
        )
    if isinstance(what, Learner):
        return _made(f"body of {type(what.model).__name__}", _of_learner(what, size))
    if not callable(what):
        raise O2UError(
            "Expected the name of a network, a fastai Learner or a callable; found "
            f"{type(what).__name__}."
        )
    if size is None:
        raise O2UError("Expected size=PIXELS with a callable, whose pictures have no size known.")
    name = type(what).__name__ if isinstance(what, nn.Module) else _name_of(what)
    model = copy.deepcopy(what).cpu() if isinstance(what, nn.Module) else what
    return _made(name, Found(model, size, *IMAGENET))


def default_backbone(say: Callable[[str], None]) -> Backbone:
    """Return the network that works offline; `say` is called with what a better one would be.

    Raises `WeightsError` when its weights are not installed, or damaged.
    """
    found = backbone(OFFLINE)
    say(
        f"Pretrained network: {OFFLINE}, whose weights are installed. A stronger one is "
        f"{BETTER}: name it on a machine with internet, or pass a file of "
        "its weights."
    )
    return found


def _named(name: str, weights: str | os.PathLike | None, size: int | None) -> Found:
    if name in INSTALLED:
        return zoo.offline(name, file=weights, size=size)
    if name.startswith(TORCHVISION):
        return zoo.from_torchvision(name.removeprefix(TORCHVISION), file=weights, size=size)
    return zoo.from_timm(name, file=weights, size=size)


def _of_learner(learn: Learner, size: int | None) -> Found:
    pictures = served(learn)
    height, width = pictures.size
    if size is None and height != width:
        raise O2UError(
            f"Expected square pictures in the Learner's loader, found {height} x {width} pixels: "
            "pass size=PIXELS, to which pictures are scaled."
        )
    side = size or height
    _, classes = labels_and_classes(learn.dls.train)
    return Found(body(learn.model, side, len(classes)), side, pictures.mean, pictures.std)


def _made(name: str, found: Found) -> Backbone:
    if isinstance(found.model, nn.Module):
        found.model.eval().requires_grad_(False)
        found.model.to(memory_format=torch.channels_last)
        digest = checksum(found.model, *found[1:])
    else:
        digest = uuid.uuid4().hex[:16]
    _try(name, found)
    key = f"{re.sub('[^A-Za-z0-9_]+', '-', name)[:60]}-{found.size}-{digest}"
    return Backbone(name, found.model, found.size, found.mean, found.std, key)


def _try(name: str, found: Found) -> None:
    """Raise `O2UError` unless the network makes a row of numbers of a picture."""
    try:
        with torch.inference_mode():
            rows = found.model(torch.zeros(2, 3, found.size, found.size))
        shape = tuple(rows.shape)
    except Exception as error:  # a network may raise anything for a size that it cannot take
        raise O2UError(
            f"{name} cannot take pictures of {found.size} x {found.size} pixels "
            f"({first_line(error)}): pass another size=PIXELS."
        ) from error
    if len(shape) != 2 or shape[0] != 2:
        raise O2UError(
            f"Expected a row of features for each picture from {name}, of shape (2, d); found "
            f"{shape}. Let it end in pooling and flattening."
        )


def _name_of(function: Callable) -> str:
    return getattr(function, "__name__", type(function).__name__)
