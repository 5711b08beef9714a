"""Densities, ranks and parts on planted clusters, by hand and by a slower formula."""

import numpy as np
import pytest

from o2u_nb.detect import density as module
from o2u_nb.detect.density import densities, density, parts, ranks_within
from o2u_nb.detect.evidence import Evidence
from o2u_nb.errors import O2UError
from tests.features import blobs
from tests.traces import make


def slowly(features: np.ndarray, labels: np.ndarray, percentile: float) -> np.ndarray:
    """Compute the densities pair by pair."""
    found = np.full(len(labels), np.nan)
    for label in set(labels):
        members = [k for k in range(len(labels)) if labels[k] == label]
        far = {
            (i, j): np.linalg.norm(features[i].astype(float) - features[j])
            for i in members
            for j in members
            if i != j
        }
        if not far:
            continue
        near = np.percentile(np.square(list(far.values())), percentile) ** 0.5
        for i in members:
            found[i] = np.mean([far[i, j] < near for j in members if j != i])
    return found


def test_densities_of_a_planted_cluster_by_hand():
    # Of the 28 distances the smallest 15 are 0 (among the first six samples), and the next six are
    # 5, the 60th percentile.
    line = np.array([0, 0, 0, 0, 0, 0, 5, 20.0])[:, None]
    found = densities(line, np.zeros(8, int))
    np.testing.assert_allclose(found, [5 / 7] * 6 + [0, 0])
    assert parts(found, np.zeros(8, int)).tolist() == [0] * 6 + [1, 1]


@pytest.mark.parametrize("percentile", [37.3, 58.7])
def test_densities_are_those_of_the_slow_formula(percentile):
    points = blobs(60, wrong=0.2)
    found = densities(points.features, points.given, percentile=percentile)
    np.testing.assert_allclose(found, slowly(points.features, points.given, percentile))


def test_large_classes_are_compared_with_a_part_of_them(monkeypatch):
    points = blobs(600, wrong=0.2)
    exact = densities(points.features, points.given)
    monkeypatch.setattr(module, "MOST_COMPARED", 100)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 64)
    part = densities(points.features, points.given)
    assert np.corrcoef(exact, part)[0, 1] > 0.95


def test_ranks_are_within_the_class_and_ties_share_theirs():
    found = ranks_within(np.array([9, 1, 1, 5, np.nan, 0.2]), np.array([0, 0, 0, 0, 0, 1]))
    np.testing.assert_allclose(found, [0.125, 0.75, 0.75, 0.375, np.nan, 0.5])


def test_three_planted_groups_of_densities_are_the_parts():
    random = np.random.default_rng(0)
    centres = np.repeat([0.8, 0.5, 0.1], [50, 20, 10])
    found = parts(centres + 0.02 * random.normal(size=80), np.zeros(80, int))
    assert found.tolist() == [0] * 50 + [1] * 20 + [2] * 10


@pytest.mark.parametrize(
    "values, expected",
    [([0.5, 0.5, 0.5], [0, 0, 0]), ([0.1, 0.9, 0.1], [1, 0, 1]), ([np.nan], [0])],
)
def test_few_different_densities_make_fewer_parts(values, expected):
    assert parts(np.array(values), np.zeros(len(values), int)).tolist() == expected


def test_wrong_labels_lie_in_sparse_neighbourhoods_and_in_the_last_parts():
    for seed in range(3):
        points = blobs(300, wrong=0.2, seed=seed)
        found = densities(points.features, points.given)
        ranks = ranks_within(found, points.given)
        assert ranks[points.wrong].mean() > ranks[~points.wrong].mean() + 0.4
        assert (parts(found, points.given)[points.wrong] > 0).all()


def test_the_detector_needs_embeddings():
    trace = make(np.ones((2, 4)))
    assert density(Evidence(trace)) is None
    rows = np.array([[0, 1], [0, 1], [0, 1.1], [5, 5]], dtype=np.float16)
    found = density(Evidence(trace, rows))
    assert found.shape == (4,) and np.nanargmax(found) == 3


def test_features_and_labels_must_fit():
    with pytest.raises(O2UError, match="each of 3 rows of features, found 2"):
        densities(np.ones((3, 2)), np.zeros(2))
