"""Which network an audit trains: chosen for the pictures, with pretrained weights or from scratch.

In comes a samples table; out goes a `Backbone`, a network and how it wants to be trained. For small
pictures that is a compact residual network from scratch; for photographs, pretrained weights where
they can be had.
"""

import socket
from collections.abc import Callable
from contextlib import contextmanager
from typing import NamedTuple
from urllib.error import URLError

import pandas as pd
import torch
from torch import nn

from o2u_nb.data import images
from o2u_nb.errors import WeightsError
from o2u_nb.presets import Preset
from o2u_nb.training.models import CompactResNet

DOWNLOAD_TIMEOUT = 20  # seconds without an answer; torch itself would wait for ever
PHOTOGRAPH = 96  # pixels on the shorter side from which pictures count as photographs
PHOTOGRAPH_SIZE = 128  # pixels; a third of the area, and time, of the 224 usual with the weights
PHOTOGRAPH_RATE = 0.01  # O2U-Net's own; pretrained weights want a lower one than new weights
# Mean and standard deviation of each colour channel that torchvision's weights were made with.
IMAGENET = (torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225]))


class Backbone(NamedTuple):
    """A network, its name for the record, and the picture size, rate and statistics it wants."""

    model: nn.Module
    name: str
    size: int | None
    lr: float
    stats: tuple[torch.Tensor, torch.Tensor] | None = None


def choose_backbone(
    samples: pd.DataFrame, preset: Preset, *, say: Callable[[str], None]
) -> Backbone:
    """Choose a pretrained network for photographs, a compact one from scratch for small pictures.

    When the pretrained weights cannot be had, `say` is told and the compact one is used.
    """
    n_classes = samples["label"].nunique()
    if min(images.common_size(samples)) >= PHOTOGRAPH:
        # without a GPU only the last stage is trained: a third of the time
        stages = None if torch.cuda.is_available() else 1
        try:
            model = pretrained(n_classes, trained_stages=stages)
            return Backbone(
                model, "pretrained ResNet-18", PHOTOGRAPH_SIZE, PHOTOGRAPH_RATE, IMAGENET
            )
        except WeightsError as error:
            say(f"{error} Going on with a compact network from scratch.")
    model = CompactResNet(n_classes, widths=preset.widths)
    return Backbone(model, f"compact ResNet {preset.widths}", None, preset.lr)


def pretrained(
    n_classes: int, *, arch: str = "resnet18", trained_stages: int | None = None
) -> nn.Module:
    """Load torchvision's `arch` with ImageNet weights and a new linear layer for `n_classes`.

    The weights come from torch's cache or, once, from the network. `trained_stages` freezes all
    but the last stages (of `layer1` to `layer4`) and the new layer: None trains everything. Raises
    `WeightsError` when the weights cannot be had.
    """
    from torchvision import models

    with _patience():
        try:
            model = models.get_model(arch, weights="DEFAULT")
        except (URLError, OSError, RuntimeError) as error:
            raise WeightsError(
                f"The pretrained weights of {arch} cannot be had ({error}). Copy the file to "
                f"{torch.hub.get_dir()}/checkpoints, or go on with a network from scratch."
            ) from error
    if trained_stages is not None:
        stages = [f"layer{k}" for k in range(5 - trained_stages, 5)]
        for name, parameter in model.named_parameters():
            parameter.requires_grad = name.split(".")[0] in stages
    model.fc = nn.Linear(model.fc.in_features, n_classes)
    return model.to(memory_format=torch.channels_last)


@contextmanager
def _patience(seconds: float = DOWNLOAD_TIMEOUT):
    """Give up on a silent network after a while."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
