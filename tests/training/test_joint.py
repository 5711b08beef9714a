"""Joint optimisation: the losses by hand, the stages, and what its labels are worth."""

import numpy as np
import pytest
import torch
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar

from o2u_nb.training.losses import entropy, prior_divergence
from o2u_nb.training.methods import joint
from o2u_nb.training.recorded import RecordedFit
from tests.features import Blobs, blobs, head
from tests.fits import fitted, gain, parts, precision, trained


def test_the_entropy_by_hand():
    rows = [[0.0, 0.0], [np.log(3.0), 0.0], [100.0, 0.0]]
    logits = torch.tensor(rows, dtype=torch.float64)
    sure = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    np.testing.assert_allclose(entropy(logits), [np.log(2), sure, 0], atol=1e-12)


def test_the_divergence_from_the_prior_by_hand():
    logits = torch.tensor([[np.log(3.0), 0.0], [0.0, 0.0]])  # a mean softmax of 5/8 and 3/8
    prior = torch.tensor([0.5, 0.5])
    expected = 0.5 * np.log(0.5 / 0.625) + 0.5 * np.log(0.5 / 0.375)
    assert float(prior_divergence(logits, prior)) == pytest.approx(expected, rel=1e-5)
    assert float(prior_divergence(logits, torch.tensor([0.625, 0.375]))) == pytest.approx(
        0, abs=1e-6
    )
    one = float(prior_divergence(logits, torch.tensor([1.0, 0.0])))
    assert one == pytest.approx(np.log(1 / 0.625), rel=1e-5)


def labels_of(epochs: int, points=None, **options) -> joint.SoftLabels:
    """Train in this way and return the callback, which remembers the softmax of every epoch."""
    run = RecordedFit()
    settings = dict(alpha=1.2, beta=0.8, prior="given", start=1, stop=epochs, last=10) | options
    labels = joint.SoftLabels(run.recorder, **settings)
    learn = head(points or blobs(wrong=0.2))
    with learn.no_bar(), learn.no_logging():
        run.fit(learn, [0.02] * epochs, [labels])
    return labels


def test_soft_labels_are_the_mean_of_the_last_softmaxes():
    labels = labels_of(5, last=3)
    assert len(labels.past) == 3
    torch.testing.assert_close(labels.labels, torch.stack(list(labels.past)).mean(0))
    torch.testing.assert_close(labels.labels.sum(1), torch.ones(120))


def test_labels_stay_before_the_start_and_after_the_stop():
    given = torch.nn.functional.one_hot(torch.as_tensor(blobs(wrong=0.2).given), 3).float()
    assert (labels_of(3, start=4, stop=4).labels == given).all()
    once = labels_of(6, start=2, stop=2)
    twice = labels_of(2, start=2, stop=2)
    torch.testing.assert_close(once.labels, twice.labels)


def test_the_prior_is_that_of_the_given_labels_or_uniform():
    points = blobs(12)
    points = Blobs(points.features, points.true, np.array([0] * 6 + [1] * 4 + [2] * 2))
    torch.testing.assert_close(labels_of(1, points).expected, torch.tensor([6, 4, 2]) / 12)
    uniform = labels_of(1, points, prior="uniform").expected
    torch.testing.assert_close(uniform, torch.full((3,), 1 / 3))


def test_the_suspicion_is_what_the_soft_label_leaves_to_other_classes():
    points = blobs(wrong=0.2)
    found = fitted("joint", points, epochs=6)[1]
    assert found.probs.shape == (120, 3)
    given = found.probs[np.arange(120), points.given]
    np.testing.assert_allclose(found.suspicion, 1 - given, rtol=1e-6)


@pytest.mark.parametrize(
    "options", [{"start": 5, "stop": 4}, {"start": 0}, {"last": 0}, {"prior": "none"}]
)
def test_settings_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="xpected"):
        trained("joint", head(blobs()), **options)


def test_the_stages_are_shares_of_the_epochs(monkeypatch):
    """With 24 epochs: labels from epoch 12 on, the first stage until 20, the mean of 3."""
    made = []
    own = joint.SoftLabels

    def spy(*args, **settings):
        made.append(settings)
        return own(*args, **settings)

    monkeypatch.setattr(joint, "SoftLabels", spy)
    for epochs in (24, 1):
        fitted("joint", blobs(), epochs=epochs)
    assert [(m["start"], m["stop"], m["last"]) for m in made] == [(12, 20, 3), (1, 1, 1)]


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_any_number_of_epochs_will_do(epochs):
    assert np.isfinite(fitted("joint", blobs(), epochs=epochs)[1].suspicion).all()


def test_it_corrects_planted_labels_and_beats_plain_training():
    assert (gain("joint", wrong=0.3) > 0.05).all()
    for seed in range(3):
        points, _ = parts(90, wrong=0.3, seed=seed)
        found = fitted("joint", points)[1]
        assert precision(found, points) > 0.75
        assert (found.probs.argmax(1) == points.true).mean() > 0.8  # 0.7 of the given ones are
