"""Retraining: the same start for both, and a difference where the labels differ."""

import pandas as pd
import pytest
import torch

from o2u_nb.data import noise
from o2u_nb.data.readers.folders import from_folder
from o2u_nb.errors import O2UError, SourceError
from o2u_nb.review.verified import verified
from o2u_nb.training.methods import reweight
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.retrain import retrain
from tests.features import CLASSES, blobs
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


POINTS = blobs(240, wrong=0.45, seed=1, spread=1.0)
TRUE = pd.Series([CLASSES[k] for k in POINTS.true], POINTS.table.index, name="label")
TRAIN, HELD_OUT = POINTS.table.iloc[::2], POINTS.table.assign(label=TRUE).iloc[1::2]
TRUSTED = TRUE[TRAIN.index][::4]
HEADS = dict(seeds=(0,), epochs=8, lr=0.02, learner=POINTS.heads())


def after(method=None, **options) -> float:
    return retrain(TRAIN, TRAIN, HELD_OUT, method=method, **HEADS, **options).loc[0, "after"]


def test_trusted_samples_of_a_file_reach_the_method(tmp_path):
    TRUSTED.rename_axis("sample_id").to_csv(tmp_path / "verified.csv")
    trusted = verified(tmp_path / "verified.csv")
    moved = trusted.map(dict(zip(CLASSES, [*CLASSES[1:], CLASSES[0]], strict=True)))
    found = after("reweight", trusted=trusted)
    assert found > after() + 0.05 and found > after("reweight", trusted=moved) + 0.2
    assert found == after(reweight.train, trusted=trusted)
    assert found == after("reweight", trusted=TRUSTED.to_frame())


def test_trusted_ids_may_come_one_by_one():
    right = [one for one, same in (TRAIN["label"] == TRUE[TRAIN.index]).items() if same]
    assert after("reweight", trusted=iter(right)) == after("reweight", trusted=right) > 0.8


@pytest.mark.parametrize("options, said", [
    (dict(method="reweight"), "review.verified.verified"),
    (dict(method="reweight", trusted=[]), "found none"),
    (dict(method="gce", trusted=TRUSTED), "'reweight' or 'cleannet' does"),
    (dict(trusted=TRUSTED), "pass method="),
    (dict(method="reweight", trusted=TRUE), r"120 of 240 are not in the set 'before'"),
])  # fmt: skip
def test_trusted_samples_that_do_not_fit_are_refused_before_anything_is_trained(options, said):
    def nothing(*args):
        raise AssertionError("trained")

    with pytest.raises(O2UError, match=said):
        retrain(TRAIN, TRAIN, HELD_OUT, **{**HEADS, **options, "learner": nothing})
