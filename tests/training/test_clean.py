"""The clean pass over the training samples, and the methods on fastai's own loaders."""

import numpy as np
import pytest
import torch
from torch import nn

from o2u_nb.training.catalogue import METHODS
from o2u_nb.training.clean import clean_logits, clean_probs
from tests import lookup
from tests.learners import learner, pixel_loaders, stock_loaders

CHANGED = [
    "gce",
    "gce_truncated",
    "forward_correction",
    "backward_correction",
    "noise_layer",
    "dmi",
    "lccn",
    "luo",
    "mixup",
]


def test_the_softmax_of_all_samples_is_in_their_order_and_the_mode_stays():
    learn = learner(pixel_loaders(crop=1))
    learn.model.train()
    found = clean_probs(learn, lookup.N_CLASSES)
    np.testing.assert_allclose(found, lookup.table().softmax(1), rtol=1e-6)
    assert found.dtype == np.float32 and learn.model.training


def test_the_batches_say_which_samples_they_hold():
    learn = learner(pixel_loaders(crop=1))
    for rows, logits in clean_logits(learn, lookup.N_CLASSES):
        assert not learn.model.training
        torch.testing.assert_close(logits, lookup.table()[rows])


@pytest.mark.parametrize("name", CHANGED)
def test_a_method_that_changes_the_loss_trains_on_stock_loaders(name, tmp_path):
    learn = learner(stock_loaders(tmp_path))
    learn.model = nn.Sequential(nn.Flatten(), nn.Linear(3 * lookup.SIDE**2, lookup.N_CLASSES))
    with learn.no_bar(), learn.no_logging():
        found = METHODS[name].fit(learn, [0.01] * 4)
    n, n_classes = len(learn.dls.train_ds), lookup.N_CLASSES
    assert found.trace.n_epochs == 4 and found.trace.n_samples == n
    if METHODS[name].detects:
        assert found.suspicion.shape == (n,) and np.isfinite(found.suspicion).all()
    if found.transition is not None:
        assert found.transition.shape == (n_classes, n_classes)
        np.testing.assert_allclose(found.probs.sum(1), 1, rtol=1e-5)
