"""Why files are not there, told alike for one of them and for all."""

import unicodedata

import pandas as pd
import pytest

from o2u_nb.data import sources
from o2u_nb.data.lost import Lost
from tests.pictures import fill, refusal

ACCENT = unicodedata.normalize("NFD", "é")
NAMES = [f"{label}/{ACCENT}{number}.jpg" for label in ("cat", "dog") for number in range(5)]
TURNS = {
    "backslash": (lambda name: name.replace("/", "\\"), "with / in place of \\"),
    "composed": (lambda name: unicodedata.normalize("NFC", name), "in another Unicode form"),
    "no suffix": (lambda name: name[:-4], "with the suffix .jpg"),
    "other suffix": (lambda name: name[:-4] + ".png", "with the suffix .jpg in place of .png"),
    "capitals": (lambda name: name.replace(".jpg", ".JPG"), "in other upper and lower case"),
    "class in capitals": (lambda name: name.title(), "in other upper and lower case"),
    "folder twice": (lambda name: f"img/{name}", "without the folder 'img'"),
    "another machine": (lambda name: f"/home/me/img/{name}", "without the folder"),
    "Windows": (lambda name: "C:\\img\\" + name.replace("/", "\\"), "without the folder 'C:/img'"),
    "space": (lambda name: f"{name} ", "with other spaces around its name"),
    "web address": (lambda name: f"https://a.org/{name}", "download the pictures first"),
}


@pytest.mark.parametrize("turn", TURNS)
def test_the_reason_is_named_when_some_or_all_are_missing(turn, tmp_path):
    change, reason = TURNS[turn]
    root = fill(tmp_path / "img", *NAMES)
    labels = [name[:3] for name in NAMES]
    half = [change(name) if i % 2 else name for i, name in enumerate(NAMES)]
    some = sources.read(root, pd.DataFrame({"path": half, "label": labels}))
    assert len(some.samples) == 5
    assert some.problems["detail"].str.contains(reason, regex=False).all()
    message = refusal(root, pd.DataFrame({"path": list(map(change, NAMES)), "label": labels}))
    assert "none of the 10 files named in the DataFrame exists" in message and reason in message


def test_several_differences_are_named_together(tmp_path):
    root = fill(tmp_path / "img", "Cat/1.jpeg")
    assert Lost(str(root)).reason(str(root / "img\\cat\\1")) == (
        "the file exists with / in place of \\ and without the folder 'img' and with the suffix "
        ".jpeg and as 'Cat', in other upper and lower case"
    )


def test_a_folder_too_few_is_named(tmp_path):
    fill(tmp_path, "deep/cat/1.png", "deep/dog/1.png")
    frame = pd.DataFrame({"path": ["cat/1.png", "dog/1.png"], "label": ["cat", "dog"]})
    assert "the file exists below the folder 'deep'" in refusal(tmp_path, frame)


def test_what_is_nowhere_has_no_reason(tmp_path):
    root = fill(tmp_path / "root", "cat/1.png")  # beside it lies nothing, so that ../x is nowhere
    for name in ("cat/2.png", "cat", "zebra/1.png", "", "cat/1.png/2.png", "a\0.png", "../x"):
        assert Lost(str(root)).reason(str(root / name)) in (None, "it is a folder")
    frame = pd.DataFrame({"path": ["x.png", "y.png"], "label": ["cat", "dog"]})
    assert "check the folder they are relative to" in refusal(root, frame)


def test_a_file_elsewhere_is_no_reason_for_a_name_that_only_ends_alike(tmp_path):
    root = fill(tmp_path, "cat/1.png", "dog/2.png")
    assert Lost(str(root)).reason(str(root / "cat/2.png")) is None
