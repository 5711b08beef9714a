"""Heads on features: what their loader serves, and that all methods work on them unchanged."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.basics import SGD, Learner
from fastai.callback.core import Callback

from o2u_nb.data import noise
from o2u_nb.detect.counts import RECOMMENDED
from o2u_nb.detect.table import score_table
from o2u_nb.detect.threshold import FROZEN_SHARE
from o2u_nb.errors import FeaturesError, RecordingError, SourceError
from o2u_nb.learner_audit import audit  # noqa: F401  patches Learner
from o2u_nb.text import percent
from o2u_nb.training import feature_loader
from o2u_nb.training.feature_loader import FeatureData, FeatureLoader, feature_loaders
from o2u_nb.training.heads import (
    DOUBTING,
    HEAD_RATE,
    HIDDEN_RATE,
    Dropout,
    as_audited,
    head_learner,
    heads_on,
    warmup_epochs,
)
from o2u_nb.training.identity import identity
from o2u_nb.training.learner import fit_o2u, fit_odd  # noqa: F401  patches Learner
from o2u_nb.training.methods import o2u
from o2u_nb.training.probe.embed import embed
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.retrain import retrain
from o2u_nb.training.table import samples_of

D = 6
CLASSES = ["ant", "bee", "cat"]
SHORT = dict(warmup=1, cycles=1, cycle=2)


def clusters(n=60, seed=0, wrong=0.0) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Features of three distant clusters, their samples, and which labels are wrong."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 3
    features = (6 * np.eye(3, D)[truth] + rng.normal(size=(n, D))).astype(np.float16)
    ids = pd.Index([f"{k:03d}" for k in range(n)], name="sample_id")
    pictures = [np.full((4, 4, 3), k, np.uint8) for k in range(n)]
    names = np.array(CLASSES)[truth]
    samples = pd.DataFrame({"label": names, "split": "train", "image": pictures}, index=ids)
    planted = noise.plant(samples, noise.pair_flip(wrong), seed=seed).samples
    return features, planted, (planted["label"] != samples["label"]).to_numpy()


def share_found(order: pd.Index, wrong: pd.Index) -> float:
    """Return which share of the wrong labels is at the beginning of `order`."""
    return len(order[: len(wrong)].intersection(wrong)) / len(wrong)


def quiet(learn, fit, *args, **options):
    with learn.no_bar(), learn.no_logging():
        return getattr(learn, fit)(*args, **options)


def test_clean_batches_are_the_features_in_the_order_of_the_table():
    features, samples, _ = clusters(20)
    dl = feature_loaders(features, samples, bs=7, device="cpu").train.new(shuffle=False)
    batches = list(dl)
    assert [len(y) for _, y in batches] == [7, 7, 6]
    found = torch.cat([x for x, _ in batches])
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found, features)
    np.testing.assert_array_equal(torch.cat([y for _, y in batches]), np.arange(20) % 3)


def test_every_pass_is_another_order_with_each_sample_s_own_features():
    features, samples, _ = clusters(22)
    dl = feature_loaders(features, samples, bs=7, device="cpu").train
    orders = []
    for _ in range(2):
        batches = list(dl)
        order = list(dl._DataLoader__idxs)
        assert [len(y) for _, y in batches] == [7, 7, 8] and len(dl) == 3
        np.testing.assert_array_equal(torch.cat([x for x, _ in batches]), features[order])
        np.testing.assert_array_equal(torch.cat([y for _, y in batches]), np.array(order) % 3)
        orders.append(order)
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1]) == list(range(22))


def test_the_seed_fixes_the_order():
    features, samples, _ = clusters()
    first, same, other = (
        torch.cat([y for _, y in feature_loaders(features, samples, seed=seed, bs=8).train])
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_ids_labels_classes_and_table_are_those_of_the_samples():
    features, samples, _ = clusters()
    learn = head_learner(features, samples, device="cpu")
    who = identity(learn.dls.train)
    assert list(who.ids) == list(samples.index) and who.classes == CLASSES
    assert [who.classes[k] for k in who.labels] == list(samples["label"])
    pd.testing.assert_frame_equal(samples_of(learn), samples, check_dtype=False)


def test_samples_without_pictures_train_but_have_no_table_of_pictures():
    features, samples, _ = clusters()
    learn = head_learner(features, samples[["label"]], device="cpu")
    assert quiet(learn, "fit_o2u", **SHORT).n_samples == 60
    with pytest.raises(SourceError, match="neither the column path nor image"):
        samples_of(learn)


@pytest.mark.parametrize("folder", ["memory", "disk"])
def test_features_on_disk_give_the_same_batches(tmp_path, monkeypatch, folder):
    features, samples, _ = clusters()
    np.save(tmp_path / "features.npy", features)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    if folder == "disk":
        monkeypatch.setattr(feature_loader, "MEMORY_SHARE", 0.0)
    disk = feature_loaders(mapped, samples, seed=3, bs=8, device="cpu").train
    assert disk.dataset.mapped == (folder == "disk")
    monkeypatch.undo()
    memory = feature_loaders(features, samples, seed=3, bs=8, device="cpu").train
    for (x, y), (u, v) in zip(memory, disk, strict=True):
        assert torch.equal(x, u) and torch.equal(y, v)


def test_the_user_s_array_is_not_changed_and_may_change_afterwards():
    features, samples, _ = clusters()
    own = features.astype(np.float32)
    data = feature_loaders(own, samples, device="cpu").train.dataset
    own[:] = 0
    np.testing.assert_array_equal(data.features, features)


def wrong_features(how: str):
    features, samples, _ = clusters(20)
    if how == "rows":
        return features[:-1], samples
    if how == "NaN":
        features[4, 2] = np.nan
    if how == "infinite":
        features[4, 2] = np.inf
    if how == "one axis":
        features = features[0]
    if how == "whole numbers":
        features = features.astype(int)
    if how == "a list":
        features = features.tolist()
    if how == "other samples":
        return pd.DataFrame(features, samples.index + "x"), samples
    if how == "another order":
        return pd.DataFrame(features, samples.index)[::-1], samples
    return features, samples


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("rows", "each of 20 samples, found 19 rows"),
        ("NaN", "1 of 20 rows, such as that of sample '004'"),
        ("infinite", "1 of 20 rows, such as that of sample '004'"),
        ("one axis", r"found float16 of shape \(6,\)"),
        ("whole numbers", r"found int64 of shape \(20, 6\)"),
        ("a list", r"found list of shape \(20, 6\)"),
        ("other samples", "20 of other samples, such as '000x'"),
        ("another order", "in another order"),
    ],
)
def test_features_that_do_not_fit_are_named(how, words):
    with pytest.raises(FeaturesError, match=words):
        head_learner(*wrong_features(how), device="cpu")


def test_features_may_be_a_table_of_the_same_samples():
    features, samples, _ = clusters(20)
    table = pd.DataFrame(features, samples.index)
    found = feature_loaders(table, samples, device="cpu").train.dataset.features
    np.testing.assert_array_equal(found, features)


@pytest.mark.parametrize("change", ["no rows", "no label", "number as label", "new class in valid"])
def test_tables_that_do_not_fit_are_refused(change):
    features, samples, _ = clusters(20)
    valid = (features, samples.assign(label="gnu")) if change == "new class in valid" else None
    if change == "no rows":
        features, samples = features[:0], samples[:0]
    if change == "no label":
        samples = samples.drop(columns="label")
    if change == "number as label":
        samples = samples.assign(label=3)
    with pytest.raises(SourceError):
        head_learner(features, samples, valid=valid, device="cpu")


def test_validation_samples_are_served_in_order_and_recorded():
    features, samples, _ = clusters()
    learn = head_learner(
        features[:40], samples[:40], valid=(features[40:], samples[40:]), device="cpu"
    )
    x, _ = learn.dls.valid.one_batch()
    np.testing.assert_array_equal(x, features[40:])
    trace = quiet(learn, "fit_o2u", valid=True, **SHORT)
    assert list(trace.ids) == list(samples.index) and np.isfinite(trace.loss).all()


def test_a_linear_head_s_first_losses_are_those_of_its_logits():
    features, samples, _ = clusters(20)
    learn = head_learner(features, samples, bs=20, device="cpu")
    with torch.no_grad():
        logits = learn.model(torch.from_numpy(features.astype(np.float32))).double().numpy()
    trace = quiet(learn, "fit_o2u", **SHORT)  # the first batch is the whole first epoch
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -logs[np.arange(20), np.arange(20) % 3]
    np.testing.assert_allclose(trace.loss[0], expected, rtol=1e-4)


def test_one_step_of_a_linear_head_is_gradient_descent():
    features, samples, _ = clusters(20)
    learn = head_learner(features, samples, bs=20, device="cpu")
    linear = learn.model[-1]
    x = features.astype(np.float64) - features.astype(np.float64).mean(0)
    x *= np.sqrt(x.shape[1]) / np.linalg.norm(x, axis=1, keepdims=True)
    before = linear.weight.detach().double().numpy().copy()
    logits = x @ before.T + linear.bias.detach().double().numpy()
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    slope = (probs - np.eye(3)[np.arange(20) % 3]).T @ x / 20
    quiet(learn, "fit_o2u", warmup=1, cycles=0, lr=0.5)
    expected = before - 0.5 * (slope + 5e-4 * before)  # with the weight decay of the paper
    np.testing.assert_allclose(linear.weight.detach(), expected, atol=1e-5)


@pytest.mark.parametrize("hidden", [None, 8])
def test_the_seed_fixes_a_training_whatever_else_draws_random_numbers(hidden):
    features, samples, _ = clusters()

    def losses(seed: int, other: int) -> np.ndarray:
        torch.manual_seed(other)
        learn = head_learner(features, samples, hidden=hidden, seed=seed, bs=8, device="cpu")
        return np.array(quiet(learn, "fit_o2u", **SHORT).loss)

    first = losses(0, 1)
    np.testing.assert_array_equal(first, losses(0, 2))
    assert not np.array_equal(first, losses(1, 1))


def test_making_a_head_draws_no_global_random_numbers():
    features, samples, _ = clusters()
    state = torch.get_rng_state()
    head_learner(features, samples, hidden=8, device="cpu")
    assert torch.equal(state, torch.get_rng_state())


def test_losses_belong_to_the_ids_whatever_the_order_of_the_rows():
    features, samples, wrong = clusters(90, wrong=0.2)
    order = np.random.default_rng(5).permutation(90)
    options = dict(warmup=4, cycles=2, cycle=3, lr=0.02)
    one, other = (
        quiet(head_learner(features[rows], samples.iloc[rows], device="cpu"), "fit_o2u", **options)
        for rows in (np.arange(90), order)
    )
    assert list(other.ids) == list(samples.index[order])
    mean = [pd.Series(t.loss.mean(0), t.ids).reindex(samples.index) for t in (one, other)]
    assert mean[0].corr(mean[1]) > 0.95
    for loss in mean:
        assert share_found(loss.sort_values(ascending=False).index, samples.index[wrong]) >= 0.9


@pytest.mark.parametrize("hidden", [None, 16])
def test_planted_labels_come_first(hidden):
    features, samples, wrong = clusters(120, wrong=0.2)
    learn = head_learner(features, samples, hidden=hidden, bs=8, device="cpu")
    table = score_table(quiet(learn, "fit_o2u", lr=0.005, warmup=2, cycles=2, cycle=3))
    assert share_found(table.index, samples.index[wrong]) >= 0.9


def test_odd_works_on_a_head():
    features, samples, wrong = clusters(120, wrong=0.2)
    odd = quiet(head_learner(features, samples, bs=8, device="cpu"), "fit_odd", 6, high=3, lr=0.005)
    removed = odd.trace.ids[odd.removed]
    assert len(removed) and set(removed) <= set(samples.index[wrong])


def test_a_recorder_by_hand_works_on_a_head():
    features, samples, _ = clusters(20)
    learn, recorder = head_learner(features, samples, device="cpu"), DynamicsRecorder(record="eval")
    quiet(learn, "fit", 2, lr=0.01, cbs=recorder)
    with torch.no_grad():
        logits = learn.model(torch.from_numpy(features.astype(np.float32)))
    np.testing.assert_array_equal(recorder.trace.pred[-1], logits.argmax(1))


def test_embeddings_of_a_linear_head_are_its_features_centred():
    features, samples, _ = clusters(20)
    centred = features.astype(float) - features.astype(float).mean(0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    found = embed(head_learner(features, samples, device="cpu"))
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, unit, atol=1e-3)
    assert embed(head_learner(features, samples, hidden=5, device="cpu")).shape == (20, 5)


def test_an_audit_by_a_user_s_own_hand(tmp_path):
    features, samples, wrong = clusters(120, wrong=0.1)
    learn = head_learner(features, samples, bs=8, device="cpu")
    options = dict(warmup=2, cycles=2, cycle=3, lr=0.005)
    found = quiet(learn, "audit", tmp_path / "audit", say=lambda _: None, **options)
    assert share_found(found.scores.index, samples.index[wrong]) >= 0.9
    np.testing.assert_array_equal(found.samples["label"], samples["label"])
    assert found.embeddings.shape == (120, D)
    assert found.trace.frozen  # so wrong labels are counted as in an audit with this eye
    note = found.estimates.loc[RECOMMENDED, "note"]
    assert percent(FROZEN_SHARE) in note


def test_cleaning_helps_a_head(tmp_path):
    features, truth, _ = clusters(120)
    _, noisy, _ = clusters(120, wrong=0.9)
    half = np.arange(120) < 60
    table = retrain(
        noisy[half], truth[half], truth[~half], learner=heads_on(features, truth, bs=8), epochs=4,
        seeds=(0, 1), lr=0.005,
    )  # fmt: skip
    assert (table["after"] == 1).all() and (table["before"] < 0.5).all()


def test_heads_know_only_samples_with_features():
    features, samples, _ = clusters(20)
    make = heads_on(features[:10], samples[:10], device="cpu")
    with pytest.raises(FeaturesError, match="2 of 4 without, such as '010'"):
        make(samples[8:12], samples[:2], 0)


def test_each_head_has_its_own_rate():
    features, samples, _ = clusters(20)
    for hidden, rate in ((None, HEAD_RATE), (8, HIDDEN_RATE)):
        learn = head_learner(features, samples, hidden=hidden, device="cpu")
        trace = quiet(learn, "fit_o2u", warmup=2, cycles=1, cycle=1)
        np.testing.assert_allclose(trace.lr[1:], [rate, rate / 10])


def test_with_q_the_cyclic_phase_alone_trains_with_generalised_cross_entropy():
    features, samples, _ = clusters(20)
    rows, given = torch.as_tensor(features).float(), torch.arange(20) % 3
    one_step = dict(lr=0.1, r1=0.2, r2=0.2, cycle=1, opt_func=partial(SGD, mom=0, wd=0), bs=20)
    before = head_learner(features, samples, device="cpu")
    quiet(before, "fit_o2u", warmup=1, cycles=0, **one_step)
    logits = before.model(rows)
    right = logits.softmax(1).gather(1, given[:, None])
    ((1 - right**0.5) / 0.5).mean().backward()  # Zhang and Sabuncu, equation 6
    expected = [(p - 0.2 * p.grad).detach() for p in before.model.parameters()]
    after = head_learner(features, samples, device="cpu")
    trace = quiet(after, "fit_o2u", warmup=1, cycles=1, cyclic_q=0.5, **one_step)
    torch.testing.assert_close([p.detach() for p in after.model.parameters()], expected)
    # What is recorded is cross entropy all the same.
    np.testing.assert_allclose(trace.loss[1], -right.detach().log()[:, 0], atol=1e-6)


def test_a_q_that_is_none_is_named_before_the_training_begins(tmp_path):
    features, samples, _ = clusters(20)
    learn = head_learner(features, samples, device="cpu")
    with pytest.raises(ValueError, match=r"q above 0 and at most 1, found 1\.5"):
        quiet(learn, "fit_o2u", **SHORT, cyclic_q=1.5, out=tmp_path / "trace")
    assert not (tmp_path / "trace").exists()


def test_an_audit_doubts_labels_with_linear_heads_and_with_nothing_else(tmp_path):
    features, samples, _ = clusters(60, wrong=0.2)
    linear = head_learner(features, samples, device="cpu")
    hidden = head_learner(features, samples, hidden=8, device="cpu")
    assert as_audited(linear) == {**DOUBTING, "warmup": 6} and as_audited(hidden) == {}
    assert as_audited(Learner(linear.dls, torch.nn.Linear(D, 3), loss_func=linear.loss_func)) == {}
    same = head_learner(features, samples, device="cpu")
    with linear.no_bar(), linear.no_logging():
        found = linear.audit(tmp_path / "audit", **SHORT, say=lambda line: None)
    expected = quiet(same, "fit_o2u", **SHORT, **DOUBTING)
    np.testing.assert_array_equal(found.trace.loss, expected.loss)
    np.testing.assert_allclose(found.trace.lr, [HEAD_RATE, 0.00825, 0.0015])


def test_a_head_that_could_remember_any_labels_is_warmed_up_for_fewer_epochs(tmp_path):
    features, samples, _ = clusters(20)
    wide = np.tile(features, (1, 12))  # 72 features: more than samples
    learn = head_learner(wide, samples, device="cpu")
    assert as_audited(learn)["warmup"] == 3
    with learn.no_bar(), learn.no_logging():
        audit = learn.audit(tmp_path / "audit", cycles=1, cycle=2, say=lambda line: None)
    assert (audit.trace.phase == "warmup").sum() == 3
    assert [warmup_epochs(n, 72) for n in (1, 83, 85, 107, 109, 131, 133, 10_000)] == [
        3, 3, 4, 4, 5, 5, 6, 6
    ]  # fmt: skip


def test_a_swing_has_the_same_cycles_with_a_shorter_warmup():
    features, samples, _ = clusters(60)
    for asked, got in ((None, 6), (2, 2), (20, 6)):
        learn = head_learner(features, samples, device="cpu")
        with learn.no_bar(), learn.no_logging():
            trace = o2u.swing(learn, 24, lr=0.01, warmup=asked)
        assert list(trace.phase) == [*got * ["warmup"], *18 * ["cyclic"]]


def test_a_diverging_head_and_a_batch_that_is_too_large_are_named():
    features, samples, _ = clusters(20)
    learn = head_learner(features, samples, device="cpu")
    learn.dls.loaders[0] = learn.dls.train.new(drop_last=True)
    with pytest.raises(RecordingError, match="bs=20 or less"):
        quiet(learn, "fit_o2u", **SHORT)


def test_callbacks_with_something_to_do_are_called_in_their_order():
    called = []

    class Note(Callback):
        def before_batch(self):
            called.append((self.order, "before_batch"))

    late, early, added = Note(), Note(), Callback()
    late.order, early.order, added.order = 80, 70, 75
    added.after_batch = lambda: called.append((75, "after_batch"))
    features, samples, _ = clusters(20)
    learn = head_learner(features, samples, device="cpu")
    quiet(learn, "fit", 1, lr=0.0, cbs=[late, early, added])
    assert called == [(70, "before_batch"), (80, "before_batch"), (75, "after_batch")]


def test_the_number_of_threads_is_as_it_was_even_after_an_error():
    features, samples, _ = clusters(20)
    learn = head_learner(features, samples, device="cpu")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RecordingError):
            quiet(learn, "fit", 1, cbs=DynamicsRecorder(ids=["a"]))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_dropout_keeps_the_mean_and_is_off_in_evaluation():
    x = torch.ones(200, 50)
    drop = Dropout(0.25, seed=0)
    found = drop(x)
    np.testing.assert_allclose(found.unique(), [0, 4 / 3], rtol=1e-6)
    assert (found == 0).float().mean() == pytest.approx(0.25, abs=0.02)
    assert not torch.equal(found, drop(x)) and torch.equal(found, Dropout(0.25, seed=0)(x))
    assert torch.equal(drop.eval()(x), x)


def test_items_are_pairs_and_an_empty_copy_serves_nothing():
    data = FeatureData(np.eye(2, dtype=np.float16), [0, 1], pd.Index(["a", "b"]), ["x", "y"])
    row, label = data[1]
    assert row.dtype == torch.float32 and row.tolist() == [0, 1] and label == 1
    assert len(FeatureLoader(data.new_empty())) == 0
