"""The files of features: what is read is what was written, for the samples it was written for."""

import json

import numpy as np
import pytest

from o2u_nb import feature_file
from o2u_nb.errors import FeaturesError
from o2u_nb.feature_file import About
from tests.audits import KEY, put


@pytest.fixture
def folder(tmp_path):
    put(tmp_path, ["a", "b", "ö/c"], [[1, 2], [3, 4], [5, 6]])
    return tmp_path


@pytest.mark.parametrize(
    ("ids", "rows", "mapped"),
    [
        (["a", "b", "ö/c"], [[1, 2], [3, 4], [5, 6]], True),
        (["a", "b"], [[1, 2], [3, 4]], True),
        (["ö/c", "a"], [[5, 6], [1, 2]], False),
    ],
)
def test_rows_are_read_in_the_order_asked_for(folder, ids, rows, mapped):
    found = feature_file.read(folder, KEY, ids)
    np.testing.assert_array_equal(found, rows)
    assert found.dtype == np.float16
    assert (found.base is not None and isinstance(found, np.memmap)) == mapped


def test_a_record_is_as_long_as_its_parts():
    assert feature_file.record_type(1280).itemsize == 16 + 32 + 2 * 1280


def test_a_digest_is_the_beginning_of_the_sha256():
    (found,) = feature_file.id_digests(["abc"])
    assert found.tobytes().hex() == "ba7816bf8f01cfea414140de5dae2223"  # of FIPS 180-2


def test_changes_of_the_result_do_not_reach_the_file(folder):
    feature_file.read(folder, KEY, ["a"])[:] = 9
    np.testing.assert_array_equal(feature_file.read(folder, KEY, ["a"]), [[1, 2]])


def test_features_of_other_pictures(folder):
    with pytest.raises(FeaturesError, match="of other pictures: they lack the sample 'd'"):
        feature_file.read(folder, KEY, ["a", "d"])


def test_features_that_are_not_there(folder):
    with pytest.raises(FeaturesError, match=r"features of 'other' in .*, found none"):
        feature_file.read(folder, "other", ["a"])


def test_what_is_there_is_listed(folder):
    put(folder, ["a"], [[1]], key="more-1")
    feature_file.begin(folder / "unfinished", About("unfinished", "net", 8))
    assert feature_file.there(folder) == [About("more-1", "net", 8), About(KEY, "net", 8)]
    assert feature_file.there(folder / "nothing") == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "x"}', '{"format": 1, "key": 2}'])
def test_a_damaged_description(folder, text):
    (folder / KEY / feature_file.ABOUT).write_text(text)
    with pytest.raises(FeaturesError, match=r"about.json .*cannot be read"):
        feature_file.read(folder, KEY, ["a"])


def test_a_newer_format_is_named(folder):
    path = folder / KEY / feature_file.ABOUT
    facts = json.loads(path.read_text()) | {"format": "o2u_nb features 2"}
    path.write_text(json.dumps(facts))
    with pytest.raises(FeaturesError, match="'o2u_nb features 2', and this version reads"):
        feature_file.read(folder, KEY, ["a"])


def test_a_file_that_is_cut(folder):
    path = folder / KEY / feature_file.ROWS
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FeaturesError, match=r"rows.npy are damaged"):
        feature_file.read(folder, KEY, ["a"])
    path.write_bytes(b"")
    with pytest.raises(FeaturesError, match=r"rows.npy are damaged"):
        feature_file.read(folder, KEY, ["a"])


def test_an_array_that_holds_no_records(folder):
    np.save(folder / KEY / feature_file.ROWS, np.zeros((3, 2), np.float16))
    with pytest.raises(FeaturesError, match="damaged"):
        feature_file.read(folder, KEY, ["a"])
