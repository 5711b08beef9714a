"""Tables of paths and labels: what they say is read as it stands, what is wrong is named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb.data import images, sources
from o2u_nb.data.readers.arrays import from_arrays
from o2u_nb.data.readers.folders import from_folder
from o2u_nb.data.readers.tables import from_file, from_frame
from o2u_nb.errors import SourceError
from tests.pictures import PIXELS, fill, labels, problems, put, refusal


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
    assert labels(from_file(file)) == expected


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path):
    file = csv(tmp_path, "\ufeffpath,label\na.png,x\nb.png,y\n")
    assert labels(from_file(file)) == {"a.png": "x", "b.png": "y"}


def test_a_csv_s_problems_are_all_reported(tmp_path):
    rows = ["a.png,cat", "b.png,dog", "./b.png,dog", "c.png,cat", "c.png,dog", "c.png,cat"]
    rows += ["d.png,", "gone.png,cat", ",dog", "a.png/,cat", "e.png,Cat "]
    put(tmp_path / "e.png")
    checked = from_file(csv(tmp_path, "path,label\n" + "\n".join(rows) + "\n"))
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
    checked = from_file(file, classes=["cat", "dog"])
    assert list(labels(checked)) == ["a.png", "b.png"]
    found = checked.problems.set_index("sample_id")
    assert found.loc["c.png", "problem"] == "unknown label"
    assert found.loc["c.png", "detail"].endswith("; did you mean 'cat'?")
    assert found.loc["d.png", "detail"] == "the label 'zebra' is not one of the 2 classes"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,Label \na.png,x\n", r"no column 'path' and no column 'label'; it has: 'file', 'L"),
        ("path,lable\na.png,x\n", r"no column 'label'; it has: 'path', 'lable'; did you mean 'la"),
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
        from_file(csv(tmp_path, content))


def test_csv_files_that_cannot_be_read_are_refused(tmp_path):
    assert "labels.csv: No such file" in refusal(tmp_path, labels=tmp_path / "labels.csv")
    (tmp_path / "latin.csv").write_bytes("path,label\nä.png,x\n".encode("latin-1"))
    assert "not UTF-8" in refusal(tmp_path, labels=tmp_path / "latin.csv")
    assert "Is a directory" in refusal(tmp_path, labels=tmp_path)
    file = csv(tmp_path, "path,label\na.png,x\nb.png,y\n")
    assert "found nothing there" in refusal(tmp_path / "none", labels=file)


def test_a_row_that_is_cut_short_misses_its_label(tmp_path):
    file = csv(tmp_path, "path,label\na.png,x\nb.png,y\nc.png\n\nd.png,x\n")
    checked = from_file(file)
    assert list(labels(checked)) == ["a.png", "b.png", "d.png"]
    assert problems(checked)["c.png"] == "missing label"


def test_paths_with_backslashes_get_a_hint(tmp_path):
    put(tmp_path / "sub/e.png")
    checked = from_file(csv(tmp_path, "path,label\na.png,x\nb.png,y\nsub\\e.png,x\n"))
    found = checked.problems.set_index("problem")
    assert "with / in place of" in found.loc["file not found", "detail"]


def test_a_data_frame_with_its_own_names_and_ids(tmp_path):
    fill(tmp_path, "a.png", "b.png", "c.png")
    frame = pd.DataFrame(
        {"file": ["a.png", Path("b.png"), "c.png"], "y": [3.0, 4, None], "key": [10, 2, 3]}
    )
    named = {"path": "file", "label": "y"}
    checked = sources.read(frame, root=tmp_path, columns=named | {"id": "key"})
    assert labels(checked) == {"10": "3", "2": "4"}
    assert checked.samples.loc["10", "path"] == str(tmp_path / "a.png")
    assert problems(checked)["3"] == "missing label"
    assert list(labels(from_frame(frame, root=tmp_path, columns=named))) == ["a.png", "b.png"]


def test_paths_outside_the_root_keep_their_full_name_as_id(tmp_path):
    fill(tmp_path, "in/a.png", "out/b.png")
    frame = pd.DataFrame({"path": [tmp_path / "in/a.png", "../out/b.png"], "label": ["x", "y"]})
    checked = from_frame(frame, root=tmp_path / "in")
    outside = (tmp_path / "out/b.png").as_posix()
    assert labels(checked) == {"a.png": "x", outside: "y"}


def test_a_data_frame_with_a_name_no_file_may_have(tmp_path):
    fill(tmp_path, "a.png", "b.png")
    paths = pd.Series(["a.png", "b.png", "c\udce9.png", "d\0.png"], dtype=object)
    checked = from_frame(pd.DataFrame({"path": paths, "label": list("xyxy")}), root=tmp_path)
    assert problems(checked)["c\\udce9.png"] == "file name is not UTF-8"
    assert problems(checked)["d\0.png"] == "file not found"


def test_a_checked_table_is_a_source_again(tmp_path):
    from_files = from_folder(fill(tmp_path, *(f"{c}/{i}.png" for c in "xy" for i in "12")))
    again = sources.read(from_files.samples)
    pd.testing.assert_frame_equal(again.samples, from_files.samples)
    from_memory = from_arrays(np.stack([PIXELS] * 4), list("xyxy"))
    again = sources.read(from_memory.samples)
    pd.testing.assert_frame_equal(again.samples, from_memory.samples)


def test_encoded_images_in_a_frame_are_checked(tmp_path):
    good = images.png_bytes(PIXELS)
    frame = pd.DataFrame({"image": [good, good, b"bad", PIXELS / 255], "label": list("xyxy")})
    checked = from_frame(frame)
    assert list(labels(checked)) == ["0", "1"]
    assert {"2", "3"} <= set(problems(checked))
    assert problems(checked)["2"] == "unreadable image"


@given(order=st.permutations(range(4)))
@settings(max_examples=10)
def test_the_order_of_the_input_does_not_matter(order, tmp_path_factory):
    root = fill(tmp_path_factory.mktemp("order"), *(f"{letter}.png" for letter in "abcd"))
    frame = pd.DataFrame({"path": [f"{letter}.png" for letter in "abcd"], "label": list("xxyy")})
    expected = from_frame(frame, root=root).samples
    shuffled = from_frame(frame.iloc[list(order)], root=root).samples
    pd.testing.assert_frame_equal(shuffled, expected)
