"""Retraining: the same start for both, and a difference where the labels differ."""

import pandas as pd
import pytest
import torch

from o2u_nb.data import noise
from o2u_nb.data.readers.folders import from_folder
from o2u_nb.errors import SourceError
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.retrain import retrain
from tests.sources import write_source


def tiny(n_classes: int) -> torch.nn.Module:
    return CompactResNet(n_classes, widths=(4, 8))


@pytest.fixture
def samples(tmp_path) -> pd.DataFrame:
    return from_folder(write_source(tmp_path / "source", n=240, wrong=0)).samples


def test_same_labels_give_the_same_accuracy(samples):
    train, held_out = samples.iloc[::2], samples.iloc[1::2]
    table = retrain(train, train, held_out, seeds=(3, 4), epochs=1, network=tiny)
    assert list(table.index) == [3, 4] and list(table.columns) == ["before", "after"]
    assert (table["before"] == table["after"]).all()


def test_wrong_labels_cost_accuracy(samples):
    train, held_out = samples.iloc[::2], samples.iloc[1::2]
    wrong = noise.plant(train, noise.pair_flip(0.9), seed=0).samples
    counted = []
    table = retrain(
        wrong, train, held_out, seeds=(0, 1), epochs=4, network=tiny,
        progress=lambda *at: counted.append(at),
    )  # fmt: skip
    assert (table["after"] > 0.8).all() and (table["before"] < 0.5).all()
    assert counted == [(epoch, 16) for epoch in range(1, 17)]  # 2 seeds, 2 trainings, 4 epochs


def test_held_out_samples_are_not_trained_on(samples):
    with pytest.raises(SourceError, match="not trained on; 1 are"):
        retrain(samples.iloc[:100], samples.iloc[:90], samples.iloc[99:], network=tiny)
