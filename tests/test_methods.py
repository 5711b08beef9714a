"""The contract of every training method: a Learner and a rate per epoch in, a `Trace` out."""

import inspect
import pkgutil
from importlib import import_module

import numpy as np
import pytest
import torch
from fastai.basics import Learner
from torch import nn

from o2u_nb.data.sources import from_folder
from o2u_nb.trace import Trace
from o2u_nb.training import catalogue, methods
from o2u_nb.training.methods import o2u, odd
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.retrain import retrain
from o2u_nb.training.schedule import high_then_low
from tests import lookup
from tests.learners import learner, pixel_loaders
from tests.sources import write_source

METHODS = [
    import_module(f"{methods.__name__}.{found.name}")
    for found in pkgutil.iter_modules(methods.__path__)
]
TRUSTING = {m.fit.__module__ for m in catalogue.METHODS.values() if m.trusted}
RATES = high_then_low(9, lr=1e-4, high=3)


def linear_learner() -> Learner:
    torch.manual_seed(0)
    learn = learner(pixel_loaders(crop=1))
    learn.model = nn.Sequential(nn.Flatten(), nn.Linear(3 * lookup.SIDE**2, lookup.N_CLASSES))
    return learn


def train(method, learn: Learner, rates=RATES, **options) -> Trace:
    if method.__name__ in TRUSTING:
        options["trusted"] = list(options.get("ids") or learn.dls.train.dataset.ids)[::3]
    with learn.no_bar(), learn.no_logging():
        return method.train(learn, rates, **options)


def test_both_methods_are_found():
    assert {o2u, odd} <= set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_takes_the_common_options(method):
    options = dict(inspect.signature(method.train).parameters)
    if "options" in options:  # handed on to the function that finds more than a trace
        options |= inspect.signature(method.denoise).parameters
    if "common" in options:  # handed on to what all methods without phases share
        options |= inspect.signature(RecordedFit).parameters
    wanted = ["learn", "rates", "out", "ids", "overwrite", "on_epoch", "opt_func", "cbs"]
    assert set(wanted) <= set(options)
    assert list(options)[:2] == ["learn", "rates"]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_trains_each_epoch_at_its_rate_and_leaves_the_learner_as_it_was(method, tmp_path):
    learn = linear_learner()
    own = learn.dls.train, learn.opt_func, [cb.name for cb in learn.cbs]
    heard = []
    ids = [f"sample {number}" for number in range(lookup.N_SAMPLES)]
    trace = train(
        method, learn, out=tmp_path / "trace", ids=ids, on_epoch=lambda found: heard.append(found)
    )
    assert trace.n_epochs == len(RATES) and list(trace.ids) == ids
    np.testing.assert_allclose(trace.lr[1:], RATES[1:], rtol=1e-6)  # the first may be ramped up
    assert np.isfinite(trace.loss[0]).all() and heard
    assert (learn.dls.train, learn.opt_func, [cb.name for cb in learn.cbs]) == own
    assert Trace.open(tmp_path / "trace").n_epochs == len(RATES)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_trace_and_other_rates_another(method):
    one, same = (train(method, linear_learner()) for _ in range(2))
    np.testing.assert_array_equal(one.loss, same.loss)
    other = train(method, linear_learner(), [3 * rate for rate in RATES])
    assert (one.loss[-1] != other.loss[-1]).any()


@pytest.mark.parametrize("n_epochs", [3, 8, 26])
def test_o2u_warms_up_for_three_tenths_by_default(n_epochs):
    trace = train(o2u, linear_learner(), [1e-4] * n_epochs)
    assert (trace.phase == "warmup").sum() == round(0.3 * n_epochs)
    assert (trace.phase == "cyclic").sum() == n_epochs - round(0.3 * n_epochs)


@pytest.mark.parametrize("method", METHODS)
def test_retrain_takes_any_method(method, tmp_path):
    samples = from_folder(write_source(tmp_path / "source", n=120, wrong=0)).samples
    used = []

    def spy(learn, rates):
        used.append(list(rates))
        return train(method, learn, rates)

    table = retrain(
        samples[::2], samples[::2], samples[1::2], seeds=(0,), epochs=6, method=spy,
        network=lambda n: CompactResNet(n, widths=(4, 8)),
    )  # fmt: skip
    assert used == [high_then_low(6, lr=0.05, high=2)] * 2
    assert table.loc[0, "before"] == table.loc[0, "after"] > 0.5
