"""A head's training, epoch by epoch: the same as in one go, and the same as `fit_o2u`."""

import numpy as np
import pandas as pd
import pytest

from o2u_nb.errors import FeaturesError, O2UError
from o2u_nb.playing import Settings
from o2u_nb.training.heads import HIDDEN, head_learner
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.play import Playground, plan
from tests.playing import SHORT, feature_set


@pytest.fixture
def start() -> Playground:
    return Playground(*feature_set(), device="cpu")


def test_the_plan_is_that_of_the_paper():
    found = plan(Settings(warmup=2, cycles=2, cycle=3, r1=0.01, r2=0.001))
    assert [phase for phase, _ in found] == ["warmup"] * 2 + ["cyclic"] * 6
    rates = [0.01, 0.01, 0.007, 0.004, 0.001, 0.007, 0.004, 0.001]
    np.testing.assert_allclose([rate for _, rate in found], rates)
    with pytest.raises(O2UError, match="at least one epoch"):
        plan(Settings(warmup=0, cycles=0))


@pytest.mark.parametrize("hidden", [False, True])
def test_steps_give_what_one_run_gives_and_what_fit_o2u_gives(start, hidden):
    settings = Settings(**{**SHORT, "hidden": hidden})
    whole, steps = start(settings), start(settings)
    assert whole.advance()
    for _ in range(settings.n_epochs):
        assert steps.advance(1)
    features, samples = feature_set()
    width = HIDDEN if hidden else None
    learn = head_learner(features, samples, hidden=width, bs=settings.bs, device="cpu")
    with learn.no_bar(), learn.no_logging():
        trace = learn.fit_o2u(
            warmup=settings.warmup, cycles=settings.cycles, cycle=settings.cycle,
            r1=settings.r1, r2=settings.r2, lr=settings.r1,
        )  # fmt: skip
    for found in (whole.trace, steps.trace):
        np.testing.assert_array_equal(found.loss, trace.loss)
        np.testing.assert_array_equal(found.pred, trace.pred)
        np.testing.assert_allclose(found.lr, trace.lr)
        assert list(found.phase) == list(trace.phase)
        assert list(found.ids) == list(samples.index)


def test_more_epochs_than_are_left_are_not_trained(start):
    training = start(Settings(**SHORT))
    assert training.advance(2) and training.trace.n_epochs == 2
    assert training.advance(99) and training.trace.n_epochs == 4
    assert training.advance() and training.trace.n_epochs == 4


def test_the_seed_decides_and_trainings_do_not_touch_each_other(start):
    settings = Settings(**SHORT, noise="symmetric", share=0.2)
    first, other, same = start(settings), start(Settings(**SHORT, seed=1)), start(settings)
    for training in (first, other, same):
        training.advance()
    np.testing.assert_array_equal(first.trace.loss, same.trace.loss)
    assert not np.array_equal(first.trace.loss, other.trace.loss)
    assert list(start.samples["label"]) == list(feature_set()[1]["label"])


def test_a_training_stops_at_the_next_batch_when_it_is_cancelled(start):
    training, asked = start(Settings(**SHORT)), []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) == 12  # ten batches in each epoch

    assert not training.advance(cancelled=cancelled)
    assert len(asked) == 12 and training.trace.n_epochs == 1


@pytest.mark.parametrize("kind", ["symmetric", "look-alike"])
def test_planted_labels_are_known_and_trained_on(start, kind):
    training = start(Settings(**SHORT, noise=kind, share=0.25, seed=3))
    truth = feature_set()[1]["label"]
    changed = (training.samples["label"] != truth).to_numpy()
    np.testing.assert_array_equal(training.planted, changed)
    assert 20 < changed.sum() < 55  # 37.5 of 150 are expected
    training.advance(1)
    assert list(training.trace.given) == list(training.samples["label"])


def test_look_alikes_are_the_nearest_class(start):
    training = start(Settings(**SHORT, noise="look-alike", share=1.0))
    truth = feature_set()[1]["label"]
    # the clusters lie at 0, 3 and 20
    pairs = set(zip(truth, training.samples["label"], strict=True))
    assert pairs == {("ant", "bee"), ("bee", "ant"), ("cow", "bee")}


@pytest.mark.parametrize("wrong", [dict(noise="storm"), dict(noise="symmetric", share=2.0)])
def test_settings_that_cannot_be_are_refused(start, wrong):
    with pytest.raises(O2UError):
        start(Settings(**wrong))


def test_features_of_other_samples_are_refused():
    features, samples = feature_set()
    with pytest.raises(FeaturesError):
        Playground(features[:-1], samples)
    data = Playground(features, samples, device="cpu").data
    with pytest.raises(FeaturesError, match="such as '000'"):
        data.relabelled(pd.DataFrame({"label": "ant"}, index=samples.index + "x"), ["ant"])
