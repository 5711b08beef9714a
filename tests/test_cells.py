"""Cells of near rows: which rows are compared, and what is missed."""

import numpy as np
import pandas as pd
import pytest

from o2u_nb.data import cells, duplicates
from o2u_nb.data.cells import Cells
from o2u_nb.data.readers.arrays import from_arrays
from tests.pictures import smooth


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def nearest(found: Cells, asking: np.ndarray, answering: np.ndarray) -> np.ndarray:
    """Return the nearest answering row of each asking one; -1 where none was compared."""
    best, value = np.full(len(asking), -1), np.full(len(asking), -np.inf)
    for asked, among, products in found.products(asking, answering):
        np.testing.assert_allclose(products, asking[asked] @ answering[among].T, atol=1e-5)
        assert (np.diff(among) > 0).all() and len(set(asked)) == len(asked)
        top = products.max(1)
        better = top > value[asked]
        best[asked[better]] = among[products.argmax(1)[better]]
        value[asked[better]] = top[better]
    return best


def test_few_rows_are_all_compared_once():
    rows = unit(np.random.default_rng(0).normal(size=(1100, 6)))
    seen = np.zeros((1100, 1100), int)
    told = []
    for asked, among, _ in Cells(rows).products(rows, rows, told.append):
        assert len(asked) <= cells.ROWS_AT_ONCE
        seen[np.ix_(asked, among)] += 1
    assert (seen == 1).all() and told == sorted(told) and 0 <= told[0] <= told[-1] <= 1


@pytest.mark.parametrize("seed", range(3))
def test_among_many_the_near_ones_are_found_and_few_are_compared(monkeypatch, seed):
    monkeypatch.setattr(cells, "EXACT_UP_TO", 1000)
    random = np.random.default_rng(seed)
    rows = unit(random.normal(size=(4000, 24)))
    near = unit(rows + 0.05 * random.normal(size=rows.shape))
    order = random.permutation(len(rows))
    found = Cells(rows)
    assert (nearest(found, rows[order], near) == order).mean() > 0.99
    assert (
        sum(products.size for _, _, products in found.products(near, rows)) < 0.6 * len(rows) ** 2
    )
    pairs = [
        (row, column)
        for asked, among, _ in found.products(near[:50], rows)
        for row in asked
        for column in among
    ]
    assert len(set(pairs)) == len(pairs)


def test_rows_of_zeros_and_rows_that_are_all_equal(monkeypatch):
    monkeypatch.setattr(cells, "EXACT_UP_TO", 100)
    for rows in (np.zeros((400, 5), np.float32), unit(np.ones((400, 5)))):
        assert (nearest(Cells(rows), rows, rows) >= 0).all()


def test_the_same_copies_are_found_by_cells(monkeypatch):
    own = smooth(80)
    planted = [own[:20, :, ::-1], own[20:40] // 2 + 60, own[40:60, 4:60, 4:60].repeat(2, 1)[:, ::2]]
    every = [*own, *planted[0], *planted[1], *planted[2]]
    samples = from_arrays(every, ["a", "b"] * 70).samples
    exact = duplicates.find(samples)
    assert exact["group"].nunique() >= 40
    monkeypatch.setattr(cells, "EXACT_UP_TO", 50)
    monkeypatch.setattr(cells, "PROBES", 4)
    pd.testing.assert_frame_equal(duplicates.find(samples), exact)
