"""A network whose losses are known by hand: it reads each sample's number off its picture."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

N_SAMPLES, N_CLASSES, SIDE = 53, 4, 6
CLASSES = ["ant", "bee", "cat", "dog"]


def table(seed: int = 0) -> torch.Tensor:
    """Logits of every sample, (N_SAMPLES, N_CLASSES)."""
    return torch.randn(N_SAMPLES, N_CLASSES, generator=torch.Generator().manual_seed(seed)) * 3


def labels(seed: int = 1) -> np.ndarray:
    """Given labels (N_SAMPLES,); every class occurs."""
    return np.random.default_rng(seed).permutation(np.arange(N_SAMPLES) % N_CLASSES)


def pictures() -> np.ndarray:
    """One picture per sample, whose every pixel is (number, 0, 0)."""
    pixels = np.zeros((N_SAMPLES, SIDE, SIDE, 3), np.uint8)
    pixels[..., 0] = np.arange(N_SAMPLES)[:, None, None]
    return pixels


def write_folder(root: Path) -> Path:
    """Write the pictures as a folder of class folders; the file name tells the number."""
    for number, (pixels, label) in enumerate(zip(pictures(), labels(), strict=True)):
        path = root / CLASSES[label] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return root


def number_of(sample_id: str) -> int:
    """Read the sample's number off its file name."""
    return int(Path(sample_id).stem)


def expected(logits: torch.Tensor, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute loss, margin and prediction the slow way, sample by sample."""
    loss, margin, pred = [], [], []
    for row, label in zip(logits.double(), given, strict=True):
        loss.append(float(torch.logsumexp(row, 0) - row[label]))
        margin.append(float(row[label] - max(v for k, v in enumerate(row) if k != label)))
        pred.append(int(np.argmax(row.numpy())))
    return np.array(loss), np.array(margin), np.array(pred)


class Lookup(nn.Module):
    """Give each picture the logits of its number; the one parameter changes nothing."""

    def __init__(self, scale: float = 1.0, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.table, self.scale, self.dtype = table(), scale, dtype
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        numbers = (x[:, 0].mean((1, 2)).as_subclass(torch.Tensor) * self.scale).round().long()
        return (self.table[numbers.clamp(0, N_SAMPLES - 1)] + 0 * self.nothing).to(self.dtype)


def cross_entropy_sum(logits, target):
    """A loss that is not the recorded one, to show that the two are apart."""
    return F.cross_entropy(logits.float(), target, reduction="sum") * 7
