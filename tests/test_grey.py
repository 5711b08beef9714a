"""Grey pictures deeper than 8 bits are shown by the range that their whole data set uses."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from o2u_nb.data import images, sources
from o2u_nb.data import samples as samples_io
from tests.pictures import PIXELS, put

RAMP = np.linspace(0, 1, 64 * 64).reshape(64, 64)
KINDS = {
    "12 bits in 16": (RAMP * 4095).astype(np.uint16),
    "8 bits in 16": (RAMP * 255).astype(np.uint16),
    "Hounsfield units": (RAMP * 4095 - 1024).astype(np.int32),
    "fractions to 255": (RAMP * 255).astype(np.float32),
    "fractions below 0": (RAMP * 2 - 1).astype(np.float32),
}


def folder(root, array, count=3, suffix=".tif"):
    for label in ("cat", "dog"):
        (root / label).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.fromarray(array).save(root / label / f"{number}{suffix}")
    return root


def grey(item) -> np.ndarray:
    return np.asarray(images.load_image(item))[..., 0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_range_of_the_data_set_runs_from_black_to_white(kind, tmp_path):
    array = KINDS[kind]
    samples, problems = sources.read(folder(tmp_path, array))
    assert problems.empty
    assert set(samples["grey_low"]) == {float(array.min())}
    assert set(samples["grey_high"]) == {float(array.max())}
    item = images.image_items(samples)[0]
    assert abs(grey(item).astype(int) - np.rint(RAMP * 255)).max() <= 1
    tile = np.asarray(Image.open(io.BytesIO(images.thumbnail(item, 64))))
    assert tile.max() >= 250 and tile.min() <= 5
    decoded = images.decode_pixels(samples, 64)[0, ..., 0]
    assert abs(decoded.astype(int) - np.rint(RAMP * 255)).max() <= 1
    assert images.broken_image(item) is None


def test_the_range_survives_the_way_to_disk_and_back_and_every_filter(tmp_path):
    samples = sources.read(folder(tmp_path / "p", KINDS["12 bits in 16"])).samples
    samples_io.write(samples, tmp_path / "samples.parquet")
    back = samples_io.read(tmp_path / "samples.parquet")
    for table in (back, back[back["label"] == "dog"], pd.concat([back.iloc[:1], back.iloc[4:]])):
        assert grey(images.image_items(table)[0]).max() == 255
    pd.testing.assert_frame_equal(sources.read(back.iloc[1:5]).samples, samples.iloc[1:5])


def test_a_checked_part_keeps_the_range_of_the_whole(tmp_path):
    root = folder(tmp_path, KINDS["8 bits in 16"])
    Image.fromarray(KINDS["12 bits in 16"]).save(root / "cat/0.tif")
    samples = sources.read(root).samples
    part = sources.read(samples.drop("cat/0.tif")).samples
    assert set(part["grey_high"]) == {4095.0}


def test_pictures_of_one_data_set_stay_comparable(tmp_path):
    root = folder(tmp_path, KINDS["12 bits in 16"], count=2)
    Image.fromarray((RAMP * 2047).astype(np.uint16)).save(root / "cat/dark.png")
    samples = sources.read(root).samples
    items = dict(zip(samples.index, images.image_items(samples), strict=True))
    assert grey(items["cat/0.tif"]).max() == 255 and grey(items["cat/dark.png"]).max() == 127


@pytest.mark.parametrize(
    "array", [(RAMP * 65535).astype(np.uint16), RAMP.astype(np.float32), np.uint16(RAMP * 33000)]
)
def test_pictures_that_use_what_their_format_holds_stay_as_they_are(array, tmp_path):
    samples = sources.read(folder(tmp_path, array)).samples
    assert list(samples.columns) == ["label", "split", "path"]


def test_a_few_hot_pixels_do_not_set_the_range(tmp_path):
    hot = KINDS["12 bits in 16"].copy()
    hot[0, :2] = 65535
    samples = sources.read(folder(tmp_path, hot)).samples
    assert 3900 < samples["grey_high"].iloc[0] <= 4095
    assert grey(images.image_items(samples)[0])[0, 0] == 255


def test_ordinary_pictures_among_deep_ones_are_untouched(tmp_path):
    root = folder(tmp_path, KINDS["12 bits in 16"])
    put(root / "cat/colour.png")
    samples = sources.read(root).samples
    items = dict(zip(samples.index, images.image_items(samples), strict=True))
    assert (np.asarray(images.load_image(items["cat/colour.png"])) == PIXELS).all()


def test_whole_numbers_beside_fractions_are_said_to_have_no_common_range(tmp_path):
    root = folder(tmp_path, KINDS["12 bits in 16"])
    Image.fromarray(RAMP.astype(np.float32)).save(root / "dog/f.tif")
    samples, problems = sources.read(root)
    assert problems[["sample_id", "problem"]].values.tolist() == [
        ["dog/f.tif", "grey range unknown"]
    ]
    assert problems["action"].iloc[0].startswith("kept") and "grey_low" not in samples


def test_pictures_of_one_grey_and_pictures_of_no_number(tmp_path):
    root = folder(tmp_path, np.full((8, 8), 700, np.uint16))
    nan = RAMP.astype(np.float32).copy()
    nan[0, 0] = np.nan
    samples, problems = sources.read(root)
    assert problems.empty and "grey_low" not in samples
    other = folder(tmp_path / "nan", KINDS["fractions to 255"])
    Image.fromarray(nan).save(other / "cat/nan.tif")
    problems = sources.read(other).problems
    assert problems["sample_id"].tolist() == ["cat/nan.tif"]
    assert problems["detail"].iloc[0] == "grey values that are not numbers (NaN or infinite)"


def test_deep_pictures_without_files_keep_every_value(tmp_path):
    array = KINDS["12 bits in 16"]
    pictures = [Image.fromarray(array)] * 4
    for source in ((pictures, list("xyxy")), list(zip(pictures, [0, 1, 0, 1], strict=True))):
        samples = sources.read(source).samples
        item = images.image_items(samples)[0]
        assert (np.asarray(Image.open(io.BytesIO(item))) == array).all()
        assert grey(item).max() == 255 and samples["grey_high"].iloc[0] == 4095


@pytest.mark.parametrize("kind", KINDS)
def test_large_deep_pictures_without_files_are_shrunk_but_stay_deep(kind):
    array = np.repeat(np.repeat(KINDS[kind], 8, axis=0), 8, axis=1)
    with pytest.warns(UserWarning, match="shrunk to at most 256 pixels"):
        samples = sources.read([(Image.fromarray(array), n % 2) for n in range(4)]).samples
    item = images.image_items(samples)[0]
    shown = grey(item).astype(int)
    assert shown.shape == (256, 256) and len(np.unique(shown)) > 200
    assert abs(shown[::4, ::4] - RAMP * 255).max() <= 6


def test_thumbnails_of_a_review_show_the_range_in_a_later_kernel(tmp_path):
    from o2u_nb.review.thumbnails import Thumbnails

    samples = sources.read(folder(tmp_path / "p", KINDS["12 bits in 16"])).samples
    samples_io.write(samples, tmp_path / "samples.parquet")
    (item, *_) = images.image_items(samples_io.read(tmp_path / "samples.parquet"))
    thumbnails = Thumbnails(tmp_path / "cache")
    tile = np.asarray(Image.open(io.BytesIO(thumbnails.get(item, 64))))
    assert tile.max() >= 250 and thumbnails.state(item).state == "ok"


def test_a_few_deep_pictures_among_many_are_found(tmp_path, monkeypatch):
    from o2u_nb.data import grey as module

    monkeypatch.setattr(module, "PICTURES", 2)
    root = folder(tmp_path, KINDS["Hounsfield units"], count=2)
    for number in range(30):
        put(root / f"dog/colour{number}.png")
    samples, problems = sources.read(root)
    assert problems.empty and set(samples["grey_low"]) == {-1024.0}
