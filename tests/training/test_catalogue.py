"""The catalogue of training methods, and the verbs of the Learner that it makes."""

import inspect
import pkgutil
import re

import numpy as np
import pytest
import torch
from fastai.basics import Learner
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar

from o2u_nb.errors import O2UError
from o2u_nb.training import methods
from o2u_nb.training.catalogue import METHODS, method_named
from o2u_nb.training.learner import fit_o2u, fit_odd  # noqa: F401  patches Learner
from o2u_nb.training.retrain import retrain
from o2u_nb.training.trained import Trained
from o2u_nb.training.verbs import usual_rates, verb
from tests.features import blobs, head


def test_every_module_of_a_method_is_in_the_catalogue_once():
    modules = {found.name for found in pkgutil.iter_modules(methods.__path__)}
    assert {method.fit.__module__.rsplit(".", 1)[1] for method in METHODS.values()} == modules
    assert all(name == method.name for name, method in METHODS.items())


@pytest.mark.parametrize("name", METHODS)
def test_every_method_names_its_paper(name):
    paper = METHODS[name].paper
    assert paper.startswith("no paper") if name == "plain" else re.search(r"[A-Z]\w+.*\d{4}", paper)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_a_verb_of_the_learner_with_its_own_options(name):
    found = getattr(Learner, f"fit_{name}")
    options = inspect.signature(found).parameters
    assert {"lr", "out", "on_epoch", "overwrite"} <= set(options)
    assert "options" not in options and "common" not in options


def test_a_verb_shows_the_methods_docstring_and_paper():
    text = Learner.fit_gce.__doc__
    assert "equation 6" in text and "NeurIPS 2018" in text
    assert inspect.signature(Learner.fit_gce).parameters["q"].default == 0.7


def test_a_verb_trains_at_the_rates_that_all_methods_share():
    learn = head(blobs())
    with learn.no_bar(), learn.no_logging():
        found = learn.fit_gce(6, lr=0.01)
    assert isinstance(found, Trained) and found.trace.n_epochs == 6
    np.testing.assert_allclose(found.trace.lr[1:], usual_rates(learn, 6, 0.01)[1:])
    with pytest.raises(ValueError, match="5 rates for 6 epochs"):
        learn.fit_gce(6, rates=[0.1] * 5)


def test_an_option_of_another_method_is_refused():
    with pytest.raises(TypeError, match="q"):
        verb(METHODS["plain"])(head(blobs()), 2, q=0.5)


def test_a_method_is_found_however_it_is_written_and_an_unknown_one_is_answered_with_the_nearest():
    assert method_named(" GCE ") is METHODS["gce"]
    with pytest.raises(O2UError, match="'gce'"):
        method_named("gcee")


def test_retrain_takes_a_method_by_its_name():
    samples = blobs()
    torch.manual_seed(0)
    table = retrain(
        samples.table[::2], samples.table[::2], samples.table[1::2], seeds=(0,), epochs=4,
        learner=samples.heads(), method="gce",
    )  # fmt: skip
    assert table.loc[0, "before"] == table.loc[0, "after"] > 0.5
