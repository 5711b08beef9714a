"""Copies of one picture under two labels are found, other copies are not."""

import numpy as np
import pytest
from PIL import Image

from o2u_nb.data.duplicates import conflicting
from o2u_nb.data.readers.arrays import from_arrays
from o2u_nb.data.readers.folders import from_folder


def test_only_copies_under_another_label_conflict(tmp_path):
    noise = np.random.default_rng(0)
    pictures = noise.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    files = {"cat/a": 0, "cat/b": 1, "cat/b2": 1, "dog/c": 2, "dog/a_again": 0, "dog/d": 3}
    for name, number in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(pictures[number]).save(tmp_path / f"{name}.png")
    found = conflicting(from_folder(tmp_path).samples)
    assert list(found[found].index) == ["cat/a.png", "dog/a_again.png"]
    assert found.index.name == "sample_id" and found.dtype == bool


@pytest.mark.parametrize("as_bytes", [False, True])
def test_arrays_and_bytes(as_bytes, tmp_path):
    from o2u_nb.data import samples as samples_io

    pictures = np.zeros((4, 6, 6, 3), np.uint8)
    pictures[3] = 9
    table = from_arrays(pictures, ["x", "x", "y", "y"], ids=list("abcd")).samples
    if as_bytes:
        samples_io.write(table, tmp_path / "t.parquet")
        table = samples_io.read(tmp_path / "t.parquet")
    assert list(conflicting(table)) == [True, True, True, False]
