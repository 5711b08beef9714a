"""Classes that only a program tells apart are named, with their rows; nothing is changed."""

import unicodedata

import numpy as np
import pandas as pd
import pytest

from o2u_nb.data import sources
from o2u_nb.data.spellings import rarer_spellings
from tests.pictures import fill

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("usual", "rare", "differs_in"),
    [
        ("cat", "Cat", "upper and lower case"),
        ("cat", "cat ", "white space"),
        ("cat", " CAT", "upper and lower case and white space"),
        ("tabby cat", "tabby  cat", "white space"),
        ("tabby cat", "tabby\tcat", "white space"),
        ("tabby cat", "tabby\xa0cat", "Unicode form"),
        ("cat", "cat\u200b", "Unicode form"),
        ("cat", "\ufeffcat", "Unicode form"),
        ("cat", "ｃａｔ", "Unicode form"),
        (NFC, NFD, "Unicode form"),
        (NFD, NFC.upper(), "Unicode form and upper and lower case"),
        ("Straße", "STRASSE", "upper and lower case"),
        ("tabby cat", "tabby_cat", "hyphens and underscores"),
        ("tabby-cat", "Tabby_Cat", "upper and lower case and hyphens and underscores"),
    ],
)
def test_other_spellings_of_a_class_are_found(usual, rare, differs_in):
    (found,) = rarer_spellings(pd.Series([usual, usual, rare, "dog"])).values()
    assert found == (rare, usual, differs_in)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "-1"),
        ("cat", "cats"),
        ("a b", "ab"),
        ("C", "C#"),
        ("1.5", "15"),
        ("3", "30"),
        ("e", "é"),
    ],
)
def test_other_classes_are_other_classes(one, other):
    assert rarer_spellings(pd.Series([one, one, other])) == {}


def test_the_most_common_spelling_is_the_usual_one_and_all_others_are_named():
    labels = pd.Series(["CAT"] * 2 + ["Cat"] * 3 + ["cat"] + ["dog"] * 9)
    assert {name: found.usual for name, found in rarer_spellings(labels).items()} == {
        "CAT": "Cat",
        "cat": "Cat",
    }
    tied = rarer_spellings(pd.Series(["b", "a", "B", "A"]))
    assert {name: found.usual for name, found in tied.items()} == {"a": "A", "b": "B"}


def test_each_row_of_the_rarer_spelling_is_a_problem_and_kept():
    labels = ["cat", "cat", "Cat ", "dog", "dog", "Cat ", "cat"]
    checked = sources.read((np.zeros((7, 4, 4)), labels))
    assert checked.problems["sample_id"].tolist() == ["2", "5"]
    assert set(checked.problems["problem"]) == {"class spelt in several ways"}
    assert set(checked.problems["detail"]) == {
        "'Cat ' (2 samples) differs from 'cat' (3 samples) only in upper and lower case and white "
        "space"
    }
    assert checked.problems["action"].str.startswith("kept").all()
    assert checked.samples["label"].tolist() == labels


def test_names_of_folders_are_looked_at_too_and_told_apart_by_eye(tmp_path):
    names = [f"{label}/{number}.png" for label in (NFC, NFD, "dog") for number in range(2)]
    checked = sources.read(fill(tmp_path, *names, f"{NFC}/2.png"))
    found = checked.problems.set_index("sample_id")
    assert set(found.index) == {f"{NFD}/0.png", f"{NFD}/1.png"}
    assert found["detail"].iloc[0] == (
        r"'cafe\u0301' (2 samples) differs from 'caf\xe9' (3 samples) only in Unicode form"
    )


def test_a_spelling_in_another_split_counts(tmp_path):
    names = [f"train/{label}/{number}.png" for label in ("cat", "dog") for number in range(3)]
    fill(tmp_path, *names, "val/Cat/1.png", "val/Cat/2.png", "val/dog/1.png")
    found = sources.read(tmp_path).problems
    assert found["problem"].tolist() == ["class spelt in several ways"] * 2
    assert found["sample_id"].tolist() == ["val/Cat/1.png", "val/Cat/2.png"]
