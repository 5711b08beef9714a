"""Standard output and error that never end a job: closed, full, without a reader, or ASCII only.

In come the streams that the process was given; inside a `with` block they take any text. What
cannot be written is lost, and a line on standard error says so at the end, except where a reader
such as `head` has read enough.
"""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

GONE = (errno.EPIPE, errno.EIO)  # the reader has read enough, or the terminal was closed


@contextmanager
def usable() -> Iterator[None]:
    """Let `sys.stdout` and `sys.stderr` take any text inside the `with` block."""
    before = sys.stdout, sys.stderr
    for descriptor in (0, 1, 2):
        _open(descriptor)
    out, sys.stderr = Patient(before[0]), Patient(before[1])
    sys.stdout = out
    try:
        yield
    finally:
        with suppress(ValueError):  # of a stream that was closed meanwhile
            out.flush()
        if out.error is not None and out.error.errno not in GONE:
            reason = out.error.strerror or out.error
            sys.stderr.write(f"o2u_nb: not all could be printed ({reason})\n")
        with suppress(ValueError):
            sys.stderr.flush()
        sys.stdout, sys.stderr = before


class Patient:
    """A text stream that goes on into nothing when its file takes no more.

    `error` is why, None while all is well. Characters that its encoding lacks are escaped.
    """

    def __init__(self, stream: TextIO | None):
        self.stream: Any = io.StringIO() if stream is None else stream
        self.error: OSError | None = None
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Write `text`, or lose it."""
        with self._patiently():
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is held back, or lose it."""
        with self._patiently():
            self.stream.flush()

    @contextmanager
    def _patiently(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = self.error or error
            with suppress(OSError, ValueError):  # ValueError: it has no descriptor
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, self.stream.fileno())
                os.close(nothing)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _open(descriptor: int) -> None:
    """Open nothing as `descriptor` if it is closed: else the next file that is opened gets it."""
    try:
        os.fstat(descriptor)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # the lowest that is free
