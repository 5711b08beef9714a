"""Stop a job cleanly when the user or the system asks for it: Ctrl-C, SIGTERM, a closed terminal.

In come signals; out comes `Stopped`, which is raised at once, or while a network trains after the
present batch. A second signal stops at once in any case. Only the command line asks for this; in a
notebook, signals are Jupyter's.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# Those that the system has; on Windows there is no SIGHUP.
SIGNALS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
STANDARD_ERROR = 2  # the descriptor


class Stopped(KeyboardInterrupt):
    """The job was asked to stop, by the signal `signum`."""

    def __init__(self, signum: int):
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum

    @property
    def status(self) -> int:
        """Return the exit status by which shells name the signal: 130 for Ctrl-C, 143 for TERM."""
        return 128 + self.signum


class _Waiting:
    """What this process knows of a signal that waits for the end of a batch."""

    asked: int | None = None  # the signal that came
    waits = False  # whether batches are being trained
    raised: Stopped | None = None  # what was raised because of a signal


@contextmanager
def on_signals() -> Iterator[None]:
    """Raise `Stopped` for signals that come inside the `with` block.

    A signal that is ignored, as SIGHUP is under `nohup`, stays so; and outside of the main thread,
    which alone gets signals, nothing changes. An error that comes after `Stopped` was raised counts
    as this stop, too: compiled code, such as NumPy's while it is imported, replaces what it gets by
    an error of its own.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    taken = {s: old for s, old in before.items() if old not in (signal.SIG_IGN, None)}
    for signum in taken:
        signal.signal(signum, _take)
    try:
        yield
    except Exception as error:
        if _Waiting.raised is None:
            raise
        raise _Waiting.raised from error
    finally:
        for signum, old in taken.items():
            signal.signal(signum, old)
        _Waiting.asked = _Waiting.raised = None


@contextmanager
def after_batches() -> Iterator[None]:
    """Let a signal inside the `with` block wait for the next `check`, or for the block's end."""
    _Waiting.waits = True
    try:
        yield
        check()
    finally:
        _Waiting.waits = False


def check() -> None:
    """Raise `Stopped` when a signal has come that waits; call it after each batch."""
    if _Waiting.asked is not None:
        raise _stop(_Waiting.asked)


def _stop(signum: int) -> Stopped:
    _Waiting.raised = Stopped(signum)
    return _Waiting.raised


def _take(signum: int, frame: FrameType | None) -> None:
    if not _Waiting.waits or _Waiting.asked is not None:
        raise _stop(signum)
    _Waiting.asked = signum
    with suppress(OSError):  # not `print`: the signal may have come while something is printed
        os.write(STANDARD_ERROR, b"\no2u_nb: stopping after this batch\n")
