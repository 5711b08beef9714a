"""Files of labels of every kind are read as they stand, or refused by what they are."""

import gzip
import io
import json
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from o2u_nb.data import sources
from o2u_nb.data.readers import label_files
from tests.pictures import fill, labels, refusal

ROWS = [("a.png", "cat"), ("b.png", "dog"), ("c.png", "cat"), ("d.png", "dog")]
EXPECTED = dict(ROWS)


@pytest.fixture
def root(tmp_path):
    return fill(tmp_path, *EXPECTED)


def text(separator: str, rows=ROWS, header=("path", "label")) -> str:
    return "".join(separator.join(row) + "\n" for row in [header, *rows])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_every_usual_separator_is_read(separator, root):
    (root / "labels.csv").write_text(text(separator))
    assert labels(sources.read(root, root / "labels.csv")) == EXPECTED


def test_the_separator_that_finds_the_columns_wins(root):
    rows = [(name, label, "a;b;c;d") for name, label in ROWS]
    (root / "l.csv").write_text(text(",", rows, ("path", "label", "note;with;many;parts")))
    assert labels(sources.read(root, root / "l.csv")) == EXPECTED
    (root / "m.csv").write_text(
        text(";", rows, ("file", "class", "x,y,z,u,v,w")).replace("a;b;c;d", "1")
    )
    named = sources.read(root, root / "m.csv", columns={"path": "file", "label": "class"})
    assert labels(named) == EXPECTED


def test_quotes_a_line_that_names_the_separator_and_windows_line_ends(root):
    (root / "l.csv").write_bytes(b'sep=;\r\n"path";"label"\r\n"a.png";"x;y"\r\nb.png;dog\r\n')
    assert labels(sources.read(root, root / "l.csv")) == {"a.png": "x;y", "b.png": "dog"}


@pytest.mark.parametrize("named", ["", "sep=;"])
def test_lines_that_end_as_on_old_macs(root, named):
    """Found by the fuzzer: the header was taken to be the whole file, which ended in csv.Error."""
    lines = ([named] if named else []) + text(";").splitlines()
    (root / "labels.csv").write_bytes("\r".join(lines).encode())
    assert labels(sources.read(root, root / "labels.csv")) == EXPECTED


def test_a_header_with_a_cell_that_is_too_long_is_refused(tmp_path):
    (tmp_path / "labels.csv").write_text("x" * 200_000 + "\na.png,cat\n")
    assert "field larger than field limit" in refusal(tmp_path / "labels.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_that_a_file_tells_itself(encoding, root):
    rows = [("a.png", "Käfer"), ("b.png", "猫")]
    (root / "l.csv").write_bytes(text("\t", rows).encode(encoding))
    assert labels(sources.read(root, root / "l.csv")) == dict(rows)


def test_an_encoding_that_must_be_named(root):
    rows = [("a.png", "Käfer"), ("b.png", "Hase")]
    (root / "l.csv").write_bytes(text(",", rows).encode("cp1252"))
    assert "encoding='cp1252' (--encoding cp1252)" in refusal(root, root / "l.csv")
    assert labels(sources.read(root, root / "l.csv", encoding="cp1252")) == dict(rows)
    assert "unknown encoding: cp12" in refusal(root, root / "l.csv", encoding="cp12")


@pytest.mark.parametrize(
    ("header", "option"),
    [
        (("filename", "class"), "--columns path=filename,label=class"),
        (("Image_ID", "label"), "--columns path=Image_ID"),
        (("path", "breed"), "--columns label=breed"),
        (("left", "right"), "--columns path=NAME,label=NAME"),
    ],
)
def test_columns_of_other_names_are_asked_for_with_a_guess(header, option, root):
    (root / "l.csv").write_text(text(",", header=header))
    message = refusal(root, root / "l.csv")
    assert f"it has: {header[0]!r}, {header[1]!r}" in message and f"({option})" in message
    named = {"path": header[0], "label": header[1]}
    assert labels(sources.read(root, root / "l.csv", columns=named)) == EXPECTED


def test_names_of_columns_that_make_no_sense(root):
    (root / "l.csv").write_text(text(","))
    assert "did you mean 'label'?" in refusal(root, root / "l.csv", columns={"labels": "y"})
    assert "no column 'y'" in refusal(root, root / "l.csv", columns={"split": "y"})
    assert "labels= (--labels)" in refusal(root, columns={"path": "x"})
    twice = pd.DataFrame([("a.png", "x", "y")], columns=["path", "label", "label"])
    assert "several columns 'label'" in refusal(twice)


@pytest.mark.parametrize(
    "value",
    [
        [{"path": path, "label": label, "more": [1]} for path, label in ROWS],
        EXPECTED,
        {"path": list(EXPECTED), "label": list(EXPECTED.values())},
    ],
)
def test_json_of_records_of_columns_and_of_paths(value, root):
    (root / "l.json").write_text(json.dumps(value))
    assert labels(sources.read(root, root / "l.json")) == EXPECTED
    assert labels(sources.read(root / "l.json")) == EXPECTED
    (root / "l.txt").write_text(json.dumps(value))
    assert labels(sources.read(root, root / "l.txt")) == EXPECTED


def test_json_lines(root):
    lines = [json.dumps({"path": path, "label": label}) for path, label in ROWS]
    for name in ("l.jsonl", "l.ndjson", "l.json"):
        (root / name).write_text("\n".join([*lines, ""]))
        assert labels(sources.read(root, root / name)) == EXPECTED


def test_numbers_as_labels_are_text(root):
    (root / "l.json").write_text(json.dumps(dict(zip(EXPECTED, [0, 1, 0, 1], strict=True))))
    assert set(labels(sources.read(root, root / "l.json")).values()) == {"0", "1"}


def test_parquet_and_packed_csv(root):
    pd.DataFrame(ROWS, columns=["path", "label"]).to_parquet(root / "l.parquet")
    assert labels(sources.read(root / "l.parquet")) == EXPECTED
    (root / "l.csv.gz").write_bytes(gzip.compress(text(",").encode()))
    assert labels(sources.read(root / "l.csv.gz")) == EXPECTED


def excel() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("xl/workbook.xml", "<x/>")
    return buffer.getvalue()


def test_excel_is_refused_with_advice_unless_it_can_be_read(root, monkeypatch):
    (root / "l.xlsx").write_bytes(excel())
    (root / "l.xls").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(99))
    monkeypatch.setattr(label_files.importlib.util, "find_spec", lambda name: None)
    for name in ("l.xlsx", "l.xls"):
        assert "it is an Excel workbook: save the sheet as CSV UTF-8" in refusal(root, root / name)
    table = pd.DataFrame(ROWS, columns=["path", "label"])
    monkeypatch.setattr(label_files.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(pd, "read_excel", lambda file, **options: table)
    assert labels(sources.read(root / "l.xlsx")) == EXPECTED


PACKED = io.BytesIO()
with zipfile.ZipFile(PACKED, "w") as archive:
    archive.writestr("labels.csv", "path,label")


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (PACKED.getvalue(), "l.zip", "it is a ZIP archive: unpack it first"),
        (b"\x89PNG\r\n\x1a\n\0\0", "l.csv", "it is not text"),
        (b"PAR1 but not really", "l.parquet", "cannot read"),
        (b"PK\3\4 torn", "l.xlsx", "ZIP archive"),
        (b"\x1f\x8b torn", "l.csv.gz", "cannot read"),
        (b"{", "l.json", "cannot read"),
        (b"[1, 2]", "l.json", "its JSON is not a table"),
        (b"[]", "l.json", "its JSON is not a table"),
        (b"3", "l.json", "its JSON is not a table"),
        (b'{"a": {"b": 1}}', "l.json", "its JSON is not a table"),
        (b'{"images": [], "annotations": [], "categories": []}', "l.json", "it is a COCO file"),
        (b'{"path": "a.png"}\nno json\n', "l.jsonl", "cannot read"),
        (b'{"a": 1}\n[2]\n', "l.jsonl", "its JSON is not a table"),
        (b"", "l.tsv", "it is empty"),
        (b"\n\n", "l.csv", "it is empty"),
    ],
)
def test_what_is_no_table_is_refused_by_its_kind(content, name, reason, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert reason in refusal(tmp_path, tmp_path / name)


def test_a_parquet_file_with_text_that_is_no_text_is_refused(tmp_path):
    path = pa.array([b"\xff.png", b"a.png"]).view(pa.string())
    pq.write_table(pa.table({"path": path, "label": ["x", "y"]}), tmp_path / "l.parquet")
    assert "cannot read" in refusal(tmp_path, tmp_path / "l.parquet")


def test_a_packed_table_that_unpacks_to_far_more_is_refused(root, monkeypatch):
    monkeypatch.setattr(label_files, "MOST_UNPACKED", 10**9 // 10**6)
    (root / "l.csv.gz").write_bytes(gzip.compress(text(",").encode() + b"a.png,cat\n" * 1000))
    assert "unpack it yourself" in refusal(root, root / "l.csv.gz")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("l.json", b"[" * 100_000, "nested too deeply"),
        ("l.csv.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 40, "cannot read"),
    ],
)
def test_deep_json_and_damaged_gzip_are_refused(root, name, content, said):
    (root / name).write_bytes(content)
    assert said in refusal(root, root / name)
