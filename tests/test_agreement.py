"""How far two reviewers agree: Cohen's kappa, its interval, and where they differ."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from o2u_nb.errors import O2UError
from o2u_nb.review.agreement import agreement, cohens_kappa

tables = st.integers(2, 4).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 30), min_size=k, max_size=k), min_size=k, max_size=k)
)


def simple_kappa(p: np.ndarray) -> float:
    chance = p.sum(axis=1) @ p.sum(axis=0)
    return (np.trace(p) - chance) / (1 - chance)


def test_kappa_by_hand():
    # 35 of 50 the same; by chance (25 * 30 + 25 * 20) / 50**2 = 0.5: (0.7 - 0.5) / (1 - 0.5) = 0.4
    found = cohens_kappa(np.array([[20, 5], [10, 15]]))
    assert found.value == pytest.approx(0.4) and (found.agreed, found.n) == (35, 50)


@given(tables)
@settings(max_examples=60, deadline=None)
def test_kappa_is_that_of_scikit_learn(table):
    table = np.array(table)
    pairs = [(i, j) for i, j in np.ndindex(table.shape) for _ in range(table[i, j])]
    p = table / max(table.sum(), 1)
    if not pairs or p.sum(axis=1) @ p.sum(axis=0) == 1:
        return
    first, second = zip(*pairs, strict=True)
    found = cohens_kappa(table)
    assert found.value == pytest.approx(cohen_kappa_score(first, second))
    assert -1 <= found.low <= found.value + 1e-12 and found.value <= found.high <= 1
    turned = cohens_kappa(table.T)
    assert turned.value == pytest.approx(found.value) and turned.low == pytest.approx(found.low)


def test_the_interval_is_the_delta_method():
    table = np.array([[40, 3, 2], [5, 30, 4], [1, 6, 25]])
    p = table / table.sum()
    slope = np.zeros_like(p)
    for place in np.ndindex(p.shape):
        step = np.zeros_like(p)
        step[place] = 1e-6
        slope[place] = (simple_kappa(p + step) - simple_kappa(p - step)) / 2e-6
    variance = ((p * slope**2).sum() - (p * slope).sum() ** 2) / table.sum()
    found = cohens_kappa(table)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-5)


def test_the_interval_covers():
    rng = np.random.default_rng(1)
    p = np.array([[0.5, 0.1], [0.05, 0.35]])
    held = [
        found.low <= simple_kappa(p) <= found.high
        for found in (
            cohens_kappa(rng.multinomial(150, p.ravel()).reshape(2, 2)) for _ in range(800)
        )
    ]
    assert 0.92 < np.mean(held) < 0.98


def test_perfect_agreement_is_not_certain():
    found = cohens_kappa(np.diag([10, 10]))
    # 0.025 ** (1 / 20) = 0.8316 of the answers agree at least; (0.8316 - 0.5) / 0.5
    assert (found.value, found.high) == (1, 1) and found.low == pytest.approx(0.6632, abs=1e-4)


def test_one_class_only_says_nothing():
    found = cohens_kappa(np.array([[7, 0], [0, 0]]))
    assert np.isnan(found.value) and found.agreed == 7


@pytest.mark.parametrize("bad", [np.zeros((2, 2)), np.ones((2, 3)), -np.ones((2, 2))])
def test_no_table_of_counts(bad):
    with pytest.raises(O2UError, match="square table of counts"):
        cohens_kappa(bad)


def test_who_differs_where():
    ann = pd.Series(dict(a="cat", b="cat", c="dog", d="dog", e="cat"), name="ann")
    bob = pd.Series(dict(b="cat", c="cat", d="dog", e="dog", f="cat", a="dog"), name="bob")
    found = agreement(ann, bob)
    assert (found.first, found.second, found.kappa.n, found.kappa.agreed) == ("ann", "bob", 5, 2)
    assert found.differing.loc["c"].to_dict() == dict(ann="dog", bob="cat")
    assert found.differing.index.tolist() == ["a", "c", "e"]
    assert found.pairs.to_dict("records") == [
        dict(first="cat", second="dog", count=2), dict(first="dog", second="cat", count=1),
    ]  # fmt: skip
    assert found.table.loc["cat", "dog"] == 2 and found.table.loc["dog", "dog"] == 1


def test_nothing_in_common():
    with pytest.raises(O2UError, match="ann and bob have not answered any sample in common"):
        agreement(pd.Series(dict(a="cat"), name="ann"), pd.Series(dict(b="cat"), name="bob"))
