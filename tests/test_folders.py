"""A folder of class folders is read whole, whatever lies in it, and what is wrong is named."""

import os
import sys
from pathlib import Path

import pandas as pd
import pytest

from o2u_nb.data import images, sources
from o2u_nb.data.readers.folders import from_folder
from tests.pictures import fill, labels, problems, put, refusal, state


def test_a_folder_of_class_folders(tmp_path):
    fill(tmp_path, "dog/2.png", "cat/1.jpg", "cat/10.png", "dog/a/b/3.WEBP", "cat/4.bmp")
    fill(tmp_path, "dog/5.gif", "dog/6.tiff", "dog/7.JPEG")
    before = state(tmp_path)
    samples, found = from_folder(tmp_path)
    assert samples.index.name == "sample_id"
    assert list(samples.columns) == ["label", "split", "path"]
    assert samples.index.tolist() == sorted(samples.index)
    assert samples["label"].to_dict() == {
        **{f"cat/{name}": "cat" for name in ("1.jpg", "10.png", "4.bmp")},
        **{f"dog/{name}": "dog" for name in ("2.png", "5.gif", "6.tiff", "7.JPEG", "a/b/3.WEBP")},
    }
    assert samples.loc["dog/a/b/3.WEBP", "path"] == str(tmp_path / "dog/a/b/3.WEBP")
    assert set(samples["split"]) == {"train"} and found.empty
    assert state(tmp_path) == before


def test_a_level_of_splits(tmp_path):
    fill(tmp_path, "train/cat/1.png", "train/dog/1.png", "val/cat/1.png", "val/dog/x/2.png")
    fill(tmp_path, "Test/cat/3.png")
    samples, found = from_folder(tmp_path)
    assert samples[["label", "split"]].agg(tuple, axis=1).to_dict() == {
        "Test/cat/3.png": ("cat", "test"),
        "train/cat/1.png": ("cat", "train"),
        "train/dog/1.png": ("dog", "train"),
        "val/cat/1.png": ("cat", "valid"),
        "val/dog/x/2.png": ("dog", "valid"),
    }
    assert found.empty


def test_classes_called_train_and_test_are_classes_when_they_hold_images(tmp_path):
    checked = from_folder(fill(tmp_path, "train/1.png", "train/2.png", "test/1.png"))
    assert labels(checked) == {"train/1.png": "train", "train/2.png": "train", "test/1.png": "test"}


def test_a_class_beside_train_makes_both_classes(tmp_path):
    checked = from_folder(fill(tmp_path, "train/steam/1.png", "plane/1.png"))
    assert labels(checked) == {"train/steam/1.png": "train", "plane/1.png": "plane"}


def test_an_unlabelled_test_split_does_not_turn_splits_into_classes(tmp_path):
    fill(tmp_path, "train/cat/1.png", "train/cat/2.png", "train/dog/1.png", "train/dog/2.png")
    checked = from_folder(fill(tmp_path, "test/1.png"))
    assert set(checked.samples["label"]) == {"cat", "dog"}
    assert problems(checked) == {"test/1.png": "outside any class folder"}


def test_everything_wrong_is_reported_at_once_by_name(tmp_path):
    fill(tmp_path, "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", "fox/1.png", "loose.png")
    (tmp_path / "cat/zero.jpg").touch()
    (tmp_path / "cat/text.png").write_text("no image")
    whole = put(tmp_path / "dog/cut.bmp").read_bytes()
    (tmp_path / "dog/cut.bmp").write_bytes(whole[:60])
    (tmp_path / "dog/notes.txt").write_text("hello")
    (tmp_path / "dog/gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "owl").mkdir()
    checked = from_folder(tmp_path)
    assert problems(checked) == {
        "cat/zero.jpg": "zero-byte file",
        "cat/text.png": "unreadable image",
        "dog/cut.bmp": "unreadable image",
        "dog/notes.txt": "not an image file",
        "dog/gone.png": "file not found",
        "fox/1.png": "class with one sample",
        "loose.png": "outside any class folder",
        "owl": "empty class folder",
    }
    kept = checked.problems[checked.problems["action"].str.startswith("kept")]
    assert kept["sample_id"].tolist() == ["fox/1.png"]
    assert checked.problems["action"].str.match("left out|kept").all()
    expected = ["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", "fox/1.png"]
    assert checked.samples.index.tolist() == expected
    assert checked.problems.index.equals(pd.RangeIndex(8))


def test_checking_images_can_be_skipped(tmp_path):
    fill(tmp_path, "cat/1.png", "dog/1.png")
    (tmp_path / "cat/text.png").write_text("no image")
    assert len(from_folder(tmp_path, check_images=False).samples) == 3


def test_hidden_files_and_clutter_are_skipped(tmp_path):
    fill(tmp_path, "cat/1.png", "dog/1.png", ".trash/1.png", "cat/.x/2.png", "cat/._1.png")
    fill(tmp_path, "__MACOSX/cat/1.png")
    for name in (".DS_Store", "cat/Thumbs.db", "dog/desktop.ini"):
        (tmp_path / name).touch()
    checked = from_folder(tmp_path)
    assert list(labels(checked)) == ["cat/1.png", "dog/1.png"]
    assert set(checked.problems["problem"]) == {"class with one sample"}


def test_linked_folders_are_followed_but_never_round_in_circles(tmp_path):
    elsewhere = fill(tmp_path / "elsewhere", "deep/1.png", "2.png")
    root = fill(tmp_path / "root", "cat/1.png", "cat/2.png")
    (root / "dog").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "deep/back").symlink_to(root / "dog")
    (elsewhere / "deep/home").symlink_to(root)
    (root / "cat/self").symlink_to(root / "cat")
    (root / "cat/link.png").symlink_to(elsewhere / "2.png")
    checked = from_folder(root)
    names = ["cat/1.png", "cat/2.png", "cat/link.png", "dog/2.png", "dog/deep/1.png"]
    assert list(labels(checked)) == names
    assert problems(checked) == {
        "cat/self": "link to a folder above",
        "dog/deep/back": "link to a folder above",
        "dog/deep/home": "link to a folder above",
    }


def test_two_links_to_one_folder_are_two_folders(tmp_path):
    elsewhere = fill(tmp_path / "elsewhere", "1.png", "2.png")
    (tmp_path / "root").mkdir()
    for name in ("a", "b"):
        (tmp_path / "root" / name).symlink_to(elsewhere)
    assert len(from_folder(tmp_path / "root").samples) == 4


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_not_utf8_are_left_out_and_named(tmp_path):
    fill(tmp_path, "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")
    os.link(tmp_path / "cat/1.png", os.fsencode(tmp_path / "cat") + b"/caf\xe9.png")
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    os.link(tmp_path / "cat/1.png", os.fsencode(tmp_path) + b"/caf\xe9/1.png")
    checked = from_folder(tmp_path)
    assert len(checked.samples) == 4
    assert problems(checked) == {
        "cat/caf\\udce9.png": "file name is not UTF-8",
        "caf\\udce9/1.png": "file name is not UTF-8",
    }


def test_strange_but_lawful_names(tmp_path):
    names = ["<b>&'\".png", "💥.png", "صورة.png", "new\nline.png", "a,b.png", "x" * 250 + ".png"]
    deep = "/".join(["y" * 100] * 3) + "/z.png"
    fill(tmp_path, *(f"cat 'n' <i>/{name}" for name in names), f"قط/{deep}", "قط/1.png")
    checked = from_folder(tmp_path)
    assert checked.problems.empty and len(checked.samples) == 8
    assert checked.samples.loc[f"قط/{deep}", "label"] == "قط"
    assert len(images.decode_pixels(checked.samples, 4)) == 8


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_opened(tmp_path):
    fill(tmp_path, "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")
    os.mkfifo(tmp_path / "cat/pipe.png")
    assert problems(from_folder(tmp_path)) == {"cat/pipe.png": "not an image file"}


def test_folders_that_cannot_be_audited_are_refused_with_the_reason(tmp_path):
    assert f"{tmp_path / 'none'}, found nothing there" in refusal(tmp_path / "none")
    (tmp_path / "file").touch()
    assert "found a file" in refusal(tmp_path / "file")
    (tmp_path / "empty/cat").mkdir(parents=True)
    assert f"no images in {tmp_path / 'empty'}" in refusal(tmp_path / "empty")
    flat = fill(tmp_path / "flat", "1.png", "2.png")
    assert "2 images directly in it" in refusal(flat)
    one = fill(tmp_path / "one", "cat/1.png", "cat/2.png")
    assert "only one class" in refusal(one) and "'cat' (2 samples)" in refusal(one)
    wrapped = fill(tmp_path / "wrapped", "all/cat/1.png", "all/dog/1.png")
    assert "if 'all' holds the class folders" in refusal(wrapped)


def test_nothing_readable_is_refused_with_the_first_reason(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_text("no image")
    message = refusal(tmp_path)
    assert "can be audited; 2 left out, the first: cat/1.png: unreadable image" in message


def test_one_class_left_after_the_checks_says_what_was_lost(tmp_path):
    fill(tmp_path, "cat/1.png", "cat/2.png", "dog/1.png")
    (tmp_path / "dog/1.png").write_bytes(b"")
    assert "the first: dog/1.png: zero-byte file" in refusal(tmp_path)


def _deny(monkeypatch, denied: Path):
    real = os.scandir

    def scandir(path):
        if os.fspath(path) == str(denied):
            raise PermissionError(13, "Permission denied", str(denied))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    _deny(monkeypatch, fill(tmp_path, "cat/1.png", "dog/1.png"))
    assert f"no permission to list the folder {tmp_path}" in refusal(tmp_path)


def test_a_class_folder_without_permission_is_left_out_and_named(tmp_path, monkeypatch):
    fill(tmp_path, "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", "fox/1.png")
    _deny(monkeypatch, tmp_path / "fox")
    checked = from_folder(tmp_path)
    assert problems(checked) == {"fox": "no permission"}
    assert set(labels(checked).values()) == {"cat", "dog"}


@pytest.mark.parametrize(
    ("suffix", "advice"),
    [
        (".HEIC", "6 files end in .heic: convert .heic files to JPEG or PNG"),
        (".avif", "convert .avif files"),
        (".dcm", "convert .dcm files"),
        (".svg", "convert .svg files"),
        (".NEF", "convert .nef files"),
        (".zip", "unpack .zip files first"),
        (".mp4", "take single pictures out of .mp4 files"),
        ("", "6 files without a suffix: name them after their format"),
    ],
)
def test_a_folder_of_pictures_that_are_not_read_says_what_to_do(suffix, advice, tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for number in range(3):
            (tmp_path / label / f"IMG_{number}{suffix}").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "cat/notes.txt").touch()
    assert f"no images that can be read in {tmp_path}: " in refusal(tmp_path)
    assert advice in refusal(tmp_path)


def test_pictures_that_are_not_read_among_others_are_listed_with_advice(tmp_path):
    fill(tmp_path, "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")
    (tmp_path / "cat/3.heic").write_bytes(b"x")
    (row,) = from_folder(tmp_path).problems.itertuples()
    assert row.problem == "not an image file"
    assert row.action == "left out: convert .heic files to JPEG or PNG"


def test_a_table_that_names_heic_files_says_what_to_do(tmp_path):
    fill(tmp_path, "a.png", "b.png")
    (tmp_path / "c.heic").write_bytes(b"\0\0\0\x18ftypheic")
    frame = pd.DataFrame({"path": ["a.png", "b.png", "c.heic"], "label": list("xyx")})
    found = sources.read(frame, root=tmp_path).problems.set_index("problem")
    assert found.loc["unreadable image", "sample_id"] == "c.heic"
    assert found.loc["unreadable image", "detail"].endswith("; convert .heic files to JPEG or PNG")
