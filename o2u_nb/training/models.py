"""A compact residual network for small pictures, to train from scratch.

In come pictures, out go logits. To find wrong labels, a network must learn the frequent patterns
before it memorises the exceptions, and it should train quickly. The networks with pretrained
weights are in `networks.py`.
"""

from itertools import pairwise

import torch
from torch import nn


class Residual(nn.Module):
    """A residual block: its input plus the result of two convolutions."""

    def __init__(self, width: int):
        super().__init__()
        self.convs = nn.Sequential(_conv(width, width), _conv(width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape as `x`: (n, width, h, w)."""
        return x + self.convs(x)


class CompactResNet(nn.Module):
    """Classify small pictures: float (n, 3, height, width) in, logits (n, n_classes) out.

    For each of `widths` (numbers of channels) there is a convolution that halves the size of the
    picture, and a residual block. Average pooling and a linear layer with bias follow; the inputs
    of that layer are means of ReLU features. Nothing is computed at the full size of the pictures:
    that would take up a third of the whole time, and does not rank suspects better.
    """

    def __init__(self, n_classes: int, *, widths: tuple[int, ...] = (32, 64, 128)):
        super().__init__()
        layers = []
        for n_in, n_out in pairwise((3, *widths)):
            layers += [_conv(n_in, n_out, stride=2), Residual(n_out)]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(widths[-1], n_classes)
        # Pictures are stored in channels-last layout; on a CPU the same layout for the weights
        # saves a tenth of the time.
        self.to(memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, n_classes) of the pictures `x` (n, 3, height, width)."""
        return self.head(self.body(x))


def _conv(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )
