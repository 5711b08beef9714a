"""Near-duplicate groups: copies of a picture that are other files, and what keeps them together."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.signal import correlate2d

from o2u_nb.data import coats, duplicates
from o2u_nb.data.alignment import details, independent_details
from o2u_nb.data.duplicates import find
from o2u_nb.data.groups import stars, together
from o2u_nb.data.readers.arrays import from_arrays
from tests.pictures import smooth


def test_a_mirrored_a_smaller_and_an_equal_copy_are_found_and_nothing_else():
    own = smooth(12)
    small = np.asarray(Image.fromarray(own[1]).resize((48, 48)).resize((64, 64)))
    every = np.concatenate([own, own[:1, :, ::-1], small[None], own[2:3]])
    samples = from_arrays(every, ["a"] * 14 + ["b"]).samples
    table = find(samples)
    place = {name: k for k, name in enumerate(samples.index)}
    found = {frozenset(place[i] for i in ids) for ids in table.groupby("group").groups.values()}
    assert found == {frozenset({0, 12}), frozenset({1, 13}), frozenset({2, 14})}
    assert sorted(table["match"]) == 3 * ["centre"] + ["copy", "mirrored copy", "same file"]


def test_a_chain_is_cut_at_its_centre():
    assert stars(np.array([0, 1, 2]), np.array([1, 2, 3]), np.ones(3), 5).tolist() == [
        1,
        1,
        1,
        3,
        4,
    ]


def test_a_group_stays_in_the_part_of_its_first_member():
    groups = pd.array([7, None, 7, 8], dtype="Int64")
    assert together(np.array([0, 1, 2, 1]), groups).tolist() == [0, 1, 0, 1]


def test_stripes_that_fit_on_each_other_are_no_copies_but_copies_of_them_are(monkeypatch):
    own, labels = coats.generate(300, seed=2)
    striped = np.flatnonzero(np.isin(labels, ["kudu", "tiger", "zebra"]))[:12]
    darker = (own[striped[:6]] * 0.8).astype(np.uint8)
    every = np.concatenate([own, darker, own[striped[6:], :, ::-1]])
    samples = from_arrays(every, ["a", "b"] * 156).samples
    place = {name: k for k, name in enumerate(samples.index)}
    groups = lambda table: {  # noqa: E731
        frozenset(place[i] for i in ids) for ids in table.groupby("group").groups.values()
    }
    assert groups(find(samples)) == {frozenset({k, 300 + i}) for i, k in enumerate(striped)}
    monkeypatch.setattr(duplicates, "STANDARD_ERRORS", 0.0)
    assert len(groups(find(samples))) > 12  # else these stripes would show nothing


def test_independent_details_are_the_pixels_by_the_squared_autocorrelation_over_all_shifts():
    ramp = np.sin(np.arange(32) * np.array([[0.8], [1.3]])) * 100 + 127  # of lines and columns
    lines = np.stack([np.tile(ramp[0], (32, 1)), np.tile(ramp[1], (32, 1)).T]).astype(np.uint8)
    small = np.concatenate([smooth(2)[:, ::2, ::2], np.stack(3 * [lines], axis=-1)])
    small = np.concatenate([small, np.full_like(small[:1], 90)])
    found = independent_details(small)
    for picture, value in zip(details(small).reshape(5, 32, 32)[:4], found, strict=False):
        every = correlate2d(picture, picture)  # at all 63 x 63 shifts, 1 in the middle
        assert every[31, 31] == pytest.approx(1, abs=1e-4)
        assert value == pytest.approx(32**2 / (every**2).sum(), rel=1e-4)
    assert found[2:4].max() < 10 < found[:2].min()
    assert np.isnan(found[4])  # one colour only
