"""Small pictures on disk, and what a reader made of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from o2u_nb.data import sources
from o2u_nb.errors import SourceError

PIXELS = np.arange(90, dtype=np.uint8).reshape(6, 5, 3)


def put(path: Path, form=None) -> Path:
    """Write one small picture, in the format that the suffix names or `form`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS).save(path, form)
    return path


def fill(root: Path, *names: str) -> Path:
    """Write a picture under each of `names` below `root`; return `root`."""
    for name in names:
        put(root / name)
    return root


def labels(checked) -> dict:
    """Return the label of each sample."""
    return checked.samples["label"].to_dict()


def problems(checked) -> dict:
    """Return the problem of each sample that has one."""
    return {row.sample_id: row.problem for row in checked.problems.itertuples()}


def state(root: Path) -> dict:
    """Return content and date of every file below `root`, to see that none was changed."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def stacked(checked) -> np.ndarray:
    """Return the images of samples that hold their pixels, as one array."""
    return np.stack(checked.samples["image"])


def refusal(*args, **options) -> str:
    """Return the one line with which `sources.read` refuses."""
    with pytest.raises(SourceError) as caught:
        sources.read(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


class Tensor:
    """What numpy needs of a tensor, and the errors of one on a GPU that wants gradients."""

    def __init__(self, values, ready=frozenset()):
        self.values, self.ready = np.asarray(values), ready
        self.shape = self.values.shape

    def detach(self):
        return Tensor(self.values, self.ready | {"detach"})

    def cpu(self):
        return Tensor(self.values, self.ready | {"cpu"})

    def __array__(self, dtype=None, copy=None):
        assert self.ready == {"detach", "cpu"}
        return self.values

    def __len__(self):
        return len(self.values)


def smooth(n: int) -> np.ndarray:
    """Return `n` different pictures of soft colours, uint8 (n, 64, 64, 3); always the same ones."""
    noise = np.random.default_rng(0).random((n, 64, 64, 3))
    soft = gaussian_filter(noise, (0, 2, 2, 0))
    low, high = soft.min((1, 2, 3), keepdims=True), soft.max((1, 2, 3), keepdims=True)
    return ((soft - low) / (high - low) * 255).astype(np.uint8)
