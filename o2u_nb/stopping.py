"""Stop a job cleanly when the user or the system asks for it: Ctrl-C, SIGTERM, a closed terminal.

In come signals; out comes `Stopped`, which is raised at once, or while a network trains after the
present batch. A second signal stops at once in any case. Only the command line asks for this;
in a notebook, signals are Jupyter's.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Those that the system has; on Windows there is no SIGHUP.
SIGNALS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]

_asked: int | None = None  # the signal that came while a batch was trained
_waits = False  # whether a batch is being trained


class Stopped(KeyboardInterrupt):
    """The job was asked to stop, by the signal `signum`."""

    def __init__(self, signum: int):
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum

    @property
    def status(self) -> int:
        """Return the exit status by which shells name the signal: 130 for Ctrl-C, 143 for TERM."""
        return 128 + self.signum


@contextmanager
def on_signals() -> Iterator[None]:
    """Raise `Stopped` for signals that come inside the `with` block.

    A signal that is ignored, as SIGHUP is under `nohup`, stays so; and outside of the main thread,
    which alone gets signals, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: signal.getsignal(s) for s in SIGNALS}
    taken = {s: old for s, old in before.items() if old not in (signal.SIG_IGN, None)}
    for signum in taken:
        signal.signal(signum, _take)
    try:
        yield
    finally:
        for signum, old in taken.items():
            signal.signal(signum, old)
        _forget()


@contextmanager
def after_batches() -> Iterator[None]:
    """Let a signal inside the `with` block wait for the next `check`, or for the block's end."""
    global _waits
    _waits = True
    try:
        yield
        check()
    finally:
        _waits = False


def check() -> None:
    """Raise `Stopped` when a signal has come that waits; call it after each batch."""
    if _asked is not None:
        raise Stopped(_asked)


def _take(signum: int, frame: FrameType | None) -> None:
    global _asked
    if _waits and _asked is None:
        _asked = signum
        # Not `print`: the signal may have come while something else is printed.
        if sys.__stderr__ is not None:
            _write(sys.__stderr__.fileno(), "\no2u_nb: stopping after this batch\n")
        return
    raise Stopped(signum)


def _write(descriptor: int, text: str) -> None:
    import os

    try:
        os.write(descriptor, text.encode())
    except OSError:
        pass  # nobody can read it


def _forget() -> None:
    global _asked
    _asked = None
