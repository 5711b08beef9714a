"""An output folder belongs to one job at a time: whoever writes there claims it first.

In comes a folder; while the `with` block runs, every other job that wants to write there is refused
and told who has it. The claim is a lock on a file in the folder, so it ends with its process, also
when that is killed. Where a file system has no locks, the file says who holds it.
"""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

import psutil

from o2u_nb.data import atomic, locks
from o2u_nb.errors import InUseError, OutputError

LOCK = ".o2u_nb-lock"
FORMAT = "o2u_nb lock 1"
PAUSE = 0.02  # seconds between two attempts
MOST_BYTES = 4096  # of the file of a lock; a longer one is not ours

# The folders that this job holds, with the process: what a job calls may claim them once more.
_held: ContextVar[frozenset[tuple[str, int]]] = ContextVar("claimed folders", default=frozenset())
_open: set[int] = set()  # the descriptors of this process's locks


@contextmanager
def claimed(folder: str | os.PathLike, *, wait: float = 0.0) -> Iterator[None]:
    """Hold `folder`, which is made when missing, while the block runs; then let it go.

    A job that holds a folder may claim it again in what it calls. A folder that was made here and
    is empty at the end is removed again. `wait` is how many seconds another job gets to end.
    Raises `InUseError` when another job holds it, in this
    process or any other, and `OutputError` when nothing can be written there.
    """
    folder = Path(folder)
    held = _held.get()
    me = os.path.realpath(folder), os.getpid()
    if me in held:
        yield
        return
    with _writable(folder):
        made = atomic.make_folder(folder)
    try:
        with _writable(folder):
            descriptor = _take(folder, time.monotonic() + wait)
        token = _held.set(held | {me})
        try:
            yield
        finally:
            _held.reset(token)
            _give_back(folder, descriptor)
    finally:
        with suppress(OSError):
            for place in made:
                place.rmdir()


def holder(folder: str | os.PathLike) -> str | None:
    """Say who holds `folder` at the moment, None where nobody does; nothing is written."""
    with suppress(OSError):
        descriptor = os.open(Path(folder) / LOCK, os.O_RDWR | _NO_LINK)
        try:
            said = _read(descriptor)
            taken = locks.lock(descriptor, wait=False)
            return _words(said) if taken is False or (taken is None and _lives(said)) else None
        finally:
            os.close(descriptor)
    return None


_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def _take(folder: Path, until: float) -> int:
    """Return the descriptor of the locked file; another one may have removed it in between."""
    path = folder / LOCK
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o666)
        try:
            said = _read(descriptor)
            taken = locks.lock(descriptor, wait=False)
            if taken is False or (taken is None and _lives(said)):
                if time.monotonic() > until:
                    raise InUseError(
                        f"{folder} is in use: {_words(_read(descriptor) or said)}. Wait until that "
                        "job has ended, stop it, or choose another folder."
                    )
                time.sleep(PAUSE)
            elif _is_same_file(descriptor, path):
                _write(descriptor)
                _open.add(descriptor)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _give_back(folder: Path, descriptor: int) -> None:
    _open.discard(descriptor)
    with suppress(OSError):  # Windows does not remove an open file; then it stays, and is unlocked
        (folder / LOCK).unlink()
    os.close(descriptor)


def _read(descriptor: int) -> dict | None:
    """Return what a file of a lock says; None where it is empty. Raise `OutputError` for others."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, MOST_BYTES)
    if not text:
        return None
    try:
        said = json.loads(text)
        if said["format"] == FORMAT and len(text) < MOST_BYTES:
            return {**said, "pid": int(said["pid"])}
    except (ValueError, LookupError, TypeError, RecursionError):
        pass
    raise OutputError(
        f"The file {LOCK} in the output folder is not one that this package wrote: move it "
        "elsewhere, or choose another folder."
    )


def _write(descriptor: int) -> None:
    said = dict(
        format=FORMAT,
        pid=os.getpid(),
        started=psutil.Process().create_time(),
        host=platform.node(),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.truncate(descriptor, 0)
    os.write(descriptor, json.dumps(said).encode())


def _words(said: dict | None) -> str:
    if said is None:  # it was locked a moment ago, and is not written yet
        return "another job has just begun to write there"
    since = str(said.get("since", ""))[:16].replace("T", " at ")
    return (
        f"process {said['pid']} on {said.get('host') or 'an unknown machine'} has been writing "
        f"there since {since} UTC"
    )


def _lives(said: dict | None) -> bool:
    """Tell whether the process that wrote this may still run, where there are no locks to ask."""
    if said is None:
        return False
    if said.get("host") != platform.node():
        return True
    try:
        return psutil.Process(said["pid"]).create_time() == said.get("started")
    except psutil.Error:
        return False


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"Cannot write to {folder} ({error.strerror or error}): choose another folder."
        ) from error


def _forget() -> None:
    """Close the locks in a child that was forked, which would keep them after its parent's end."""
    for descriptor in _open:
        with suppress(OSError):
            os.close(descriptor)
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
