"""MentorNet: lambda and weights by hand, a mentor that learns, and what it finds."""

import numpy as np
import pytest
import torch
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar

from o2u_nb.training.methods.mentornet import (
    Curriculum,
    Mentor,
    percentile_weights,
    planted,
    taught,
    train_mentor,
)
from tests.features import blobs, head
from tests.fits import fitted, gain, parts, precision, trained

LABELS = torch.tensor([0, 1, 2, 0, 1])


def test_lambda_is_a_moving_percentile_and_weights_are_those_below_it():
    curriculum = Curriculum(percentile=0.75, decay=0.9, burn_in=0)
    first = curriculum.inputs(torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0]), LABELS, 0.5)
    # The 75th percentile of 0 to 4 is 3: only the losses 0, 1 and 2 are below it.
    assert percentile_weights(first).tolist() == [1, 1, 1, 0, 0]
    assert first.tolist()[4] == [4.0, 1.0, 0.5, 1.0]
    second = curriculum.inputs(torch.tensor([0.0, 2.0, 4.0, 3.2, 13.0]), LABELS, 0.5)
    assert curriculum.level == pytest.approx(0.9 * 3 + 0.1 * 4)  # 3.1
    assert percentile_weights(second).tolist() == [1, 1, 0, 0, 0]


def test_the_burn_in_is_a_share_of_the_epochs():
    curriculum = Curriculum(percentile=0.7, decay=0.9, burn_in=0.18)
    assert [curriculum.burning_in(epoch, 24) for epoch in range(24)].index(False) == 4
    assert not curriculum.burning_in(0, 2)


def test_planted_labels_are_others_and_as_many_as_asked_for():
    labels = torch.arange(100) % 4
    changed = planted(labels, 4, 0.3, seed=1)
    assert (changed != labels).sum() == 30 and changed.min() >= 0 and changed.max() < 4
    assert (changed == planted(labels, 4, 0.3, seed=1)).all()


def test_a_mentor_learns_a_rule_and_leaves_the_random_state_alone():
    random = torch.Generator().manual_seed(0)
    losses = 3 * torch.rand(2000, generator=random)
    labels = torch.randint(3, (2000,), generator=random).float()
    right = (losses < 1 + labels / 2).float()  # a class with larger losses may have them
    inputs = torch.stack([losses, losses - 1, torch.zeros(2000), labels], 1)
    state = torch.get_rng_state()
    mentor = taught(inputs, right, 3, seed=0)
    assert (torch.get_rng_state() == state).all()
    weights = mentor(inputs)
    assert ((weights > 0.5) == (right > 0.5)).float().mean() > 0.97
    assert not weights.requires_grad


def test_training_a_mentor_leaves_the_model_as_it_was():
    learn = head(blobs(wrong=0.1))
    before = learn.model[1].weight.detach().clone()
    with learn.no_bar(), learn.no_logging():
        mentor = train_mentor(learn, [0.02] * 6)
    assert (learn.model[1].weight == before).all()
    easy, hard = mentor(torch.tensor([[0.05, -0.5, 0.5, 0], [4.0, 3.0, 0.5, 0]])).tolist()
    assert easy > 0.8 and hard < 0.3


def test_suspicion_is_the_share_of_epochs_without_weight_after_the_burn_in():
    options = dict(curriculum="percentile", epochs=5, burn_in=0.4)
    found = fitted("mentornet", blobs(wrong=0.2), **options)[1]
    np.testing.assert_allclose(found.suspicion * 3, np.round(found.suspicion * 3), atol=1e-5)
    alone = fitted("mentornet", blobs(), curriculum="percentile", epochs=1, burn_in=1.0)[1]
    assert np.isnan(alone.suspicion).all()


def test_a_mentor_can_be_passed_and_must_know_the_classes():
    learn = head(blobs(wrong=0.2))
    with pytest.raises(ValueError, match="3 classes, found one for 7"):
        trained("mentornet", learn, mentor=Mentor(7))
    with learn.no_bar(), learn.no_logging():
        mentor = train_mentor(learn, [0.02] * 6)
    assert np.isfinite(trained("mentornet", learn, mentor=mentor).suspicion).all()


def test_an_unknown_curriculum_is_refused():
    with pytest.raises(ValueError, match="learned or percentile"):
        trained("mentornet", head(blobs()), curriculum="random")


@pytest.mark.parametrize("curriculum, least", [("learned", 0.8), ("percentile", 0.6)])
def test_it_finds_planted_labels_and_beats_plain_training(curriculum, least):
    assert (gain("mentornet", wrong=0.3, curriculum=curriculum) > 0.03).all()
    for seed in range(3):
        points, _ = parts(90, wrong=0.3, seed=seed)
        assert precision(fitted("mentornet", points, curriculum=curriculum)[1], points) > least
