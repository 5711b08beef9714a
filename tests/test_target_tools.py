"""Exports are loaded in the tools that they are for: `datasets`, `mlcroissant`, cleanlab's Datalab,
torchvision and fastai. The first three are installed from PyPI into an environment of their own,
which also sees the packages of this one."""

import json

import numpy as np
import pandas as pd
import pytest

from o2u_nb import exchange
from o2u_nb.audit import Audit
from o2u_nb.review.apply import plan
from o2u_nb.review.session import ReviewSession
from tests.audits import CLASSES, decided_in_splits
from tests.packages import beside, run

TOOLS = ("datasets==5.2.0", "mlcroissant==1.1.1")


@pytest.fixture(scope="module")
def audit(tmp_path_factory) -> Audit:
    """An audit of 40 pictures in files, every fourth of them for validation, with decisions."""
    return Audit.open(decided_in_splits(tmp_path_factory.mktemp("target")))


def cleaned(audit: Audit, **only) -> dict[str, int]:
    table = plan(audit).cleaned
    for name, value in only.items():
        table = table[table[name] == value]
    return table["label"].value_counts().to_dict()


# With the packages that are here


def test_torchvision_loads_the_class_folders(audit, tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    out = exchange.to_folder(plan(audit), tmp_path / "out")
    loaded = datasets.ImageFolder(out / "train")
    names = [loaded.classes[code] for code in loaded.targets]
    assert pd.Series(names).value_counts().to_dict() == cleaned(audit, split="train")
    assert loaded[0][0].size == (12, 12)


def test_fastai_loads_the_table(audit, tmp_path):
    vision = pytest.importorskip("fastai.vision.all")
    table = pd.read_csv(exchange.to_csv(plan(audit), tmp_path / "clean.csv"))
    table["is_valid"] = table["split"] == "valid"
    loaders = vision.ImageDataLoaders.from_df(
        table, path="/", fn_col="path", label_col="label", valid_col="is_valid", bs=4, num_workers=0
    )
    assert (len(loaders.train_ds), len(loaders.valid_ds)) == (29, 10)
    names = [loaders.vocab[int(label)] for _, label in loaders.valid_ds]
    assert pd.Series(names).value_counts().to_dict() == cleaned(audit, split="valid")
    assert loaders.one_batch()[0].shape == (4, 3, 12, 12)


def test_weights_draw_samples_in_torch_and_fit_a_model_of_sklearn(audit):
    torch = pytest.importorskip("torch")
    linear = pytest.importorskip("sklearn.linear_model")
    weights = exchange.sample_weights(plan(audit), audit)
    sampler = torch.utils.data.WeightedRandomSampler(
        weights.tolist(), 20_000, generator=torch.Generator().manual_seed(0)
    )
    drawn = np.bincount(list(sampler), minlength=len(weights)) / 20_000
    np.testing.assert_allclose(drawn, weights / weights.sum(), atol=0.01)
    rows = np.random.default_rng(0).normal(size=(len(weights), 3))
    labels = plan(audit).cleaned["label"]
    model = linear.LogisticRegression().fit(rows, labels, sample_weight=weights)
    assert set(model.classes_) == set(labels)


# With packages that are installed for it


@pytest.fixture(scope="module")
def read(audit, root, tmp_path_factory) -> dict:
    """Return what the tools have read, from an environment that has them beside our packages."""
    place = tmp_path_factory.mktemp("tools")
    python = beside(place / "env", root, *TOOLS)
    (place / "out").mkdir()
    script = root / "tests" / "target_tools.py"
    done = run(python, script, audit.folder, place / "out", cwd=place)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def on_the_web(test):
    return pytest.mark.slow(pytest.mark.network(test))


SPLITS = {"train": "train", "validation": "valid"}


@on_the_web
def test_hugging_face_loads_the_imagefolder(read, audit):
    for name, split in SPLITS.items():
        part = read["imagefolder"][name]
        assert part["labels"] == cleaned(audit, split=split) and part["size"] == [12, 12]
    assert read["imagefolder"]["validation"]["original_label"]["cheetah"] == 3


@on_the_web
def test_hugging_face_loads_the_parquet_and_we_read_what_it_holds(read, audit):
    found = read["parquet"]
    for name, split in SPLITS.items():
        part = found["splits"][name]
        assert part["labels"] == cleaned(audit, split=split) and part["size"] == [12, 12]
    assert found["splits"]["validation"]["decision"] == {"": 9, "relabel": 1}
    assert found["objects"] == found["saved"] == cleaned(audit)
    assert found["on_disk"]["valid/cheetah/0000000.png"] == "tiger" and len(found["on_disk"]) == 39


@on_the_web
def test_mlcroissant_validates_the_metadata_and_loads_the_records(read, audit):
    found = read["croissant"]
    assert found["errors"] == found["bare_errors"] == [] and found["warnings"] == []
    assert found["labels"] == cleaned(audit) and found["sizes"] == {"(12, 12)": 39}
    assert found["given"]["cheetah"] == 10


@on_the_web
def test_datalab_takes_the_arrays_and_its_issues_come_back(read, audit):
    found = read["datalab"]
    planted = {f"{CLASSES[k % 4]}/{k:07d}.png" for k in range(8)}
    assert set(found["lowest"][:8]) == planted
    session = ReviewSession(audit.folder, reviewer="ann")
    ids = exchange.to_cleanlab(audit)["ids"]
    exchange.second_opinion(session, pd.DataFrame(found["issues"]), ids=ids)
    session.only_suspects, session.order_by = False, "cleanlab"
    assert set(session.columns.ids_at(session.visible[:8])) == planted
