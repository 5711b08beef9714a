"""The learning rates of the paper, and that they are really set and recorded."""

from itertools import pairwise

import numpy as np
import pytest
from fastai.basics import Learner
from fastai.callback.core import Callback
from hypothesis import given
from hypothesis import strategies as st

from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.schedule import EpochRates, cyclic_rates
from tests import lookup
from tests.learners import learner, pixel_loaders


def test_the_papers_numbers():
    rates = cyclic_rates(11, r1=0.01, r2=0.001, cycle=10)
    np.testing.assert_allclose(
        rates,
        [0.0091, 0.0082, 0.0073, 0.0064, 0.0055, 0.0046, 0.0037, 0.0028, 0.0019, 0.001, 0.0091],
    )


@given(st.integers(1, 40), st.integers(1, 40))
def test_every_cycle_falls_to_r2_and_repeats(cycles, cycle):
    rates = cyclic_rates(cycles * cycle, r1=1.0, r2=0.1, cycle=cycle)
    assert len(rates) == cycles * cycle
    assert rates[:cycle] == rates[-cycle:]
    assert rates[cycle - 1] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0 - 0.9 / cycle)
    assert all(a > b for a, b in pairwise(rates[:cycle]))


class Watch(Callback):
    """Write down the rate and the batch size of every batch."""

    order = 70

    def before_fit(self):
        self.rates, self.sizes, self.states = [], [], []

    def after_loss(self):
        if self.training:
            self.rates.append(self.opt.hypers[-1]["lr"])
            self.sizes.append(len(self.yb[0]))
            self.states.append(len(self.opt.opt.state))


def test_rates_are_constant_within_an_epoch_and_ramp_up_only_at_the_start():
    learn, watch = learner(pixel_loaders(bs=14)), Watch()
    with learn.no_bar(), learn.no_logging():
        learn.fit(3, cbs=[EpochRates([0.4, 0.2, 0.1], ramp=True), watch])
    np.testing.assert_allclose(watch.rates, [0.1, 0.2, 0.3, 0.4, *[0.2] * 4, *[0.1] * 4])


def test_fit_o2u_runs_both_phases_with_their_own_batch_size_and_fresh_optimiser():
    learn = learner(pixel_loaders(bs=10))
    own_loader, own_opt = learn.dls.train, learn.opt_func
    seen = []

    class Look(Watch):
        def after_fit(self):
            seen.append((self.rates, self.sizes, self.states))

    with learn.no_bar(), learn.no_logging():
        trace = learn.fit_o2u(
            warmup=2, cycles=2, cycle=3, lr=0.1, r1=0.04, r2=0.01, bs=20, cyclic_bs=5, cbs=Look()
        )
    (warm_rates, warm_sizes, warm_states), (_, cyclic_sizes, cyclic_states) = seen
    assert set(warm_sizes) == {20, lookup.N_SAMPLES % 20}
    assert set(cyclic_sizes) == {5, lookup.N_SAMPLES % 5}
    assert warm_states[0] == 0 and cyclic_states[0] == 0  # no momentum from before
    assert warm_states[-1] > 0
    assert list(trace.phase) == ["warmup"] * 2 + ["cyclic"] * 6
    np.testing.assert_allclose(trace.lr[1], 0.1)
    np.testing.assert_allclose(trace.lr[0], np.mean(warm_rates[:3]))
    np.testing.assert_allclose(trace.lr[2:], [0.03, 0.02, 0.01] * 2)
    assert set(trace.mean_probs) == {"warmup", "cyclic"}
    assert learn.dls.train is own_loader and learn.opt_func is own_opt and learn.opt is None


def test_the_warm_up_can_be_skipped():
    learn = learner(pixel_loaders())
    with learn.no_bar(), learn.no_logging():
        trace = learn.fit_o2u(warmup=0, cycles=1, cycle=2)
    assert list(trace.phase) == ["cyclic"] * 2


def test_the_defaults_run_and_follow_the_docstring():
    learn = learner(pixel_loaders())
    with learn.no_bar(), learn.no_logging():
        trace = learn.fit_o2u()
    assert (trace.phase == "warmup").sum() == 8 and (trace.phase == "cyclic").sum() == 18
    assert trace.lr[1] == 0.05 and trace.lr[-1] == pytest.approx(0.005)


def test_on_epoch_sees_each_epoch_once():
    counts = []
    learn = learner(pixel_loaders())
    with learn.no_bar(), learn.no_logging():
        learn.fit_o2u(warmup=1, cycles=1, cycle=2, on_epoch=lambda t: counts.append(t.n_epochs))
    assert counts == [1, 2, 3]


def test_seeded_loaders_repeat_also_with_other_batch_sizes():
    def losses():
        import torch

        torch.manual_seed(1)
        dls = pixel_loaders(crop=1)
        dls.train.rng.seed(3)
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 36, 4))
        learn = Learner(dls, model, loss_func=torch.nn.CrossEntropyLoss())
        with learn.no_bar(), learn.no_logging():
            return learn.fit_o2u(warmup=1, cycles=1, cycle=2, lr=1e-4, bs=20, cyclic_bs=6).loss

    np.testing.assert_array_equal(losses(), losses())
