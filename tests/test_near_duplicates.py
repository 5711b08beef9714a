"""Near-duplicate groups: copies of a picture that are other files, and what keeps them together."""

import numpy as np
import pandas as pd
from PIL import Image

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
