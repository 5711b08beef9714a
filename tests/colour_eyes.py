"""Frozen networks of sorts, which see the colours of a picture, and an audit by two of them."""

from pathlib import Path

import pytest
import torch

from o2u_nb.eye_names import NETWORK
from o2u_nb.presets import PRESETS
from o2u_nb.run import run_audit
from o2u_nb.training import eyes as choice
from o2u_nb.training.backbones import Backbone
from tests.sources import TINY

EYES = ("colours", "colours2")


class Colours(torch.nn.Module):
    """The mean colour of each quarter of a picture."""

    def forward(self, pictures):
        """Pictures (n, 3, 8, 8) in, rows (n, 12) out."""
        return torch.nn.functional.avg_pool2d(pictures, 4).flatten(1) + 1


def colours(name: str) -> Backbone:
    """Return a small frozen network of this name."""
    return Backbone(name, Colours(), 8, (0.5,) * 3, (0.5,) * 3, f"{name}-8")


def coloured_audit(source: Path, out: Path) -> Path:
    """Audit `source` with a network of its own and two frozen eyes; return the folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "backbone", colours)
        patch.setitem(PRESETS, "quick", TINY)
        return run_audit(source, out, preset="quick", eyes=[NETWORK, *EYES]).folder
