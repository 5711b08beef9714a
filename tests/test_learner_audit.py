"""From any Learner to an audit with pictures: the table of its items, and `learn.audit`."""

import io
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.basics import CrossEntropyLossFlat, Learner
from fastai.callback.core import Callback
from fastai.data.all import (
    CategoryBlock,
    ColReader,
    ColSplitter,
    DataBlock,
    FuncSplitter,
    IndexSplitter,
    RandomSplitter,
    get_image_files,
)
from fastai.data.core import DataLoaders
from fastai.vision.all import ImageBlock, ImageDataLoaders, TensorImage, aug_transforms
from PIL import Image
from torchvision import datasets as zoo
from torchvision import transforms

from o2u_nb import learner_audit  # noqa: F401  patches Learner
from o2u_nb.audit import Audit
from o2u_nb.data.sources import from_arrays, from_folder
from o2u_nb.errors import (
    AuditExistsError,
    RecordingError,
    ResumeError,
    SourceError,
    TraceError,
)
from o2u_nb.folder import MARKER
from o2u_nb.trace import Trace
from o2u_nb.training.fitting import sgd
from o2u_nb.training.loaders import dataloaders
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.table import samples_of
from tests import lookup
from tests.sources import snapshot

pytestmark = pytest.mark.slow  # each of them trains


SHORT = dict(warmup=1, cycles=2, cycle=2)
OPTIONS = dict(bs=7, num_workers=0, device="cpu")


@pytest.fixture
def folder(tmp_path) -> Path:
    return lookup.write_folder(tmp_path / "pictures")


def files(folder: Path) -> list[Path]:
    return sorted(get_image_files(folder))


def frame(folder: Path, **columns) -> pd.DataFrame:
    """Names, labels and split of the pictures; every fifth is for validation."""
    paths = files(folder)
    names = [path.relative_to(folder).as_posix() for path in paths]
    valid = np.arange(len(paths)) % 5 == 0
    labels = [path.parent.name for path in paths]
    return pd.DataFrame({"name": names, "label": labels, "is_valid": valid, **columns})


def from_folder_loaders(folder: Path) -> DataLoaders:
    return ImageDataLoaders.from_folder(folder, valid_pct=0.2, seed=1, **OPTIONS)


def from_name_func(folder: Path) -> DataLoaders:
    return ImageDataLoaders.from_path_func(
        folder, files(folder), lambda path: Path(path).parent.name, seed=1, **OPTIONS
    )


def from_df(folder: Path) -> DataLoaders:
    return ImageDataLoaders.from_df(frame(folder), folder, valid_col="is_valid", **OPTIONS)


def from_csv(folder: Path) -> DataLoaders:
    frame(folder).to_csv(folder / "labels.csv", index=False)
    return ImageDataLoaders.from_csv(folder, "labels.csv", valid_col="is_valid", **OPTIONS)


def from_lists(folder: Path) -> DataLoaders:
    table = frame(folder)
    return ImageDataLoaders.from_lists(
        folder, [folder / name for name in table["name"]], list(table["label"]), seed=1, **OPTIONS
    )


def col_reader(folder: Path) -> DataLoaders:
    table = frame(folder)
    table["stem"] = [name.removesuffix(".png") for name in table["name"]]
    block = DataBlock(
        (ImageBlock, CategoryBlock),
        get_x=ColReader("stem", pref=f"{folder}/", suff=".png"),
        get_y=ColReader("label"),
        splitter=ColSplitter("is_valid"),
        batch_tfms=aug_transforms(size=8),
    )
    return block.dataloaders(table.sample(frac=1, random_state=0), path=folder, **OPTIONS)


def names_block(folder: Path) -> DataLoaders:
    """Items are bare names, which `get_x` and `get_y` make a file and a label of."""
    labels = {path.stem: path.parent.name for path in files(folder)}
    block = DataBlock(
        (ImageBlock, CategoryBlock),
        get_items=lambda names: names,
        get_x=lambda name: folder / labels[name] / f"{name}.png",
        get_y=labels.get,
        splitter=RandomSplitter(0.2, seed=1),
    )
    return block.dataloaders(sorted(labels), path=folder, **OPTIONS)


def image_folder(folder: Path) -> DataLoaders:
    whole = zoo.ImageFolder(folder, transform=transforms.ToTensor())
    order = np.random.default_rng(0).permutation(len(whole)).tolist()
    parts = [torch.utils.data.Subset(whole, part) for part in (order[10:], order[:10])]
    dls = DataLoaders.from_dsets(*parts, **OPTIONS)
    dls.path = folder
    return dls


FILES = [
    from_folder_loaders, from_name_func, from_df, from_csv, from_lists, col_reader, names_block,
    image_folder,
]  # fmt: skip


def learner(dls: DataLoaders, seed: int = 0, n_classes: int = lookup.N_CLASSES) -> Learner:
    torch.manual_seed(seed)
    if hasattr(dls.train, "rng"):
        dls.train.rng.seed(seed)
    model = CompactResNet(n_classes, widths=(4, 8))
    return Learner(dls, model, loss_func=CrossEntropyLossFlat(), opt_func=sgd)


def quiet(learn: Learner, out, trace=None, **options) -> Audit:
    with learn.no_bar(), learn.no_logging():
        return learn.audit(out, trace, say=lambda line: None, **options)


@pytest.mark.parametrize("loaders", FILES)
def test_the_table_of_a_learners_own_files(folder, loaders):
    learn = learner(loaders(folder))
    table = samples_of(learn)
    expected = [path.relative_to(folder).as_posix() for path in files(folder)]
    assert list(table.index) == expected and table.index.name == "sample_id"
    assert list(table["path"]) == [str(path) for path in files(folder)]
    assert list(table["label"]) == [path.parent.name for path in files(folder)]
    counts = table["split"].value_counts()
    assert counts["valid"] == len(learn.dls.valid_ds) > 5
    assert counts["train"] == len(learn.dls.train_ds)
    only_train = samples_of(learn, valid=False)
    assert set(only_train["split"]) == {"train"} and len(only_train) == counts["train"]


@pytest.mark.parametrize("loaders", FILES)
def test_an_audit_in_one_call(folder, tmp_path, loaders):
    learn = learner(loaders(folder))
    audit = quiet(learn, tmp_path / "audit", **SHORT)
    trace = audit.trace
    assert trace.n_epochs == 5 and trace.record == "train+valid"
    assert set(trace.ids) == set(audit.samples.index) and trace.n_samples == lookup.N_SAMPLES
    dropped = len(learn.dls.train_ds) % 7
    n_train = len(learn.dls.train_ds)
    assert (np.isnan(trace.loss[:, :n_train]).sum(1) == dropped).all()
    assert not np.isnan(trace.loss[:, n_train:]).any()
    assert list(trace.given.loc[audit.samples.index]) == list(audit.samples["label"])
    assert audit.embeddings.shape == (lookup.N_SAMPLES, 8)
    for id, path in audit.samples["path"].items():  # each id has its own picture
        assert lookup.number_of(id) == np.asarray(Image.open(path))[0, 0, 0]


class Plain(torch.nn.Module):
    """Read the known logits off pictures whose values were divided by 255."""

    def __init__(self):
        super().__init__()
        self.known, self.head = lookup.Lookup(255), torch.nn.Linear(4, 4)
        torch.nn.init.eye_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)

    def forward(self, x):
        return self.head(self.known(x))


@pytest.mark.parametrize("record", ["train", "eval"])
@pytest.mark.parametrize("loaders", FILES)
def test_validation_samples_are_recorded_by_hand_and_stay_out_of_training(folder, loaders, record):
    learn = learner(loaders(folder))
    learn.model = Plain()
    with learn.no_bar(), learn.no_logging():
        trace = learn.fit_o2u(**SHORT, lr=0.0, valid=True, record=record)
    assert trace.record == f"{record}+valid"
    numbers = np.array([lookup.number_of(id) for id in trace.ids])
    loss, margin, pred = lookup.expected(lookup.table()[numbers], lookup.labels()[numbers])
    if loaders is col_reader and record == "train":  # these are augmented while training
        rows = slice(len(learn.dls.train_ds), None)
    else:
        rows = slice(None)
    seen = ~np.isnan(trace.loss[:, rows])
    assert seen[:, len(learn.dls.train_ds) :].all() and seen.any(0).mean() > 0.9
    every = lambda row: np.broadcast_to(row[rows], seen.shape)[seen]  # noqa: E731
    np.testing.assert_allclose(trace.loss[:, rows][seen], every(loss), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(trace.margin[:, rows][seen], every(margin), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(trace.pred[:, rows][seen], every(pred))
    probs = trace.mean_probs["cyclic"][len(learn.dls.train_ds) :]
    expected = lookup.table()[numbers].softmax(1)[len(learn.dls.train_ds) :]
    np.testing.assert_allclose(probs, expected, rtol=1e-4, atol=1e-6)


def test_recording_validation_samples_does_not_change_the_training(folder):
    def weights(valid):
        learn = learner(from_folder_loaders(folder), seed=3)
        with learn.no_bar(), learn.no_logging():
            learn.fit_o2u(**SHORT, valid=valid)
        return learn.model.head.weight.detach()

    assert torch.equal(weights(True), weights(False))


@pytest.mark.parametrize("loaders", [from_df, image_folder])
def test_a_trace_that_was_made_before_gets_the_validation_samples_of_now(folder, tmp_path, loaders):
    learn = learner(loaders(folder))
    learn.model = Plain()
    with learn.no_bar(), learn.no_logging():
        trace = learn.fit_o2u(**SHORT, lr=0.0)
    audit = quiet(learn, tmp_path / "audit", trace)
    n_train, found = len(learn.dls.train_ds), audit.trace
    assert found.record == "train+valid" and found.n_samples == lookup.N_SAMPLES
    np.testing.assert_array_equal(found.loss[:, :n_train], trace.loss)
    numbers = np.array([lookup.number_of(id) for id in found.ids[n_train:]])
    loss, margin, pred = lookup.expected(lookup.table()[numbers], lookup.labels()[numbers])
    np.testing.assert_allclose(found.loss[-1, n_train:], loss, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.margin[-1, n_train:], margin, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found.pred[-1, n_train:], pred)
    assert np.isnan(found.loss[:-1, n_train:]).all() and (found.pred[:-1, n_train:] == -1).all()
    probs = found.mean_probs["cyclic"][n_train:]
    np.testing.assert_allclose(probs, lookup.table()[numbers].softmax(1), rtol=1e-4, atol=1e-6)
    assert np.isnan(found.mean_probs["warmup"][n_train:]).all()
    assert audit.scores["score"].notna().sum() >= lookup.N_SAMPLES - 7
    assert audit.scores["score"].reindex(found.ids[n_train:]).notna().all()
    again = quiet(learn, tmp_path / "again", found)  # nothing to add
    np.testing.assert_array_equal(again.trace.loss, found.loss)
    only_train = quiet(learn, tmp_path / "train", trace, valid=False)
    assert set(only_train.samples.index) == set(trace.ids)
    assert len(only_train.embeddings) == n_train


def test_embeddings_are_in_the_order_of_the_trace(folder, tmp_path):
    learn = learner(from_df(folder))
    with learn.no_bar(), learn.no_logging():
        trace = learn.fit_o2u(**SHORT, valid=True)
    mixed = trace.take(np.random.default_rng(0).permutation(trace.n_samples))
    one = quiet(learn, tmp_path / "one", trace)
    other = quiet(learn, tmp_path / "other", mixed)
    rows = one.trace.ids.get_indexer(other.trace.ids)
    np.testing.assert_allclose(other.embeddings, one.embeddings[rows], atol=1e-3)
    assert not np.allclose(one.embeddings[0], one.embeddings[1])


def test_our_own_loaders_keep_paths_splits_and_ids(folder, tmp_path):
    samples = from_folder(folder).samples
    held_out = samples[::5].assign(split="test")
    dls = dataloaders(samples.drop(held_out.index), valid=held_out, bs=7, device="cpu", crop=0)
    audit = quiet(learner(dls), tmp_path / "audit", **SHORT)
    expected = samples.assign(split=["test" if k % 5 == 0 else "train" for k in range(53)])
    pd.testing.assert_frame_equal(
        audit.samples[["label", "split", "path"]], expected[["label", "split", "path"]]
    )
    assert not np.isnan(audit.trace.loss).any()


def test_pictures_that_are_no_files_come_along(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 20, 20, 3), dtype=np.uint8)
    samples = from_arrays(pixels, np.array(["a", "b"])[np.arange(30) % 2]).samples
    dls = dataloaders(samples, size=16, bs=10, device="cpu", seed=0)
    table = samples_of(learner(dls, n_classes=2))
    np.testing.assert_array_equal(np.stack(list(table["image"])), pixels)  # not shrunk to 16
    audit = quiet(learner(dls, n_classes=2), tmp_path / "audit", **SHORT)
    assert len(audit.samples) == 30 and "image" in audit.samples


class Fake(zoo.FakeData):
    """torchvision's random pictures, the same every time."""

    def __init__(self, size, offset, **options):
        super().__init__(size, (3, 12, 12), 3, random_offset=offset, **options)


@pytest.mark.parametrize("normalised", [False, True])
def test_a_torch_data_set_without_files(tmp_path, normalised):
    steps = [transforms.ToTensor()]
    if normalised:
        steps.append(transforms.Normalize((0.5,) * 3, (0.2,) * 3))
    dls = DataLoaders.from_dsets(
        *(Fake(n, k, transform=transforms.Compose(steps)) for k, n in enumerate((24, 10))),
        **{**OPTIONS, "bs": 8},
    )
    learn = learner(dls, n_classes=3)
    table = samples_of(learn)
    assert list(table.index[[0, 23, 24, 33]]) == ["train/00", "train/23", "valid/0", "valid/9"]
    for position in (0, 9):
        picture, label = Fake(10, 1)[position]
        row = table.loc[f"valid/{position}"]
        np.testing.assert_array_equal(row["image"], np.asarray(picture))
        assert row["label"] == str(int(label))
    audit = quiet(learn, tmp_path / "audit", **SHORT)
    assert not np.isnan(audit.trace.loss).any() and audit.embeddings.shape == (34, 8)


def test_a_clean_pass_over_a_torch_data_set_takes_the_transform_of_the_validation_set(folder):
    black = transforms.Compose([transforms.ToTensor(), transforms.Lambda(lambda x: x * 0)])
    train = zoo.ImageFolder(folder, transform=black)
    valid = zoo.ImageFolder(folder, transform=transforms.ToTensor())
    rows = np.arange(lookup.N_SAMPLES)
    parts = [torch.utils.data.Subset(train, rows[8:]), torch.utils.data.Subset(valid, rows[:8])]
    learn = learner(DataLoaders.from_dsets(*parts, **{**OPTIONS, "drop_last": False}))
    learn.model = Plain()
    with learn.no_bar(), learn.no_logging():
        trace = learn.fit_o2u(**SHORT, lr=0.0, record="eval")
    numbers = np.array([lookup.number_of(id) for id in trace.ids])
    loss, _, _ = lookup.expected(lookup.table()[numbers], lookup.labels()[numbers])
    np.testing.assert_allclose(trace.loss[-1], loss, rtol=1e-4, atol=1e-5)
    assert train.transform is black


def arrays_block(**options) -> DataLoaders:
    """Items are numbers, and pictures are made of them: there are no files and no names."""
    pixels = torch.as_tensor(lookup.pictures()).permute(0, 3, 1, 2)
    block = DataBlock(
        (ImageBlock, CategoryBlock),
        get_items=lambda n: list(range(n)),
        get_y=lambda k: lookup.CLASSES[lookup.labels()[k]],
        splitter=IndexSplitter(list(range(0, 53, 5))),
        **options,
    )
    block.type_tfms[0][:] = [lambda k: TensorImage(pixels[k])]
    return block.dataloaders(lookup.N_SAMPLES, **OPTIONS)


def test_items_without_files_and_names_need_ids(tmp_path):
    learn = learner(arrays_block())
    with pytest.raises(RecordingError, match="pass ids="):
        quiet(learn, tmp_path / "audit", **SHORT)
    assert not (tmp_path / "audit").exists()
    train = [f"picture {k}" for k in learn.dls.train_ds.items]
    valid = [f"picture {k}" for k in learn.dls.valid_ds.items]
    audit = quiet(learn, tmp_path / "audit", ids=train + valid, **SHORT)
    assert set(audit.trace.ids) == {f"picture {k}" for k in range(lookup.N_SAMPLES)}
    row = samples_of(learn, ids=train + valid).loc["picture 5"]
    np.testing.assert_array_equal(row["image"], lookup.pictures()[5])
    assert row["split"] == "valid" and row["label"] == lookup.CLASSES[lookup.labels()[5]]
    table = samples_of(learn, valid=False, ids=train)
    assert len(table) == len(train)


def test_an_own_table_is_used_as_it_is(folder, tmp_path):
    learn = learner(from_df(folder))
    samples = samples_of(learn).assign(split="mine")
    audit = quiet(learn, tmp_path / "audit", samples=samples, **SHORT)
    assert set(audit.samples["split"]) == {"mine"}


def test_what_cannot_work_is_refused_before_training(folder, tmp_path):
    learn = learner(from_df(folder))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    weights = learn.model.head.weight.detach().clone()
    with pytest.raises(Exception, match="not empty"):
        quiet(learn, tmp_path / "full", **SHORT)
    with pytest.raises(Exception, match="lies inside the source"):
        quiet(learn, folder / "cat" / "audit", **SHORT)
    trained = learner(from_df(folder))
    quiet(trained, tmp_path / "audit", **SHORT)
    with pytest.raises(AuditExistsError):
        quiet(learn, tmp_path / "audit", **SHORT)
    assert torch.equal(learn.model.head.weight, weights)
    assert quiet(trained, tmp_path / "audit", overwrite=True, **SHORT).trace.n_epochs == 5


def test_a_trace_of_other_samples_is_refused(folder, tmp_path):
    learn, other = learner(from_df(folder)), learner(arrays_block())
    names = [f"picture {k}" for k in range(lookup.N_SAMPLES)]
    with other.no_bar(), other.no_logging():
        trace = other.fit_o2u(**SHORT, valid=True, ids=names)
    with pytest.raises(TraceError, match="'picture 0'"):
        quiet(learn, tmp_path / "audit", trace)
    with pytest.raises(TypeError, match="'cycles'"):
        quiet(other, tmp_path / "audit", trace, ids=names, cycles=3)
    assert not (tmp_path / "audit").exists()


def test_a_model_without_a_last_linear_layer_is_audited_without_look_alikes(folder, tmp_path):
    learn, said = learner(from_df(folder)), []
    learn.model = lookup.Lookup(255)
    with learn.no_bar(), learn.no_logging():
        audit = learn.audit(tmp_path / "audit", say=said.append, **SHORT, lr=0.0)
    assert audit.embeddings is None
    assert any("no look-alikes" in line and "Lookup" in line for line in said)


def test_pictures_that_are_only_normalised_numbers_are_refused_before_training(tmp_path):
    numbers = torch.randn(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    data = torch.utils.data.TensorDataset(numbers, torch.arange(20) % 2)
    learn = learner(DataLoaders.from_dsets(data, data, **OPTIONS), n_classes=2)
    with pytest.raises(SourceError, match="pixels in"):
        quiet(learn, tmp_path / "audit", valid=False, **SHORT)


def test_the_panel_opens_on_the_learners_own_pictures(folder, tmp_path):
    audit = quiet(learner(from_df(folder)), tmp_path / "audit", **SHORT)
    session = audit.panel(reviewer="test").session
    assert sorted(session.scores.index) == list(audit.samples.index)
    for id in audit.samples.index[[0, 20, 52]]:
        shown = np.asarray(Image.open(io.BytesIO(session.thumbnail(id, 16))), dtype=float)
        red = [lookup.number_of(id), 0, 0]
        np.testing.assert_allclose(shown.mean((0, 1)), red, atol=3)  # JPEG is not exact


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ([0, 1.5, 0], "1.5"),
        (["a", "b", "a"], "'a'"),
        ([[0], [1], [0]], "[0]"),
        ([None] * 3, "None"),
    ],
)
def test_labels_that_are_no_class_numbers_are_named(labels, found):
    class Data(torch.utils.data.Dataset):
        targets = labels

        def __len__(self):
            return 3

        def __getitem__(self, k):
            return torch.zeros(3, 8, 8), 0

    learn = learner(DataLoaders.from_dsets(Data(), Data(), **OPTIONS))
    with pytest.raises(RecordingError) as caught:
        learn.fit_o2u(**SHORT)
    assert f"found {found}" in str(caught.value)


def test_the_same_file_twice_is_named(folder):
    table = frame(folder)
    dls = ImageDataLoaders.from_df(
        pd.concat([table, table[:3]], ignore_index=True), folder, **OPTIONS
    )
    with pytest.raises(RecordingError, match=r"these repeat: .*ids="):
        samples_of(learner(dls))


def test_classes_whose_names_are_the_same_text_are_named(folder):
    block = DataBlock(
        (ImageBlock, CategoryBlock(vocab=[1, "1", 2, 3], sort=False)),
        get_items=get_image_files,
        get_y=lambda path: [1, "1", 2, 3][lookup.CLASSES.index(path.parent.name)],
        splitter=FuncSplitter(lambda path: path.stem == "000"),
    )
    with pytest.raises(RecordingError, match="'1' more than once"):
        samples_of(learner(block.dataloaders(folder, path=folder, **OPTIONS)))


# An audit of a Learner that was interrupted.


def interrupt() -> None:
    """End as Ctrl-C does."""
    raise KeyboardInterrupt


class Cut(Callback):
    """End the training, or the process, after so many batches; 0 ends nothing."""

    order = 200

    def __init__(self, batches: int, end: Callable[[], None] = interrupt):
        self.left = batches
        self.end = end

    def after_batch(self):
        if self.training:
            self.left -= 1
            if not self.left:
                self.end()


def written(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files but those that say when, or how often, the audit was made."""
    said = ("audit.json", "report.html")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in said
    }


def test_an_audit_goes_on_after_an_interruption_at_any_epoch(folder, tmp_path, monkeypatch):
    count, said = Cut(0), []
    learn = learner(from_df(folder), seed=1)
    whole = quiet(learn, tmp_path / "whole", cbs=count, **SHORT)
    expected = written(whole.folder)
    assert {"scores.parquet", "embeddings.npy", "trace/loss.npy"} <= set(expected)
    batches = -count.left // 5
    cuts = [1, *(batches * epoch + 2 for epoch in range(1, 5)), 5 * batches]
    for cut in cuts:
        out = tmp_path / f"{cut}"
        with pytest.raises(KeyboardInterrupt):
            quiet(learner(from_df(folder), seed=1), out, cbs=Cut(cut), **SHORT)
        torch.manual_seed(99)  # whatever another process has drawn
        again = learner(from_df(folder), seed=1)
        with again.no_bar(), again.no_logging():
            found = again.audit(out, resume=True, say=said.append, cbs=Cut(0), **SHORT)
        assert written(out) == expected, f"cut after {cut} batches"
        assert found.facts.get("resumed", 0) == (0 if cut == 1 else 1)
        for one, other in zip(again.model.parameters(), learn.model.parameters(), strict=True):
            assert torch.equal(one, other)
    assert any(line.startswith("Going on after 4 of 5 epochs") for line in said)
    out = tmp_path / "late"
    for place in ("o2u_nb.learner_audit._embeddings", "o2u_nb.run.write_report"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(place, lambda *_: interrupt())
            late = learner(from_df(folder), seed=1)
            quiet(late, out, resume=True, cbs=Cut(0), **SHORT)
    late, unused = learner(from_df(folder), seed=1), Cut(0)
    assert quiet(late, out, resume=True, cbs=unused, **SHORT).facts["resumed"] == 2
    assert unused.left == 0 and written(out) == expected
    assert torch.equal(late.model.head.weight, learn.model.head.weight)


def test_an_audit_that_is_killed_goes_on_to_the_bit(folder, tmp_path, root):
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tests import test_learner_audit as own\n"
        "kill = lambda: os.kill(os.getpid(), signal.SIGKILL)\n"
        "learn = own.learner(own.from_df(Path(sys.argv[1])))\n"
        "own.quiet(learn, Path(sys.argv[2]), cbs=own.Cut(20, kill), **own.SHORT)\n"
    )
    whole = quiet(learner(from_df(folder)), tmp_path / "whole", cbs=Cut(0), **SHORT)
    killed = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(tmp_path / "out")], cwd=root, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    quiet(learner(from_df(folder)), tmp_path / "out", resume=True, cbs=Cut(0), **SHORT)
    assert written(tmp_path / "out") == written(whole.folder)


def test_an_unfinished_audit_goes_on_with_the_same_learner_and_samples_only(folder, tmp_path):
    out = tmp_path / "audit"
    with pytest.raises(KeyboardInterrupt):
        quiet(learner(from_df(folder)), out, cbs=Cut(14), **SHORT)
    before = snapshot(out)
    with pytest.raises(AuditExistsError, match=r"unfinished audit.* resume=True"):
        quiet(learner(from_df(folder)), out, cbs=Cut(0), **SHORT)
    same = dict(resume=True, cbs=Cut(0), **SHORT)
    with pytest.raises(ResumeError, match="begun with cycles 2, and 3 is asked for"):
        quiet(learner(from_df(folder)), out, **{**same, "cycles": 3})
    with pytest.raises(ResumeError, match=r"callbacks \['Cut'\], and \[\] is asked for"):
        quiet(learner(from_df(folder)), out, **{**same, "cbs": None})
    with pytest.raises(ResumeError, match="begun with valid True, and False is asked for"):
        quiet(learner(from_df(folder)), out, valid=False, **same)
    with pytest.raises(ResumeError, match="preset 'a Learner', and 'quick' is asked for"):
        Audit.run(folder, out, preset="quick", quiet=True, resume=True)
    with pytest.raises(ValueError, match="choose one"):
        quiet(learner(from_df(folder)), out, overwrite=True, **same)
    with pytest.raises(TypeError, match="cycels"):
        quiet(learner(from_df(folder)), out, resume=True, cycels=2)
    with pytest.raises(TypeError, match="'resume'"):
        quiet(learner(from_df(folder)), out, Trace.open(out / "trace"), resume=True)
    other = learner(from_df(folder))
    other.model = CompactResNet(lookup.N_CLASSES, widths=(4, 16))
    with pytest.raises(ResumeError, match="another network or optimiser"):
        quiet(other, out, **same)
    other = learner(from_df(folder))
    changed = samples_of(other).assign(split="mine")
    with pytest.raises(ResumeError, match="source has changed"):
        quiet(other, out, samples=changed, **same)
    after = snapshot(out)
    other = {path.name for path in {*after, *before} if before.get(path) != after.get(path)}
    assert other <= {"run.json", "samples.parquet", "problems.csv", MARKER}  # written again
    quiet(learner(from_df(folder)), out, **same)


def test_a_finished_audit_of_a_learner_is_opened_and_nothing_is_trained(folder, tmp_path):
    quiet(learner(from_df(folder)), tmp_path / "audit", cbs=Cut(0), **SHORT)
    count, said = Cut(0), []
    again = learner(from_df(folder))
    found = again.audit(tmp_path / "audit", resume=True, say=said.append, cbs=count, **SHORT)
    assert count.left == 0 and found.trace.n_epochs == 5
    assert any(line.startswith("Opened the finished audit") for line in said)
    with pytest.raises(AuditExistsError, match="made with warmup 1, and 2 is asked for"):
        quiet(again, tmp_path / "audit", resume=True, cbs=count, **{**SHORT, "warmup": 2})


def test_labels_of_an_own_table_are_compared_before_anything_is_trained(folder, tmp_path):
    learn, count = learner(from_df(folder)), Cut(0)
    wrong = samples_of(learn)
    wrong.loc[wrong.index[3], "label"] = "something else"
    with pytest.raises(TraceError, match="1 of 53 differ"):
        quiet(learn, tmp_path / "audit", samples=wrong, cbs=count, **SHORT)
    assert count.left == 0 and not (tmp_path / "audit").exists()
