"""The built-in data sets load by name, in full or in part, with the truth kept aside."""

import gzip
import struct
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from o2u_nb.data import datasets, noise
from o2u_nb.errors import O2UError, SourceError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def table(labels) -> pd.DataFrame:
    ids = pd.Index([f"{i:04d}" for i in range(len(labels))], name="sample_id", dtype="str")
    return pd.DataFrame({"label": list(labels), "split": "train", "path": "/x"}, index=ids)


# --- by name -----------------------------------------------------------------------------------


def test_an_unknown_name_is_refused_with_the_near_miss():
    with pytest.raises(SourceError, match=r"no data set 'CIFAR-10'.*did you mean 'cifar10'"):
        datasets.load("CIFAR-10")
    with pytest.raises(SourceError, match=r"there are coats, digits, .*cifar100$"):
        datasets.load("imagenet")


def test_an_unknown_or_missing_split_is_refused():
    with pytest.raises(SourceError, match="'train', 'test' or 'both', found 'all'"):
        datasets.load("digits", split="all")
    with pytest.raises(SourceError, match="digits has no split 'test'"):
        datasets.load("digits", split="test")


# --- subsets -----------------------------------------------------------------------------------


def test_a_subset_keeps_the_proportions_and_the_order():
    samples = table("a" * 50 + "b" * 30 + "c" * 20)
    part = datasets.subset(samples, 10, seed=0)
    assert part["label"].value_counts().to_dict() == {"a": 5, "b": 3, "c": 2}
    assert part.index.is_monotonic_increasing
    pd.testing.assert_frame_equal(part, datasets.subset(samples, 10, seed=0))
    assert not part.index.equals(datasets.subset(samples, 10, seed=1).index)
    assert datasets.subset(samples, None, seed=0) is samples


@pytest.mark.parametrize("n", [0, -1, 101])
def test_a_subset_of_too_many_is_refused(n):
    with pytest.raises(SourceError, match="between 1 and 100"):
        datasets.subset(table("ab" * 50), n, seed=0)


@given(
    counts=st.lists(st.integers(1, 30), min_size=2, max_size=6),
    share=st.floats(0.01, 1),
    seed=st.integers(0, 99),
)
@settings(max_examples=50)
def test_a_subset_has_exactly_n_rows_and_no_class_is_off_by_one(counts, share, seed):
    samples = table(
        "".join(letter * count for letter, count in zip("abcdef", counts, strict=False))
    )
    n = max(1, int(share * len(samples)))
    part = datasets.subset(samples, n, seed=seed)
    assert len(part) == n and part.index.is_unique and part.index.isin(samples.index).all()
    for letter, count in zip("abcdef", counts, strict=False):
        assert abs((part["label"] == letter).sum() - n * count / len(samples)) < 1


# --- digits ------------------------------------------------------------------------------------


def test_digits_are_scaled_from_sixteen_to_255():
    samples, truth = datasets.load("digits")
    assert len(samples) == 1797 and truth is None
    assert sorted(samples["label"].unique()) == list("0123456789")
    assert samples["label"].tolist()[:4] == list("0123")
    first = samples["image"].iloc[0]
    assert first.dtype == np.uint8 and first[0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]


def test_noise_is_planted_and_the_truth_returned():
    clean = datasets.load("digits", n=500, seed=3).samples
    samples, truth = datasets.load("digits", n=500, seed=3, noise=noise.pair_flip(0.3))
    assert truth.to_dict() == clean["label"].to_dict()
    following = {str(i): str((i + 1) % 10) for i in range(10)}
    wrong = samples["label"] != truth
    assert (samples["label"][wrong] == truth[wrong].map(following)).all()
    assert noise.realised_rate(samples, truth) == pytest.approx(0.3, abs=0.1)


def test_a_rate_alone_means_symmetric_noise():
    samples, _ = datasets.load("digits", noise=0.4, seed=1)
    expected = noise.plant(datasets.load("digits").samples, noise.symmetric(0.4), seed=1)
    assert samples["label"].equals(expected.samples["label"])


# --- Fashion-MNIST -----------------------------------------------------------------------------


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


def write_idx(folder: Path, count: int = 10) -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    pictures = np.random.default_rng(0).integers(0, 256, (count, 6, 5), dtype=np.uint8)
    for stem in ("train", "t10k"):
        (folder / f"{stem}-images-idx3-ubyte.gz").write_bytes(idx(pictures))
        (folder / f"{stem}-labels-idx1-ubyte.gz").write_bytes(idx(np.arange(count) % 10))
    return pictures


@pytest.mark.parametrize("place", [".", "FashionMNIST/raw"])
def test_idx_files_are_read_without_torchvision(place, tmp_path, monkeypatch):
    pictures = write_idx(tmp_path / place)
    monkeypatch.setitem(sys.modules, "torchvision", None)  # importing it fails
    samples, _ = datasets.load("fashion_mnist", root=tmp_path, split="both")
    assert samples.index[0] == "test/00000" and samples.index[-1] == "train/00009"
    assert samples["split"].value_counts().to_dict() == {"test": 10, "train": 10}
    assert samples.loc["train/00009", "label"] == "Ankle boot"
    assert samples.loc["test/00000", "label"] == "T-shirt/top"
    assert (np.stack(samples["image"]) == np.concatenate([pictures, pictures])).all()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-20],
        lambda data: b"no gzip",
        lambda data: gzip.compress(b"\x00\x00\x0d\x01" + bytes(8)),
        lambda data: gzip.compress(gzip.decompress(data)[:-1]),
        lambda data: gzip.compress(b"\x00"),
    ],
)
def test_damaged_idx_files_are_named(damage, tmp_path):
    write_idx(tmp_path)
    file = tmp_path / "train-images-idx3-ubyte.gz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(SourceError, match=r"cannot read the IDX file .*train-images"):
        datasets.load("fashion_mnist", root=tmp_path)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs the Debian package dataset-fashion-mnist")
def test_the_real_fashion_mnist():
    samples, truth = datasets.load("fashion_mnist", root=DEBIAN, split="test", n=500, noise=0.2)
    assert truth.value_counts().to_dict() == dict.fromkeys(datasets.FASHION_CLASSES, 50)
    assert samples["image"].iloc[0].shape == (28, 28)
    whole = datasets.load("fashion_mnist", root=DEBIAN, split="test").samples
    assert whole["label"].tolist()[:3] == ["Ankle boot", "Pullover", "Trouser"]


# --- CIFAR -------------------------------------------------------------------------------------


def test_cifar_as_class_folders(tmp_path):
    for name in (
        "train/airplane/0.png",
        "train/cat/1.png",
        "test/airplane/0.png",
        "test/cat/2.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5, 5)).save(tmp_path / name)
    (tmp_path / "coats-2000-0").mkdir()  # whatever else lies there is not looked at
    samples, truth = datasets.load("cifar10", root=tmp_path, split="both")
    assert truth is None and samples.index.name == "sample_id"
    assert samples[["label", "split"]].agg(tuple, axis=1).to_dict() == {
        "train/airplane/0.png": ("airplane", "train"),
        "train/cat/1.png": ("cat", "train"),
        "test/airplane/0.png": ("airplane", "test"),
        "test/cat/2.png": ("cat", "test"),
    }
    assert samples.loc["test/cat/2.png", "path"] == str(tmp_path / "test/cat/2.png")


def fake_torchvision(monkeypatch, cifar):
    package, inner = ModuleType("torchvision"), ModuleType("torchvision.datasets")
    package.datasets, inner.CIFAR10, inner.CIFAR100 = inner, cifar, cifar
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", inner)


def test_cifar_through_torchvision(tmp_path, monkeypatch):
    class Cifar:
        classes = ("apple", "bear")

        def __init__(self, root, train, download):
            assert root == tmp_path and download
            self.data = np.full((2, 6, 6, 3), 1 if train else 2, np.uint8)
            self.targets = [0, 1]

        def __len__(self):
            return 2

        def __getitem__(self, position):
            raise AssertionError("the arrays are there")

    fake_torchvision(monkeypatch, Cifar)
    samples, _ = datasets.load("cifar100", root=tmp_path, split="test")
    assert samples["label"].to_dict() == {"test/0": "apple", "test/1": "bear"}
    assert samples["image"].iloc[0].max() == 2


@pytest.mark.parametrize("error", [OSError("no route to host"), RuntimeError("no route to host")])
def test_a_download_that_fails_says_what_to_do(tmp_path, monkeypatch, error):
    def fail(*args, **options):
        raise error

    fake_torchvision(monkeypatch, fail)
    with pytest.raises(O2UError, match=r"cannot fetch CIFAR10 into .*no route to host; check the"):
        datasets.load("cifar10", root=tmp_path)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(O2UError, match="cannot fetch CIFAR100"):
        datasets.load("cifar100", root=tmp_path)


# --- coats -------------------------------------------------------------------------------------


@pytest.fixture
def writer(monkeypatch):
    """Stand in for the generator: two leopards and two tigers, one of which is called a leopard."""
    calls = []

    def write_folder(root, *, n, seed, noise, progress=None):
        calls.append((Path(root).name, n, seed, noise))
        labels = ["leopard", "leopard", "leopard" if noise else "tiger", "tiger"]
        names = [f"{label}/coat_{i}.png" for i, label in enumerate(labels)]
        for name in names:
            (root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (5, 5)).save(root / "images" / name)
        truth = pd.DataFrame({"sample_id": names, "label": labels})
        truth["true_label"] = ["leopard", "leopard", "tiger", "tiger"]
        truth.iloc[::-1].to_csv(root / "truth.csv", index=False)

    from o2u_nb.data import coats

    monkeypatch.setattr(coats, "write_folder", write_folder)
    return calls


def test_coats_are_generated_once_and_read_with_their_truth(tmp_path, writer):
    samples, truth = datasets.load("coats", root=tmp_path, n=4, seed=7)
    assert writer == [("coats-4-7", 4, 7, 0.1)]
    assert samples["label"].tolist() == ["leopard"] * 3 + ["tiger"]
    assert truth.index.equals(samples.index) and truth.name == "true_label"
    assert truth["leopard/coat_2.png"] == "tiger" and noise.realised_rate(samples, truth) == 0.25
    datasets.load("coats", root=tmp_path, n=4, seed=7)
    assert len(writer) == 1


def test_half_written_coats_are_written_again(tmp_path, writer):
    datasets.load("coats", root=tmp_path, n=4)
    (tmp_path / "coats-4-0/truth.csv").unlink()
    datasets.load("coats", root=tmp_path, n=4)
    assert len(writer) == 2


def test_coats_with_other_noise_are_kept_apart(tmp_path, writer):
    datasets.load("coats", root=tmp_path, noise=0.3)
    samples, truth = datasets.load("coats", root=tmp_path, noise=noise.pair_flip(1))
    assert writer == [
        ("coats-2000-0-noise-0.3", 2000, 0, 0.3),
        ("coats-2000-0-noise-0", 2000, 0, 0),
    ]
    assert (samples["label"] != truth).all()


def test_real_coats_have_their_truth(tmp_path):
    samples, truth = datasets.load("coats", root=tmp_path, n=40, noise=0.25)
    assert len(samples) == 40 and (samples["label"] != truth).sum() == 10
    folder = datasets.coats_folder(tmp_path, n=40, rate=0.25)
    assert samples["path"].iloc[0] == str(folder / "images" / samples.index[0])
