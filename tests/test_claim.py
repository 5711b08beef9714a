"""An output folder belongs to one job at a time, and nobody's mapped arrays go away below them."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.data import locks
from o2u_nb.errors import InUseError, OutputError
from o2u_nb.stored.claim import LOCK, claimed, holder
from o2u_nb.stored.trace_file import ROWS
from o2u_nb.trace import Trace
from tests.damage import whole_audit

HOLD = """
import sys, time
from o2u_nb.stored.claim import claimed
with claimed(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def start(code: str, *arguments) -> subprocess.Popen:
    """Run `code` in another process; return it once it has printed a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    return process


def end(process: subprocess.Popen, number: int = signal.SIGKILL) -> int:
    process.send_signal(number)
    process.stdout.close()
    return process.wait()


def require_held_until_killed(out) -> None:
    """Check that a process that holds `out` is named to others, and only while it lives."""
    process = start(HOLD, out)
    try:
        with (
            pytest.raises(InUseError, match=rf"process {process.pid} on .* has been writing there"),
            claimed(out),
        ):
            pass
        assert f"process {process.pid} " in holder(out)
    finally:
        end(process)
    assert holder(out) is None
    with claimed(out):  # what the killed process left is no obstacle
        assert f"process {os.getpid()} " in holder(out)


def test_another_process_is_told_who_holds_the_folder_until_that_is_killed(tmp_path):
    out = tmp_path / "audit"
    require_held_until_killed(out)
    assert not (out / LOCK).exists()


def test_another_thread_is_refused_and_the_job_itself_is_not(tmp_path):
    said = []

    def other():
        try:
            with claimed(tmp_path):
                said.append("taken")
        except InUseError as error:
            said.append(str(error))

    with claimed(tmp_path), claimed(tmp_path):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(said) == 1 and "is in use" in said[0]


def test_a_folder_that_was_made_for_nothing_is_removed_again(tmp_path):
    with claimed(tmp_path / "a" / "b"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["mine", "[1]", "{}", "[" * 5000, '{"format": "o2u_nb lock 1"}'])
def test_a_file_of_others_in_the_locks_place_stays(tmp_path, text):
    (tmp_path / LOCK).write_text(text)
    with pytest.raises(OutputError, match="not one that this package wrote"), claimed(tmp_path):
        pass
    assert (tmp_path / LOCK).read_text() == text


def test_a_link_in_the_locks_place_is_not_followed(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "mine").write_text("")
    (tmp_path / "out" / LOCK).symlink_to(tmp_path / "mine")
    with pytest.raises(OutputError), claimed(tmp_path / "out"):
        pass
    assert (tmp_path / "mine").read_text() == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_does_not_keep_the_folder_after_its_parent(tmp_path):
    """Worker processes of loaders are forked while an audit holds its folder.

    The child speaks, and not the parent: only then is it known that the child runs, and has closed
    what it does not keep. A parent that is killed before leaves the lock to it for a moment.
    """
    code = HOLD.replace(
        'print("held", flush=True)',
        "import os; os.fork() or (print('held', flush=True), time.sleep(5), os._exit(0))",
    )
    process = start(code, tmp_path)
    assert holder(tmp_path) is not None
    end(process)
    assert holder(tmp_path) is None


SAVE = """
import sys
from o2u_nb import Audit
from o2u_nb.errors import O2UError
from o2u_nb.trace import Trace
from o2u_nb.data import samples
made, out = sys.argv[1:]
told = samples.read(made + "/samples.parquet"), Trace.open(made + "/trace")
print("ready", flush=True)
sys.stdin.readline()
try:
    Audit.save(out, *told, quiet=True, overwrite=True)
except O2UError as error:
    assert type(error).__name__ == "InUseError", repr(error)
    sys.exit(3)
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_new", [True, False])
def test_of_audits_that_are_written_at_once_one_is_whole_and_others_are_refused(tmp_path, is_new):
    """Three of eight ended well without `samples.parquet`, and two died of SIGBUS."""
    whole = whole_audit(tmp_path / "audit")
    out = tmp_path / "new" if is_new else whole
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", SAVE, str(tmp_path / "audit-made"), str(out)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    for job in jobs:
        job.stdout.readline()
    for job in jobs:
        job.stdin.write("\n")
        job.stdin.flush()
    statuses = [job.wait(120) for job in jobs]
    for job in jobs:
        job.stdin.close(), job.stdout.close()
    assert set(statuses) <= {0, 3} and 0 in statuses
    assert Audit.open(out).verify() == []
    assert {p.name for p in out.iterdir()} - {".cache"} == {
        *layout.MADE_BY_AUDIT, layout.MARKER, layout.DECISIONS
    } - {layout.EMBEDDINGS, layout.HEAD, layout.FEATURES, layout.EYES, layout.RUN} - (
        {layout.DECISIONS} if is_new else set()
    )  # fmt: skip


REWRITE = """
import sys
from o2u_nb.trace import Trace
print("ready", flush=True)
Trace.open(sys.argv[1], in_memory=True).take(slice(0, 5)).save(sys.argv[2], overwrite=True)
"""


@pytest.mark.parametrize("by", ["this process", "another", "the same object"])
def test_who_has_a_trace_open_keeps_it_while_it_is_written_again(tmp_path, by):
    """The arrays are memory-mapped: a file that is cut kills with SIGBUS whoever reads it."""
    audit = Audit.open(whole_audit(tmp_path / "audit"))
    place = audit.folder / layout.TRACE
    trace, embeddings = audit.trace, audit.embeddings
    before = [np.array(a) for a in (trace.loss, trace.pred, trace.mean_probs["cyclic"], embeddings)]
    if by == "another":
        code = [sys.executable, "-c", REWRITE, str(place), str(place)]
        subprocess.run(code, check=True, capture_output=True)
    elif by == "this process":
        trace.take(slice(0, 5)).save(place, overwrite=True)
        Audit.save(tmp_path / "audit", audit.samples, trace, quiet=True, overwrite=True)
    else:
        trace.save(place, overwrite=True)
    now = [trace.loss, trace.pred, trace.mean_probs["cyclic"], embeddings]
    for old, new in zip(before, now, strict=True):
        np.testing.assert_array_equal(old, new)
    assert Trace.open(place).n_samples == (5 if by == "another" else 40)


def test_all_of_an_audit_is_on_the_disk_before_the_facts_promise_it(tmp_path, monkeypatch):
    """After a power cut, 12 of 16 files of a finished audit were empty.

    What was not sent to the disk may be lost: content by `fsync` of the file, names by that of the
    folder. So at the moment when `audit.json` gets its name, both must have happened for all.
    """
    made = whole_audit(tmp_path / "first")
    good = Audit.open(made)
    sent: dict[int, os.stat_result] = {}  # what reached the disk, by number of the inode
    sync, replace = os.fsync, os.replace
    promised = []

    def is_same(now, on_disk, path: Path) -> bool:
        if on_disk is None or path.stem in ROWS:
            # the number of rows in the header is written later, and no reader relies on it
            return on_disk is not None and on_disk.st_size == now.st_size
        return on_disk.st_mtime_ns == now.st_mtime_ns

    def fsync(descriptor):
        sync(descriptor)
        found = os.stat(descriptor)
        sent[found.st_ino] = found

    def replaces(a, b):
        if Path(b).name == layout.FACTS:
            for path in Path(b).parent.rglob("*"):
                found = path.stat()
                if path.name != LOCK and ".cache" not in path.parts:  # may be lost at any time
                    promised.append((path.name, is_same(found, sent.get(found.st_ino), path)))
        replace(a, b)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replaces)
    out = tmp_path / "audit"
    Audit.save(out, good.samples, good.trace, good.embeddings, quiet=True)
    names = {name for name, _ in promised}
    assert {layout.SAMPLES, layout.SCORES, layout.TRACE, "loss.npy", layout.REPORT} <= names
    assert [name for name, is_sent in promised if not is_sent] == []


def test_the_lock_says_what_it_is(tmp_path):
    with claimed(tmp_path):
        said = json.loads((tmp_path / LOCK).read_text())
    assert said["pid"] == os.getpid() and said["format"] == "o2u_nb lock 1"


# Where the file system has no locks, the file itself says which process holds the folder.


@pytest.fixture
def no_locks(monkeypatch):
    monkeypatch.setattr(locks, "lock", lambda *_, **options: None)


def test_without_locks_a_process_that_lives_holds_the_folder_and_a_dead_one_does_not(
    tmp_path, no_locks
):
    require_held_until_killed(tmp_path / "audit")


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, True),
        ({"started": 1.0}, False),  # another process has that number now
        ({"pid": 2**22 + 1}, False),  # no process has it
        ({"host": "another machine"}, True),  # nobody here can tell
    ],
)
def test_without_locks_what_the_file_says_is_compared_with_the_processes(
    tmp_path, no_locks, change, holds
):
    with claimed(tmp_path):
        said = {**json.loads((tmp_path / LOCK).read_text()), **change}
    (tmp_path / LOCK).write_text(json.dumps(said))
    assert (holder(tmp_path) is not None) == holds
    if holds:
        with pytest.raises(InUseError, match=f"process {said['pid']} on"), claimed(tmp_path):
            pass
    else:
        with claimed(tmp_path):
            pass


def test_who_holds_it_is_said_also_before_that_is_written(tmp_path, monkeypatch):
    (tmp_path / LOCK).touch()
    monkeypatch.setattr(locks, "lock", lambda *_, **options: False)
    assert holder(tmp_path) == "another job has just begun to write there"
    with pytest.raises(InUseError, match="another job has just begun"), claimed(tmp_path):
        pass


def test_a_lock_whose_file_is_removed_in_between_is_taken_anew(tmp_path, monkeypatch):
    real, asked = locks.lock, []

    def removing(descriptor, **options):
        asked.append(1)
        if len(asked) == 1:
            (tmp_path / LOCK).unlink()  # as the job does that ends at this moment
        return real(descriptor, **options)

    monkeypatch.setattr(locks, "lock", removing)
    with claimed(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert len(asked) == 2 and not (tmp_path / LOCK).exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_is_told_from_a_failing_one(tmp_path, monkeypatch, number):
    import fcntl

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (tmp_path / "a").open("w") as file:
        assert locks.lock(file.fileno()) is None
        number = errno.EIO
        with pytest.raises(OSError, match="Input/output"):
            locks.lock(file.fileno())
