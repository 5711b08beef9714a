"""What models may give back: several outputs, probabilities, logarithms of them, or no batch."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from fastai.losses import FocalLossFlat
from torch import nn
from torch.nn import functional as F

from o2u_nb.detect.odd import gaussian_losses
from o2u_nb.errors import RecordingError
from o2u_nb.trace import Trace
from o2u_nb.training.learner import fit_o2u, fit_odd  # noqa: F401  patches Learner
from o2u_nb.training.outputs import LinearCalls, main_output, require_logits
from o2u_nb.training.recorder import DynamicsRecorder
from tests import lookup
from tests.learners import learner, pixel_loaders, stock_loaders


def known(ending: nn.Module | None = None) -> nn.Module:
    """The model whose logits are known, with a step after them."""
    return nn.Sequential(lookup.Lookup(), *([ending] if ending else []))


def fit(model: nn.Module, loss_func=None, *, record="train", dls=None, epochs=2) -> Trace:
    learn = learner(dls or pixel_loaders(), loss_func=loss_func)
    learn.model = model
    recorder = DynamicsRecorder(record=record)
    with learn.no_bar(), learn.no_logging():
        learn.fit(epochs, cbs=recorder)
    return recorder.trace


def assert_known(trace: Trace) -> None:
    """Compare every epoch with the losses computed by hand."""
    loss, margin, pred = lookup.expected(lookup.table(), lookup.labels())
    for epoch in range(trace.n_epochs):
        np.testing.assert_allclose(trace.loss[epoch], loss, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(trace.margin[epoch], margin, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(trace.pred[epoch], pred)


class Logits(NamedTuple):
    """Outputs as torchvision's Inception gives them, but with the main one last."""

    aux_logits: torch.Tensor
    logits: torch.Tensor


class Several(nn.Module):
    """Give the known logits and something else while training, and only the logits otherwise."""

    def __init__(self, kind: str):
        super().__init__()
        self.main, self.kind = lookup.Lookup(), kind

    def forward(self, x):
        logits = self.main(x)
        if not self.training:
            return logits
        other = -logits
        features = torch.ones(len(x), 9)
        return {
            "first": (logits, other),
            "list": [logits, other],
            "wider first": (features, logits),
            "named": Logits(other, logits),
            "dict": {"aux": other, "logits": logits},
            "none fits": (features, features),
        }[self.kind]


def first_loss(outputs, target):
    """A loss that takes what such models give."""
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    many = outputs if isinstance(outputs, tuple | list) else [outputs]
    return sum(F.cross_entropy(one, target) for one in many if one.shape[1] == lookup.N_CLASSES)


@pytest.mark.parametrize("record", ["train", "eval"])
@pytest.mark.parametrize("kind", ["first", "list", "wider first", "named", "dict"])
def test_of_several_outputs_the_main_one_is_recorded(kind, record):
    trace = fit(Several(kind), first_loss, record=record)
    assert trace.n_epochs == 2
    assert_known(trace)


def test_outputs_without_logits_are_refused_and_the_way_out_works():
    free = lambda outputs, target: torch.zeros(1, requires_grad=True)  # noqa: E731
    with pytest.raises(RecordingError, match=r"shapes \[\(7, 9\), \(7, 9\)\].*record=.eval"):
        fit(Several("none fits"), free)
    assert_known(fit(Several("none fits"), free, record="eval"))


def test_outputs_of_another_type_are_named():
    with pytest.raises(RecordingError, match="found str"):
        main_output("logits", 2, 3)


def test_odd_takes_the_layer_of_the_main_output():
    class Heads(nn.Module):
        def __init__(self):
            super().__init__()
            self.aux, self.main = nn.Linear(108, 4), nn.Linear(108, 4)

        def forward(self, x):
            return (self.main(x.flatten(1)), self.aux(x.flatten(1)))

    torch.manual_seed(0)
    learn = learner(pixel_loaders(), loss_func=first_loss)
    learn.model = Heads()
    with learn.no_bar(), learn.no_logging():
        found = learn.fit_odd(3, high=2, lr=0.0, simulate="gaussian", percentile=99)
    expected = learn.model.main.weight.detach().double().numpy()
    bias = learn.model.main.bias.detach().double().numpy()
    np.testing.assert_array_equal(found.simulated, gaussian_losses(expected, bias))


class Functional(nn.Module):
    """End in a function, which no list of modules shows."""

    def __init__(self, ending):
        super().__init__()
        self.main, self.ending = lookup.Lookup(), ending

    def forward(self, x):
        return self.ending(self.main(x))


def nll_of(probabilities, target):
    return F.nll_loss((probabilities + 1e-9).log(), target)


def one_vs_rest(probabilities, target):
    return F.binary_cross_entropy(probabilities, F.one_hot(target, lookup.N_CLASSES).float())


@pytest.mark.parametrize("record", ["train", "eval"])
@pytest.mark.parametrize(
    ("ending", "loss_func", "found"),
    [
        (nn.Softmax(1), nll_of, "adds up to 1"),
        (lambda x: x.softmax(1).clamp(1e-7), nll_of, "adds up to 1"),
        (nn.Sigmoid(), one_vs_rest, "sigmoid"),
        (lambda x: torch.sigmoid(x)[:, :].view(len(x), -1), one_vs_rest, "sigmoid"),
    ],
)
def test_probabilities_are_refused_at_the_first_batch(ending, loss_func, found, record):
    learn = learner(pixel_loaders(), loss_func=loss_func)
    learn.model = Functional(ending)
    recorder = DynamicsRecorder(record=record)
    with pytest.raises(RecordingError, match=f"{found}.*CrossEntropyLossFlat"):
        learn.fit(1, cbs=recorder)
    assert recorder.trace.n_epochs == 0
    assert learn.iter == 0


def test_half_precision_probabilities_are_refused_too():
    logits = torch.randn(9, 300, generator=torch.Generator().manual_seed(0))
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        with pytest.raises(RecordingError, match="adds up to 1"):
            require_logits(logits.to(dtype).softmax(1))


@pytest.mark.parametrize(
    "logits",
    [
        torch.zeros(8, 4),  # a new layer of zeros
        torch.rand(8, 4, generator=torch.Generator().manual_seed(0)),  # by chance within 0 and 1
        torch.tensor([[0.5, 0.5], [0.5, 0.7]]),  # one row that adds up to 1
        torch.tensor([[1.5, -0.5], [3.0, -2.0]]),  # they add up to 1 and are no probabilities
        torch.randn(8, 4, generator=torch.Generator().manual_seed(0)).log_softmax(1),
    ],
)
def test_logits_are_not_taken_for_probabilities(logits):
    require_logits(logits)


@pytest.mark.parametrize(
    ("ending", "loss_func"),
    [
        (nn.LogSoftmax(1), nn.NLLLoss()),
        (None, FocalLossFlat()),
        (None, lambda p, t: one_vs_rest(p.sigmoid(), t)),
        (None, nn.MultiMarginLoss()),
    ],
)
def test_plain_cross_entropy_is_recorded_whatever_trains(ending, loss_func):
    assert_known(fit(known(ending), loss_func))


def test_too_few_outputs_are_refused_by_their_shape():
    model = Functional(lambda x: x[:, :1])
    with pytest.raises(RecordingError, match=r"shape \(7, 4\).*gave \(7, 1\)"):
        fit(model, lambda p, t: F.binary_cross_entropy_with_logits(p[:, 0], (t > 1).float()))


@pytest.mark.parametrize("verb", ["fit_o2u", "fit_odd", "fit"])
@pytest.mark.parametrize("record", ["train", "eval"])
def test_a_set_smaller_than_a_batch_is_refused_before_the_first_epoch(tmp_path, verb, record):
    learn = learner(stock_loaders(tmp_path, bs=64), scale=255)
    n = len(learn.dls.train_ds)
    assert len(learn.dls.train) == 0
    options = {"fit_o2u": dict(record=record), "fit_odd": {}}.get(verb)
    if options is None:
        options = dict(n_epoch=1, cbs=DynamicsRecorder(record=record))
    with pytest.raises(RecordingError, match=f"bs={n} or less, or with drop_last=False") as caught:
        getattr(learn, verb)(**options)
    assert f"draws {n} samples in batches of 64" in str(caught.value)
    assert not hasattr(learn, "epoch") or learn.epoch == 0


def test_an_empty_training_set_is_refused():
    dls = pixel_loaders()
    dls.loaders[0] = dls.train.new(dls.train.dataset.new_empty())
    with pytest.raises(RecordingError, match="empty training set"):
        fit(lookup.Lookup(), dls=dls)


def test_a_layer_called_twice_counts_where_it_gives_the_output():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return self.layer(self.layer(x).relu())

    model, x = Twice(), torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    calls = LinearCalls(model)
    found = calls.last(model(x))
    assert calls.calls == []  # those of one pass only
    calls.close()
    torch.testing.assert_close(found.features, model.layer(x).relu())
