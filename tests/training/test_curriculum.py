"""CurriculumNet: who counts in which stage, where the features come from, what it finds."""

import numpy as np
import pytest
import torch
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar

from o2u_nb.detect.density import densities, parts
from o2u_nb.training.methods.curriculum import Stages
from o2u_nb.training.probe.embed import embed
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.sample_features import first_epochs, sample_features
from tests.features import blobs, head
from tests.fits import fitted, gain, precision, trained
from tests.fits import parts as drawn
from tests.learners import learner, pixel_loaders


def test_each_part_joins_in_its_stage_with_its_weight():
    points = blobs(wrong=0.2)
    learn = head(points)
    run = RecordedFit()
    found = densities(sample_features(learn), points.given)
    stages = Stages(run.recorder, (1.0, 0.5, 0.25), found)
    with learn.no_bar(), learn.no_logging():
        run.fit(learn, [0.01] * 3, [stages])
    part = parts(found, points.given)
    assert set(part) == {0, 1, 2}
    rows = stages.weights.numpy()
    np.testing.assert_array_equal(rows[0], np.array([1, 0, 0])[part])
    np.testing.assert_array_equal(rows[1], np.array([1, 0.5, 0])[part])
    np.testing.assert_array_equal(rows[2], np.array([1, 0.5, 0.25])[part])
    np.testing.assert_allclose(stages.mean_weights, rows.mean(0))
    assert np.isfinite(run.trace.loss).all()  # samples that do not count are recorded too


def test_a_head_has_features_at_once_and_a_network_after_three_in_ten_epochs():
    points = blobs()
    learn = head(points)
    assert first_epochs(learn, 10, None) == 0 and first_epochs(learn, 10, 4) == 4
    found = sample_features(learn)
    centred = points.features - points.features.mean(0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    other = learner(pixel_loaders())
    assert [first_epochs(other, n, None) for n in (1, 2, 3, 10)] == [0, 1, 1, 3]
    with pytest.raises(ValueError, match="from 0 to 9"):
        first_epochs(other, 10, 10)


def test_a_network_gives_the_inputs_of_its_last_layer():
    learn = learner(pixel_loaders())
    torch.manual_seed(0)
    learn.model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(108, 4))
    np.testing.assert_array_equal(sample_features(learn), embed(learn).astype(np.float32))


def test_three_weights_are_needed():
    with pytest.raises(ValueError, match="three weights"):
        trained("curriculum", head(blobs()), weights=(1, 0.5))


def test_it_finds_planted_labels_and_beats_plain_training():
    assert (gain("curriculum") > 0.05).all()
    for seed in range(3):
        points, _ = drawn(90, wrong=0.3, seed=seed)
        assert precision(fitted("curriculum", points)[1], points) > 0.8
