"""Every source ends in the same checked table, and what is wrong is named, not repaired."""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from o2u_nb.data import arrays, checks, images, sources
from o2u_nb.errors import SourceError

PIXELS = np.arange(90, dtype=np.uint8).reshape(6, 5, 3)


def put(path: Path, form=None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS).save(path, form)
    return path


def fill(root: Path, *names: str) -> Path:
    for name in names:
        put(root / name)
    return root


def labels(checked) -> dict:
    return checked.samples["label"].to_dict()


def problems(checked) -> dict:
    return {row.sample_id: row.problem for row in checked.problems.itertuples()}


def state(root: Path) -> dict:
    files = (path for path in root.rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


# --- folders -----------------------------------------------------------------------------------


def test_a_folder_of_class_folders(tmp_path):
    fill(tmp_path, "dog/2.png", "cat/1.jpg", "cat/10.png", "dog/a/b/3.WEBP", "cat/4.bmp")
    fill(tmp_path, "dog/5.gif", "dog/6.tiff", "dog/7.JPEG")
    before = state(tmp_path)
    samples, found = sources.from_folder(tmp_path)
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
    samples, found = sources.from_folder(tmp_path)
    assert samples[["label", "split"]].agg(tuple, axis=1).to_dict() == {
        "Test/cat/3.png": ("cat", "test"),
        "train/cat/1.png": ("cat", "train"),
        "train/dog/1.png": ("dog", "train"),
        "val/cat/1.png": ("cat", "valid"),
        "val/dog/x/2.png": ("dog", "valid"),
    }
    assert found.empty


def test_classes_called_train_and_test_are_classes_when_they_hold_images(tmp_path):
    checked = sources.from_folder(fill(tmp_path, "train/1.png", "train/2.png", "test/1.png"))
    assert labels(checked) == {"train/1.png": "train", "train/2.png": "train", "test/1.png": "test"}


def test_a_class_beside_train_makes_both_classes(tmp_path):
    checked = sources.from_folder(fill(tmp_path, "train/steam/1.png", "plane/1.png"))
    assert labels(checked) == {"train/steam/1.png": "train", "plane/1.png": "plane"}


def test_an_unlabelled_test_split_does_not_turn_splits_into_classes(tmp_path):
    fill(tmp_path, "train/cat/1.png", "train/cat/2.png", "train/dog/1.png", "train/dog/2.png")
    checked = sources.from_folder(fill(tmp_path, "test/1.png"))
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
    checked = sources.from_folder(tmp_path)
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
    assert len(sources.from_folder(tmp_path, check_images=False).samples) == 3


def test_hidden_files_and_clutter_are_skipped(tmp_path):
    fill(tmp_path, "cat/1.png", "dog/1.png", ".trash/1.png", "cat/.x/2.png", "cat/._1.png")
    fill(tmp_path, "__MACOSX/cat/1.png")
    for name in (".DS_Store", "cat/Thumbs.db", "dog/desktop.ini"):
        (tmp_path / name).touch()
    checked = sources.from_folder(tmp_path)
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
    checked = sources.from_folder(root)
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
    assert len(sources.from_folder(tmp_path / "root").samples) == 4


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_not_utf8_are_left_out_and_named(tmp_path):
    fill(tmp_path, "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")
    os.link(tmp_path / "cat/1.png", os.fsencode(tmp_path / "cat") + b"/caf\xe9.png")
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    os.link(tmp_path / "cat/1.png", os.fsencode(tmp_path) + b"/caf\xe9/1.png")
    checked = sources.from_folder(tmp_path)
    assert len(checked.samples) == 4
    assert problems(checked) == {
        "cat/caf\\udce9.png": "file name is not UTF-8",
        "caf\\udce9/1.png": "file name is not UTF-8",
    }


def test_strange_but_lawful_names(tmp_path):
    names = ["<b>&'\".png", "💥.png", "صورة.png", "new\nline.png", "a,b.png", "x" * 250 + ".png"]
    deep = "/".join(["y" * 100] * 3) + "/z.png"
    fill(tmp_path, *(f"cat 'n' <i>/{name}" for name in names), f"قط/{deep}", "قط/1.png")
    checked = sources.from_folder(tmp_path)
    assert checked.problems.empty and len(checked.samples) == 8
    assert checked.samples.loc[f"قط/{deep}", "label"] == "قط"
    assert len(images.decode_pixels(checked.samples, 4)) == 8


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_opened(tmp_path):
    fill(tmp_path, "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")
    os.mkfifo(tmp_path / "cat/pipe.png")
    assert problems(sources.from_folder(tmp_path)) == {"cat/pipe.png": "not an image file"}


def refusal(*args, **options) -> str:
    with pytest.raises(SourceError) as caught:
        sources.read(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


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
    checked = sources.from_folder(tmp_path)
    assert problems(checked) == {"fox": "no permission"}
    assert set(labels(checked).values()) == {"cat", "dog"}


# --- CSV and DataFrame -------------------------------------------------------------------------


def csv(tmp_path: Path, content: str, name="labels.csv") -> Path:
    fill(tmp_path, *(f"{letter}.png" for letter in "abcd"))
    (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path / name


def test_a_csv_of_path_and_label(tmp_path):
    file = csv(
        tmp_path, "label,path,split,by\ncat,./a.png,train,me\ndog,b.png,,\ncat,c.png,test,x\n"
    )
    checked = sources.read(tmp_path, labels=file)
    assert labels(checked) == {"a.png": "cat", "b.png": "dog", "c.png": "cat"}
    assert checked.samples["split"].tolist() == ["train", "train", "test"]
    assert list(checked.samples.columns) == ["label", "split", "path"]
    pd.testing.assert_frame_equal(sources.read(file).samples, checked.samples)


def test_classes_called_na_none_and_nan_survive(tmp_path):
    file = csv(tmp_path, "path,label\na.png,NA\nb.png,None\nc.png,nan\nd.png,1\n")
    expected = {"a.png": "NA", "b.png": "None", "c.png": "nan", "d.png": "1"}
    assert labels(sources.from_csv(file)) == expected


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path):
    file = csv(tmp_path, "\ufeffpath,label\na.png,x\nb.png,y\n")
    assert labels(sources.from_csv(file)) == {"a.png": "x", "b.png": "y"}


def test_a_csv_s_problems_are_all_reported(tmp_path):
    rows = ["a.png,cat", "b.png,dog", "./b.png,dog", "c.png,cat", "c.png,dog", "c.png,cat"]
    rows += ["d.png,", "gone.png,cat", ",dog", "a.png/,cat", "e.png,Cat "]
    put(tmp_path / "e.png")
    checked = sources.from_csv(csv(tmp_path, "path,label\n" + "\n".join(rows) + "\n"))
    assert labels(checked) == {"a.png": "cat", "b.png": "dog", "e.png": "Cat "}
    found = checked.problems.set_index(["sample_id", "problem"])
    assert found.loc[("c.png", "conflicting labels"), "detail"] == (
        "listed with the labels 'cat' and 'dog'"
    )
    assert found.loc[("b.png", "duplicate id"), "detail"] == "listed 2 times with the label 'dog'"
    assert found.loc[("b.png", "duplicate id"), "action"].startswith("kept")
    assert ("d.png", "missing label") in found.index and ("", "missing id") in found.index
    assert ("gone.png", "file not found") in found.index
    assert found.loc[("e.png", "class with one sample"), "detail"].endswith("did you mean 'cat'?")


def test_labels_outside_the_given_classes_are_unknown(tmp_path):
    file = csv(tmp_path, "path,label\na.png,cat\nb.png,dog\nc.png,catt\nd.png,zebra\n")
    checked = sources.from_csv(file, classes=["cat", "dog"])
    assert list(labels(checked)) == ["a.png", "b.png"]
    found = checked.problems.set_index("sample_id")
    assert found.loc["c.png", "problem"] == "unknown label"
    assert found.loc["c.png", "detail"].endswith("; did you mean 'cat'?")
    assert found.loc["d.png", "detail"] == "the label 'zebra' is none of the 2 classes"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,Label \na.png,x\n", r"no column 'path' and no column 'label'; it has: 'file', 'L"),
        ("path,lable\na.png,x\n", r"no column 'label'; it has: 'path', 'lable'; did you mean 'la"),
        ("path;label\na.png;x\n", r"no column 'path' and no column 'label'; it has: 'path;label'"),
        ("", "it is empty"),
        ("path,label\nx,y.png,cat\n", "put names that hold a comma in quotes"),
        ("path,label\na.png,cat\nx,y.png,cat\n", "line 3"),
        ("path,label\nnone.png,cat\nnada.png,dog\n", "none of the 2 files named in .*labels.csv"),
        ("path,label\n", "nothing in .*labels.csv can be audited"),
        ("path,label\na.png,cat\nb.png,cat\n", "only one class in .*labels.csv: 'cat'"),
    ],
)
def test_csv_files_that_cannot_be_used_are_refused(tmp_path, content, message):
    with pytest.raises(SourceError, match=message):
        sources.from_csv(csv(tmp_path, content))


def test_csv_files_that_cannot_be_read_are_refused(tmp_path):
    assert "labels.csv: No such file" in refusal(tmp_path, labels=tmp_path / "labels.csv")
    (tmp_path / "latin.csv").write_bytes("path,label\nä.png,x\n".encode("latin-1"))
    assert "not UTF-8" in refusal(tmp_path, labels=tmp_path / "latin.csv")
    assert "Is a directory" in refusal(tmp_path, labels=tmp_path)
    file = csv(tmp_path, "path,label\na.png,x\nb.png,y\n")
    assert "found nothing there" in refusal(tmp_path / "none", labels=file)


def test_a_row_that_is_cut_short_misses_its_label(tmp_path):
    file = csv(tmp_path, "path,label\na.png,x\nb.png,y\nc.png\n\nd.png,x\n")
    checked = sources.from_csv(file)
    assert list(labels(checked)) == ["a.png", "b.png", "d.png"]
    assert problems(checked)["c.png"] == "missing label"


def test_paths_with_backslashes_get_a_hint(tmp_path):
    put(tmp_path / "sub/e.png")
    checked = sources.from_csv(csv(tmp_path, "path,label\na.png,x\nb.png,y\nsub\\e.png,x\n"))
    found = checked.problems.set_index("problem")
    assert "with / in place of" in found.loc["file not found", "detail"]


def test_a_data_frame_with_its_own_names_and_ids(tmp_path):
    fill(tmp_path, "a.png", "b.png", "c.png")
    frame = pd.DataFrame(
        {"file": ["a.png", Path("b.png"), "c.png"], "y": [3.0, 4, None], "key": [10, 2, 3]}
    )
    options = {"root": tmp_path, "path_col": "file", "label_col": "y"}
    checked = sources.read(frame, id_col="key", **options)
    assert labels(checked) == {"10": "3", "2": "4"}
    assert checked.samples.loc["10", "path"] == str(tmp_path / "a.png")
    assert problems(checked)["3"] == "missing label"
    assert list(labels(sources.from_frame(frame, **options))) == ["a.png", "b.png"]


def test_paths_outside_the_root_keep_their_full_name_as_id(tmp_path):
    fill(tmp_path, "in/a.png", "out/b.png")
    frame = pd.DataFrame({"path": [tmp_path / "in/a.png", "../out/b.png"], "label": ["x", "y"]})
    checked = sources.from_frame(frame, root=tmp_path / "in")
    outside = (tmp_path / "out/b.png").as_posix()
    assert labels(checked) == {"a.png": "x", outside: "y"}


def test_a_data_frame_with_a_name_no_file_may_have(tmp_path):
    fill(tmp_path, "a.png", "b.png")
    paths = pd.Series(["a.png", "b.png", "c\udce9.png", "d\0.png"], dtype=object)
    checked = sources.from_frame(
        pd.DataFrame({"path": paths, "label": list("xyxy")}), root=tmp_path
    )
    assert problems(checked)["c\\udce9.png"] == "file name is not UTF-8"
    assert problems(checked)["d\0.png"] == "file not found"


def test_a_checked_table_is_a_source_again(tmp_path):
    from_files = sources.from_folder(fill(tmp_path, *(f"{c}/{i}.png" for c in "xy" for i in "12")))
    again = sources.read(from_files.samples)
    pd.testing.assert_frame_equal(again.samples, from_files.samples)
    from_memory = sources.from_arrays(np.stack([PIXELS] * 4), list("xyxy"))
    again = sources.read(from_memory.samples)
    pd.testing.assert_frame_equal(again.samples, from_memory.samples)


def test_encoded_images_in_a_frame_are_checked(tmp_path):
    good = images.png_bytes(PIXELS)
    frame = pd.DataFrame({"image": [good, good, b"bad", PIXELS / 255], "label": list("xyxy")})
    checked = sources.from_frame(frame)
    assert list(labels(checked)) == ["0", "1"]
    assert {"2", "3"} <= set(problems(checked))
    assert problems(checked)["2"] == "unreadable image"


@given(order=st.permutations(range(4)))
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_input_does_not_matter(order, tmp_path_factory):
    root = fill(tmp_path_factory.mktemp("order"), *(f"{letter}.png" for letter in "abcd"))
    frame = pd.DataFrame({"path": [f"{letter}.png" for letter in "abcd"], "label": list("xxyy")})
    expected = sources.from_frame(frame, root=root).samples
    shuffled = sources.from_frame(frame.iloc[list(order)], root=root).samples
    pd.testing.assert_frame_equal(shuffled, expected)


# --- arrays and tensors ------------------------------------------------------------------------


def stacked(checked) -> np.ndarray:
    return np.stack(checked.samples["image"])


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
    pixels = arrays.as_pixels(images_)
    assert all(image.dtype == np.uint8 and image.shape == (8, 9) for image in pixels)
    assert all((image == 51).all() for image in pixels)


def test_channels_first_alpha_booleans_and_pictures():
    colour = np.random.default_rng(0).integers(0, 256, (2, 8, 9, 3), dtype=np.uint8)
    assert (np.stack(arrays.as_pixels(np.moveaxis(colour, 3, 1))) == colour).all()
    alpha = np.concatenate([colour, np.full((2, 8, 9, 1), 0, np.uint8)], axis=3)
    assert all((image == 255).all() for image in arrays.as_pixels(alpha))
    assert arrays.as_pixels(np.array([[[True, False]]]))[0].tolist() == [[255, 0]]
    pictures = [Image.fromarray(PIXELS), Image.fromarray(PIXELS[:3])]
    assert [image.shape for image in arrays.as_pixels(pictures)] == [(6, 5, 3), (3, 5, 3)]


def test_a_shape_that_fits_both_layouts_must_be_settled():
    both = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 3), dtype=np.uint8)
    with pytest.raises(SourceError, match="channels='first' or channels='last'"):
        arrays.as_pixels(both)
    assert arrays.as_pixels(both, channels="last")[0].shape == (3, 5, 3)
    assert arrays.as_pixels(both, channels="first")[0].shape == (5, 3, 3)


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
        arrays.as_pixels(images_)


def test_labels_as_numbers_into_classes():
    checked = sources.from_arrays(
        np.zeros((6, 4, 4)), np.array([0, 1, 0, 1, 2, -1]), classes=["cat", "dog"]
    )
    assert labels(checked) == {"0": "cat", "1": "dog", "2": "cat", "3": "dog"}
    found = checked.problems.set_index("sample_id")
    assert found.loc["4", "problem"] == "unknown label" and "number 2" in found.loc["4", "detail"]
    assert "number -1" in found.loc["5", "detail"]
    plain = sources.from_arrays(np.zeros((2, 4, 4)), [7, 8])
    assert labels(plain) == {"0": "7", "1": "8"}


def test_ids_are_padded_so_that_they_sort_like_positions():
    checked = sources.from_arrays(np.zeros((12, 2, 2)), ["x", "y"] * 6, split="test")
    assert checked.samples.index.tolist() == [f"{i:02d}" for i in range(12)]
    assert set(checked.samples["split"]) == {"test"}


def test_arrays_with_ids_and_duplicates():
    checked = sources.from_arrays(np.zeros((5, 4, 4)), list("xxyyx"), ids=["b", "b", "a", "c", "c"])
    assert labels(checked) == {"a": "y", "b": "x"}
    assert problems(checked)["c"] == "conflicting labels"


def test_lengths_and_shapes_of_labels_must_fit():
    with pytest.raises(SourceError, match="found 3 images, 2 labels and 3 ids"):
        sources.from_arrays(np.zeros((3, 4, 4)), ["x", "y"])
    with pytest.raises(SourceError, match=r"labels of shape \(2, 2\)"):
        sources.from_arrays(np.zeros((2, 4, 4)), np.eye(2))


class Tensor:
    """What numpy needs of a tensor, and the errors of one on a GPU that wants gradients."""

    def __init__(self, values, ready=frozenset()):
        self.values, self.ready = np.asarray(values), ready
        self.shape = self.values.shape

    def detach(self):
        return Tensor(self.values, self.ready | {"detach"})

    def cpu(self):
        return Tensor(self.values, self.ready | {"cpu"})

    def __array__(self, dtype=None, copy=None):
        assert self.ready == {"detach", "cpu"}
        return self.values

    def __len__(self):
        return len(self.values)


def test_tensors_are_brought_to_numpy():
    values = np.full((2, 3, 4, 5), 0.2, np.float32)
    checked = sources.from_arrays(Tensor(values), Tensor([0, 1]), classes=["a", "b"])
    assert stacked(checked).shape == (2, 4, 5, 3) and (stacked(checked) == 51).all()


# --- torchvision -------------------------------------------------------------------------------


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
    dataset = Items([])
    dataset.data, dataset.targets = Tensor(data), [0, 1, 1, 0]
    checked = sources.read(dataset, split="test")
    assert labels(checked) == {"test/0": "cat", "test/1": "dog", "test/2": "dog", "test/3": "cat"}
    assert (stacked(checked) == data).all() and set(checked.samples["split"]) == {"test"}


def test_a_data_set_of_items_and_a_subset_of_it():
    items = [(Image.fromarray(PIXELS), 0), (PIXELS, 1), (np.moveaxis(PIXELS / 255, 2, 0), 1)]
    checked = sources.from_torchvision(Items(items[:2]))
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
    dataset = Items([])
    dataset.root = "data"
    dataset.samples = [("data/cat/1.png", 0), ("data/dog/1.png", 1), ("data/dog/2.png", 1)]
    checked = sources.read(dataset)
    assert labels(checked) == {"cat/1.png": "cat", "dog/1.png": "dog", "dog/2.png": "dog"}
    assert checked.samples.loc["cat/1.png", "path"] == str(tmp_path / "data/cat/1.png")


def test_data_without_class_numbers_is_refused():
    with pytest.raises(SourceError, match="found dict as the label of item 0"):
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


def test_near_misses():
    assert checks.near_miss("Path", ["label", "path"]) == "path"
    assert checks.near_miss("quality", ["label", "path"]) is None
