"""A training or an audit that was interrupted goes on, and ends as one that nobody disturbed."""

import io
import json
import os
import random
import subprocess
import sys
import zlib
from collections import deque

import numpy as np
import pytest
import torch
from fastai.basics import Learner
from fastai.callback.core import Callback
from fastai.callback.mixup import MixUp
from fastai.callback.progress import ProgressCallback
from fastai.losses import CrossEntropyLossFlat

from o2u_nb import folder as layout
from o2u_nb.data import sealed, sources
from o2u_nb.errors import AuditExistsError, ResumeError, TraceError
from o2u_nb.presets import PRESETS
from o2u_nb.run import run_audit
from o2u_nb.stored.claim import claimed
from o2u_nb.trace import CHECKPOINT, Trace, TraceWriter
from o2u_nb.training.catalogue import METHODS
from o2u_nb.training.checkpoint import FORMAT, load, plain, save
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.loaders import dataloaders
from o2u_nb.training.methods.mentornet import Mentor
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.sample_means import SampleMeans
from o2u_nb.training.state import restored, state_of
from tests.features import blobs, head
from tests.sources import TINY, snapshot, write_source

SETTINGS = dict(warmup=2, cycles=2, cycle=2, bs=8, cyclic_bs=12, stop_early=0.99)


def pictures(seed: int = 0) -> Learner:
    rng = np.random.default_rng(0)
    codes = np.arange(40) % 3
    pixels = rng.integers(0, 90, (40, 16, 16, 3)).astype(np.uint8)
    pixels[np.arange(40), 4:10, 4:10, codes] = 230
    torch.manual_seed(seed)
    dls = dataloaders(sources.read((pixels, codes)).samples, bs=16, seed=seed, device="cpu")
    return Learner(dls, CompactResNet(3, widths=(4, 8)), loss_func=CrossEntropyLossFlat())


def head_with_dropout(seed: int = 0) -> Learner:
    return head(blobs(48, wrong=0.2), seed=seed, hidden=8)


def fit(learn: Learner, out, **options) -> Trace:
    with learn.no_bar(), learn.no_logging():
        return learn.fit_o2u(**{**SETTINGS, "say": lambda line: None, **options}, out=out)


def files(out) -> dict:
    """Bytes of the trace, and what the checkpoint holds."""
    held = {p.name: p.read_bytes() for p in out.iterdir() if p.name != CHECKPOINT}
    return {**held, CHECKPOINT: repr(load(out / CHECKPOINT))}


def random_numbers(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


class Cut(Callback):
    """End the fit after so many batches, or epochs whose row is written."""

    order = 200

    def __init__(self, batches: int):
        self.left = batches

    def after_batch(self):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize("make", [pictures, head_with_dropout])
def test_it_ends_as_without_interruption_to_the_bit(tmp_path, make):
    random_numbers(0)
    learn = make()
    count = Cut(0)
    fit(learn, tmp_path / "whole", cbs=count)
    expected = files(tmp_path / "whole")
    for cut in (1, 5, 6, 7, 13, -count.left - 1, -count.left):
        out = tmp_path / f"{cut}"
        random_numbers(0)
        with pytest.raises(KeyboardInterrupt):
            fit(make(), out, cbs=Cut(cut))
        random_numbers(99)  # whatever another process has drawn
        again = make()
        fit(again, out, resume=True)
        assert files(out) == expected, f"cut after {cut} batches"
        for one, other in zip(again.model.parameters(), learn.model.parameters(), strict=True):
            assert torch.equal(one, other)


def test_the_bars_of_fastai_go_on_too(tmp_path, capsys):
    options = dict(warmup=2, cycles=1, cycle=2, out=tmp_path / "trace")
    with pytest.raises(KeyboardInterrupt):
        pictures().fit_o2u(**options, cbs=Cut(4))  # in the second of two epochs of the warm-up
    capsys.readouterr()
    assert pictures().fit_o2u(**options, resume=True).n_epochs == 4
    said = capsys.readouterr().out
    assert "Epoch 2/2" in said and "train_loss" in said


def test_what_is_finished_is_not_trained_again_and_gives_the_weights_back(tmp_path):
    learn = pictures()
    fit(learn, tmp_path / "trace")
    other = pictures(seed=3)
    trained = []
    watch = Callback(after_batch=lambda: trained.append(1))
    fit(other, tmp_path / "trace", resume=True, cbs=watch)
    assert not trained
    assert torch.equal(next(other.model.parameters()), next(learn.model.parameters()))


def test_nothing_there_begins_and_without_a_folder_it_is_refused(tmp_path):
    assert fit(pictures(), tmp_path / "new", resume=True).n_epochs >= 4
    with pytest.raises(ValueError, match="out="):
        fit(pictures(), None, resume=True)


@pytest.fixture
def begun(tmp_path):
    """A trace of two epochs and a bit, with its checkpoint."""
    with pytest.raises(KeyboardInterrupt):
        fit(pictures(), tmp_path / "trace", cbs=Cut(14))
    return tmp_path / "trace"


def test_other_settings_data_or_networks_are_refused_and_nothing_changes(begun):
    before = snapshot(begun)
    with pytest.raises(ResumeError, match=r"begun with .*cycle=2, and 3 is asked for"):
        fit(pictures(), begun, resume=True, cycle=3)
    other = pictures()
    other.model = CompactResNet(3, widths=(4, 16))
    with pytest.raises(ResumeError, match="another network or optimiser"):
        fit(other, begun, resume=True)
    with pytest.raises(ResumeError, match=r"cannot go on|other"):
        fit(head_with_dropout(), begun, resume=True, cycle=2)
    with pytest.raises(TraceError, match="pass resume=True to go on"):
        fit(pictures(), begun)
    assert snapshot(begun) == before


DAMAGES = {
    "empty": lambda whole: b"",
    "one byte": lambda whole: whole[:1],
    "half": lambda whole: whole[: len(whole) // 2],
    "no end": lambda whole: whole[:-1],
    "a changed weight": lambda whole: whole[:-4000] + bytes([whole[-4000] ^ 1]) + whole[-3999:],
    "something else": lambda whole: b"GIF89a" * 9,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_a_sentence(begun, damage):
    path = begun / CHECKPOINT
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(ResumeError, match=r"damaged.*overwrite=True"):
        fit(pictures(), begun, resume=True)


def test_no_code_in_a_checkpoint_is_executed(begun, tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    memory = io.BytesIO()
    torch.save({"model": Bomb()}, memory)
    sum = f"{zlib.crc32(memory.getvalue()):08x}\n".encode()
    (begun / CHECKPOINT).write_bytes(FORMAT.encode() + b" " + sum + memory.getvalue())
    with pytest.raises(ResumeError, match="damaged"):
        fit(pictures(), begun, resume=True)
    assert not (tmp_path / "exploded").exists()


def test_only_plain_values_are_kept(tmp_path):
    state = {"a": np.float64(0.5), "b": (1, [True, None]), "c": torch.ones(2), "d": np.arange(2)}
    save(tmp_path / "x", state)
    found = load(tmp_path / "x")
    assert found["a"] == 0.5 and found["b"] == (1, [True, None]) and found["d"] == [0, 1]
    with pytest.raises(TypeError, match="object"):
        plain([object()])


def test_a_trace_is_cut_to_the_checkpoint_and_readers_keep_what_they_have(tmp_path):
    ids, labels = ["a", "b"], np.array([0, 1])
    writer = TraceWriter.create(tmp_path, ids, labels, ["x", "y"])
    for epoch in range(3):
        row = np.full(2, epoch)
        writer.append(loss=row, margin=row, pred=row % 2, lr=0.1, phase="warmup")
    writer.keep_means({"warmup": np.full((2, 2), 0.5)})
    reader = Trace.open(tmp_path)
    writer = TraceWriter.resume(tmp_path, ids, labels, ["x", "y"], n_epochs=1)
    cut = Trace.open(tmp_path)
    assert cut.n_epochs == 1 and not cut.mean_probs and not list(tmp_path.glob("mean_probs*"))
    writer.append(loss=np.full(2, 7), margin=row, pred=row % 2, lr=0.1, phase="cyclic")
    np.testing.assert_array_equal(Trace.open(tmp_path).loss, [[0, 0], [7, 7]])
    np.testing.assert_array_equal(reader.loss, [[0, 0], [1, 1], [2, 2]])
    with pytest.raises(ResumeError):
        TraceWriter.resume(tmp_path, ids, labels[::-1], ["x", "y"], n_epochs=1)
    with pytest.raises(TraceError, match="Expected 5 finished epochs"):
        TraceWriter.resume(tmp_path, ids, labels, ["x", "y"], n_epochs=5)


OTHERS = {
    "has record='train', and 'eval' is asked for": dict(record="eval"),
    "the losses of pictures, and those of features of a frozen network": dict(frozen=True),
    r"the classes \['x', 'y'\], and \['y', 'x'\] are asked for": dict(classes=["y", "x"]),
    "others are asked for .'c' is in one of them only": dict(ids=["a", "b", "c"], labels=[0, 1, 1]),
    "in another order": dict(ids=["b", "a"]),
    "'a' is 'x' in it, and 'y' is asked for": dict(labels=[1, 1]),
}


@pytest.mark.parametrize("said", OTHERS)
def test_a_trace_of_something_else_does_not_go_on_and_says_why(tmp_path, said):
    own: dict = dict(ids=["a", "b"], labels=[0, 1], classes=["x", "y"])
    writer = TraceWriter.create(tmp_path, **{**own, "labels": np.array([0, 1])})
    row = np.zeros(2)
    writer.append(loss=row, margin=row, pred=row.astype(int), lr=0.1, phase="warmup")
    before = snapshot(tmp_path)
    asked = {**own, **OTHERS[said]}
    with pytest.raises(ResumeError, match=said):
        TraceWriter.resume(tmp_path, n_epochs=1, **{**asked, "labels": np.array(asked["labels"])})
    assert snapshot(tmp_path) == before


def test_the_mean_softmax_is_written_once_a_phase(tmp_path, monkeypatch):
    written = []
    real = TraceWriter.keep_means
    monkeypatch.setattr(
        TraceWriter,
        "keep_means",
        lambda self, means: (written.append(set(means)), real(self, means)),
    )
    trace = fit(pictures(), tmp_path / "trace")
    assert written == [{"warmup"}, {"cyclic"}]
    assert set(trace.mean_probs) == {"warmup", "cyclic"}


# Audits.


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setitem(PRESETS, "quick", TINY)
    return write_source(tmp_path / "source", n=24, wrong=1, side=8)


def interrupted(source, out, monkeypatch, **options) -> None:
    """Leave an audit in `out` that was interrupted in its third epoch."""
    real = TraceWriter.append

    def interrupt(self, **row):
        if self.n_epochs == 2:
            raise KeyboardInterrupt
        real(self, **row)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TraceWriter, "append", interrupt)
        run_audit(source, out, preset="quick", **options)


def test_the_same_again_says_what_is_there_and_resume_goes_on(tiny, tmp_path, monkeypatch):
    out = tmp_path / "out"
    interrupted(tiny, out, monkeypatch)
    with pytest.raises(AuditExistsError, match=r"unfinished audit\. Ask .* \(--resume\)"):
        run_audit(tiny, out, preset="quick")
    with pytest.raises(ResumeError, match="begun with seed 0, and 7 is asked for"):
        run_audit(tiny, out, preset="quick", seed=7, resume=True)
    with pytest.raises(ValueError, match="choose one"):
        run_audit(tiny, out, preset="quick", resume=True, overwrite=True)
    (out / "trace" / f".o2u_nb-{32 * 'a'}.partial").write_bytes(b"half")
    said: list[str] = []
    found = run_audit(tiny, out, preset="quick", resume=True, say=said.append)
    assert any(line.startswith("Going on after 2 of 4 epochs") for line in said)
    assert found.facts["resumed"] == 1 and found.trace.n_epochs == 4
    assert not [p for p in out.rglob("*") if p.name.endswith((".partial", CHECKPOINT, layout.RUN))]
    fresh = run_audit(tiny, tmp_path / "fresh", preset="quick")
    for name in (layout.SCORES, layout.EMBEDDINGS, "trace/loss.npy"):
        assert (out / name).read_bytes() == (fresh.folder / name).read_bytes()
    left = out / f".o2u_nb-{32 * 'b'}.partial"  # as after a kill at the very end
    left.write_bytes(b"half")
    with claimed(out):
        run_audit(tiny, out, preset="quick", reopen=True)
    assert left.exists()
    again = run_audit(tiny, out, preset="quick", resume=True, say=said.append)
    assert "Opened the finished audit" in said[-1] and again.facts["resumed"] == 1
    assert not left.exists()


def test_a_source_that_changed_is_named_and_a_new_picture_is_no_resume(tiny, tmp_path, monkeypatch):
    out = tmp_path / "out"
    interrupted(tiny, out, monkeypatch)
    changed = next(tiny.rglob("*.png"))
    os.utime(changed, (1, 1))
    name = changed.relative_to(tiny).as_posix()
    with pytest.raises(ResumeError, match=f"1 pictures have changed, such as '{name}'"):
        run_audit(tiny, out, preset="quick", resume=True)
    assert Trace.open(out / "trace").n_epochs == 2


def test_all_that_changed_is_said_at_once(tiny, tmp_path, monkeypatch):
    out = tmp_path / "out"
    interrupted(tiny, out, monkeypatch)
    changed, gone = sorted(tiny.rglob("*.png"))[:2]
    os.utime(changed, (1, 1))
    gone.unlink()
    name = changed.relative_to(tiny).as_posix()
    said = f"1 samples are gone, 1 pictures have changed, such as '{name}'"
    with pytest.raises(ResumeError, match=said):
        run_audit(tiny, out, preset="quick", resume=True)


def test_an_unfinished_audit_of_another_version_does_not_go_on(tiny, tmp_path, monkeypatch):
    out = tmp_path / "out"
    interrupted(tiny, out, monkeypatch)
    kept = sealed.unseal((out / layout.RUN).read_bytes())[0]
    (out / layout.RUN).write_bytes(sealed.seal({**kept, "format": "o2u_nb run 9"}))
    with pytest.raises(ResumeError, match=r"'o2u_nb run 9', and this version reads 'o2u_nb run 1'"):
        run_audit(tiny, out, preset="quick", resume=True)
    (out / layout.RUN).unlink()  # as versions did that could not go on
    with pytest.raises(AuditExistsError, match="does not say how to go on with it"):
        run_audit(tiny, out, preset="quick", resume=True)
    assert Trace.open(out / "trace").n_epochs == 2


def test_a_new_audit_that_was_to_replace_one_goes_on(tiny, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run_audit(tiny, out, preset="quick", seed=1)
    interrupted(tiny, out, monkeypatch, overwrite=True)
    with pytest.raises(AuditExistsError, match="go on with the new one, which is unfinished"):
        run_audit(tiny, out, preset="quick")
    found = run_audit(tiny, out, preset="quick", resume=True)
    assert found.facts["seed"] == 0 and found.facts["resumed"] == 1
    assert not (out / layout.DRAFT).exists()


def test_a_damaged_checkpoint_costs_its_eye_and_not_the_audit(tiny, tmp_path, monkeypatch):
    out = tmp_path / "out"
    interrupted(tiny, out, monkeypatch)
    (out / "trace" / CHECKPOINT).write_bytes(b"PK\x03\x04")
    said: list[str] = []
    found = run_audit(tiny, out, preset="quick", resume=True, say=said.append)
    assert any("this eye is trained again" in line for line in said)
    assert found.trace.n_epochs == 4


def test_a_damaged_state_is_a_sentence(tiny, tmp_path, monkeypatch):
    out = tmp_path / "out"
    interrupted(tiny, out, monkeypatch)
    state = out / layout.RUN
    whole = state.read_text()
    for text in ("", "[]", "{}", whole[:-5], whole.replace('"seed": 0', '"seed": 1')):
        state.write_text(text)
        with pytest.raises(ResumeError, match=r"run\.json .*overwrite=True"):
            run_audit(tiny, out, preset="quick", resume=True)


def test_one_seed_gives_one_result_whatever_the_number_of_workers(tmp_path):
    """fastai's loaders with worker processes, and our loader with threads or without."""
    from tests import lookup
    from tests.learners import stock_loaders

    found = []
    lookup.write_folder(tmp_path)
    for workers in (0, 1, 2):
        torch.manual_seed(0)
        dls = stock_loaders(tmp_path, num_workers=workers)
        learn = Learner(dls, CompactResNet(4, widths=(4, 8)), loss_func=CrossEntropyLossFlat())
        with learn.no_bar(), learn.no_logging():
            found.append(learn.fit_o2u(warmup=1, cycles=1, cycle=2, lr=0.01, out=None).loss)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.slow
@pytest.mark.parametrize("kills, more", [(50, []), (10, ["kill,clock", "replace"])])
def test_an_audit_that_is_disturbed_at_any_point_ends_as_one_that_is_not(
    tmp_path, root, kills, more
):
    done = subprocess.run(
        [sys.executable, "-m", "tests.kills", str(tmp_path), str(kills), "0", *more],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["whole"] == 0 and found["wrong"] == []
    assert sum(found["faults"].values()) >= kills
    if not more:
        assert {"reading", "features", "training", "finishing"} <= set(found["phases"])


def by_method(learn, name: str, out, **options):
    """Train by a method of the catalogue, in 4 epochs."""
    learn.remove_cb(ProgressCallback)
    options = {**OWN.get(name, {}), **options}
    with learn.no_logging():
        return METHODS[name].fit(learn, RATES, out=out, say=lambda line: None, **options)


RATES = [0.05, 0.05, 0.03, 0.01]
TRUSTED = dict(trusted=[f"{k:02d}" for k in range(12)])
# Settings that let each method do in four epochs what is its own.
OWN: dict[str, dict] = {
    "co_teaching": dict(ramp=2),
    "curriculum": dict(first=1),
    "cleannet": dict(first=1, **TRUSTED),
    "gce_truncated": dict(start=1, every=1, k=0.3),
    "joint": dict(start=1, stop=3, last=2),
    "mentornet": dict(burn_in=0.25),
    "noise_layer": dict(form="complex"),
    "o2u": dict(stop_early=None),
    "odd": dict(simulate="wrong", h=2, high=2, percentile=60.0),
    "reweight": TRUSTED,
}


def numbers_of(found) -> list:
    """Return all that a method says of the samples."""
    arrays = [found.suspicion, found.probs, found.transition, found.trace.loss]
    return [None if array is None else np.asarray(array) for array in arrays]


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_every_method_ends_as_without_interruption(tmp_path, name):
    random_numbers(0)
    learn, count = pictures(), Cut(0)
    whole = by_method(learn, name, tmp_path / "whole", cbs=count)
    expected = files(tmp_path / "whole")
    batches = -count.left // (8 if name == "o2u" else 4)  # the last stage of O2U-Net has as many
    for cut in {1, *(batches * epoch + 2 for epoch in range(1, 4)), -count.left}:
        out = tmp_path / f"{cut}"
        random_numbers(0)
        with pytest.raises(KeyboardInterrupt):
            by_method(pictures(), name, out, cbs=Cut(cut))
        random_numbers(99)
        again = pictures()
        found = by_method(again, name, out, resume=True, cbs=Cut(0))
        assert files(out) == expected, f"cut after {cut} batches"
        for one, other in zip(numbers_of(found), numbers_of(whole), strict=True):
            np.testing.assert_array_equal(one, other)
        for one, other in zip(again.model.parameters(), learn.model.parameters(), strict=True):
            assert torch.equal(one, other)
    assert torch.equal(next_batch(again), next_batch(learn))  # the loader goes on alike, too


def test_odd_goes_on_where_only_some_epochs_are_recorded(tmp_path):
    def run(out, cut: int, **options):
        random_numbers(0)
        learn = pictures()
        with learn.no_bar(), learn.no_logging():
            return learn.fit_odd(4, high=3, h=2, out=out, cbs=[MixUp(), Cut(cut)], **options)

    whole, said = run(tmp_path / "whole", 0), []
    assert whole.trace.n_epochs == 2 and whole.removed.any()
    for cut in (2, 5, 8, 10):  # in each of four epochs, the first of which is not recorded
        out = tmp_path / f"{cut}"
        with pytest.raises(KeyboardInterrupt):
            run(out, cut)
        found = run(out, 0, resume=True, say=said.append)
        assert files(out) == files(tmp_path / "whole"), f"cut after {cut} batches"
        np.testing.assert_array_equal(found.loss, whole.loss)
        np.testing.assert_array_equal(found.simulated, whole.simulated)
    counts = [f"Going on after {k} of 4 epochs, which were kept." for k in (1, 2, 3)]
    assert said == counts


def next_batch(learn: Learner) -> torch.Tensor:
    return learn.dls.train.one_batch()[0]


def test_what_is_computed_between_two_stages_is_not_computed_again(tmp_path, monkeypatch):
    """After a kill in a later stage, the network is no longer the one it is computed from."""
    from o2u_nb.training.methods import lccn

    with pytest.raises(KeyboardInterrupt):
        by_method(pictures(), "lccn", tmp_path / "a", cbs=Cut(9))
    asked = []
    real = lccn.clean_probs
    monkeypatch.setattr(lccn, "clean_probs", lambda *args: asked.append(1) or real(*args))
    by_method(pictures(), "lccn", tmp_path / "a", resume=True)
    assert len(asked) == 1  # at the end


def test_a_method_goes_on_with_its_own_settings_only(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        by_method(pictures(), "gce", tmp_path / "a", cbs=Cut(9))
    before = snapshot(tmp_path / "a")
    with pytest.raises(ResumeError, match=r"begun with q=0\.7, and 0\.5 is asked for"):
        by_method(pictures(), "gce", tmp_path / "a", resume=True, q=0.5)
    with pytest.raises(ResumeError, match="begun with method='gce', and 'plain' is asked for"):
        by_method(pictures(), "plain", tmp_path / "a", resume=True)
    with pytest.raises(ResumeError, match="begun with method='gce', and 'odd' is asked for"):
        by_method(pictures(), "odd", tmp_path / "a", resume=True)
    for name in ("gce", "odd"):
        with pytest.raises(ValueError, match="out="):
            by_method(pictures(), name, None, resume=True)
    assert snapshot(tmp_path / "a") == before


def test_other_trusted_samples_or_another_mentor_are_refused(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        by_method(pictures(), "reweight", tmp_path / "a", cbs=Cut(4))
    with pytest.raises(ResumeError, match="begun with trusted="):
        by_method(pictures(), "reweight", tmp_path / "a", resume=True, trusted=["01", "02"])
    torch.manual_seed(7)  # `pictures` seeds, too, and the other mentor comes after it
    mentor = Mentor(3)
    with pytest.raises(KeyboardInterrupt):
        by_method(pictures(), "mentornet", tmp_path / "b", mentor=mentor, cbs=Cut(4))
    with pytest.raises(ResumeError, match="begun with mentor="):
        by_method(pictures(), "mentornet", tmp_path / "b", resume=True, mentor=Mentor(3))
    found = by_method(pictures(), "mentornet", tmp_path / "b", resume=True, mentor=mentor)
    assert found.trace.n_epochs == 4


def test_a_method_that_does_not_say_what_it_keeps_cannot_go_on(tmp_path):
    with pytest.raises(ValueError, match="cannot go on after an interruption"):
        RecordedFit(out=tmp_path / "a", resume=True)
    assert not (tmp_path / "a").exists()


def test_the_state_of_anything_comes_back_equal():
    device = torch.device("cpu")
    drawn = torch.Generator().manual_seed(3)
    torch.rand(5, generator=drawn)
    means = SampleMeans(3, device)
    means.add(torch.tensor([0, 2]), torch.tensor([1.0, 2.0]))
    parts = {
        "array": np.arange(6, dtype=np.int16).reshape(2, 3),
        "tensor": torch.arange(3),
        "queue": deque([torch.ones(2), torch.zeros(2)], maxlen=2),
        "list": [1, None, np.zeros(2)],
        "dict": {"a": 0.5, "b": torch.ones(1)},
        "number": 7,
    }
    for value in parts.values():
        kept = load_state(state_of(value))
        back = restored(type(value)([], 2) if isinstance(value, deque) else None, kept, device)
        assert repr(back) == repr(value)
    other = restored(None, load_state(state_of(drawn)), device)
    assert torch.equal(torch.rand(4, generator=other), torch.rand(4, generator=drawn))
    again = restored(SampleMeans(3, device), load_state(state_of(means)), device)
    np.testing.assert_array_equal(again.mean(), means.mean())
    assert parts["array"].dtype == restored(None, state_of(parts["array"]), device).dtype


def load_state(state):
    """Return `state` as it is in a checkpoint that was written and read."""
    memory = io.BytesIO()
    torch.save(plain(state), memory)
    return torch.load(io.BytesIO(memory.getvalue()), weights_only=True)
