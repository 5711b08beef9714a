"""Nearest samples and the neighbours' vote, held against figures worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb import embedding_file
from o2u_nb.detect import neighbours
from o2u_nb.detect.neighbours import lookalike_probs, neighbourhoods
from o2u_nb.detect.votes import knn
from o2u_nb.errors import O2UError, OutputError, TraceError

# Angles to the first row, in degrees: 0, 60, 0, 180, 90, 60
FAN = np.array([[1, 0], [1, 3**0.5], [2, 0], [-1, 0], [0, 5], [1, -(3**0.5)]])


def random_rows(n: int, d: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def slow_cosines(rows: np.ndarray) -> np.ndarray:
    """All cosines, one pair at a time; -inf for a sample and itself."""
    n = len(rows)
    found = np.full((n, n), -np.inf)
    for i in range(n):
        for j in set(range(n)) - {i}:
            found[i, j] = rows[i] @ rows[j] / np.linalg.norm(rows[i]) / np.linalg.norm(rows[j])
    return found


def label_agreement(rows, labels, k=10) -> np.ndarray:
    """Vote with the labels of the `k` nearest."""
    near, similarities = neighbourhoods(rows, k)
    return knn(near, similarities.astype(float), np.unique(labels, return_inverse=True)[1]).score


def test_label_agreement_by_hand():
    labels = np.array(["cat", "cat", "dog", "dog", "cat", "dog"])
    # The two nearest of each row and their cosines, from the angles of FAN: 0 has 2 (1) and 1 (1/2,
    # before 5 by position); 1 has 4 (sqrt(3)/2) and 0 (1/2, before 2); 2 has 0 (1) and 1 (1/2);
    # 3 has 4 (0) and then only negative ones; 4 has 1 (sqrt(3)/2) and 0 (0); 5 has 0 and 2 (1/2).
    root = 3**0.5 / 2
    expected = [1 - 0.5 / 1.5, 0, 1, np.nan, 0, 0.5]
    np.testing.assert_allclose(label_agreement(FAN, labels, k=2), expected, atol=1e-6)
    labels[4] = "dog"
    expected[1] = 1 - 0.5 / (0.5 + root)
    assert label_agreement(FAN, labels, k=2)[1] == pytest.approx(expected[1], abs=1e-6)


def test_opposites_have_no_vote():
    rows = np.array([[1, 0], [1, 0.1], [-1, 0], [-1, 0.1]])
    assert label_agreement(rows, np.array([0, 0, 1, 1]), k=3).tolist() == [0, 0, 0, 0]


def test_a_wrong_label_in_a_crowd_stands_out():
    rng = np.random.default_rng(0)
    truth = np.arange(200) % 4
    rows = np.eye(4)[truth] + rng.normal(0, 0.1, (200, 4))
    labels = truth.copy()
    labels[[5, 77]] = (truth[[5, 77]] + 1) % 4
    scores = label_agreement(rows, labels)
    assert set(np.argsort(-scores)[:2]) == {5, 77} and scores[5] > 0.9
    assert np.median(scores) < 0.1


@settings(max_examples=40)
@given(n=st.integers(3, 40), k=st.integers(1, 12), seed=st.integers(0, 99))
def test_label_agreement_agrees_with_the_slow_way_and_permutes(n, k, seed):
    rng = np.random.default_rng(seed)
    rows, labels, order = random_rows(n, seed=seed), rng.integers(0, 3, n), rng.permutation(n)
    scores = label_agreement(rows, labels, k=k)
    for i, cosines in enumerate(slow_cosines(rows)):
        near = np.argsort(-cosines)[: min(k, n - 1)]
        weights = np.maximum(cosines[near], 0)
        if weights.sum() > 1e-4:
            share = (weights * (labels[near] == labels[i])).sum() / weights.sum()
            assert scores[i] == pytest.approx(1 - share, abs=1e-3)
    assert scores.dtype == np.float64 and not ((scores < 0) | (scores > 1)).any()
    permuted = label_agreement(rows[order], labels[order], k=k)
    np.testing.assert_allclose(permuted, scores[order], atol=1e-3)


def test_blocks_change_nothing(monkeypatch):
    rows = random_rows(50)
    positions, similarities = neighbourhoods(rows, 9)
    monkeypatch.setattr(neighbours, "ROWS_AT_ONCE", 7)
    in_blocks = neighbourhoods(rows, 9)
    assert in_blocks[0].tolist() == positions.tolist()
    np.testing.assert_allclose(in_blocks[1], similarities, atol=1e-6)


@settings(max_examples=40)
@given(n=st.integers(1, 40), k=st.integers(0, 45), seed=st.integers(0, 99))
def test_neighbourhoods_are_the_nearest_of_each(n, k, seed):
    rows = random_rows(n, d=3, seed=seed)
    positions, similarities = neighbourhoods(rows, k)
    assert positions.shape == similarities.shape == (n, min(k, n - 1))
    for i, cosines in enumerate(slow_cosines(rows)):
        assert i not in positions[i] and len(set(positions[i])) == len(positions[i])
        np.testing.assert_allclose(similarities[i], cosines[positions[i]], atol=2e-6)


def test_ties_of_neighbourhoods_go_by_position():
    rows = np.repeat([[1.0, 0], [0, 1]], 4, axis=0)
    positions, _ = neighbourhoods(rows, 5)
    assert positions[0].tolist() == [1, 2, 3, 4, 5]
    assert positions[6].tolist() == [4, 5, 7, 0, 1]


def test_among_many_samples_an_even_part_is_compared(monkeypatch):
    monkeypatch.setattr(neighbours, "MOST_COMPARED", 5)
    angles = np.arange(13)
    rows = np.column_stack([np.cos(angles / 10), np.sin(angles / 10)])
    positions, _ = neighbourhoods(rows, 2)  # among 0, 3, 6, 9 and 12
    assert positions[[1, 4, 6, 11]].tolist() == [[0, 3], [3, 6], [3, 9], [12, 9]]
    assert neighbourhoods(rows, 50)[0].shape == (13, 4)


def test_lookalike_probs_by_hand():
    probs = np.array([[0.7, 0.3], [0.2, 0.8], [0.9, 0.1], [0.5, 0.5], [0.1, 0.9], [0.6, 0.4]])
    # two nearest: 0 has 2 and 1, 1 has 4 and 0, 2 has 0 and 1, 3 has 4 and 1 (before 5: a tie),
    # 4 has 1 and 0 (before 2: a tie), 5 has 0 and 2
    first = np.array([(0.9 + 0.2), (0.1 + 0.7), (0.7 + 0.2), (0.1 + 0.2), (0.2 + 0.7), (0.7 + 0.9)])
    expected = np.column_stack([first, 2 - first]) / 2
    np.testing.assert_allclose(lookalike_probs(FAN, probs, k=2), expected, atol=1e-12)


def test_lookalike_probs_leave_out_what_was_not_seen():
    probs = np.array([[0.7, 0.3], [np.nan, np.nan], [0.9, 0.1], [np.nan, np.nan]])
    rows = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 0]])
    found = lookalike_probs(rows, probs, k=2)
    np.testing.assert_allclose(found[:3], [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    assert np.isnan(found[3]).all()
    assert np.isnan(lookalike_probs(rows[:2], probs[[1, 1]], k=1)).all()


def test_lookalike_probs_permute_and_ignore_the_sample_itself():
    rng = np.random.default_rng(3)
    rows, probs, order = random_rows(60), rng.dirichlet(np.ones(4), 60), rng.permutation(60)
    found = lookalike_probs(rows, probs, k=7)
    permuted = lookalike_probs(rows[order], probs[order], k=7)
    np.testing.assert_allclose(permuted, found[order], atol=1e-12)
    probs[5] = [0, 0, 0, 1]
    np.testing.assert_allclose(lookalike_probs(rows, probs, k=7)[5], found[5])


def test_labels_of_other_samples_are_refused():
    with pytest.raises(O2UError, match="probabilities"):
        lookalike_probs(FAN, np.ones((5, 2)))


def test_the_file_holds_unit_rows_in_order(tmp_path):
    embedding_file.write(tmp_path / "e.npy", np.array([[3.0, 4], [0, 0], [0, -2]]))
    found = embedding_file.read(tmp_path / "e.npy", 3)
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [0, -1]], atol=1e-3)
    assert embedding_file.read(tmp_path / "none.npy", 3) is None


def test_files_of_other_samples_and_damaged_ones_are_refused(tmp_path):
    path = tmp_path / "e.npy"
    embedding_file.write(path, random_rows(5))
    with pytest.raises(TraceError, match=r"\(6, d\).*e.npy have shape \(5, 8\)"):
        embedding_file.read(path, 6)
    np.save(path, np.zeros((6, 2), dtype=int))
    with pytest.raises(TraceError, match="row of floats"):
        embedding_file.read(path, 6)
    path.write_bytes(path.read_bytes()[:90])
    with pytest.raises(TraceError, match="damaged"):
        embedding_file.read(path, 6)


def test_what_is_not_finite_is_not_written(tmp_path):
    with pytest.raises(O2UError, match="row 1 of 2"):
        embedding_file.write(tmp_path / "e.npy", np.array([[1.0, 0], [np.nan, 0]]))
    with pytest.raises(OutputError):
        embedding_file.write(tmp_path / "missing" / "e.npy", np.ones((2, 2)))
    assert list(tmp_path.iterdir()) == []
