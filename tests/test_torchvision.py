"""Data sets as torchvision has them: files stay files, arrays arrays, items are fetched."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from o2u_nb.data import sources
from o2u_nb.data.readers.torchvision import from_torchvision
from o2u_nb.errors import SourceError
from tests.pictures import PIXELS, Tensor, fill, labels, stacked


class Items:
    """A data set of items only."""

    classes: tuple = ("cat", "dog")

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, position):
        return self.items[position]


class Part:
    """A part of a data set, which has no classes of its own, as torch's Subset."""

    def __init__(self, dataset, positions):
        self.dataset, self.positions = dataset, positions

    def __len__(self):
        return len(self.positions)

    def __getitem__(self, position):
        return self.dataset[self.positions[position]]


def test_a_data_set_with_arrays():
    data = np.random.default_rng(0).integers(0, 256, (4, 5, 5), dtype=np.uint8)
    dataset = Items([None] * 4)
    dataset.data, dataset.targets = Tensor(data), [0, 1, 1, 0]
    checked = sources.read(dataset, split="test")
    assert labels(checked) == {"test/0": "cat", "test/1": "dog", "test/2": "dog", "test/3": "cat"}
    assert (stacked(checked) == data).all() and set(checked.samples["split"]) == {"test"}


def test_a_data_set_of_items_and_a_subset_of_it():
    items = [(Image.fromarray(PIXELS), 0), (PIXELS, 1), (np.moveaxis(PIXELS / 255, 2, 0), 1)]
    checked = from_torchvision(Items(items[:2]))
    assert labels(checked) == {"train/0": "cat", "train/1": "dog"}
    assert (stacked(checked) == PIXELS).all()
    part = Part(Items(items), [2, 0])
    assert labels(sources.read(part)) == {"train/0": "dog", "train/1": "cat"}
    assert (stacked(sources.read(part)) == np.stack([PIXELS, PIXELS])).all()


def test_a_target_transform_is_respected():
    dataset = Items([(PIXELS, 1), (PIXELS, 0)])
    dataset.data, dataset.targets = np.stack([PIXELS] * 2), [0, 1]
    dataset.target_transform = lambda label: 1 - label
    assert list(labels(sources.read(dataset)).values()) == ["dog", "cat"]


def test_an_image_folder_like_data_set(tmp_path, monkeypatch):
    fill(tmp_path, "data/cat/1.png", "data/dog/1.png", "data/dog/2.png")
    monkeypatch.chdir(tmp_path)
    dataset = Items([None] * 3)
    dataset.root = "data"
    dataset.samples = [("data/cat/1.png", 0), ("data/dog/1.png", 1), ("data/dog/2.png", 1)]
    checked = sources.read(dataset)
    assert labels(checked) == {"cat/1.png": "cat", "dog/1.png": "dog", "dog/2.png": "dog"}
    assert checked.samples.loc["cat/1.png", "path"] == str(tmp_path / "data/cat/1.png")


def test_data_without_class_numbers_is_refused():
    with pytest.raises(SourceError, match="found dict as the label of item train/0"):
        sources.read(Items([(PIXELS, {"boxes": []})]))
    with pytest.raises(SourceError, match="found int"):
        sources.read(7)


@pytest.mark.parametrize("kind", ["FakeData", "ImageFolder"])
def test_real_torchvision_data_sets(kind, tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    if kind == "FakeData":
        checked = sources.read(datasets.FakeData(size=6, image_size=(3, 8, 8), num_classes=2))
        assert len(checked.samples) == 6 and stacked(checked).shape == (6, 8, 8, 3)
    else:
        checked = sources.read(datasets.ImageFolder(fill(tmp_path, "cat/1.png", "dog/1.png")))
        pd.testing.assert_frame_equal(checked.samples, sources.read(tmp_path).samples)
