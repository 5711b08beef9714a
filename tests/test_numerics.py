"""Numbers and batches that are out of order: what they do is defined, or refused in words."""

import numpy as np
import pytest
import torch
from fastai.basics import Learner
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from torch import nn

from o2u_nb.data import sources
from o2u_nb.detect.table import score_table
from o2u_nb.errors import NonFiniteLossError, RecordingError
from o2u_nb.trace import Trace
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.subset import only
from tests import lookup
from tests.learners import learner, pixel_loaders, stock_loaders
from tests.pictures import labels, problems

SHORT = dict(warmup=1, cycles=1, cycle=2)


def fit(learn: Learner, verb: str = "fit_o2u", **options) -> Trace:
    with learn.no_bar(), learn.no_logging():
        return getattr(learn, verb)(**{**(SHORT if verb == "fit_o2u" else {}), **options})


def with_norm(dls: DataLoaders) -> Learner:
    learn = learner(dls)
    learn.model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(3))
    learn.model.append(nn.Linear(3, lookup.N_CLASSES))
    return learn


@pytest.mark.parametrize("verb", ["fit_o2u", "fit_odd"])
def test_a_batch_of_one_under_batch_norm_is_refused_in_words(tmp_path, verb):
    n = len(stock_loaders(tmp_path).train_ds)
    bs = next(bs for bs in range(2, n) if n % bs == 1)
    learn = with_norm(stock_loaders(tmp_path, bs=bs, drop_last=False))
    with pytest.raises(RecordingError, match=f"{n} samples in batches of {bs} leave"):
        fit(learn, verb, lr=0.01)


class Endings:
    """Ends of a model that overflow."""

    @staticmethod
    def half(logits):
        return (logits * 1e6).half()

    @staticmethod
    def infinite(logits):
        return logits * 3e38 * 10


class Ended(nn.Module):
    def __init__(self, end):
        super().__init__()
        self.model, self.end = lookup.Lookup(), end

    def forward(self, x):
        return self.end(self.model(x))


@pytest.mark.parametrize("end", [Endings.half, Endings.infinite])
def test_overflow_is_a_loss_that_is_not_finite_and_no_epoch_of_it_is_kept(tmp_path, end):
    learn = learner(pixel_loaders())
    learn.model = Ended(end)
    with pytest.raises(NonFiniteLossError, match=r"epoch 1 of the warmup.* 0 finished"):
        fit(learn, out=tmp_path / "trace")
    assert Trace.open(tmp_path / "trace").n_epochs == 0


def test_a_class_of_weight_zero_is_recorded_like_the_others():
    weights = torch.ones(lookup.N_CLASSES)
    weights[2] = 0
    trace = fit(learner(pixel_loaders(), loss_func=nn.CrossEntropyLoss(weights)), lr=0.0)
    loss, _, _ = lookup.expected(lookup.table(), lookup.labels())
    by_id = np.argsort(trace.ids)
    np.testing.assert_allclose(trace.loss[0][by_id], loss, rtol=1e-4, atol=1e-5)


def test_weights_that_are_all_zero_are_a_loss_that_is_not_a_number():
    nothing = nn.CrossEntropyLoss(torch.zeros(lookup.N_CLASSES))
    with pytest.raises(NonFiniteLossError):
        fit(learner(pixel_loaders(), loss_func=nothing))


class Absent(Callback):
    """Leave the first class out of the epochs after the first."""

    def before_epoch(self):
        if self.epoch == 1:
            self.dls.loaders[0] = only(self.dls.train, lookup.labels() != 0)


def test_a_class_that_is_absent_from_an_epoch_is_not_seen_there_and_ranked_by_the_others():
    learn = learner(pixel_loaders())
    trace = fit(learn, cbs=Absent(), lr=0.0, warmup=3, cycles=0)
    absent = trace.labels == trace.classes.index("ant")
    seen = ~np.isnan(trace.loss)
    assert seen[0].all() and not seen[1:, absent].any() and seen[1:, ~absent].all()
    assert (trace.pred[1:, absent] == -1).all()
    scores = score_table(trace)
    assert np.isfinite(scores["o2u_mean"]).all() and np.isfinite(scores["score"]).all()


MISSING = [
    np.array([0, 1, np.nan, 1.0]),
    np.array([0, 1, np.inf, 1.0]),
    ["0", "1", float("nan"), "1"],
    ["0", "1", None, "1"],
    np.array(["0", "1", np.nan, "1"]),
    np.ma.masked_array([0, 1, 1, 1], [False, False, True, False]),
    torch.tensor([0, 1, torch.nan, 1.0]),
]


@pytest.mark.parametrize("given", MISSING, ids=lambda given: type(given).__name__)
def test_a_missing_label_in_an_array_is_reported_and_no_class(given):
    checked = sources.read((np.zeros((4, 8, 8, 3), np.uint8), given))
    assert labels(checked) == {"0": "0", "1": "1", "3": "1"}
    assert problems(checked)["2"] == "missing label"


def test_a_class_may_be_called_nan_by_people():
    checked = sources.read((np.zeros((4, 8, 8, 3), np.uint8), ["nan", "a", "nan", "a"]))
    assert set(labels(checked).values()) == {"nan", "a"}
