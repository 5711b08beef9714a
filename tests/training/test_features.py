"""Features: each picture's own row, computed once, kept through crashes, never mixed up."""

import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from o2u_nb import feature_file
from o2u_nb.data.images import png_bytes
from o2u_nb.errors import FeaturesError, OutputError, SourceError
from o2u_nb.training.backbones import Backbone, backbone
from o2u_nb.training.probe import features as module
from o2u_nb.training.probe.features import features

SIZE = 4  # pixels
N = 100  # pictures, in 4 batches


class Means(nn.Module):
    """Give the mean of the left half and of the right half of each colour: (n, 6)."""

    def __init__(self, factor: float = 1.0):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))
        self.calls = 0

    def forward(self, x):
        self.calls += len(x)
        left, right = x[..., : SIZE // 2].mean((2, 3)), x[..., SIZE // 2 :].mean((2, 3))
        return torch.cat([left, right], 1) * self.factor


def eye(factor: float = 1.0) -> Backbone:
    """A network whose features are known by hand: its statistics leave pixels as they are."""
    found = backbone(Means(factor), size=SIZE)
    found.model.calls = 0
    return Backbone(found.name, found.model, SIZE, (0.0,) * 3, (1 / 255,) * 3, found.key)


def pictures(n: int = N) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, SIZE, SIZE, 3), np.uint8)


def table(images, ids=None) -> pd.DataFrame:
    ids = [f"{k:03d}" for k in range(len(images))] if ids is None else ids
    index = pd.Index(ids, name="sample_id")
    return pd.DataFrame({"label": "a", "split": "train", "image": list(images)}, index=index)


def by_hand(images) -> np.ndarray:
    x = np.stack(list(images)).astype(float)
    half = SIZE // 2
    return np.concatenate([x[:, :, :half].mean((1, 2)), x[:, :, half:].mean((1, 2))], 1)


def silent(line: str) -> None:
    pass


def check(found, images) -> None:
    assert found.dtype == np.float16 and found.shape == (len(images), 6)
    np.testing.assert_allclose(found, by_hand(images), rtol=1e-3)


@pytest.mark.parametrize("kept", [False, True])
def test_each_picture_has_its_row_in_any_order(tmp_path, kept):
    images, folder = pictures(), tmp_path if kept else None
    samples = table(images)
    check(features(samples, eye(), folder=folder, say=silent), images)
    order = np.random.default_rng(1).permutation(N)
    network = eye()
    found = features(samples.iloc[order], network, folder=folder, say=silent)
    check(found, images[order])
    assert network.model.calls == (0 if kept else N)


def test_files_and_pixels_and_encoded_pictures(tmp_path):
    images = pictures(3)
    paths = [tmp_path / f"{k}.png" for k in range(3)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    files = table(images).drop(columns="image").assign(path=[str(path) for path in paths])
    check(features(files, eye(), say=silent), images)
    check(features(table([png_bytes(image) for image in images]), eye(), say=silent), images)


def test_pixels_are_found_again_as_the_png_that_an_audit_keeps(tmp_path):
    images, network = pictures(5), eye()
    features(table(images), network, folder=tmp_path, say=silent)
    calls = network.model.calls
    reopened = table([png_bytes(image) for image in images])
    check(features(reopened, network, folder=tmp_path, say=silent), images)
    assert network.model.calls == calls == 5


def test_the_whole_picture_is_taken_and_averaged():
    wide = np.zeros((SIZE, 5 * SIZE, 3), np.uint8)
    wide[:, : 5 * SIZE // 2] = 200
    (row,) = features(table([wide]), eye(), say=silent)
    np.testing.assert_allclose(row[:3].astype(float), 200, atol=12)  # bicubic rings at the edge
    np.testing.assert_allclose(row[3:].astype(float), 0, atol=12)


def test_flip_is_the_mean_with_the_mirror_image_and_is_kept_apart(tmp_path):
    images = pictures(40)
    plain = features(table(images), eye(), folder=tmp_path, say=silent)
    both = features(table(images), eye(), folder=tmp_path, flip=True, say=silent)
    halves = by_hand(images).reshape(-1, 2, 3).mean(1)
    np.testing.assert_allclose(both, np.concatenate([halves, halves], 1), rtol=1e-3)
    check(plain, images)
    assert [about.key for about in feature_file.there(tmp_path)] == [eye().key, f"{eye().key}-flip"]


def test_only_what_is_new_is_computed(tmp_path):
    images = pictures()
    features(table(images[:60]), eye(), folder=tmp_path / "a", say=silent)
    network, said, steps = eye(), [], []
    found = features(
        table(images), network, folder=tmp_path / "b", reuse=[tmp_path / "none", tmp_path / "a"],
        say=said.append, progress=lambda *step: steps.append(step),
    )  # fmt: skip
    check(found, images)
    assert network.model.calls == 40 and steps == [(32, 40), (40, 40)]
    assert said == [
        "Computing the features of 40 pictures by Means, 60 are kept from before or are copies."
    ]
    assert sorted(p.name for p in (tmp_path / "a" / network.key).iterdir()) == [
        "about.json", "rows.npy",
    ]  # fmt: skip


def test_the_time_is_estimated_once():
    said = []
    features(table(pictures(32 * 6)), eye(), say=said.append)
    assert len(said) == 2 and said[1].startswith("This takes about ")


def test_copies_are_computed_once(tmp_path):
    images = pictures(10)[[0, 1, 0, 2, 0, 1]]
    network = eye()
    check(features(table(images), network, folder=tmp_path, say=silent), images)
    assert network.model.calls == 3


def test_other_weights_have_other_features(tmp_path):
    images = pictures(5)
    features(table(images), eye(), folder=tmp_path, say=silent)
    found = features(table(images), eye(2.0), folder=tmp_path, say=silent)
    np.testing.assert_allclose(found, 2 * by_hand(images), rtol=1e-3)


def test_a_picture_that_changed_is_computed_again(tmp_path):
    images = pictures(5)
    features(table(images), eye(), folder=tmp_path, say=silent)
    images[2] = 255 - images[2]
    network = eye()
    check(features(table(images), network, folder=tmp_path, say=silent), images)
    assert network.model.calls == 1
    ids = table(images).index
    check(feature_file.read(tmp_path, network.key, ids), images)  # the old row of 002 is gone


def test_the_range_of_grey_values_belongs_to_the_content(tmp_path):
    deep = np.full((SIZE, SIZE), 1000, np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    samples = table([0]).drop(columns="image").assign(path=str(tmp_path / "deep.png"))
    for high, expected in ((2000.0, 128), (4000.0, 64)):
        ranged = samples.assign(grey_low=0.0, grey_high=high)
        found = features(ranged, eye(), folder=tmp_path / "f", say=silent)
        np.testing.assert_allclose(found, expected, rtol=0.01)


def test_a_smaller_table_does_not_cost_the_other_rows(tmp_path):
    images = pictures()
    features(table(images), eye(), folder=tmp_path, say=silent)
    few = table(images).iloc[[70, 3]]
    check(features(few, eye(), folder=tmp_path, say=silent), images[[70, 3]])
    network = eye()
    check(features(table(images), network, folder=tmp_path, say=silent), images)
    assert network.model.calls == 0


def test_a_picture_that_cannot_be_decoded_is_named_and_the_others_are_kept(tmp_path):
    images = pictures()
    samples = table([png_bytes(image) for image in images])
    broken = samples.copy()
    broken.at["070", "image"] = b"\x89PNG half of a picture"
    network = eye()
    with pytest.raises(SourceError, match="070: cannot be decoded"):
        features(broken, network, folder=tmp_path, say=silent)
    assert network.model.calls == 64
    check(features(samples, network, folder=tmp_path, say=silent), images)
    assert network.model.calls == N


def test_a_file_that_is_gone_is_named(tmp_path):
    samples = table([0]).drop(columns="image").assign(path=str(tmp_path / "gone.png"))
    with pytest.raises(SourceError, match=r"000: cannot be read .No such file"):
        features(samples, eye(), say=silent)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e6])
def test_features_that_are_not_finite_are_refused(tmp_path, bad):
    def network(x):
        rows = torch.zeros(len(x), 2)
        rows[(x.mean((1, 2, 3)) == 77).flatten()] = bad
        return rows

    images = pictures()
    images[80] = 77
    odd = Backbone("odd", network, SIZE, (0.0,) * 3, (1 / 255,) * 3, "odd-4")
    with pytest.raises(FeaturesError, match="NaN or numbers that are too large in those of '080'"):
        features(table(images), odd, folder=tmp_path, say=silent)
    (part,) = (tmp_path / "odd-4").glob("*.npy")
    assert len(feature_file.records_in(part)) == 64 and part.name != feature_file.ROWS


def test_a_full_disk(tmp_path, monkeypatch):
    images, real = pictures(), feature_file.write

    def full(path, blocks, n, dtype):
        def some():
            yield from list(blocks)[:1]
            raise OSError(28, "No space left on device")

        real(path, some(), n, dtype)

    monkeypatch.setattr(feature_file, "write", full)
    with pytest.raises(OutputError, match="No space left on device"):
        features(table(images), eye(), folder=tmp_path, say=silent)
    assert [p.name for p in tmp_path.glob("*/*")] == [feature_file.ABOUT]
    monkeypatch.setattr(feature_file, "write", real)
    check(features(table(images), eye(), folder=tmp_path, say=silent), images)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "f").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        features(table(pictures(2)), eye(), folder=tmp_path / "f", say=silent)


def test_interrupted_work_is_kept(tmp_path):
    images, network = pictures(), eye()

    def stop(done, total):
        if done == 64:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features(table(images), network, folder=tmp_path, progress=stop, say=silent)
    check(features(table(images), network, folder=tmp_path, say=silent), images)
    assert network.model.calls == N
    assert sorted(p.name for p in tmp_path.glob("*/*")) == ["about.json", "rows.npy"]


SLOW = """
import sys, time
from tests.training.test_features import *
module.PART_SECONDS = 0.0  # each batch is written
real = feature_file.write
def write(path, blocks, n, dtype):
    def slowly():
        for block in blocks:
            half = len(block) // 2
            yield block[:half]
            if path.name != feature_file.ROWS or sys.argv[2] == "end":
                print("writing", flush=True)
                time.sleep(float(sys.argv[3]))
            yield block[half:]
    real(path, slowly(), n, dtype)
feature_file.write = write
features(table(pictures()), eye(), folder=sys.argv[1], say=silent)
print("finished", flush=True)
"""


@pytest.mark.parametrize(("where", "after"), [("part", 1), ("part", 3), ("end", 5)])
def test_a_process_that_is_killed_while_it_writes(tmp_path, root, where, after):
    """Batches are written one by one; the kill comes in the middle of file number `after`."""
    job = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tmp_path), where, "0.3"],
        stdout=subprocess.PIPE, text=True, cwd=root,
    )  # fmt: skip
    for _ in range(after):
        assert job.stdout.readline() == "writing\n"
    job.send_signal(signal.SIGKILL)
    job.wait()
    assert list(tmp_path.glob("*/*.partial"))
    with pytest.raises(FeaturesError, match="found none that are finished"):
        feature_file.read(tmp_path, eye().key, table(pictures()).index)
    network = eye()
    check(features(table(pictures()), network, folder=tmp_path, say=silent), pictures())
    assert network.model.calls == max(0, N - 32 * (after - 1))


def test_leftovers_of_a_killed_process_go_when_they_are_old(tmp_path, monkeypatch):
    images = pictures(3)
    features(table(images), eye(), folder=tmp_path, say=silent)
    left = tmp_path / eye().key / f".o2u_nb-{32 * '0'}.partial"
    left.write_bytes(b"half")
    features(table(images), eye(), folder=tmp_path, say=silent)
    assert left.exists()  # another process may be writing it
    now = time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + 2 * module.LEFTOVER_SECONDS)
    features(table(images), eye(), folder=tmp_path, say=silent)
    assert not left.exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "other"])
def test_a_damaged_file_is_said_and_its_rows_are_computed_again(tmp_path, damage):
    images, network, said = pictures(5), eye(), []
    features(table(images), network, folder=tmp_path, say=silent)
    path = tmp_path / network.key / feature_file.ROWS
    if damage == "other":
        np.save(path, np.zeros(3))
    else:
        path.write_bytes(path.read_bytes()[: -20 if damage == "cut" else 0])
    with pytest.raises(FeaturesError):
        feature_file.read(tmp_path, network.key, table(images).index)
    check(features(table(images), network, folder=tmp_path, say=said.append), images)
    assert network.model.calls == 10 and str(path) in said[0]
    assert said[0].endswith("Going on without it.")


def test_features_of_another_network_are_refused(tmp_path):
    images = pictures(5)
    features(table(images), eye(2.0), folder=tmp_path, say=silent)
    (tmp_path / eye(2.0).key).rename(tmp_path / eye().key)
    with pytest.raises(FeaturesError, match="are of another network"):
        features(table(images), eye(), folder=tmp_path, say=silent)
    said = []
    check(features(table(images), eye(), reuse=[tmp_path], say=said.append), images)
    assert "are of another network" in said[0] and said[0].endswith("Going on without them.")


def test_rows_of_another_length_among_the_files_are_refused(tmp_path):
    images, network = pictures(5), eye()
    features(table(images), network, folder=tmp_path, say=silent)
    place = tmp_path / network.key
    other = np.zeros(2, feature_file.record_type(3))
    feature_file.write(place / feature_file.ROWS, [other], 2, other.dtype)
    with pytest.raises(FeaturesError, match="rows of 3 and of 6 numbers"):
        features(table(images), network, folder=tmp_path, say=silent)


def test_torch_takes_the_rows_without_a_warning(tmp_path, recwarn):
    images = pictures(5)
    found = features(table(images), eye(), folder=tmp_path, say=silent)
    torch.testing.assert_close(
        torch.from_numpy(found).float(), torch.tensor(by_hand(images)).float(), rtol=1e-3, atol=0
    )
    assert [w for w in recwarn if "not writable" in str(w.message)] == []
