"""Co-teaching: forget rates and exchanged samples by hand, and what it finds on planted noise."""

from functools import partial

import numpy as np
import pytest
import torch
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar
from torch import nn

from o2u_nb.training.fitting import sgd
from o2u_nb.training.methods import co_teaching
from o2u_nb.training.methods.co_teaching import exchanged, forget_rate, second_network
from o2u_nb.training.recorded import RecordedFit
from tests.features import blobs, head
from tests.fits import fitted, gain, parts, precision, trained


def test_the_forget_rate_rises_in_a_line_and_stays():
    rates = [forget_rate(epoch, tau=0.3, ramp=3) for epoch in range(6)]
    np.testing.assert_allclose(rates, [0, 0.1, 0.2, 0.3, 0.3, 0.3])


@pytest.mark.parametrize(
    "forget, first, second, dropped",
    [
        (0.0, [1, 3, 0, 4, 2], [4, 2, 1, 3, 0], []),
        (0.2, [1, 3, 0, 4], [4, 2, 1, 3], []),
        (0.5, [1, 3], [4, 2], [0]),  # int(0.5 * 5) = 2 are picked
        (0.7, [1], [4], [0, 2, 3]),
        (0.99, [1], [4], [0, 2, 3]),  # one is always picked
    ],
)
def test_each_network_picks_its_smallest_losses(forget, first, second, dropped):
    mine = torch.tensor([3.0, 1.0, 9.0, 2.0, 8.0])
    others = torch.tensor([9.0, 3.0, 2.0, 8.0, 1.0])
    picked = exchanged(mine, others, forget)
    assert picked.by_first.tolist() == first and picked.by_second.tolist() == second
    assert torch.nonzero(picked.dropped).flatten().tolist() == dropped


def test_a_network_learns_from_what_the_other_one_picked():
    """One batch, by hand: the step of each network is that of its peer's smallest losses."""
    points = blobs(12, wrong=0.25)
    learn = head(points, bs=12)
    first = learn.model[1]
    before = first.weight.detach().clone()
    second = second_network(learn.model, last_only=False, seed=5)
    x, y = torch.as_tensor(points.features), torch.as_tensor(points.given)
    losses = [
        nn.functional.cross_entropy(model.eval()(x), y, reduction="none").detach()
        for model in (learn.model, second)
    ]
    kept = losses[1].argsort()[:6]  # by the second network
    nn.functional.cross_entropy(learn.model(x)[kept], y[kept]).backward()
    expected = before - 0.1 * first.weight.grad
    first.zero_grad()
    run = RecordedFit(opt_func=partial(sgd, momentum=0, weight_decay=0))
    pair = co_teaching.CoTeaching(run.recorder, tau=0.5, ramp=1, pretrained=None, seed=5)
    pair.before_train = lambda: setattr(pair, "forget", 0.5)
    with learn.no_bar(), learn.no_logging():
        run.fit(learn, [0.1], [pair])
    torch.testing.assert_close(first.weight.detach(), expected)


def test_the_second_network_starts_elsewhere_and_a_pretrained_one_only_in_its_last_layer():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    state = torch.get_rng_state()
    whole = second_network(model, last_only=False, seed=1)
    last = second_network(model, last_only=True, seed=1)
    assert (torch.get_rng_state() == state).all()
    assert (whole[0].weight != model[0].weight).all() and (whole[2].weight != model[2].weight).all()
    assert (last[0].weight == model[0].weight).all() and (last[2].weight != model[2].weight).all()
    again = second_network(model, last_only=False, seed=1)
    assert (again[0].weight == whole[0].weight).all()
    assert last[2].weight is not model[2].weight


def test_the_forget_rate_is_estimated_from_the_epochs_so_far():
    points, _ = parts(240, wrong=0.3, seed=0, spread=0.5)
    run = RecordedFit()
    pair = co_teaching.CoTeaching(run.recorder, tau=None, ramp=3, pretrained=None, seed=0)
    learn = head(points)
    with learn.no_bar(), learn.no_logging():
        run.fit(learn, [0.02] * 6, [pair])
    assert abs(pair.estimate - 0.3) < 0.08
    assert pair.forget == pair.estimate
    assert not hasattr(pair, "other")


def test_no_sample_is_dropped_at_the_forget_rate_0():
    found = fitted("co_teaching", blobs(), epochs=3, tau=0.0)[1]
    assert (found.suspicion == 0).all()


def test_the_suspicion_is_a_share_of_epochs():
    found = fitted("co_teaching", blobs(wrong=0.2), epochs=4, tau=0.25, ramp=1)[1]
    np.testing.assert_array_equal(found.suspicion * 4, np.round(found.suspicion * 4))
    assert found.suspicion.max() == 0.75  # nothing is dropped in the first epoch


@pytest.mark.parametrize("options", [{"tau": 1.0}, {"tau": -0.1}, {"ramp": 0}])
def test_settings_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="found"):
        trained("co_teaching", head(blobs()), **options)


def test_it_finds_planted_labels_and_beats_plain_training():
    assert (gain("co_teaching") > 0.05).all()
    for seed in range(3):
        points, _ = parts(90, wrong=0.3, seed=seed)
        assert precision(fitted("co_teaching", points)[1], points) > 0.85
