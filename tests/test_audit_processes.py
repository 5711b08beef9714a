"""An audit whose network several processes train: the same folder, one voice, a clear end."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import psutil
import pytest
import torch
from torch import distributed, nn

from o2u_nb.__main__ import main
from o2u_nb.audit import Audit
from o2u_nb.errors import O2UError, ProcessLostError
from o2u_nb.presets import PRESETS
from o2u_nb.run import run_audit
from o2u_nb.trace import CHECKPOINT, Trace
from o2u_nb.training import eyes, job, several
from o2u_nb.training.networks import Network
from tests.colour_eyes import colours
from tests.several import network
from tests.sources import SHORT, TINY, write_source

PICTURES = 61  # in batches of 8, of which the last has 5: too few for three processes
EPOCHS = TINY.n_epochs


class FailsInTheSecond(nn.Module):
    """Fail in the second process alone, as for want of memory on its GPU."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, pictures):
        """Pictures in, logits out."""
        if distributed.is_initialized() and distributed.get_rank() == 1:
            raise RuntimeError("no memory\nis left")
        return self.model(pictures)


def without_normalisation(samples, preset, *, say) -> Network:
    """Return a network that several processes train as one does, up to rounding."""
    torch.manual_seed(0)
    model = network(3, samples["label"].nunique())
    model(torch.zeros(1, 3, 16, 16))
    return Network(model, "a plain network", None, 0.02)


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "quick", TINY)
    monkeypatch.setattr(job, "choose_network", without_normalisation)
    return write_source(tmp_path / "source", n=PICTURES)


@pytest.fixture
def alone(source, tmp_path):
    return run_audit(source, tmp_path / "alone", preset="quick")


def words(source, out, *more) -> list[str]:
    return ["audit", str(source), "--out", str(out), "--preset", "quick", *map(str, more)]


def once(at: int, act):
    """Return a progress that calls `act` when `at` batches are trained."""
    left = [act]

    def progress(stage, done, total):
        if stage == "training" and done >= at and left:
            left.pop()()

    return progress


def kill_one() -> None:
    children = multiprocessing.active_children()
    assert len(children) in (1, 2)
    children[0].kill()
    children[0].join()


def contents(audit) -> list[str]:
    return sorted(str(path.relative_to(audit.folder)) for path in audit.folder.rglob("*"))


def assert_same(found, expected) -> None:
    assert contents(found) == contents(expected)
    one, other = expected.trace, found.trace
    assert one.ids.equals(other.ids) and list(one.phase) == list(other.phase)
    for name in ("loss", "margin"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), atol=1e-5)
    assert (other.pred == one.pred).mean() > 0.99
    for phase, probs in one.mean_probs.items():
        np.testing.assert_allclose(other.mean_probs[phase], probs, atol=1e-5)
    np.testing.assert_allclose(found.embeddings, expected.embeddings, atol=1e-3)
    both = found.scores["score"].loc[expected.scores.index]
    np.testing.assert_allclose(both, expected.scores["score"], atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_make_the_audit_of_one(source, alone, tmp_path, capfd, count):
    assert main(words(source, tmp_path / "out", "--processes", count)) == 0
    said = capfd.readouterr()
    assert said.err == "" and said.out.count("Training a plain network") == 1
    assert f"in {count} processes" in said.out
    found = Audit.open(tmp_path / "out")
    assert_same(found, alone)
    seen_by = found.facts["eyes"], alone.facts["eyes"]
    assert [eye["processes"] for (eye,) in seen_by] == [count, 1]
    assert multiprocessing.active_children() == [] and not distributed.is_initialized()
    assert found.verify() == []


@pytest.mark.slow
@pytest.mark.parametrize("before, after", [(2, 1), (3, 2)])
def test_after_a_process_was_killed_the_audit_goes_on(source, alone, tmp_path, before, after):
    out, said = tmp_path / "out", []
    batches = len(range(0, PICTURES, 8))
    with pytest.raises(ProcessLostError, match=r"with signal SIGKILL.*finished epochs are kept"):
        run_audit(
            source, out, preset="quick", processes=before, progress=once(2 * batches + 3, kill_one)
        )
    assert Trace.open(out / "trace").n_epochs == 2
    assert multiprocessing.active_children() == [] and not distributed.is_initialized()
    found = run_audit(source, out, preset="quick", processes=after, resume=True, say=said.append)
    assert f"processes {before}, now {after}" in "".join(said)
    assert_same(found, alone)


@pytest.mark.slow
def test_a_killed_process_is_one_line_of_the_command(source, tmp_path, capfd, monkeypatch):
    real = job.TellProgress.after_batch
    strike = once(10, kill_one)

    def after_batch(self):
        real(self)
        strike("training", self.done, self.total)

    monkeypatch.setattr(job.TellProgress, "after_batch", after_batch)
    assert main(words(source, tmp_path / "out", "--processes", 2)) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "Process 2 was ended from outside" in said
    monkeypatch.undo()
    monkeypatch.setitem(PRESETS, "quick", TINY)
    monkeypatch.setattr(job, "choose_network", without_normalisation)
    assert main(words(source, tmp_path / "out", "--processes", 2, "--resume")) == 0


@pytest.mark.slow
def test_an_error_of_one_process_is_told(source, tmp_path, monkeypatch):
    def choose(*args, **options):
        found = without_normalisation(*args, **options)
        return found._replace(model=FailsInTheSecond(found.model))

    monkeypatch.setattr(job, "choose_network", choose)
    with pytest.raises(ProcessLostError, match=r"Process 2 ended with an error: .*is left"):
        run_audit(source, tmp_path / "out", preset="quick", processes=2)
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_a_process_that_does_not_even_start_is_told(source, tmp_path, monkeypatch):
    real = several.start_processes

    def start(*args, **options):
        context = real(*args, **options)
        context.processes[0].kill()
        return context

    monkeypatch.setattr(several, "start_processes", start)
    with pytest.raises(ProcessLostError, match="Process 2 was ended from outside"):
        run_audit(source, tmp_path / "out", preset="quick", processes=2)
    assert multiprocessing.active_children() == [] and not distributed.is_initialized()


@pytest.mark.slow
def test_an_error_of_all_processes_is_told_once(source, tmp_path, capfd, monkeypatch):
    def choose(*args, **options):
        return without_normalisation(*args, **options)._replace(lr=1e30)

    monkeypatch.setattr(job, "choose_network", choose)
    assert main(words(source, tmp_path / "out", "--processes", 2)) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "became NaN or infinite" in said


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_stops_all_after_the_batch(
    source, tmp_path, capfd, monkeypatch, usual_signals
):
    real = job.TellProgress.after_batch

    def ctrl_c() -> None:
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    strike = once(2 * len(range(0, PICTURES, 8)) + 1, ctrl_c)

    def after_batch(self):
        strike("training", self.done, self.total)
        real(self)

    monkeypatch.setattr(job.TellProgress, "after_batch", after_batch)
    out = tmp_path / "out"
    assert main(words(source, out, "--processes", 2)) == 130
    said = capfd.readouterr().err
    assert said.count("stopping after this batch") == 1 and "Traceback" not in said
    assert "--processes 2 --resume\n" in said
    assert Trace.open(out / "trace").n_epochs == 2 and (out / "trace" / CHECKPOINT).exists()
    assert multiprocessing.active_children() == [] and not distributed.is_initialized()


def command_of(process: psutil.Process) -> str:
    """Return the command of a process; "" where it has ended meanwhile."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


@pytest.mark.slow
def test_the_other_processes_end_with_a_first_one_that_is_killed(tmp_path):
    source = write_source(tmp_path / "source", n=300)
    started = subprocess.Popen(
        [sys.executable, "-c", SHORT, *words(source, tmp_path / "out", "--processes", 2)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    children: list[psutil.Process] = []
    until = time.monotonic() + 100
    while not children and time.monotonic() < until:
        assert started.poll() is None
        found = psutil.Process(started.pid).children(recursive=True)
        children = [child for child in found if "spawn_main" in command_of(child)]
    started.kill()
    started.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert children and alive == []


def test_heads_alone_need_no_processes(source, tmp_path, monkeypatch):
    monkeypatch.setattr(eyes, "backbone", colours)
    said: list[str] = []
    options = dict(preset="quick", eyes=["colours"], processes=2, say=said.append)
    found = run_audit(source, tmp_path / "out", **options)
    assert any(line.startswith("Only heads are trained") for line in said)
    assert found.trace.n_epochs > 0


@pytest.mark.parametrize(
    "error, said",
    [
        (several.ProcessExitedException("", 0, 7, -9, "SIGKILL"), "outside, with signal SIGKILL."),
        (several.ProcessExitedException("", 1, 7, 1), "Process 3 ended with exit code 1, look for"),
        (several.ProcessRaisedException("File\nOSError: no.", 0, 7), "an error: OSError: no. The"),
        (None, "Another process ended without saying why."),
    ],
)
def test_why_a_process_ended(error, said):
    class Context:
        processes = ()

        def join(self, timeout, grace_period):
            if error is not None:
                raise error

    assert said in several._explained(Context(), 3).message


def test_as_many_processes_as_gpus_or_one(monkeypatch):
    said: list[str] = []
    assert several.how_many(None, 64, say=said.append) == 1
    assert several.how_many(3, 64, say=said.append) == 3
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert several.how_many(None, 64, say=said.append) == 2 and said == []
    assert several.how_many(1, 64, say=said.append) == 1
    with pytest.raises(O2UError, match=r"found 4 processes and 2 GPUs.*--processes 2"):
        several.how_many(4, 64, say=said.append)


def test_small_batches_are_not_cut_into_single_samples():
    said: list[str] = []
    assert several.how_many(6, 8, say=said.append) == 4
    assert said == ["Training in 4 processes instead of 6: a batch has 8 samples."]


def test_under_torchrun_an_audit_starts_no_more_processes(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(O2UError, match="run it without torchrun"):
        several.how_many(2, 64, say=print)


def test_no_processes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one process"):
        run_audit(tmp_path, tmp_path / "out", processes=0)
