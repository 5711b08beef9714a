"""Two hundred hostile inputs: each ends in one clear error, or in rows that are right and a report.

The cases are made here. Each is a folder in which two good pictures of each of two classes lie
beside what is hostile. Afterwards every good picture has its row and its label, whatever lies
beside it, and a hostile one that has a row can be decoded.
"""

import gzip
import io
import os
import signal
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from o2u_nb.data import sources
from o2u_nb.data.images import broken_image, image_items
from o2u_nb.errors import SourceError
from tests.pictures import PIXELS, put

GOOD = {f"{label}/{k}.png": label for label in ("cat", "dog") for k in range(2)}
FORMS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "I;16", "F")


def encoded(form: str, image: Image.Image | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    (image or Image.fromarray(PIXELS)).save(buffer, form, **options)
    return buffer.getvalue()


def png_of(width: int, height: int) -> bytes:
    """Return a PNG whose header promises a size that its data does not have."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" * 99)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def damaged(form: str) -> dict[str, bytes]:
    """Return what can be done to the bytes of a picture."""
    whole = encoded(form)
    half = len(whole) // 2
    return {
        "cut in half": whole[:half],
        "cut by one": whole[:-1],
        "header alone": whole[:10],
        "one byte": whole[:1],
        "zeros inside": whole[:half] + b"\0" * 20 + whole[half + 20 :],
        "turned round": whole[::-1],
        "text before": b"hello" + whole,
        "text after": whole + b"x" * 99,
        "twice": whole * 2,
        "ones at the end": whole[:-20] + b"\xff" * 20,
    }


def by_modes() -> dict[str, bytes]:
    found = {}
    for mode in MODES:
        for form in ("PNG", "TIFF", "JPEG", "WEBP"):
            try:
                found[f"{mode} as {form}"] = encoded(form, Image.new(mode, (3, 4)))
            except (OSError, ValueError, KeyError):
                continue  # this format has no such mode
    return found


PICTURES = (
    {f"{what} {form}": data for form in FORMS for what, data in damaged(form).items()}
    | by_modes()
    | {
        f"{w} x {h} pixels": encoded("PNG", Image.new("L", (w, h)))
        for w, h in [(1, 1), (1, 500), (20_000, 10), (10, 20_000)]
    }
    | {
        f"a header of {w} x {h}": png_of(w, h)
        for w, h in [
            (0, 0),
            (0, 5),
            (2**31 - 1, 2**31 - 1),
            (60_000, 60_000),
            (13_000, 13_000),
            (1, 2**31),
        ]
    }
    | {
        "empty": b"",
        "text": b"not a picture",
        "zeros": bytes(500),
        "newlines": b"\n" * 500,
        "html": b"<script>alert(1)</script>",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
        "zip": b"PK\3\4" + bytes(99),
        "pickle": b"\x80\4cos\nsystem\n(S'false'\ntR.",
        "gzip": gzip.compress(encoded("PNG")),
        "animated": encoded("GIF", save_all=True, append_images=[Image.new("RGB", (5, 6))]),
        "float NaN": encoded("TIFF", Image.fromarray(np.full((3, 3), np.nan, np.float32))),
        "float infinite": encoded("TIFF", Image.fromarray(np.full((3, 3), np.inf, np.float32))),
        "twelve bits in sixteen": encoded("PNG", Image.fromarray(np.full((3, 3), 4095, np.uint16))),
    }
)
NAMES = [
    "line\nbreak.png",
    "tab\tb.png",
    "\x1b[31m.png",
    "=1+1.png",
    "-x.png",
    "{0}.png",
    "%s.png",
    "..png",
    " .png",
    "'.png",
    '".png',
    "<b>.png",
    "\u202egnp.png",
    "e\u0301.png",
    "\xe9.png",
    "CAT.PNG",
    "0.PNG",
    "a;b,c|d.png",
    "\u2028.png",
    "x" * 240 + ".png",
    "~.png",
    "$HOME.png",
    "#.png",
    "nul.png",
]
TABLES = {
    "empty": b"",
    "header": b"path,label\n",
    "no columns": b"a,b\n1,2\n",
    "nul": b"path,label\n\0,\0\n",
    "latin": "path,label\ncat/0.png,K\xe4fer\n".encode("cp1252"),
    "bom alone": b"\xef\xbb\xbf",
    "utf-16 cut": b"\xff\xfep",
    "more fields": b"path,label\na,b,c\n",
    "quote": b'path,label\n"a,b\n',
    "one class": b"path,label\ncat/0.png,x\ncat/1.png,x\n",
    "one row": b"path,label\ncat/0.png,x\n",
    "absolute": b"path,label\n/etc/passwd,x\n/etc/hosts,y\n",
    "above": b"path,label\n../../x,x\n../y,y\n",
    "folders": b"path,label\ncat,x\ndog,y\n",
    "web": b"path,label\nhttp://x/a.png,x\nhttp://x/b.png,y\n",
    "label twice": b"path,label,label\na,b,c\n",
    "bomb": gzip.compress(b"path,label\n" + b"a,b\n" * 5),
    "gzip cut": gzip.compress(b"path,label\n")[:-5],
    "gzip damaged": b"\x1f\x8b\x08" + b"\xff" * 40,
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000,
    "json number": b"[1, 2]",
    "json null": b"[null]",
    "json infinite": b'[{"path": Infinity, "label": NaN}]',
    "json cut": b'[{"path": ',
    "coco": b'{"images": [], "annotations": []}',
    "parquet": b"PAR1" + bytes(40),
    "zip": b"PK\3\4" + bytes(40),
    "old excel": b"\xd0\xcf\x11\xe0" + bytes(40),
    "long line": b"path,label\n" + b"a" * 10**6 + b",b\n",
    "surrogate": b'[{"path": "\\ud800.png", "label": "\\udfff"}]',
    "nested": b'[{"path": {}, "label": []}]',
    "spaces": b"path,label\n , \n",
    "no label": b"path,label\ncat/0.png,\ncat/1.png,\n",
    "conflict": b"path,label\ncat/0.png,x\ncat/0.png,y\ncat/1.png,z\n",
}
IMAGES = np.zeros((4, 3, 3), np.uint8)
ARRAYS = {
    "fewer labels": (IMAGES, ["x", "y"]),
    "no labels": (IMAGES, []),
    "no images": (IMAGES[:0], []),
    "one sample": (IMAGES[:1], ["x"]),
    "one class": (IMAGES, ["x"] * 4),
    "one axis": (np.zeros(4), list("xyxy")),
    "five axes": (np.zeros((4, 1, 1, 1, 1)), list("xyxy")),
    "nan": (np.full((4, 3, 3), np.nan), list("xyxy")),
    "infinite": (np.full((4, 3, 3), np.inf), list("xyxy")),
    "negative": (-np.ones((4, 3, 3)), list("xyxy")),
    "complex": (np.ones((4, 3, 3), complex), list("xyxy")),
    "objects": (np.array([None] * 4), list("xyxy")),
    "texts": (np.array(list("abcd")), list("xyxy")),
    "no pixels": (np.zeros((4, 0, 3)), list("xyxy")),
    "none as labels": (IMAGES, [None] * 4),
    "nan labels": (IMAGES, [np.nan] * 4),
    "lists as labels": (IMAGES, [[1], [2], [1], [2]]),
    "a number": (IMAGES, 3),
    "two axes of labels": (IMAGES, np.eye(4)),
    "two channels": (np.zeros((4, 3, 3, 2), np.uint8), list("xyxy")),
    "mixed": (IMAGES, ["x", 1, 2.5, None]),
    "dates": (np.zeros((4, 3, 3), "M8[s]"), list("xyxy")),
    "five channels": (np.zeros((4, 3, 3, 5), np.uint8), list("xyxy")),
}


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


def unreadable(path: Path) -> None:
    path.write_bytes(b"")
    path.chmod(0)


THINGS: dict[str, Callable[[Path], object]] = {
    "fifo": fifo,
    "socket": listening,
    "unreadable": unreadable,
    "folder": Path.mkdir,
    "link to itself": lambda path: path.symlink_to(path),
    "link to nothing": lambda path: path.symlink_to("no"),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link above": lambda path: path.symlink_to(".."),
    "endless device": lambda path: path.symlink_to("/dev/urandom"),
}
N_CASES = sum(map(len, (PICTURES, NAMES, TABLES, ARRAYS, THINGS)))


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return a folder with the good pictures; what takes longer than 20 seconds has hung."""

    def hung(*_):
        raise AssertionError("reading has hung")

    for name in GOOD:
        put(tmp_path / "set" / name)
    monkeypatch.chdir(tmp_path / "set")
    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(20)
    yield tmp_path / "set"
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def require_right_rows(found, hostile: str | None) -> None:
    """Every good picture has its label; the hostile one is a good row, or a line of the report."""
    labels = found.samples["label"].to_dict()
    assert {name: labels.get(name) for name in GOOD} == GOOD
    assert set(labels) - set(GOOD) <= {hostile}
    reasons = list(map(broken_image, image_items(found.samples)))
    assert reasons == [None] * len(labels)
    reported = "\n".join(found.problems.astype(str).agg(" ".join, axis=1))
    assert hostile is None or hostile in labels or reported


def test_there_are_two_hundred():
    assert N_CASES >= 200


@pytest.mark.parametrize("what", PICTURES)
def test_a_hostile_picture_is_a_row_or_a_problem(root, what):
    (root / "cat/hostile.png").write_bytes(PICTURES[what])
    found = sources.read(root)
    require_right_rows(found, "cat/hostile.png")
    listed = set(found.problems["sample_id"])
    assert "cat/hostile.png" in listed | set(found.samples.index)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_hostile_name_is_kept_as_it_is(root, name):
    put(root / "cat" / name, "PNG")
    found = sources.read(root)
    require_right_rows(found, f"cat/{name}")


@pytest.mark.parametrize("what", THINGS)
def test_what_is_no_file_is_a_problem(root, what):
    THINGS[what](root / "cat/hostile.png")
    require_right_rows(sources.read(root), "cat/hostile.png")


@pytest.mark.parametrize("what", TABLES)
@pytest.mark.parametrize("suffix", [".csv"])
def test_a_hostile_table_is_refused_or_read_right(root, what, suffix):
    (root / f"labels{suffix}").write_bytes(TABLES[what])
    try:
        found = sources.read(root, root / f"labels{suffix}")
    except SourceError as error:
        assert "\n" not in str(error) and len(str(error)) > 20
        return
    assert set(found.samples.index) <= set(GOOD)


@pytest.mark.parametrize("what", ARRAYS)
def test_hostile_arrays_are_refused_or_read_right(what):
    images, labels = ARRAYS[what]
    try:
        found = sources.read(images, labels)
    except SourceError as error:
        assert "\n" not in str(error) and len(str(error)) > 20
        return
    assert len(found.samples) + len(found.problems) >= len(labels)
    given = {str(label) for label in labels if isinstance(label, (str, int, float))}
    assert set(found.samples["label"]) <= given
    assert not set(found.samples["label"]) & {"None", "nan", ""}
