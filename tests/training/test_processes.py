"""Several processes train as one does: the same trace, one writer, a clear end when one dies."""

import json
import os
import signal
import socket
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from o2u_nb.errors import RecordingError
from o2u_nb.trace import Trace
from o2u_nb.training.processes import ALONE, Group, join
from tests import lookup, several

O2U = dict(warmup=1, cycles=1, cycle=2, lr=0.02)
JOBS = [
    ("head", "head", O2U),
    ("pictures", "pictures", O2U),
    ("fastai", "fastai", {**O2U, "valid": True}),
    ("workers", "workers", {**O2U, "record": "eval"}),
    ("odd", "head", dict(verb="fit_odd", epochs=4, high=2, lr=0.02, percentile=60)),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with the pictures, and the traces of one process in `alone`."""
    folder = tmp_path_factory.mktemp("several")
    lookup.write_folder(folder / "pictures")
    return folder


def launch(count: int, folder: Path, jobs: list, **options):
    """Run the jobs in `count` processes, and return how they ended, and what these said."""
    started = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]
    done = subprocess.run(
        [*started, str(count), several.__file__, str(folder), json.dumps(jobs)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=300, **options,
    )  # fmt: skip
    return done, told(folder, jobs)


def told(folder: Path, jobs: list) -> list[dict]:
    """Return what each process said of each job."""
    names = [name for name, *_ in jobs]
    paths = sorted(path for name in names for path in folder.glob(f"{name}-*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def started_by_hand(count: int, folder: Path, jobs: list) -> list[subprocess.Popen]:
    """Start the processes without torchrun, which ends all of them when one has ended."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    them = dict(WORLD_SIZE=str(count), MASTER_ADDR="localhost", MASTER_PORT=str(port))
    return [
        subprocess.Popen(
            [sys.executable, several.__file__, str(folder), json.dumps(jobs)],
            env={**os.environ, **them, "RANK": str(rank), "LOCAL_RANK": str(rank),
                 "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(count)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def alone(place):
    """Train in one process, and return what it found, by job."""
    done = subprocess.run(
        [sys.executable, several.__file__, str(place / "alone"), json.dumps(JOBS)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {found["name"]: found for found in told(place / "alone", JOBS)}


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_leave_the_trace_of_one(place, alone, count):
    folder = place / f"in-{count}"
    done, said = launch(count, folder, JOBS)
    assert done.returncode == 0, done.stderr
    assert len(said) == count * len(JOBS)
    for name, _, _ in JOBS:
        one, other = Trace.open(place / "alone" / name), Trace.open(folder / name)
        assert one.ids.equals(other.ids) and one.n_epochs == other.n_epochs
        np.testing.assert_allclose(other.loss, one.loss, atol=1e-5)
        np.testing.assert_allclose(other.margin, one.margin, atol=1e-5)
        assert (other.pred == one.pred).mean() > 0.99
        assert list(other.phase) == list(one.phase) and other.record == one.record
        for phase, probs in one.mean_probs.items():
            np.testing.assert_allclose(other.mean_probs[phase], probs, atol=1e-5)
        mine = [line for line in said if line["name"] == name]
        assert sorted(line["rank"] for line in mine) == list(range(count))
        for line in mine:  # all have the same network at the end, and see the whole trace
            np.testing.assert_allclose(line["weights"], alone[name]["weights"], atol=1e-5)
            assert line["epochs"] == one.n_epochs
            assert line["removed"] == alone[name]["removed"]
            assert line["said"] == (alone[name]["said"] if line["rank"] == 0 else 0)
    assert any(alone["odd"]["removed"])


@pytest.mark.slow
def test_after_one_process_was_killed_the_others_say_so_and_the_training_goes_on(place, alone):
    folder = place / "killed"
    first, second = started_by_hand(2, folder, [("head", "head", {**O2U, "killed": 1})])
    assert second.wait() == -signal.SIGKILL
    said = first.communicate(timeout=100)[1]
    assert "Another of the 2 processes that train together has ended" in said
    assert first.returncode == 1 and told(folder, JOBS) == []
    assert Trace.open(folder / "head").n_epochs == 2  # the warm-up, and one of the cyclic phase
    done, said = launch(2, folder, [("head", "head", {**O2U, "resume": True})])
    assert done.returncode == 0, done.stderr
    one, other = Trace.open(place / "alone" / "head"), Trace.open(folder / "head")
    np.testing.assert_allclose(other.loss, one.loss, atol=1e-5)
    done, _ = launch(2, folder, [("head", "head", O2U)])
    assert done.returncode != 0
    assert done.stderr.count("already holds a trace") == 1  # said once


def test_the_parts_of_a_batch_are_the_batch():
    for count in (1, 2, 3, 5):
        for n in range(1, 40):
            batch = list(range(n))
            found = [Group(rank, count).part(n) for rank in range(count)]
            own = [batch[part][:real] for part, real in found]
            assert list(chain.from_iterable(own)) == batch
            assert all(len(batch[part]) >= min(2, n) for part, _ in found)
            sizes = [len(some) for some in own]
            assert n < 2 * count or max(sizes) - min(sizes) <= 1
    assert Group(1, 3).part(4) == (slice(0, 2), 0) and Group(0, 3).part(4) == (slice(0, 4), 4)


def test_alone_nothing_waits(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join() == ALONE and ALONE.first
    assert ALONE.once(lambda: 3) == 3 and ALONE.same([1]) == [1]
    ALONE.wait()


def test_other_trainings_are_refused_in_several_processes(monkeypatch):
    learn = several.head(several.blobs(40))
    monkeypatch.setattr("o2u_nb.training.recorder.join", lambda: Group(0, 2))
    with learn.no_bar(), pytest.raises(RecordingError, match="started together"):
        learn.fit_gce(2)
