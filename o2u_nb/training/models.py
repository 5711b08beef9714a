"""Networks for an audit: a compact residual one from scratch, and torchvision's pretrained ones.

A detector needs a network that learns what is common before it learns what is odd, and quickly.
For small pictures that is a narrow residual network; for photographs, pretrained weights where
they can be had.
"""

from torch import nn


def _conv(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Add two convolutions to the identity."""

    def __init__(self, width: int):
        super().__init__()
        self.convs = nn.Sequential(_conv(width, width), _conv(width, width))

    def forward(self, x):
        return x + self.convs(x)


class CompactResNet(nn.Sequential):
    """Classify small pictures, (n, 3, height, width) to logits (n, n_classes)."""

    def __init__(self, n_classes: int, widths: tuple[int, ...] = (32, 64, 128)):
        stem, *rest = widths
        layers = [_conv(3, stem)]
        for n_in, n_out in zip(widths, rest):
            layers += [_conv(n_in, n_out, stride=2), Residual(n_out)]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], n_classes))
