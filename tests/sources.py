"""Small folders of pictures to audit in a moment, and what lies in a folder, byte for byte."""

from pathlib import Path

import numpy as np
from PIL import Image

from o2u_nb.eye_names import NETWORK
from o2u_nb.presets import Preset

COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}
TINY = Preset(
    "quick",
    "tests",
    "a moment",
    (NETWORK,),
    (NETWORK,),
    warmup=2,
    cycles=1,
    cycle=2,
    widths=(4, 8),
    bs=16,
)

# The command line, whose preset quick is `TINY`, for `python -c`.
SHORT = """
import sys
from o2u_nb.presets import PRESETS
from tests.sources import TINY
PRESETS["quick"] = TINY
from o2u_nb.__main__ import main
sys.exit(main())
"""


def write_source(root: Path, n: int = 60, wrong: int = 3, side: int = 16) -> Path:
    """Class folders of noisy plain colours; the first `wrong` red ones lie among the green."""
    rng = np.random.default_rng(0)
    for number in range(n):
        colour = list(COLOURS)[number % 3]
        label = "green" if colour == "red" and number < 3 * wrong else colour
        pixels = np.clip(rng.normal(COLOURS[colour], 30, (side, side, 3)), 0, 255).astype(np.uint8)
        path = root / label / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return root


def snapshot(folder: Path) -> dict:
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}
