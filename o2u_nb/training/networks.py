"""The choice of the network that an audit trains, by the size of the pictures.

In comes a samples table; out goes a `Network`, a model with the settings to train it. For small
pictures it is a compact residual network that is trained from scratch, for photographs a network
with pretrained weights, if these are available.
"""

from collections.abc import Callable
from typing import NamedTuple
from urllib.error import URLError

import pandas as pd
import torch
from torch import nn

from o2u_nb.data import images
from o2u_nb.errors import WeightsError
from o2u_nb.presets import Preset
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.weights import patience

# Pixels on the shorter side from which pictures count as photographs. Our choice.
PHOTOGRAPH = 96
# Side, in pixels, at which photographs are trained. Our choice: it takes a third of the time of the
# 224 pixels that are usual with the pretrained weights.
PHOTOGRAPH_SIZE = 128
# Learning rate for pretrained weights, which need a lower one than new weights: that of O2U-Net
# (Huang et al., ICCV 2019).
PHOTOGRAPH_RATE = 0.01
# Mean and standard deviation of each colour channel with which torchvision's weights were trained,
# in [0, 1].
IMAGENET = (torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225]))


class Network(NamedTuple):
    """A network, its `name` for the audit's record, and the settings to train it.

    `size` is the side of the pictures in pixels (None: the default of `loaders.dataloaders`), `lr`
    the learning rate. `stats` are the mean and standard deviation of each colour channel to
    normalise with, (3,) each (None: those of the pictures).
    """

    model: nn.Module
    name: str
    size: int | None
    lr: float
    stats: tuple[torch.Tensor, torch.Tensor] | None = None


def choose_network(samples: pd.DataFrame, preset: Preset, *, say: Callable[[str], None]) -> Network:
    """Return a pretrained network for photographs, and a compact new one for small pictures.

    If the pretrained weights are not available, `say` is called with a message, and the compact
    network is used. `preset` has the widths and the learning rate of the compact network.
    """
    n_classes = samples["label"].nunique()
    if min(images.common_size(samples)) >= PHOTOGRAPH:
        # Without a GPU only the last stage is trained, which takes a third of the time.
        stages = None if torch.cuda.is_available() else 1
        try:
            model = pretrained(n_classes, trained_stages=stages)
            return Network(
                model, "pretrained ResNet-18", PHOTOGRAPH_SIZE, PHOTOGRAPH_RATE, IMAGENET
            )
        except WeightsError as error:
            say(f"{error} Going on with a compact network from scratch.")
    model = CompactResNet(n_classes, widths=preset.widths)
    return Network(model, f"compact ResNet {preset.widths}", None, preset.lr)


def pretrained(
    n_classes: int, *, arch: str = "resnet18", trained_stages: int | None = None
) -> nn.Module:
    """Return torchvision's `arch` with ImageNet weights and a new linear layer for `n_classes`.

    The weights are read from torch's cache, or downloaded into it. `trained_stages` is how many of
    the last of the four stages (`layer1` to `layer4`) are trained; the stages before are frozen,
    and the new layer is always trained. None trains everything. Raises `WeightsError` when the
    weights are not available.
    """
    from torchvision import models

    with patience():
        try:
            model = models.get_model(arch, weights="DEFAULT")
        except (URLError, OSError, RuntimeError) as error:
            raise WeightsError(
                f"The pretrained weights of {arch} cannot be loaded ({error}). Copy the file to "
                f"{torch.hub.get_dir()}/checkpoints, or go on with a network from scratch."
            ) from error
    if trained_stages is not None:
        stages = [f"layer{k}" for k in range(5 - trained_stages, 5)]
        for name, parameter in model.named_parameters():
            parameter.requires_grad = name.split(".")[0] in stages
    model.fc = nn.Linear(model.fc.in_features, n_classes)
    return model.to(memory_format=torch.channels_last)
