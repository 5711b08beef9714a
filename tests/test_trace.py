"""The trace: round trips, crashes, damage, and the order of samples."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb import trace as trace_module
from o2u_nb.errors import OutputError, TraceError
from o2u_nb.trace import Trace, TraceWriter

IDS = ["a/1.png", "b/é'\"<b>.png", "c/\U0001f406.png"]


def row(epoch: int, n: int = 3) -> dict:
    """One epoch's arrays, whose values tell epoch and sample."""
    numbers = np.arange(n, dtype=np.float32)
    return dict(loss=10 * epoch + numbers, margin=-epoch - numbers, pred=(numbers + epoch) % 2)


def written(folder, n_epochs=3, **options) -> TraceWriter:
    writer = TraceWriter.create(folder, IDS, np.array([0, 1, 1]), ["x", "y"], **options)
    for epoch in range(n_epochs):
        phase = "warmup" if epoch == 0 else "cyclic"
        probs = {phase: np.full((3, 2), epoch / 10)}
        writer.append(**row(epoch), lr=0.1 / (epoch + 1), phase=phase)
        writer.keep_means(probs)
    return writer


def test_what_is_written_is_read(tmp_path):
    written(tmp_path, record="eval", frozen=True)
    trace = Trace.open(tmp_path)
    assert trace.frozen and trace.only("cyclic").frozen and trace.take(np.array([2])).frozen
    assert list(trace.ids) == IDS and trace.ids.name == "sample_id"
    assert list(trace.given) == ["x", "y", "y"]
    assert (trace.n_epochs, trace.n_samples, trace.record) == (3, 3, "eval")
    np.testing.assert_array_equal(trace.loss, [[0, 1, 2], [10, 11, 12], [20, 21, 22]])
    np.testing.assert_array_equal(trace.margin, [[0, -1, -2], [-1, -2, -3], [-2, -3, -4]])
    np.testing.assert_array_equal(trace.pred, [[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    np.testing.assert_allclose(trace.lr, [0.1, 0.05, 0.1 / 3])
    assert list(trace.phase) == ["warmup", "cyclic", "cyclic"]
    np.testing.assert_allclose(trace.mean_probs["cyclic"], 0.2)
    assert trace.loss.dtype == trace.margin.dtype == np.float32 and trace.pred.dtype == np.int32


def test_whether_only_a_head_was_trained_is_kept_when_a_trace_is_saved(tmp_path):
    for name, frozen in (("head", True), ("network", False)):
        written(tmp_path / name, frozen=frozen)
        Trace.open(tmp_path / name).save(tmp_path / f"{name}-again")
        assert Trace.open(tmp_path / f"{name}-again").frozen is frozen
    meta = tmp_path / "network" / "meta.json"  # the first traces do not say it
    meta.write_text(json.dumps({k: v for k, v in json.loads(meta.read_text()).items()
                                if k not in ("frozen", "checksum")}))  # fmt: skip
    assert Trace.open(tmp_path / "network").frozen is False


def test_files_are_plain_arrays_without_pickle(tmp_path):
    written(tmp_path)
    for file in tmp_path.glob("*.npy"):
        np.load(file, allow_pickle=False)
    assert np.load(tmp_path / "loss.npy").shape == (3, 3)
    assert json.loads((tmp_path / "meta.json").read_text())["classes"] == ["x", "y"]
    assert {f.suffix for f in tmp_path.iterdir()} == {".npy", ".json"}


@pytest.mark.parametrize("durable", [True, False])
def test_only_a_durable_trace_waits_for_the_disk(tmp_path, monkeypatch, durable):
    waited = []
    monkeypatch.setattr(os, "fsync", waited.append)
    written(tmp_path, durable=durable)
    # a file that is replaced waits twice, for itself and for its name in the folder. At the
    # beginning eight are; then three rows are added and the list of epochs is replaced for each of
    # three epochs; and the mean softmax and that list again, three times
    assert len(waited) == (2 * 8 + 3 * (3 + 2) + 3 * 2 * 2 if durable else 0)
    np.testing.assert_array_equal(Trace.open(tmp_path).loss[:, 1], [1, 11, 21])


OURS = ("ids.npy", "id_ends.npy", "labels.npy", "loss.npy", "margin.npy", "pred.npy", "meta.json",
        "checkpoint.pt", "mean_probs_mine.npy")  # fmt: skip


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["file", "link", "folder"])
@pytest.mark.parametrize("name", OURS)
def test_files_of_others_with_the_names_of_a_traces_are_never_replaced(
    tmp_path, name, kind, overwrite
):
    """They were replaced where there was no `meta.json`, and averages and checkpoints removed."""
    found = tmp_path / "out" / name
    found.parent.mkdir()
    (tmp_path / "elsewhere").write_text('{"format": "another"}')
    if kind == "file":
        found.write_text('{"format": "another"}')
    elif kind == "link":
        found.symlink_to(tmp_path / "elsewhere")
    else:
        found.mkdir()
    with pytest.raises(TraceError, match=f"holds {name}, which a trace there would replace"):
        written(tmp_path / "out", overwrite=overwrite)
    assert [p.name for p in (tmp_path / "out").iterdir()] == [name]
    assert found.is_symlink() == (kind == "link") and found.is_dir() == (kind == "folder")
    assert kind == "folder" or found.read_text() == '{"format": "another"}'


@pytest.mark.parametrize("at", range(8))
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_trace_that_was_interrupted_while_it_began_can_begin_again(
    tmp_path, monkeypatch, at, overwrite
):
    from o2u_nb.data import atomic
    from o2u_nb.trace import is_empty

    real, calls = atomic.replacing, iter(range(99))
    if overwrite:
        written(tmp_path)

    def fails(path, **options):
        if next(calls) == at:
            raise KeyboardInterrupt
        return real(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "replacing", fails)
        patch.setattr("o2u_nb.data.array_file.atomic.replacing", fails)
        with pytest.raises(KeyboardInterrupt):
            TraceWriter.create(tmp_path, IDS, np.array([0, 1, 1]), ["x", "y"], overwrite=overwrite)
    if at:  # before the first file is written, the old trace is there as it was
        with pytest.raises(TraceError, match="interrupted before its first epoch"):
            Trace.open(tmp_path)
        assert is_empty(tmp_path)
        written(tmp_path)
    assert overwrite or at == 0 or Trace.open(tmp_path).n_epochs == 3


def test_only_the_newest_mean_probs_stay(tmp_path):
    written(tmp_path, 5)
    assert len(list(tmp_path.glob("mean_probs_*"))) == 2


def test_header_of_a_growing_file_stays_valid(tmp_path):
    writer = TraceWriter.create(tmp_path, IDS, np.array([0, 1, 1]), ["x", "y"])
    for epoch in range(120):
        writer.append(**row(epoch), lr=0.1, phase="warmup")
    np.testing.assert_array_equal(Trace.open(tmp_path).loss[119], [1190, 1191, 1192])


@pytest.mark.parametrize("broken_step", range(4))
def test_a_crash_at_any_step_leaves_the_finished_epochs(tmp_path, monkeypatch, broken_step):
    writer = written(tmp_path, 2)
    steps = iter(range(10))
    real = os.fsync

    def crash(descriptor):
        if next(steps) == broken_step:
            raise KeyboardInterrupt
        real(descriptor)

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        writer.append(**row(2), lr=0.1, phase="cyclic")
    trace = Trace.open(tmp_path)
    np.testing.assert_array_equal(trace.loss, [[0, 1, 2], [10, 11, 12]])
    np.testing.assert_allclose(trace.mean_probs["cyclic"], 0.1)


def test_leftovers_of_a_crash_are_overwritten(tmp_path):
    writer = written(tmp_path, 2)
    for name in ("loss", "margin", "pred"):
        with open(tmp_path / f"{name}.npy", "ab") as file:
            file.write(b"torn row of the epoch in progress")
    writer.append(**row(7), lr=0.1, phase="cyclic")
    trace = Trace.open(tmp_path)
    np.testing.assert_array_equal(trace.loss[2], [70, 71, 72])
    assert (tmp_path / "loss.npy").stat().st_size == 128 + 3 * 3 * 4


def test_a_full_disk_is_one_clear_error(tmp_path, monkeypatch):
    writer = written(tmp_path, 2)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trace_module.os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        writer.append(**row(2), lr=0.1, phase="cyclic")
    assert Trace.open(tmp_path).n_epochs == 2


def test_nothing_is_overwritten_without_being_asked(tmp_path):
    written(tmp_path)
    with pytest.raises(TraceError, match="already holds a trace"):
        written(tmp_path)
    written(tmp_path, 1, overwrite=True)
    assert Trace.open(tmp_path).n_epochs == 1


def test_damage_is_named(tmp_path):
    with pytest.raises(TraceError, match="No trace in"):
        Trace.open(tmp_path)
    written(tmp_path / "t")
    shutil.copytree(tmp_path / "t", tmp_path / "short")
    np.save(tmp_path / "short" / "margin.npy", np.zeros((1, 3), np.float32))
    with pytest.raises(TraceError, match=r"margin.*shape \(1, 3\)"):
        Trace.open(tmp_path / "short")
    (tmp_path / "t" / "loss.npy").write_bytes(b"not numpy")
    with pytest.raises(TraceError, match="damaged"):
        Trace.open(tmp_path / "t")
    (tmp_path / "t" / "meta.json").write_text('{"format": "something else"}')
    with pytest.raises(TraceError, match="something else"):
        Trace.open(tmp_path / "t")
    (tmp_path / "t" / "meta.json").write_text("{torn")
    with pytest.raises(TraceError, match="Cannot read"):
        Trace.open(tmp_path / "t")


@pytest.mark.parametrize(
    ("ids", "labels", "message"),
    [
        (["a", "a"], [0, 1], "unique"),
        (["a"], [0, 1], "1 sample ids but 2 labels"),
        (["a", "b"], [0, 2], "2 classes"),
    ],
)
def test_wrong_samples_are_refused(tmp_path, ids, labels, message):
    with pytest.raises(TraceError, match=message):
        TraceWriter.create(tmp_path, ids, np.array(labels), ["x", "y"])


def test_rows_of_the_wrong_length_or_phase_are_refused(tmp_path):
    writer = written(tmp_path)
    with pytest.raises(TraceError, match="row of 3 samples"):
        writer.append(**row(1, n=4), lr=0.1, phase="cyclic")
    with pytest.raises(TraceError, match="Unknown phase"):
        writer.append(**row(1), lr=0.1, phase="retrain")


def test_save_and_open_round_trip(tmp_path):
    written(tmp_path / "one")
    trace = Trace.open(tmp_path / "one")
    trace.save(tmp_path / "two")
    again = Trace.open(tmp_path / "two", in_memory=True)
    shutil.rmtree(tmp_path / "two")
    np.testing.assert_array_equal(again.loss, trace.loss)
    np.testing.assert_array_equal(again.mean_probs["warmup"], trace.mean_probs["warmup"])
    assert list(again.ids) == IDS and list(again.phase) == list(trace.phase)


def test_phases_and_samples_are_selected_together(tmp_path):
    written(tmp_path)
    trace = Trace.open(tmp_path)
    cyclic = trace.only("cyclic")
    np.testing.assert_array_equal(cyclic.loss[:, 0], [10, 20])
    assert list(cyclic.mean_probs) == ["cyclic"] and list(cyclic.phase) == ["cyclic"] * 2
    some = trace.take(np.array([2, 0]))
    assert list(some.ids) == [IDS[2], IDS[0]] and list(some.given) == ["y", "x"]
    np.testing.assert_array_equal(some.loss[1], [12, 10])
    assert some.mean_probs["cyclic"].shape == (2, 2)


@settings(max_examples=30)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True))
def test_any_text_survives_as_an_id(tmp_path_factory, ids):
    folder = tmp_path_factory.mktemp("ids")
    TraceWriter.create(folder, ids, np.zeros(len(ids), int), ["x"])
    assert list(Trace.open(folder).ids) == ids


def test_ids_of_any_index_are_kept(tmp_path):
    TraceWriter.create(tmp_path, pd.Index(["p", "q"]), np.array([0, 0]), ["x"])
    assert list(Trace.open(tmp_path).ids) == ["p", "q"]
