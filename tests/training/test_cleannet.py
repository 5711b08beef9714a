"""CleanNet-style verification: losses and references by hand, and what it finds."""

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar

from o2u_nb.errors import O2UError
from o2u_nb.training.sample_features import sample_features
from o2u_nb.training.trusted import Trusted
from o2u_nb.training.verification import (
    REFERENCES,
    CleanNet,
    references,
    similarities,
    unverified_loss,
    verified_loss,
    verified_means,
)
from tests.features import CLASSES, Blobs, blobs, head
from tests.fits import accuracy, fitted, parts, precision, trained


def test_the_loss_of_verified_samples_by_hand():
    similarity = torch.tensor([[0.9, 0.3], [0.05, 1.0]])
    # (0.1 + 0) / 2 for the right classes, 5 (0.2 + 0) / 2 for the others
    found = verified_loss(similarity, torch.tensor([0, 1]))
    assert float(found) == pytest.approx(0.05 + 0.5)


def test_the_loss_of_unverified_samples_by_hand():
    similarity = torch.tensor([0.6, 0.05, 0.1, -1.0])  # only the first is above the margin
    assert float(unverified_loss(similarity)) == pytest.approx(0.1)


def test_references_are_centres_or_all_samples_of_a_class():
    features = np.eye(4, dtype=np.float32)
    found = references(features, np.array([0, 0, 0, 1]), 3)
    assert found.shape == (3, REFERENCES, 4)
    np.testing.assert_array_equal(found[0, :3], features[:3])
    np.testing.assert_array_equal(found[1], np.repeat(features[3:], REFERENCES, 0))
    assert not found[2].any()
    many = np.repeat(np.eye(40, dtype=np.float32), 3, 0)
    centres = references(many, np.zeros(120, int), 1)[0]
    np.testing.assert_allclose(centres.sum(1), 1, rtol=1e-5)  # means of one-hot rows


def test_a_class_without_verified_samples_is_represented_by_its_references():
    kept = torch.arange(12.0).reshape(2, 3, 2)
    found = verified_means(torch.tensor([[1.0, 3.0], [3.0, 5.0]]), torch.tensor([0, 0]), kept)
    assert found.tolist() == [[2, 4], [8, 9]]


def test_attention_prefers_references_that_look_like_the_verified_samples():
    torch.manual_seed(0)
    net = CleanNet(2)
    kept = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    context = torch.tensor([[1.0, 0.0]])
    near, far = net.similarity(kept[0], net.prototypes(kept, context))[:, 0].tolist()
    # Attention is the softmax of 5 cos: 1 and e^-5, up to a factor.
    length = np.hypot(1, np.exp(-5))
    assert near == pytest.approx(1 / length, abs=1e-5)
    assert far == pytest.approx(np.exp(-5) / length, abs=1e-5)


def trusted_of(points: Blobs, every: int = 6) -> pd.Series:
    labels = np.array(CLASSES, dtype=object)[points.true]
    return pd.Series(labels, index=points.table.index)[::every]


def test_the_same_seed_gives_the_same_similarities_and_the_random_state_stays():
    points = blobs(wrong=0.2)
    rows = np.arange(0, 120, 5)
    trusted = Trusted(rows, points.true[rows])
    features = sample_features(head(points))
    state = torch.get_rng_state()
    one, same = (similarities(features, points.given, 3, trusted, seed=3) for _ in range(2))
    assert (torch.get_rng_state() == state).all()
    np.testing.assert_array_equal(one, same)
    assert one.shape == (120, 3) and np.abs(one).max() <= 1 + 1e-5
    assert (one.argmax(1) == points.true).mean() > 0.95


def test_it_finds_planted_labels_and_beats_plain_training():
    for seed in range(3):
        points, others = parts(90, wrong=0.4, seed=seed)
        learn, found = fitted("cleannet", points, trusted=trusted_of(points))
        plain = fitted("plain", points)[0]
        assert accuracy(learn, others) > accuracy(plain, others) + 0.05
        assert precision(found, points) > 0.8


def test_trusted_samples_are_asked_for_before_the_training():
    learn = head(blobs())
    before = learn.model[1].weight.detach().clone()
    with pytest.raises(O2UError, match="Pass trusted="):
        trained("cleannet", learn, first=1)
    assert (learn.model[1].weight == before).all()
