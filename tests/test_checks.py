"""Near misses of names, for the hints, and pictures that go away later."""

import numpy as np

from o2u_nb.data import checks, sources
from tests.pictures import fill


def test_near_misses():
    assert checks.near_miss("Path", ["label", "path"]) == "path"
    assert checks.near_miss("quality", ["label", "path"]) is None


def test_pictures_that_have_gone_since_they_were_read_are_listed(tmp_path):
    fill(tmp_path, *(f"{label}/{number}.png" for label in ("cat", "dog") for number in range(2)))
    samples = sources.read(tmp_path).samples
    assert checks.gone(samples).empty
    (tmp_path / "cat/0.png").unlink()
    (tmp_path / "dog/1.png").unlink()
    (tmp_path / "dog/1.png").mkdir()
    found = checks.gone(samples)
    assert found[["sample_id", "problem"]].to_numpy().tolist() == [
        ["cat/0.png", "gone since it was read"],
        ["dog/1.png", "gone since it was read"],
    ]
    assert found["detail"].iloc[0] == f"No such file or directory: {tmp_path / 'cat/0.png'}"
    assert found["action"].str.startswith("kept").all()


def test_samples_that_hold_their_images_cannot_be_gone():
    samples = sources.read((np.zeros((4, 5, 5)), list("xyxy"))).samples
    assert checks.gone(samples).empty
