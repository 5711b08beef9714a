"""Confident learning: folds that see nothing of what they predict, and cleanlab's own values."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn import linear_model
from sklearn.metrics import roc_auc_score

from o2u_nb.detect import confident
from o2u_nb.detect.confident import called_wrong, centred, out_of_sample_probs
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.table import score_table
from o2u_nb.errors import FeaturesError, O2UError, SourceError
from o2u_nb.training.heads import Centred, mean_of
from tests.features import blobs
from tests.traces import planted, random_trace

COLUMNS = ("self_confidence", "normalised_margin", "confident_learning")


def evidence(probs, labels) -> Evidence:
    trace = dataclasses.replace(random_trace(n=len(labels)), labels=np.asarray(labels))
    return Evidence(trace, measured={"out_of_sample_probs": np.asarray(probs)})


def test_columns_by_hand():
    of = evidence([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.2, 0.6, 0.2]], [0, 0, 1])
    np.testing.assert_allclose(confident.self_confidence(of), [0.5, 0.9, 0.4])
    np.testing.assert_allclose(confident.normalised_margin(of), [0.4, 0.8, 0.3])


def test_columns_are_cleanlabs():
    points = blobs(300, wrong=0.2, spread=1.5)
    probs = out_of_sample_probs(points.features, points.table)
    of, rows = evidence(probs, points.given), probs.astype(np.float64)
    for name, method in zip(COLUMNS, ("self_confidence", "normalized_margin"), strict=False):
        quality = get_label_quality_scores(points.given, rows, method=method)
        np.testing.assert_allclose(getattr(confident, name)(of), 1 - quality, atol=1e-6)
    expected = find_label_issues(points.given, rows / rows.sum(1, keepdims=True), n_jobs=1)
    found = confident.confident_learning(of)
    np.testing.assert_array_equal(found > 1, expected)
    assert 0.5 < points.wrong[expected].mean() and 30 < expected.sum() < 90
    np.testing.assert_allclose(found - (found > 1), confident.self_confidence(of))


def test_samples_without_probabilities_and_classes_without_labels_are_left_out():
    points = blobs(90, wrong=0.2)
    probs = out_of_sample_probs(points.features, points.table).astype(np.float64)
    wide = np.column_stack([probs[:, :1], np.zeros(90), probs[:, 1:]])  # a class with no labels
    labels = points.given + (points.given > 0)
    expected = called_wrong(points.given, probs)
    np.testing.assert_array_equal(called_wrong(labels, wide), expected)
    wide[7] = np.nan
    assert not called_wrong(labels, wide)[7] and called_wrong(labels, wide).any()
    assert not called_wrong(np.zeros(90, int), wide).any()


def test_no_fold_predicts_what_it_was_trained_on(monkeypatch):
    """Features that tell the sample: the model must not have seen the row that it predicts."""
    seen = []

    class Spy:
        def __init__(self, **options):
            assert options["C"] == confident.INVERSE_PENALTY / 16

        def fit(self, rows, labels):
            self.rows, self.classes = rows, len(np.unique(labels))
            seen.append(np.bincount(labels))
            return self

        def predict_proba(self, rows):
            assert not (rows[:, None] == self.rows[None]).all(2).any()
            return np.full((len(rows), self.classes), 1 / self.classes)

    monkeypatch.setattr(linear_model, "LogisticRegression", Spy)
    points = blobs(62)
    probs = out_of_sample_probs(points.features, points.table, folds=4)
    np.testing.assert_allclose(probs, 1 / 3, rtol=1e-6)
    assert len(seen) == 4
    for counts in seen:  # of 21, 21 and 20 samples of a class, a quarter is held out
        np.testing.assert_allclose(counts, 15.5, atol=1.0)


def test_planted_noise_is_found_and_the_order_of_the_samples_makes_no_difference():
    points = blobs(300, wrong=0.2, spread=1.0)
    probs = out_of_sample_probs(points.features, points.table, seed=3)
    np.testing.assert_allclose(probs.sum(1), 1, rtol=1e-6)
    assert roc_auc_score(points.wrong, -probs[np.arange(300), points.given]) > 0.9
    order = np.random.default_rng(0).permutation(300)
    moved = out_of_sample_probs(points.features[order], points.table.iloc[order], seed=3)
    np.testing.assert_array_equal(moved, probs[order])
    assert (out_of_sample_probs(points.features, points.table, seed=4) != probs).any()


def test_a_class_of_one_sample_has_probability_0_where_it_is_held_out():
    points = blobs(60)
    table = points.table.copy()
    table.loc["0005", "label"] = "dog"
    probs = out_of_sample_probs(points.features, table)
    assert probs.shape == (60, 4) and probs[5, 3] == 0 and (probs[:, 3] > 0).sum() > 40


def test_features_are_scaled_as_a_head_does_it():
    rows = torch.randn(20, 6, generator=torch.Generator().manual_seed(0)) + 3
    expected = Centred(mean_of(rows))(rows)
    np.testing.assert_allclose(centred(rows.numpy()), expected, rtol=1e-4, atol=1e-5)
    assert (centred(np.ones((3, 4))) == 0).all()


def test_a_head_on_frozen_features_needs_no_further_measurement(monkeypatch):
    trace, embeddings, wrong = planted(n=300)
    frozen = dataclasses.replace(trace, frozen=True)
    calls = []
    compute = confident.out_of_sample_probs
    monkeypatch.setattr(
        confident, "out_of_sample_probs", lambda *a, **k: calls.append(1) or compute(*a, **k)
    )
    table = score_table(frozen, embeddings, also=COLUMNS)
    assert len(calls) == 1  # for all three columns
    found = table.loc[trace.ids, "self_confidence"].to_numpy()
    probs = compute(embeddings, trace.given.to_frame())
    np.testing.assert_allclose(found, 1 - probs[np.arange(300), trace.labels], rtol=1e-6)
    assert roc_auc_score(wrong, found) > 0.8
    assert confident.self_confidence(Evidence(trace, embeddings)) is None  # has seen the labels
    assert confident.self_confidence(Evidence(frozen)) is None


def test_copies_of_an_audit_stay_in_one_fold():
    trace, embeddings, _ = planted(n=300)
    frozen = dataclasses.replace(trace, frozen=True)
    copies = np.arange(300) // 3
    own = confident.probs_of(Evidence(frozen, embeddings, copies=copies))
    given = dict(features=embeddings, samples=trace.given.to_frame(), classes=trace.classes)
    np.testing.assert_array_equal(own, confident.out_of_sample_probs(**given, groups=copies))
    assert (own != confident.out_of_sample_probs(**given)).any()
    with pytest.raises(O2UError, match="groups of copies"):
        Evidence(frozen, embeddings, copies=copies[1:])


def test_what_does_not_fit_together_is_refused():
    points = blobs(30)
    with pytest.raises(FeaturesError, match="30 samples, found 29"):
        out_of_sample_probs(points.features[:29], points.table)
    with pytest.raises(SourceError, match="'cat'"):
        out_of_sample_probs(points.features, points.table, classes=["ant", "bee"])
    with pytest.raises(SourceError, match="at least two classes"):
        one = pd.DataFrame({"label": "ant"}, points.table.index)
        out_of_sample_probs(points.features, one)
    with pytest.raises(ValueError, match="found 1"):
        out_of_sample_probs(points.features, points.table, folds=1)
