"""Every method trains with fastai's own loaders, whose batches are of fastai's tensor types."""

import numpy as np
import pytest
import torch
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar
from torch import nn

from o2u_nb.training.catalogue import METHODS
from tests import lookup
from tests.learners import learner, stock_loaders


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_fastais_loaders(name, tmp_path):
    learn = learner(stock_loaders(tmp_path / "folder"))
    torch.manual_seed(0)
    learn.model = nn.Sequential(nn.Flatten(), nn.Linear(3 * lookup.SIDE**2, lookup.N_CLASSES))
    files = learn.dls.train.items
    ids = [path.relative_to(learn.path).as_posix() for path in files]
    options = dict(trusted=ids[::3]) if METHODS[name].trusted else {}
    with learn.no_bar(), learn.no_logging():
        found = METHODS[name].fit(learn, [1e-3] * 6, **options)
    assert found.trace.ids.tolist() == ids and found.trace.n_epochs == 6
    if METHODS[name].detects:
        assert isinstance(found.suspicion, np.ndarray) and found.suspicion.shape == (len(ids),)
        assert np.isfinite(found.suspicion).any()
