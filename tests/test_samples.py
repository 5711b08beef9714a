"""The two tables: their form, their text, and the way to disk and back."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from o2u_nb.data import images, samples
from o2u_nb.data.samples import Problem
from o2u_nb.errors import OutputError, SourceError


def table(**columns) -> pd.DataFrame:
    ids = pd.Index(["a/1.png", "b/💥 'ö' <b>.png"], name="sample_id", dtype="str")
    return pd.DataFrame({"label": ["NA", "قط"], "split": ["train", "test"], **columns}, index=ids)


def test_no_problems_are_an_empty_table_with_its_columns():
    empty = samples.problems_table([])
    assert list(empty.columns) == ["sample_id", "problem", "detail", "action"]
    assert len(empty) == 0 and all(dtype == "str" for dtype in empty.dtypes)


def test_problems_hold_names_that_are_not_utf8():
    problem = Problem("caf\udce9.png", samples.NOT_UTF8, "d", "left out")
    assert samples.problems_table([problem])["sample_id"].tolist() == ["caf\\udce9.png"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(("NA", "NA"), ("nan", "nan"), (" cat ", " cat "), (b"cat", "cat"), (True, "True")),
        *((3, "3"), (3.0, "3"), (np.float32(3), "3"), (3.5, "3.5"), (np.int64(7), "7")),
        *((None, ""), (float("nan"), ""), (pd.NA, ""), (np.str_("x"), "x"), ([1], "[1]")),
    ],
)
def test_labels_and_ids_as_text(value, expected):
    assert samples.text(value) == expected
    assert type(samples.text(value)) is str


@given(st.text())
def test_text_that_utf8_holds_is_printable_as_it_is(name):
    assert samples.printable(name) == name


def test_a_table_of_paths_comes_back_equal(tmp_path):
    written = table(path=["/data/a/1.png", "/data/b/2.png"])
    samples.write(written, tmp_path / "samples.parquet")
    pd.testing.assert_frame_equal(samples.read(tmp_path / "samples.parquet"), written)


def test_a_table_of_images_comes_back_pixel_for_pixel(tmp_path):
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (5, 4), dtype=np.uint8)
    colour = rng.integers(0, 256, (3, 2, 3), dtype=np.uint8)
    written = table(image=[grey, colour])
    samples.write(written, tmp_path / "samples.parquet")
    back = samples.read(tmp_path / "samples.parquet")
    assert (np.asarray(images.load_image(back["image"].iloc[0]))[..., 1] == grey).all()
    assert (np.asarray(images.load_image(back["image"].iloc[1])) == colour).all()
    assert written["image"].iloc[0] is grey  # what the caller holds stays as it was
    samples.write(back, tmp_path / "again.parquet")
    pd.testing.assert_frame_equal(samples.read(tmp_path / "again.parquet"), back)


def test_a_failed_write_keeps_the_old_table(tmp_path, monkeypatch):
    path = tmp_path / "samples.parquet"
    samples.write(table(path=["/1", "/2"]), path)
    before = path.read_bytes()

    def full(frame, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(OutputError, match="No space left"):
        samples.write(table(path=["/3", "/4"]), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["samples.parquet"]


def test_reading_what_is_no_samples_table_says_so(tmp_path):
    with pytest.raises(SourceError, match="found no such file"):
        samples.read(tmp_path / "none.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(SourceError, match="cannot read the table"):
        samples.read(tmp_path / "bad.parquet")
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(SourceError, match="not a samples table"):
        samples.read(tmp_path / "other.parquet")


def test_problems_are_named_in_lines_those_left_out_first():
    alike = [Problem(f"{n}.png", samples.SPELLINGS, "'Cat' is 'cat'", "kept") for n in range(3)]
    other = [Problem(f"x{n}", samples.MISSING_LABEL, f"row {n}", "left out") for n in range(2)]
    empty = [Problem(f"e{n}", samples.ZERO_BYTE_FILE, "0 bytes", "left out") for n in range(4)]
    found = samples.problems_table([*alike, *other, *empty])
    assert samples.named_problems(found) == [
        "x0: missing label (row 0), left out",
        "x1: missing label (row 1), left out",
        "e0, e1, e2, e3: zero-byte file (0 bytes), left out",
        "0.png, 1.png, 2.png: class spelt in several ways ('Cat' is 'cat'), kept",
    ]
    assert samples.named_problems(found, most=5)[2:] == [
        "e0, e1 and 2 more: zero-byte file (0 bytes), left out",
        "0.png and 2 more: class spelt in several ways ('Cat' is 'cat'), kept",
    ]
    assert samples.named_problems(found, most=3)[2:] == [
        "e0 and 3 more: zero-byte file (0 bytes), left out",
        "and 3 more",
    ]
    assert samples.named_problems(samples.problems_table([])) == []


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans())), st.integers(1, 6))
def test_at_most_so_many_samples_are_named_and_all_are_counted(rows, most):
    table = samples.problems_table(
        Problem(f"s{k}", "odd", f"reason {reason}", "left out" if out else "kept")
        for k, (reason, out) in enumerate(rows)
    )
    lines = samples.named_problems(table, most=most)
    named = [name for line in lines for name in re.findall(r"\bs\d+", line)]
    more = [int(count) for line in lines for count in re.findall(r"and (\d+) more", line)]
    assert len(named) == len(set(named)) == min(most, len(rows))
    assert len(named) + sum(more) == len(rows)
