"""Rows by id and rows evenly spaced."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from o2u_nb.errors import O2UError
from o2u_nb.rows import evenly, rows_of


def test_rows_come_in_the_order_of_the_ids_and_repeat_with_them():
    index = pd.Index(["a", "b", "c"])
    assert rows_of(index, (id for id in "cac")).tolist() == [2, 0, 2]
    assert rows_of(index, []).tolist() == []


def test_an_unknown_id_is_named():
    with pytest.raises(O2UError, match="No sample 'x' among the 2 of this audit"):
        rows_of(pd.Index(["a", "b"]), ["a", "x", "y"])


@given(n=st.integers(0, 300), most=st.integers(1, 300))
def test_evenly_spaced_rows_are_as_many_as_asked_for_and_no_gap_is_off_by_two(n, most):
    rows = evenly(n, most)
    assert len(rows) == min(n, most) and set(rows) <= set(range(n))
    gaps = np.diff(rows)
    assert len(rows) < 2 or (rows[0] == 0 and rows[-1] == n - 1 and gaps.max() - gaps.min() <= 1)
