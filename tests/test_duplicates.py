"""Files with the same bytes are told, and those that are in several splits."""

import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from o2u_nb.data.duplicates import in_several_splits, kept_together, same_files
from o2u_nb.data.readers.arrays import from_arrays
from o2u_nb.data.readers.folders import from_folder


def test_each_file_names_the_first_one_with_its_bytes(tmp_path):
    noise = np.random.default_rng(0)
    pictures = noise.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    files = {"cat/a": 0, "cat/b": 1, "cat/b2": 1, "dog/c": 2, "dog/a_again": 0, "dog/d": 3}
    for name, number in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(pictures[number]).save(tmp_path / f"{name}.png")
    samples = from_folder(tmp_path).samples
    assert list(samples.index[same_files(samples)]) == [
        "cat/a.png", "cat/b.png", "cat/b.png", "cat/a.png", "dog/c.png", "dog/d.png"
    ]  # fmt: skip


@pytest.mark.parametrize("as_bytes", [False, True])
def test_arrays_and_bytes(as_bytes, tmp_path):
    from o2u_nb.data import samples as samples_io

    pictures = np.zeros((4, 6, 6, 3), np.uint8)
    pictures[3] = 9
    table = from_arrays(pictures, ["x", "x", "y", "y"], ids=list("abcd")).samples
    if as_bytes:
        samples_io.write(table, tmp_path / "t.parquet")
        table = samples_io.read(tmp_path / "t.parquet")
    assert list(same_files(table)) == [0, 0, 0, 3]


def pairs(tmp_path):
    """Two pictures under two labels each, and the table that names them."""
    pictures = np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for number, picture in enumerate(pictures):
            Image.fromarray(picture).save(tmp_path / label / f"{number}.png")
    return from_folder(tmp_path).samples


def test_a_picture_that_has_gone_is_a_copy_of_none(tmp_path):
    samples = pairs(tmp_path)
    (tmp_path / "cat/0.png").unlink()
    assert list(same_files(samples)) == [0, 1, 2, 1]


def test_a_picture_that_cannot_be_read_any_more_is_a_copy_of_none(tmp_path):
    samples = pairs(tmp_path)
    (tmp_path / "cat/0.png").unlink()
    (tmp_path / "cat/0.png").mkdir()  # opening it fails for every user, the administrator too
    assert list(same_files(samples)) == [0, 1, 2, 1]


def test_when_all_pictures_have_gone_none_is_a_copy(tmp_path):
    samples = pairs(tmp_path)
    for path in samples["path"]:
        os.unlink(path)
    assert list(same_files(samples)) == [0, 1, 2, 3]


def test_pictures_in_several_splits_are_listed_each_with_the_other():
    pixels = np.zeros((6, 6, 6, 3), np.uint8)
    pixels[3:] = np.array([3, 4, 4], np.uint8)[:, None, None, None]
    splits = ["train", "train", "valid", "train", "valid", "valid"]
    samples = from_arrays(pixels, list("xyxyxy"), ids=list("abcdef")).samples
    samples["split"] = splits
    found = in_several_splits(samples, same_files(samples))
    assert list(found["sample_id"]) == ["a", "b", "c"]
    assert set(found["problem"]) == {"same picture in several splits"}
    assert list(found["detail"]) == [
        "also as c in valid",
        "also as c in valid",
        "also as a in train",
    ]
    assert in_several_splits(samples.assign(split="train"), same_files(samples)).empty


def test_equal_files_and_groups_that_the_table_names_are_kept_together():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 6, 6, 3), dtype=np.uint8)
    pixels[3] = pixels[0]
    samples = from_arrays(pixels, list("xyxyxyx"), ids=list("abcdefg")).samples

    def parts(table: pd.DataFrame) -> set[frozenset[str]]:
        groups = table.groupby(kept_together(table)).groups.values()
        return {frozenset(ids) for ids in groups if len(ids) > 1}

    assert parts(samples) == {frozenset("ad")}
    named = samples.assign(group=["p", pd.NA, "q", "r", "r", "q", pd.NA])
    assert parts(named) == {frozenset("ade"), frozenset("cf")}  # a is d, and d belongs to e
    for seed in range(3):
        shuffled = named.sample(frac=1, random_state=seed)
        assert parts(shuffled) == parts(named)
    assert parts(named.drop(columns="image")) == {frozenset("de"), frozenset("cf")}
