"""Arrays of any common layout become the same pixels, or are refused."""

import numpy as np
import pytest
from PIL import Image

from o2u_nb.data import sources
from o2u_nb.data.readers import pixels
from o2u_nb.data.readers.arrays import from_arrays
from o2u_nb.errors import SourceError
from tests.pictures import PIXELS, Tensor, labels, problems, stacked


def test_arrays_of_colour_and_grey():
    colour = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    checked = sources.read((colour, ["x", "y", "x", "y"]))
    assert checked.samples.index.tolist() == ["0", "1", "2", "3"]
    assert (stacked(checked) == colour).all()
    assert (stacked(sources.read(colour[..., 0], labels=list("xyxy"))) == colour[..., 0]).all()


@pytest.mark.parametrize(
    "images_",
    [
        np.full((2, 1, 8, 9), 51, np.uint8),
        np.full((2, 8, 9, 1), 51, np.int64),
        np.full((2, 8, 9), 0.2),
        [np.full((8, 9), 0.2, np.float32)] * 2,
    ],
)
def test_layouts_and_types_of_grey(images_):
    found = pixels.as_pixels(images_)
    assert all(image.dtype == np.uint8 and image.shape == (8, 9) for image in found)
    assert all((image == 51).all() for image in found)


def test_channels_first_alpha_booleans_and_pictures():
    colour = np.random.default_rng(0).integers(0, 256, (2, 8, 9, 3), dtype=np.uint8)
    assert (np.stack(pixels.as_pixels(np.moveaxis(colour, 3, 1))) == colour).all()
    alpha = np.concatenate([colour, np.full((2, 8, 9, 1), 0, np.uint8)], axis=3)
    assert all((image == 255).all() for image in pixels.as_pixels(alpha))
    assert pixels.as_pixels(np.array([[[True, False]]]))[0].tolist() == [[255, 0]]
    pictures = [Image.fromarray(PIXELS), Image.fromarray(PIXELS[:3])]
    assert [image.shape for image in pixels.as_pixels(pictures)] == [(6, 5, 3), (3, 5, 3)]


def test_a_shape_that_fits_both_layouts_must_be_settled():
    both = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 3), dtype=np.uint8)
    with pytest.raises(SourceError, match="channels='first' or channels='last'"):
        pixels.as_pixels(both)
    assert pixels.as_pixels(both, channels="last")[0].shape == (3, 5, 3)
    assert pixels.as_pixels(both, channels="first")[0].shape == (5, 3, 3)


@pytest.mark.parametrize(
    ("images_", "message"),
    [
        (np.full((2, 4, 4), 1.5), r"float64 pixels in \[0, 1\], found 1.5"),
        (np.full((2, 4, 4), np.nan), "found nan"),
        (np.full((2, 4, 4), 300), r"int64 pixels in \[0, 255\]"),
        (np.full((2, 4, 4), -1.0), "scale the images first"),
        (np.zeros((2, 5, 5, 7)), "1, 3 or 4 channels"),
        (np.zeros((2, 16)), r"found \(2, 16\)"),
        (np.full((2, 4, 4), "x"), "images of numbers"),
    ],
)
def test_arrays_that_are_no_images_are_refused(images_, message):
    with pytest.raises(SourceError, match=message):
        pixels.as_pixels(images_)


def test_labels_as_numbers_into_classes():
    checked = from_arrays(
        np.zeros((6, 4, 4)), np.array([0, 1, 0, 1, 2, -1]), classes=["cat", "dog"]
    )
    assert labels(checked) == {"0": "cat", "1": "dog", "2": "cat", "3": "dog"}
    found = checked.problems.set_index("sample_id")
    assert found.loc["4", "problem"] == "unknown label" and "number 2" in found.loc["4", "detail"]
    assert "number -1" in found.loc["5", "detail"]
    plain = from_arrays(np.zeros((2, 4, 4)), [7, 8])
    assert labels(plain) == {"0": "7", "1": "8"}


def test_ids_are_padded_so_that_they_sort_like_positions():
    checked = from_arrays(np.zeros((12, 2, 2)), ["x", "y"] * 6, split="test")
    assert checked.samples.index.tolist() == [f"{i:02d}" for i in range(12)]
    assert set(checked.samples["split"]) == {"test"}


def test_arrays_with_ids_and_duplicates():
    checked = from_arrays(np.zeros((5, 4, 4)), list("xxyyx"), ids=["b", "b", "a", "c", "c"])
    assert labels(checked) == {"a": "y", "b": "x"}
    assert problems(checked)["c"] == "conflicting labels"


def test_lengths_and_shapes_of_labels_must_fit():
    with pytest.raises(SourceError, match="found 3 images, 2 labels and 3 ids"):
        from_arrays(np.zeros((3, 4, 4)), ["x", "y"])
    with pytest.raises(SourceError, match=r"labels of shape \(2, 2\)"):
        from_arrays(np.zeros((2, 4, 4)), np.eye(2))


def test_tensors_are_brought_to_numpy():
    values = np.full((2, 3, 4, 5), 0.2, np.float32)
    checked = from_arrays(Tensor(values), Tensor([0, 1]), classes=["a", "b"])
    assert stacked(checked).shape == (2, 4, 5, 3) and (stacked(checked) == 51).all()


def test_large_pillow_images_are_shrunk_with_a_warning_and_torn_ones_listed(tmp_path):
    Image.new("RGB", (600, 300), "teal").save(tmp_path / "a.jpg", quality=95)
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "torn.jpg").write_bytes(whole[: len(whole) // 2])
    pictures = [Image.open(tmp_path / name) for name in ("a.jpg", "a.jpg", "torn.jpg")]
    with pytest.warns(UserWarning, match=r"3 pictures of the arrays .* at most 256 pixels"):
        checked = sources.read(pictures, ["x", "y", "x"])
    assert stacked(checked).shape == (2, 128, 256, 3)
    assert problems(checked)["2"] == "unreadable image"
