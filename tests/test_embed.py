"""The embedding of every sample, in its own row, from any network that ends in a linear layer."""

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.basics import Learner
from fastai.data.core import DataLoaders
from fastai.vision.all import ImageDataLoaders, aug_transforms, resnet18, vision_learner
from torch import nn

from o2u_nb.errors import RecordingError
from o2u_nb.training.loaders import PixelData, PixelLoader
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.outputs import LinearCalls
from o2u_nb.training.probe.embed import embed, embed_if_small
from tests import lookup

RAW = (torch.zeros(3), torch.full((3,), 1 / 255))  # statistics that leave pixel values as they are


class Known(nn.Module):
    """Embed picture number i as (i, 10), which dropout would spoil, and NaN for number `lost`."""

    def __init__(self, lost: int = -1):
        super().__init__()
        self.lost, self.spoil, self.head = lost, nn.Dropout(0.5), nn.Linear(2, lookup.N_CLASSES)

    def forward(self, x):
        number = x[:, 0].mean((1, 2)).round()
        number = torch.where(number == self.lost, torch.nan, number)
        return self.head(self.spoil(torch.stack([number, torch.full_like(number, 10)], 1)))


def learner(model: nn.Module, order: np.ndarray | None = None, **options) -> Learner:
    """A Learner on the numbered pictures, listed in `order`."""
    order = np.arange(lookup.N_SAMPLES) if order is None else order
    ids = pd.Index([f"{number:03d}.png" for number in order], name="sample_id")
    data = PixelData(lookup.pictures()[order], lookup.labels()[order], ids, lookup.CLASSES)
    train = PixelLoader(data, bs=7, shuffle=True, stats=RAW, drop_last=True, flip=True, crop=2)
    dls = DataLoaders(train, train.new(shuffle=False), device="cpu")
    return Learner(dls, model, loss_func=nn.CrossEntropyLoss(), **options)


def by_hand(numbers) -> np.ndarray:
    rows = np.array([[number, 10.0] for number in numbers])
    return rows / np.sqrt((rows**2).sum(1, keepdims=True))


@pytest.mark.parametrize("seed", [None, 0])
def test_each_sample_has_its_row_whatever_the_order(seed):
    numbers = np.arange(lookup.N_SAMPLES)
    if seed is not None:
        numbers = np.random.default_rng(seed).permutation(numbers)
    found = embed(learner(Known(), numbers))
    assert found.dtype == np.float16 and found.shape == (lookup.N_SAMPLES, 2)
    np.testing.assert_allclose(found, by_hand(numbers), atol=1e-3)


def test_features_that_are_not_finite_become_zeros():
    found = embed(learner(Known(lost=12)))
    expected = by_hand(range(lookup.N_SAMPLES))
    expected[12] = 0
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_model_is_left_as_it_was():
    model = Known().train()
    model.head.eval()  # as somebody who freezes a layer does
    learn = learner(model)
    random = learn.dls.train.rng.getstate()
    embed(learn)
    modes = model.training, model.spoil.training, model.head.training
    assert modes == (True, True, False)
    assert not model.head._forward_hooks and model.head.weight.grad is None
    assert learn.dls.train.rng.getstate() == random


@pytest.mark.parametrize("drop_last", [True, False])
def test_a_stock_fastai_learner(tmp_path, drop_last):
    root = lookup.write_folder(tmp_path / "pictures")
    dls = ImageDataLoaders.from_folder(
        root, valid_pct=0.2, seed=1, bs=7, num_workers=0, device="cpu",
        drop_last=drop_last, batch_tfms=aug_transforms(size=32),
    )  # fmt: skip
    learn = vision_learner(dls, resnet18, pretrained=False, normalize=False)
    found = embed(learn)
    assert found.shape == (len(dls.train.items), 512)
    model = learn.model.eval()
    for row in (0, 20, -1):
        (picture,) = dls.test_dl([dls.train.items[row]]).one_batch()
        with torch.no_grad():
            features = model[1][:-1](model[0](picture))[0]
        np.testing.assert_allclose(found[row], features / features.norm(), atol=2e-3)


def test_networks_we_know_end_in_a_linear_layer():
    from torchvision.models import resnet18

    pictures = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    compact, torchvision = CompactResNet(3, widths=(4, 8)), resnet18(weights=None, num_classes=3)
    for model, last in ((compact, compact.head), (torchvision, torchvision.fc)):
        calls = LinearCalls(model.eval())
        found = calls.last(model(pictures))
        assert found.layer is last and found.features.shape == (2, last.in_features)
        calls.close()
        assert not last._forward_hooks and not calls.calls


class Around(Known):
    """Put the head first in the list of modules, an unused layer last, and something behind it."""

    def __init__(self, after: nn.Module | None = None):
        super().__init__()
        self.after = after or nn.Identity()
        self.hidden = nn.Linear(2, 2, bias=False)  # listed after the head, used before it
        nn.init.eye_(self.hidden.weight)
        self.unused = nn.Linear(2, lookup.N_CLASSES)

    def forward(self, x):
        number = x[:, 0].mean((1, 2)).round()
        return self.after(self.head(self.hidden(torch.stack([number, number * 0 + 10], 1))))


@pytest.mark.parametrize("after", [nn.Identity(), nn.LogSoftmax(1)])
def test_the_layer_that_gives_the_output_is_taken_wherever_it_is_listed(after):
    found = embed(learner(Around(after)))
    np.testing.assert_allclose(found, by_hand(range(lookup.N_SAMPLES)), atol=1e-3)


class Cooler(nn.Module):
    """Divide by a temperature."""

    def forward(self, x):
        return x / 3


@pytest.mark.parametrize("after", [nn.ReLU(inplace=True), Cooler(), nn.Sigmoid(), nn.Tanh()])
def test_a_model_that_does_not_end_in_its_linear_layer_is_refused(after):
    model = Around(after)
    with pytest.raises(RecordingError, match=r"no torch.nn.Linear of Around gives"):
        embed(learner(model))
    assert not model.head._forward_hooks and model.training


def test_models_without_embeddings_are_refused():
    with pytest.raises(RecordingError, match="of Lookup gives the model's output"):
        embed(learner(lookup.Lookup()))
    for_each_pixel = nn.Sequential(nn.Linear(lookup.SIDE, 5), nn.Flatten(), nn.ReLU())
    with pytest.raises(RecordingError, match="Go on without embeddings"):
        embed(learner(for_each_pixel))
    assert not for_each_pixel[0]._forward_hooks


def test_too_many_numbers_are_not_kept_and_it_is_said(monkeypatch):
    said = []
    assert embed_if_small(learner(Known()), say=said.append).shape == (lookup.N_SAMPLES, 2)
    assert said == []
    monkeypatch.setattr("o2u_nb.training.probe.embed.MAX_BYTES", 4 * lookup.N_SAMPLES - 1)
    assert embed_if_small(learner(Known()), say=said.append) is None
    assert len(said) == 1 and said[0].startswith("Keeping no embeddings: 53 x 2 numbers")
