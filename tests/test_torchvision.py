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


# Wrappers


@pytest.fixture
def folders(tmp_path):
    """Torchvision's ImageFolder of six pictures, and torch's wrappers."""
    datasets = pytest.importorskip("torchvision.datasets")
    data = pytest.importorskip("torch.utils.data")
    names = [f"{label}/{number}.png" for label in ("cat", "dog") for number in range(3)]
    return datasets.ImageFolder(fill(tmp_path / "p", *names)), data


def test_files_stay_files_through_subsets_of_subsets(folders, tmp_path):
    whole, data = folders
    part = data.Subset(data.Subset(whole, [5, 4, 0, 1]), [0, 2, -1])
    checked = sources.read(part)
    assert labels(checked) == {"cat/0.png": "cat", "cat/1.png": "cat", "dog/2.png": "dog"}
    assert checked.samples.loc["dog/2.png", "path"] == str(tmp_path / "p/dog/2.png")


def test_a_random_split_and_its_join_are_the_whole(folders):
    whole, data = folders
    first, second = data.random_split(whole, [4, 2])
    joined = data.ConcatDataset([second, first])
    pd.testing.assert_frame_equal(sources.read(joined).samples, sources.read(whole).samples)


def test_joined_folders_have_ids_below_the_folder_that_holds_both(tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    data = pytest.importorskip("torch.utils.data")
    fill(tmp_path, "a/cat/1.png", "a/dog/1.png", "b/ant/1.png", "b/cat/1.png")
    joined = data.ConcatDataset([datasets.ImageFolder(tmp_path / name) for name in "ab"])
    assert labels(sources.read(joined)) == {
        "a/cat/1.png": "cat", "a/dog/1.png": "dog", "b/ant/1.png": "ant", "b/cat/1.png": "cat",
    }  # fmt: skip


def test_a_subset_of_arrays_takes_its_arrays():
    data = pytest.importorskip("torch.utils.data")
    whole = Items([None] * 4)
    whole.data = np.arange(4 * 25, dtype=np.uint8).reshape(4, 5, 5)
    whole.targets = [0, 1, 1, 0]
    checked = sources.read(data.Subset(whole, [3, 1]))
    assert labels(checked) == {"train/0": "cat", "train/1": "dog"}
    assert (stacked(checked) == whole.data[[3, 1]]).all()


def test_files_and_arrays_joined_are_both_read(folders):
    whole, data = folders
    arrays = Items([(PIXELS, 1), (PIXELS, 0)])
    checked = sources.read(data.ConcatDataset([whole, arrays]))
    assert checked.samples["label"].tolist() == ["cat"] * 3 + ["dog"] * 3 + ["dog", "cat"]
    assert isinstance(checked.samples["image"].iloc[0], bytes)


def test_a_target_transform_leaves_files_files(folders):
    whole, data = folders
    whole.target_transform = lambda code: 1 - code
    found = labels(sources.read(data.Subset(whole, [0, 5])))
    assert found == {"cat/0.png": "dog", "dog/2.png": "cat"}


def test_a_subset_with_its_own_way_to_fetch_is_asked_for_its_items(folders):
    whole, data = folders

    class Turned(data.Subset):
        def __getitem__(self, position):
            image, label = super().__getitem__(position)
            return image.rotate(180), 1 - label

        def __getitems__(self, positions):
            return [self[position] for position in positions]

    checked = sources.read(Turned(whole, [0, 5]))
    assert labels(checked) == {"train/0": "dog", "train/1": "cat"}
    assert (stacked(checked) == PIXELS[::-1, ::-1]).all()


def test_a_subset_of_items_that_are_not_there_is_refused(folders):
    whole, data = folders
    with pytest.raises(SourceError, match="positions of 6 items in the Subset, found 0 to 6"):
        sources.read(data.Subset(whole, [0, 6]))
    with pytest.raises(SourceError, match=r"positions of 6 items in the Subset, found \['a'\]"):
        sources.read(data.Subset(whole, ["a"]))


class Paths(Items):
    """A data set of files as torchvision's newer ones keep them."""


@pytest.mark.parametrize("kept", ["_samples", "apart"])
def test_other_ways_to_keep_files(kept, tmp_path):
    fill(tmp_path, "cat/1.png", "dog/1.png")
    paths = [tmp_path / "cat/1.png", tmp_path / "dog/1.png"]
    dataset = Paths([None] * 2)
    if kept == "_samples":
        dataset._samples = list(zip(map(str, paths), [0, 1], strict=True))
    else:
        dataset._image_files, dataset._labels = paths, [0, 1]
    assert labels(sources.read(dataset)) == {"cat/1.png": "cat", "dog/1.png": "dog"}


# Pixels


def test_large_pictures_without_files_are_shrunk_and_their_size_is_told_first():
    wide = np.zeros((500, 1000, 3), np.uint8)
    wide[:, 500:] = 255
    fetched = []

    class Told(Items):
        def __getitem__(self, position):
            fetched.append(position)
            return super().__getitem__(position)

    said = r"4 pictures of Told .* shrunk to at most 256 pixels, about 0 MB"
    with pytest.warns(UserWarning, match=said):
        checked = sources.read(Told([(Image.fromarray(wide), n % 2) for n in range(4)]))
    assert stacked(checked).shape == (4, 128, 256, 3)
    assert (stacked(checked)[:, :, :120] == 0).all() and (stacked(checked)[:, :, 136:] == 255).all()
    assert fetched == [0] + [0, 1, 2, 3] * 2  # looked at, weighed, read


def test_many_small_pictures_are_told_by_their_bytes(monkeypatch):
    from o2u_nb.data.readers import fetching

    monkeypatch.setattr(fetching, "LARGE", 1e3)
    items = [(np.zeros((20, 20, 3), np.uint8), n % 2) for n in range(2000)]
    with pytest.warns(UserWarning, match=r"2,000 pictures of Items .* kept in memory, about 2 MB"):
        assert len(sources.read(Items(items)).samples) == 2000


def test_a_large_picture_that_was_not_weighed_is_told_of():
    items = [(np.zeros((9, 9), np.uint8), n % 2) for n in range(20)]
    items[1] = (np.zeros((300, 9), np.uint8), 1)
    with pytest.warns(UserWarning, match="Some pictures of Items are larger than 256 pixels"):
        checked = sources.read(Items(items))
    assert checked.samples.loc["train/01", "image"].shape == (256, 8)


def test_an_item_that_raises_is_left_out_and_listed():
    class Torn(Items):
        def __getitem__(self, position):
            if position == 1:
                raise OSError("image file is truncated")
            return super().__getitem__(position)

    checked = sources.read(Torn([(PIXELS, 0), None, (PIXELS, 1), (PIXELS, 1)]))
    assert list(labels(checked)) == ["train/0", "train/2", "train/3"]
    row = checked.problems.set_index("sample_id").loc["train/1"]
    assert row["problem"] == "unreadable image"
    assert row["detail"] == "the data set raises OSError: image file is truncated"


@pytest.mark.parametrize("label", [0.5, None, [0, 1], float("nan")])
def test_labels_that_are_no_class_are_refused(label):
    with pytest.raises(SourceError, match="only classification data can be audited"):
        sources.read(Items([(PIXELS, 0), (PIXELS, label)]))


def test_items_that_are_no_pairs_are_refused():
    with pytest.raises(SourceError, match=r"expected items \(image, class number\), found ndarray"):
        sources.read(Items([PIXELS, PIXELS]))
