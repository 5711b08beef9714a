"""Networks of the papers, for benchmarks on a GPU."""

import torch
from torch import nn
from torch.nn import functional as F


class WideResNet(nn.Module):
    """Classify 32-pixel pictures: Zagoruyko and Komodakis, BMVC 2016, WRN-`depth`-`width`."""

    def __init__(self, n_classes: int, *, depth: int = 28, width: int = 10):
        super().__init__()
        # Three groups of blocks with two layers each, and four layers beside them, as in the paper.
        blocks = (depth - 4) // 6
        widths = [16, 16 * width, 32 * width, 64 * width]
        layers = [nn.Conv2d(3, widths[0], 3, padding=1, bias=False)]
        for group in range(3):
            for block in range(blocks):
                n_in = widths[group] if block == 0 else widths[group + 1]
                stride = 2 if block == 0 and group > 0 else 1
                layers.append(PreActivation(n_in, widths[group + 1], stride))
        pool = [nn.BatchNorm2d(widths[3]), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1)]
        self.body = nn.Sequential(*layers, *pool, nn.Flatten())
        self.head = nn.Linear(widths[3], n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, 3, 32, 32) to logits (n, n_classes)."""
        return self.head(self.body(x))


class PreActivation(nn.Module):
    """Add two convolutions, each after batch norm and ReLU, to the identity or a projection."""

    def __init__(self, n_in: int, n_out: int, stride: int):
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(n_in), nn.BatchNorm2d(n_out)])
        self.convs = nn.ModuleList([
            nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
        ])  # fmt: skip
        same = n_in == n_out and stride == 1
        self.project = None if same else nn.Conv2d(n_in, n_out, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, n_in, h, w) to (n, n_out, h / stride, w / stride)."""
        y = F.relu(self.norms[0](x))
        skip = x if self.project is None else self.project(y)
        y = self.convs[0](y)
        return skip + self.convs[1](F.relu(self.norms[1](y)))
