"""Every sample's loss lands in its own row, whatever loader, loss or precision trains."""

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.callback.core import Callback
from fastai.callback.fp16 import MixedPrecision  # noqa: F401  patches Learner.to_fp16
from fastai.callback.mixup import CutMix, MixUp
from fastai.callback.schedule import Learner  # patched with lr_find
from fastai.data.all import (
    CategoryBlock,
    DataBlock,
    FuncSplitter,
    SkipItemException,
    get_image_files,
    parent_label,
)
from fastai.data.core import DataLoaders
from fastai.learner import load_learner
from fastai.losses import CrossEntropyLossFlat, LabelSmoothingCrossEntropy
from fastai.vision.all import (
    ImageBlock,
    ImageDataLoaders,
    IntToFloatTensor,
    PILImage,
    Resize,
    ToTensor,
    aug_transforms,
    resnet18,
    vision_learner,
)
from torch import nn

from o2u_nb.errors import NonFiniteLossError, RecordingError
from o2u_nb.trace import Trace
from o2u_nb.training.fitting import sgd
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.sums import EpochSums
from tests import lookup
from tests.learners import block, learner, pixel_loaders, stock_loaders


def fit(learn, n_epochs=3, **options) -> Trace:
    recorder = DynamicsRecorder(**options)
    with learn.no_bar(), learn.no_logging():
        learn.fit(n_epochs, cbs=recorder)
    return recorder.trace


def assert_exact(trace: Trace, *, dropped_per_epoch: int = 0, logits=None):
    """Compare every cell with the value computed by hand for the sample that the row's id names."""
    numbers = np.array([lookup.number_of(id) for id in trace.ids])
    given = lookup.labels()[numbers]
    assert [trace.classes[k] for k in trace.labels] == [lookup.CLASSES[k] for k in given]
    logits = lookup.table() if logits is None else logits
    loss, margin, pred = lookup.expected(logits[numbers], given)
    for epoch in range(trace.n_epochs):
        seen = ~np.isnan(trace.loss[epoch])
        assert (~seen).sum() == dropped_per_epoch
        assert (np.isnan(trace.margin[epoch]) == ~seen).all()
        np.testing.assert_allclose(trace.loss[epoch][seen], loss[seen], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(trace.margin[epoch][seen], margin[seen], rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(trace.pred[epoch], np.where(seen, pred, -1))


@pytest.mark.parametrize("bs", [1, 7, 52, 53, 64])
def test_our_loader_is_exact_for_any_batch_size(bs):
    trace = fit(learner(pixel_loaders(bs)))
    assert trace.loss.shape == (3, lookup.N_SAMPLES)
    assert_exact(trace)
    np.testing.assert_allclose(
        trace.mean_probs["warmup"], lookup.table().softmax(1), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("drop_last", [False, True])
def test_stock_loaders_are_exact(tmp_path, workers, drop_last):
    dls = stock_loaders(tmp_path, num_workers=workers, drop_last=drop_last)
    n_train = len(dls.train_ds)
    trace = fit(learner(dls, scale=255))
    assert trace.n_samples == n_train
    assert_exact(trace, dropped_per_epoch=n_train % 7 if drop_last else 0)
    assert set(trace.ids) == {p.relative_to(tmp_path).as_posix() for p in dls.train_ds.items}


def test_stock_loaders_from_a_data_frame_use_its_index_or_the_given_ids(tmp_path):
    lookup.write_folder(tmp_path)
    files = sorted(get_image_files(tmp_path))
    names = [str(f.relative_to(tmp_path)) for f in files]
    frame = pd.DataFrame({"name": names, "label": [f.parent.name for f in files]}, index=names)
    dls = ImageDataLoaders.from_df(frame, tmp_path, bs=7, num_workers=0, device="cpu", seed=3)
    assert_exact(fit(learner(dls, scale=255)), dropped_per_epoch=len(dls.train_ds) % 7)
    ids = [f"again/{name}" for name in dls.train.items.name]
    trace = fit(learner(dls, scale=255), ids=ids)
    assert list(trace.ids) == ids
    assert_exact(trace, dropped_per_epoch=len(ids) % 7)


@pytest.mark.parametrize("held", [1, 10, 10**6])
def test_sums_by_hand_however_many_batches_wait(monkeypatch, held):
    monkeypatch.setattr("o2u_nb.training.sums.HELD", held)
    sums = EpochSums(torch.tensor([0, 1, 1, 0]), 2, keep_probs=True)
    ln3 = float(np.log(3))  # a softmax of 3/4 and 1/4
    batches = [([2, 0], [[0, ln3], [ln3, 0]], [1, 0]), ([2, 1], [[ln3, 0], [0, 0]], [1, 0])]
    for rows, logits, target in batches:
        logits = torch.tensor(logits)
        sums.add(torch.tensor(rows), logits, torch.tensor(target))
        logits.zero_()  # whoever changes it later changes nothing
    sums.settle()
    found = sums.rows()
    expected = [-np.log(3 / 4), np.log(2), -(np.log(3 / 4) + np.log(1 / 4)) / 2, np.nan]
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-6)
    np.testing.assert_allclose(found["margin"], [ln3, 0, 0, np.nan], atol=1e-6)
    np.testing.assert_array_equal(found["pred"], [0, 0, 0, -1])  # sample 2: 1 first, then 0
    np.testing.assert_array_equal(sums.count, [1, 1, 2, 0])
    np.testing.assert_allclose(sums.probs, [[0.75, 0.25], [0.5, 0.5], [1, 1], [0, 0]], atol=1e-6)
    assert sums.misfiled == 1  # sample 1 came with another label than its own


def test_weighted_loader_averages_repeats_and_leaves_gaps(tmp_path):
    root = lookup.write_folder(tmp_path)
    weights = np.arange(1, lookup.N_SAMPLES + 1)
    dls = block(root).weighted_dataloaders(
        root, weights, bs=7, num_workers=0, path=root, device="cpu"
    )
    trace = fit(learner(dls, scale=255), 4)
    gaps = np.isnan(trace.loss)
    assert gaps.any(1).all() and not gaps.all(1).any()
    loss, _, _ = lookup.expected(*_of(trace))
    np.testing.assert_allclose(
        trace.loss[~gaps], np.broadcast_to(loss, gaps.shape)[~gaps], rtol=1e-5
    )


def _of(trace):
    numbers = np.array([lookup.number_of(id) for id in trace.ids])
    return lookup.table()[numbers], lookup.labels()[numbers]


def test_partial_loader_leaves_gaps(tmp_path):
    root = lookup.write_folder(tmp_path)
    dls = (
        block(root)
        .datasets(root)
        .partial_dataloaders(
            partial_n=14,
            bs=7,
            num_workers=0,
            path=root,
            device="cpu",
            after_item=[ToTensor()],
            after_batch=[IntToFloatTensor()],
        )
    )
    trace = fit(learner(dls, scale=255))
    assert ((~np.isnan(trace.loss)).sum(1) == 14).all()


class SkipThird:
    """Open pictures, except one, which fastai is told to skip."""

    def __call__(self, path):
        if path.stem == "003":
            raise SkipItemException
        return PILImage.create(path)


def test_skipped_items_are_refused_not_misfiled(tmp_path):
    root = lookup.write_folder(tmp_path)
    # 51 in batches of 3: were the one skipped in a batch that is dropped, nothing would be amiss
    held_out = lambda path: path.stem in ("000", "001")  # noqa: E731
    dls = DataBlock(
        (ImageBlock, CategoryBlock),
        get_items=get_image_files,
        get_y=parent_label,
        splitter=FuncSplitter(held_out),
        item_tfms=None,
        get_x=SkipThird(),
    ).dataloaders(root, bs=3, num_workers=0, path=root, device="cpu")
    recorder = DynamicsRecorder()
    with pytest.raises(RecordingError, match="skipped"):
        learner(dls, scale=255).fit(1, cbs=recorder)
    assert recorder.trace.n_epochs == 0


@pytest.mark.parametrize(
    "loss_func",
    [
        LabelSmoothingCrossEntropy(),
        CrossEntropyLossFlat(weight=torch.tensor([1.0, 5.0, 0.1, 2.0])),
        lookup.cross_entropy_sum,
    ],
)
def test_recorded_loss_is_plain_cross_entropy_whatever_trains(loss_func):
    assert_exact(fit(learner(pixel_loaders(), loss_func=loss_func)))


def test_half_precision_logits_are_recorded_in_float32():
    trace = fit(learner(pixel_loaders(), dtype=torch.bfloat16, loss_func=lookup.cross_entropy_sum))
    rounded = lookup.table().bfloat16().float()
    assert trace.loss.dtype == np.float32
    assert_exact(trace, logits=rounded)
    assert not np.allclose(rounded, lookup.table(), atol=1e-4)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("precision", ["to_fp16", "to_bf16"])
def test_mixed_precision_learner(precision):
    learn = getattr(learner(pixel_loaders()), precision)()
    assert_exact(fit(learn))


@pytest.mark.parametrize("mix", [MixUp, CutMix])
def test_blended_targets_are_refused_in_the_training_pass_and_clean_in_eval(mix):
    with pytest.raises(RecordingError, match='record="eval"') as caught:
        fit(learner(pixel_loaders(), cbs=mix()))
    assert str(caught.value).startswith("Losses cannot be filed")
    assert_exact(fit(learner(pixel_loaders(), cbs=mix()), record="eval"))


def test_eval_record_sees_no_augmentation(tmp_path):
    trace = fit(learner(pixel_loaders(crop=2, flip=True)), record="eval")
    assert trace.record == "eval"
    assert_exact(trace)
    dls = stock_loaders(tmp_path, batch_tfms=aug_transforms(max_lighting=0.9, p_lighting=1.0))
    assert_exact(fit(learner(dls, scale=255), record="eval"))
    with pytest.raises(AssertionError):
        assert_exact(fit(learner(dls, scale=255)), dropped_per_epoch=len(dls.train_ds) % 7)


def test_lr_find_and_get_preds_leave_no_rows(tmp_path):
    recorder = DynamicsRecorder()
    learn = learner(pixel_loaders(), cbs=recorder, path=tmp_path)  # lr_find keeps a model there
    with learn.no_bar(), learn.no_logging():
        # to the end and without a suggestion, which needs more losses than ten
        learn.lr_find(show_plot=False, num_it=10, stop_div=False, suggest_funcs=None)
        assert len(learn.recorder.lrs) == 10
        with pytest.raises(RecordingError, match="Nothing is recorded"):
            recorder.trace  # noqa: B018
        learn.fit(1)
        learn.get_preds(ds_idx=0)
        learn.fit(1)
    assert_exact(recorder.trace)
    assert recorder.trace.n_epochs == 2


def test_the_users_own_vision_learner(tmp_path):
    dls = stock_loaders(tmp_path, bs=8, item_tfms=Resize(32), drop_last=False)
    learn = vision_learner(dls, resnet18, pretrained=False)
    learn.freeze()
    frozen = [p.requires_grad for p in learn.model.parameters()]
    with learn.no_bar(), learn.no_logging():
        trace = learn.fit_o2u(warmup=1, cycles=1, cycle=2, lr=0.01)
        recorded = learn.fit_o2u(warmup=0, cycles=1, cycle=1, lr=0.0, record="eval", opt_func=None)
        clean = dls.test_dl(dls.train.items, with_labels=True)
        _, _, losses = learn.get_preds(dl=clean, with_loss=True)
    assert trace.n_epochs == 3 and np.isfinite(trace.loss).all()
    assert [p.requires_grad for p in learn.model.parameters()] == frozen
    order = [id_of(path, tmp_path) for path in dls.train.items]
    np.testing.assert_allclose(recorded.loss[0], losses, rtol=1e-4)
    assert list(recorded.ids) == order


def test_a_last_batch_of_one_sample_does_not_stop_a_head_with_batch_norm():
    learn = learner(pixel_loaders(bs=13))  # 53 = 4 * 13 + 1
    learn.model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(3))
    learn.model.append(nn.Linear(3, lookup.N_CLASSES))
    with learn.no_bar(), learn.no_logging():
        trace = learn.fit_o2u(warmup=1, cycles=1, cycle=2, lr=0.01)
    assert trace.n_epochs == 3 and np.isfinite(trace.loss).all()


def id_of(path, root) -> str:
    return path.relative_to(root).as_posix()


class Peek(Callback):
    """Draw batches at bad moments."""

    def before_epoch(self):
        self.dls.train.one_batch()

    def after_train(self):
        self.dls.train.one_batch()


def test_drawing_a_batch_between_epochs_does_no_harm():
    assert_exact(fit(learner(pixel_loaders(), cbs=Peek())))


class Poison(Callback):
    """Make one sample's logits NaN from the second epoch on."""

    def before_epoch(self):
        if self.epoch == 1:
            self.model.table[17] = torch.nan


def test_non_finite_loss_stops_and_keeps_finished_epochs(tmp_path):
    learn = learner(pixel_loaders(), cbs=Poison())
    with pytest.raises(NonFiniteLossError) as caught:
        fit(learn, out=tmp_path / "trace")
    assert "epoch 2" in str(caught.value) and "1 finished" in str(caught.value)
    kept = Trace.open(tmp_path / "trace")
    assert kept.n_epochs == 1
    assert_exact(kept)


def test_a_new_training_set_needs_a_new_recorder():
    recorder = DynamicsRecorder()
    learn = learner(pixel_loaders())
    other = learner(pixel_loaders())
    other.dls.train.dataset.ids = other.dls.train.dataset.ids + "x"
    with learn.no_bar(), learn.no_logging(), other.no_bar(), other.no_logging():
        learn.fit(1, cbs=recorder)
        with pytest.raises(RecordingError, match="use a new DynamicsRecorder"):
            other.fit(1, cbs=recorder)


def test_a_plain_torch_loader_is_refused_with_the_way_out():
    plain = torch.utils.data.DataLoader([(torch.zeros(3, 6, 6), 0)] * 8, batch_size=4)
    learn = learner(DataLoaders(plain, plain, device="cpu"))
    with pytest.raises(RecordingError, match="ImageDataLoaders"):
        fit(learn)


def test_export_leaves_the_record_out(tmp_path):
    def exported(n_epochs):
        recorder = DynamicsRecorder()
        learn = learner(pixel_loaders(), cbs=recorder, path=tmp_path)
        with learn.no_bar(), learn.no_logging():
            learn.fit(n_epochs)
        learn.recorder.values.clear()
        learn.export(f"{n_epochs}.pkl")
        return tmp_path / f"{n_epochs}.pkl"

    few, many = exported(1), exported(30)
    assert many.stat().st_size - few.stat().st_size < 1000  # 29 epochs would be 18 kB
    with pytest.raises(RecordingError, match="Nothing is recorded"):
        load_learner(many).dynamics_recorder.trace  # noqa: B018


def test_recorder_name_shadows_nothing(recwarn):
    learn = learner(pixel_loaders(), cbs=DynamicsRecorder())
    assert isinstance(learn.dynamics_recorder, DynamicsRecorder)
    assert not [w for w in recwarn if "dynamics" in str(w.message)]


def test_recording_does_not_change_the_training():
    def weights(cbs):
        torch.manual_seed(0)
        dls = pixel_loaders(crop=1, flip=True)
        dls.train.rng.seed(5)
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 36, 4))
        learn = Learner(dls, model, loss_func=CrossEntropyLossFlat(), opt_func=sgd, lr=1e-4)
        with learn.no_bar(), learn.no_logging():
            learn.fit(2, cbs=cbs)
        return model[1].weight.detach()

    plain = weights(None)
    assert torch.equal(plain, weights(DynamicsRecorder()))
    assert torch.equal(plain, weights(DynamicsRecorder(record="eval")))


@pytest.mark.slow
def test_a_killed_process_leaves_finished_epochs(tmp_path):
    script = textwrap.dedent(
        f"""
        import sys
        from fastai.callback.core import Callback
        from o2u_nb.training.recorder import DynamicsRecorder
        from tests.learners import learner, pixel_loaders
        class Wait(Callback):
            def before_batch(self):
                if self.epoch == 4 and self.iter == 3:
                    print("in the middle of epoch 4", flush=True)
                    sys.stdin.read()  # until it is killed
        recorder = DynamicsRecorder({str(tmp_path / "trace")!r})
        learner(pixel_loaders(), cbs=Wait()).fit(50, cbs=recorder)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert any("in the middle of epoch 4" in line for line in process.stdout)
        process.send_signal(signal.SIGKILL)
    trace = Trace.open(tmp_path / "trace")
    assert trace.n_epochs == 4
    assert_exact(trace)
