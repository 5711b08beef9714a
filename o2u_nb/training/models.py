"""Networks for an audit: a compact residual one from scratch, and torchvision's pretrained ones.

A detector needs a network that learns what is common before it learns what is odd, and quickly.
For small pictures that is a narrow residual network; for photographs, pretrained weights where
they can be had.
"""

import socket
from contextlib import contextmanager
from itertools import pairwise
from urllib.error import URLError

import torch
from torch import nn

from o2u_nb.errors import WeightsError

DOWNLOAD_TIMEOUT = 20  # seconds without an answer; torch itself would wait for ever


class Residual(nn.Module):
    """Add two convolutions to the identity."""

    def __init__(self, width: int):
        super().__init__()
        self.convs = nn.Sequential(_conv(width, width), _conv(width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, width, h, w) to the same shape."""
        return x + self.convs(x)


class CompactResNet(nn.Module):
    """Classify small pictures: (n, 3, height, width) to logits (n, n_classes).

    For each width one halving convolution and one residual block; average pooling; and one linear
    layer with bias, whose inputs are means of ReLU features. Nothing is computed at the pictures'
    full size, which would take a third of the time and does not rank suspects better.
    """

    def __init__(self, n_classes: int, *, widths: tuple[int, ...] = (32, 64, 128)):
        super().__init__()
        layers = []
        for n_in, n_out in pairwise((3, *widths)):
            layers += [_conv(n_in, n_out, stride=2), Residual(n_out)]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(widths[-1], n_classes)
        # pictures lie in memory channels last; on a CPU this order saves a tenth of the time
        self.to(memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map pictures to logits."""
        return self.head(self.body(x))


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


def last_linear(model: nn.Module) -> nn.Linear | None:
    """Find the last `nn.Linear` of `model`, in the order its modules are listed; None without."""
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    return layers[-1] if layers else None


def _conv(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )


@contextmanager
def _patience(seconds: float = DOWNLOAD_TIMEOUT):
    """Give up on a silent network after a while."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
