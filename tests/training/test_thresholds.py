"""Threshold samples: the cuts by hand, the draw, and planted noise on heads."""

import numpy as np
import pytest

from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.scores import aum
from o2u_nb.errors import SourceError
from o2u_nb.training.methods import plain
from o2u_nb.training.thresholds import EXTRA, _draw, below, threshold_samples
from tests.features import blobs


def test_the_cuts_and_the_distances_by_hand():
    values = np.array([[1.0, -1, -3, 5, -2], [4.0, 0, 2, -4, 6]])
    extra = np.array([[0, 1, 1, 0, 0], [0, 0, 0, 1, 1]], dtype=bool)
    cuts, margin = below(values, extra, percentile=50)
    np.testing.assert_allclose(cuts, [-2, 1])
    # the first: -2 - 1 and 1 - 4; the others were each a threshold sample in one run
    np.testing.assert_allclose(margin, [-3, 1, -1, -7, 0])
    assert np.isnan(below(values[:1], extra[:1], 50)[1][1])
    np.testing.assert_allclose(below(values, extra, 100)[0], [-1, 6])


def test_the_draws_are_apart_of_the_size_of_a_class_and_spare_one_of_each():
    labels = blobs(60).table["label"].copy()
    labels.iloc[7] = "dog"  # the only one of its class
    for seed in range(20):
        drawn = _draw(labels, 3, np.random.default_rng(seed))
        assert drawn.sum(1).tolist() == [12] * 3 and drawn.sum(0).max() == 1  # 60 / (4 + 1)
        assert not drawn[:, 7].any()
    with pytest.raises(SourceError, match="5 x 12"):
        _draw(labels, 5, np.random.default_rng(0))


def test_each_run_trains_with_the_extra_label_on_the_drawn_alone():
    points = blobs(40)
    tables, traces = [], []
    make = points.heads

    def learner(train, held_out, seed):
        tables.append(train)
        assert len(held_out) == 1 and EXTRA not in set(held_out["label"])
        return points.heads()(train, held_out, seed)

    def fit(learn):
        traces.append(plain.train(learn, [0.01] * 3))
        return traces[-1]

    heard = []
    found = threshold_samples(
        points.table, learner, fit=fit, progress=lambda *steps: heard.append(steps)
    )
    assert make and heard == [(1, 2), (2, 2)]
    for run, (table, trace) in enumerate(zip(tables, traces, strict=True)):
        extra = (table["label"] == EXTRA).to_numpy()
        np.testing.assert_array_equal(extra, found.is_threshold[run])
        assert extra.sum() == 10 and (table["label"][~extra] == points.table["label"][~extra]).all()
        assert len(trace.classes) == 4
        np.testing.assert_allclose(found.aum[run], -aum(Evidence(trace)))
    again = threshold_samples(points.table, points.heads(), fit=fit)
    np.testing.assert_array_equal(again.margin, found.margin)


def test_planted_noise_is_called_wrong():
    for seed in range(3):
        points = blobs(300, wrong=0.15, seed=seed)
        found = threshold_samples(points.table, points.heads(), seed=seed, epochs=12)
        called = found.called_wrong
        assert points.wrong[called].mean() > 0.8 and called[points.wrong].mean() > 0.8
        assert np.isfinite(found.margin).all()


def test_a_learner_of_other_samples_and_impossible_options_are_refused():
    points, others = blobs(40), blobs(30)
    with pytest.raises(SourceError, match="trace of 30 others"):
        threshold_samples(
            points.table, lambda *of: others.heads()(others.table, others.table[:1], 0), epochs=1
        )
    for options in (dict(runs=0), dict(percentile=101)):
        with pytest.raises(ValueError, match="at least one run"):
            threshold_samples(points.table, points.heads(), **options)
