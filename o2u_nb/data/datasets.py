"""The built-in data sets, by name, as samples tables, with wrong labels planted on request.

`coats` is generated here, `digits` comes with scikit-learn, Fashion-MNIST, CIFAR-10 and CIFAR-100
are downloaded through torchvision or read from a local folder. Files are kept below `root`; a data
set that is already there is not fetched again.
"""

import gzip
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from o2u_nb import extras
from o2u_nb.data.checks import near_miss
from o2u_nb.data.noise import Noise, plant, symmetric
from o2u_nb.data.parallel import Progress
from o2u_nb.data.readers.arrays import from_arrays
from o2u_nb.data.readers.folders import from_folder
from o2u_nb.data.readers.torchvision import from_torchvision
from o2u_nb.errors import O2UError, SourceError

NAMES = ("coats", "digits", "fashion_mnist", "cifar10", "cifar100")
SPLITS = {"train": ("train",), "test": ("test",), "both": ("train", "test")}
COATS_RATE = 0.1  # wrong labels planted in coats unless another rate is asked for
COATS_COUNT = 2000

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
IDX_STEMS = {"train": "train", "test": "t10k"}


class Dataset(NamedTuple):
    """A samples table, and the true labels by `sample_id` where wrong ones were planted."""

    samples: pd.DataFrame
    truth: pd.Series | None


def load(
    name: str,
    *,
    root: str | Path = "data",
    n: int | None = None,
    split: str = "train",
    noise: float | Noise | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    """Load the data set `name`, one of `NAMES`.

    `root` is where files are kept and looked for; it may also be a folder that holds the four IDX
    files of Fashion-MNIST, or CIFAR as `train/CLASS/` and `test/CLASS/`. `n` takes a subset by
    class (for coats: how many to draw, 2,000 by default), `split` is "train", "test" or "both".
    `noise` plants wrong labels: a callable of the noise module, or a rate, which means symmetric
    noise, except that coats confuse look-alikes, at 0.1 by default. `seed` decides the subset, the
    noise and the coats; `progress(done, total)` is called while coats are drawn. Raises
    `SourceError` for an unknown name or split, and `O2UError` when a download fails.
    """
    _require_known(name, split)
    if name == "coats":
        return _coats(Path(root), n or COATS_COUNT, seed, noise, progress)
    parts = [_LOADERS[name](Path(root), part) for part in SPLITS[split] if part in _splits_of(name)]
    samples = subset(pd.concat(parts).sort_index(), n, seed=seed)
    if noise is None:
        return Dataset(samples, None)
    return Dataset(*plant(samples, noise if callable(noise) else symmetric(noise), seed=seed))


def subset(samples: pd.DataFrame, n: int | None, *, seed: int) -> pd.DataFrame:
    """Return `n` random rows of `samples` in their order, each class in its proportion.

    Shares are rounded by largest remainder, so that exactly `n` rows come back; None means all.
    Raises `SourceError` when there are fewer.
    """
    if n is None:
        return samples
    if not 0 < n <= len(samples):
        raise SourceError(f"expected n between 1 and {len(samples)}, found {n}")
    counts = samples["label"].value_counts().sort_index()
    shares = _rounded_shares(counts.to_numpy(), n)
    rng = np.random.default_rng([seed, n])
    chosen = [
        rng.permutation(np.flatnonzero(samples["label"] == label))[:share]
        for label, share in zip(counts.index, shares, strict=True)
    ]
    return samples.iloc[np.sort(np.concatenate(chosen))]


def _rounded_shares(counts: np.ndarray, n: int) -> np.ndarray:
    exact = n * counts / counts.sum()
    shares = np.floor(exact).astype(int)
    largest = np.argsort(shares - exact, kind="stable")
    shares[largest[: n - shares.sum()]] += 1
    return shares


def _require_known(name: str, split: str) -> None:
    if name not in NAMES:
        near = near_miss(name, NAMES)
        hint = f"; did you mean {near!r}?" if near else ""
        raise SourceError(f"no data set {name!r}; there are {', '.join(NAMES)}{hint}")
    if split not in SPLITS:
        raise SourceError(f"expected the split 'train', 'test' or 'both', found {split!r}")
    if not set(SPLITS[split]) & set(_splits_of(name)):
        raise SourceError(f"{name} has no split {split!r}, only 'train'")


def _splits_of(name: str) -> tuple[str, ...]:
    return ("train",) if name in ("coats", "digits") else ("train", "test")


def _coats(
    root: Path, n: int, seed: int, noise: float | Noise | None, progress: Progress | None
) -> Dataset:
    if callable(noise):
        clean = _coats(root, n, seed, 0.0, progress).samples
        return Dataset(*plant(clean, noise, seed=seed))
    rate = COATS_RATE if noise is None else noise
    folder = coats_folder(root, n=n, seed=seed, rate=rate, progress=progress)
    samples = from_folder(folder / "images", check_images=False).samples
    return Dataset(samples, _coats_truth(folder / "truth.csv").reindex(samples.index))


def coats_folder(
    root: str | os.PathLike,
    *,
    n: int = COATS_COUNT,
    seed: int = 0,
    rate: float = COATS_RATE,
    progress: Progress | None = None,
) -> Path:
    """Draw the coats into a folder of their own below `root`, unless they are there already.

    Returns that folder; `images/` in it is a folder of class folders, `truth.csv` lies beside.
    """
    folder = Path(root) / (f"coats-{n}-{seed}" + ("" if rate == COATS_RATE else f"-noise-{rate:g}"))
    if not (folder / "truth.csv").is_file():  # written last, so it means complete
        from o2u_nb.data import coats

        coats.write_folder(folder, n=n, seed=seed, noise=rate, progress=progress)
    return folder


def _coats_truth(path: Path) -> pd.Series:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return table.set_index("sample_id")["true_label"]


def _digits(root: Path, split: str) -> pd.DataFrame:
    from sklearn.datasets import load_digits  # slow to import, and only needed here

    digits = load_digits()
    grey = digits.images / 16  # five bits of grey, from 0 to 16
    return from_arrays(grey, digits.target, split=split, source="digits").samples


def _fashion_mnist(root: Path, split: str) -> pd.DataFrame:
    folder = _idx_folder(root)
    if folder is None:
        _torchvision("FashionMNIST", root, split)
        folder = root / "FashionMNIST" / "raw"
    images = _read_idx(_idx_file(folder, split, "images-idx3"))
    labels = _read_idx(_idx_file(folder, split, "labels-idx1"))
    return _named_arrays(images, labels, FASHION_CLASSES, split)


def _idx_folder(root: Path) -> Path | None:
    kinds = ("images-idx3", "labels-idx1")
    for folder in (root, root / "FashionMNIST" / "raw"):
        if all(_idx_file(folder, split, kind).is_file() for split in IDX_STEMS for kind in kinds):
            return folder
    return None


def _idx_file(folder: Path, split: str, kind: str) -> Path:
    return folder / f"{IDX_STEMS[split]}-{kind}-ubyte.gz"


def _read_idx(path: Path) -> np.ndarray:
    """Read a gzipped IDX file: two zeros, 8 for uint8, the rank, big-endian sizes, the bytes."""
    try:
        content = gzip.decompress(path.read_bytes())
        zeros, kind, rank = struct.unpack(">HBB", content[:4])
        shape = struct.unpack(f">{rank}I", content[4 : 4 + 4 * rank])
        if (zeros, kind) != (0, 8):
            raise ValueError("not an IDX file of bytes")
        return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise SourceError(f"cannot read the IDX file {path}: {error}; fetch it again") from error


def _named_arrays(
    images: np.ndarray, labels: np.ndarray, classes: Sequence[str], split: str
) -> pd.DataFrame:
    ids = [f"{split}/{position:05d}" for position in range(len(labels))]
    return from_arrays(images, labels, ids=ids, classes=classes, split=split).samples


def _cifar10(root: Path, split: str) -> pd.DataFrame:
    return _cifar("CIFAR10", "airplane", root, split)


def _cifar100(root: Path, split: str) -> pd.DataFrame:
    return _cifar("CIFAR100", "apple", root, split)


def _cifar(kind: str, first_class: str, root: Path, split: str) -> pd.DataFrame:
    """Read from class folders where `root` holds them, which one of its classes tells."""
    if (root / split / first_class).is_dir():
        samples = from_folder(root / split, check_images=False).samples
        return samples.set_index(split + "/" + samples.index).assign(split=split)
    return from_torchvision(_torchvision(kind, root, split), split=split).samples


def _torchvision(kind: str, root: Path, split: str) -> Any:
    try:
        extras.require_training()
        from torchvision import datasets

        return getattr(datasets, kind)(root, train=split == "train", download=True)
    except (ImportError, OSError, RuntimeError) as error:
        raise O2UError(
            f"cannot fetch {kind} into {root}: {error}; check the network, or pass as root a "
            "folder that already holds it"
        ) from error


_LOADERS: dict[str, Callable[[Path, str], pd.DataFrame]] = {
    "digits": _digits,
    "fashion_mnist": _fashion_mnist,
    "cifar10": _cifar10,
    "cifar100": _cifar100,
}
