"""The decision log `decisions.jsonl`, and its one writer.

In come commands (keep, relabel, drop, unsure, note, tag, untag, undo, redo); out comes one line of
JSON per sample, on disk before the call returns. The log only ever grows, and several kernels may
share it.
"""

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from o2u_nb.data import atomic, locks
from o2u_nb.errors import DecisionsError, OutputError
from o2u_nb.review.events import (
    ACTIONS,
    REDO,
    START,
    UNDO,
    Event,
    Ledger,
    as_lines,
    conflicts,
    fold,
    merge,
    parse,
)
from o2u_nb.review.lineage import Lineage
from o2u_nb.version import __version__

__all__ = ["ACTIONS", "Decisions", "Event", "conflicts", "fold", "merge"]

BINARY = getattr(os, "O_BINARY", 0)  # Windows would write line ends of its own
Append = Callable[[list[dict]], list[Event]]
TICK = timedelta(microseconds=1)  # the resolution of the times in the log


class Decisions:
    """Write and read the decision log at `path` for one reviewer.

    When a command returns, its lines are safe on disk; when it raises, none of them counts, also
    where a part was written. Several kernels and reviewers may share one
    log: lines are appended in one piece under a lock, and `refresh` reads what others added.
    `lineage` says which events count for the samples at hand; those of an earlier audit that do not
    are `set_aside`. `problems` says which lines could not be read; they stay in the file. Raises
    `DecisionsError` when the log is about another data set, `OutputError` when it cannot be
    written.
    """

    def __init__(self, path: str | os.PathLike, *, reviewer: str, lineage: Lineage):
        if not reviewer.strip():
            raise DecisionsError("Expected the name of a reviewer, found none: pass reviewer=.")
        self.path = Path(path)
        self.reviewer = reviewer
        self.lineage = lineage
        self._aside: dict[str, Event] = {}
        self._ledger = Ledger()
        self._length = 0  # bytes of the whole lines read so far
        self._lines = 0  # the number of these lines
        self._tip = START  # the last of them
        self._end = START  # the last line of all
        self._seen: tuple[int, int] | None = None  # size and date of the log when it was read
        self._unreadable: list[str] = []
        self._torn: list[str] = []
        self._changed: dict[str, None] = {}
        self.refresh()

    @property
    def events(self) -> list[Event]:
        """Return all events in order."""
        return self._ledger.events

    @property
    def ledger(self) -> Ledger:
        """Return what the events add up to; it is for reading only."""
        return self._ledger

    @property
    def problems(self) -> list[str]:
        """Say which lines of the log hold no event, and which decisions are set aside."""
        return self._unreadable + self._torn + self._left_from_before()

    @property
    def set_aside(self) -> list[Event]:
        """Return the events of earlier audits that do not fit the samples as they are now."""
        return list(self._aside.values())

    @property
    def can_undo(self) -> bool:
        """Tell whether `undo` has something to take back."""
        return bool(self._ledger.to_undo(self.reviewer))

    @property
    def can_redo(self) -> bool:
        """Tell whether `redo` has something to take back."""
        return bool(self._ledger.to_redo(self.reviewer))

    def current(self, sample_id: str) -> Event | None:
        """Return the decision that holds for a sample, None while there is none."""
        return self._ledger.current(sample_id)

    def note(self, sample_id: str) -> str:
        """Return what was noted on a sample, "" where there is nothing."""
        return self._ledger.note(sample_id)

    def tags(self, sample_id: str) -> tuple[str, ...]:
        """Return the tags of a sample, sorted."""
        return self._ledger.tags(sample_id)

    def history(self, sample_id: str) -> list[Event]:
        """Return all events of a sample, undone ones and undos included, oldest first."""
        return self._ledger.history(sample_id)

    def table(self) -> pd.DataFrame:
        """Return the current decision on each decided sample, by `sample_id`; see `events.fold`."""
        return self._ledger.table()

    def remarks(self) -> pd.DataFrame:
        """Return the columns note and tags, by `sample_id`, of the samples that have either."""
        return self._ledger.remarks()

    def record(self, choices: Sequence[dict], *, note: str = "", ms_spent: int = 0) -> list[Event]:
        """Append one command, a decision or remark per sample, and return its events.

        Each of `choices` holds `sample_id`, `given_label` and `action`, and those other fields of
        an `Event` that are known. `ms_spent`, the milliseconds that the command took, is divided
        among the events. Raises `OutputError` when the log cannot be written.
        """
        shares = _shares(ms_spent, len(choices))
        with self._appending() as append:
            return append(
                [
                    {**choice, "note": note, "ms_spent": ms}
                    for choice, ms in zip(choices, shares, strict=True)
                ]
            )

    def undo(self) -> list[Event]:
        """Take back this reviewer's last command that is not undone; return the new events.

        The list is empty when there is nothing to undo.
        """
        with self._appending() as append:
            done = self._ledger.to_undo(self.reviewer)
            return append([_answer(UNDO, event) for event in done]) if done else []

    def redo(self) -> list[Event]:
        """Take back this reviewer's last undo, unless a new command followed it.

        Returns the new events; the list is empty when there is nothing to redo.
        """
        with self._appending() as append:
            undone = self._ledger.to_redo(self.reviewer)
            return append([_answer(REDO, event) for event in undone]) if undone else []

    def refresh(self) -> None:
        """Read what other kernels appended; raise `DecisionsError` when the log was cut short."""
        try:
            with open(self.path, "rb") as file, _locked(file.fileno(), shared=True):
                self._take_in(file.fileno())
        except FileNotFoundError:
            self._require_length(0)
        except OSError as error:
            raise DecisionsError(
                f"Cannot read {self.path} ({error.strerror or error}): permit reading it."
            ) from error

    def is_behind(self) -> bool:
        """Tell whether the log has changed since it was read; only its size and date are looked at.

        A log that is gone has changed if anything had been read from it.
        """
        try:
            found = os.stat(self.path)
        except OSError:
            return self._length > 0
        return (found.st_size, found.st_mtime_ns) != self._seen

    def pop_changed(self) -> list[str]:
        """Return the samples with new events since the last call, whoever added them."""
        changed = list(self._changed)
        self._changed = {}
        return changed

    @contextmanager
    def _appending(self) -> Iterator[Append]:
        """Lock the log, read what is new, and yield the function that appends one command."""
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | BINARY, 0o666)
            try:
                with _locked(fd):
                    self._take_in(fd)
                    yield lambda drafts: self._append(fd, drafts)
            finally:
                os.close(fd)
        except OSError as error:
            raise OutputError(
                f"Cannot write to {self.path} ({error.strerror or error}): the last decision is "
                "not recorded; free space or permit writing, then decide again."
            ) from error

    def _append(self, fd: int, drafts: list[dict]) -> list[Event]:
        stamp: dict[str, Any] = dict(
            command_id=uuid.uuid4().hex,
            ts_utc=self._now(),
            reviewer=self.reviewer,
            dataset_fingerprint=self.lineage.fingerprint,
            o2u_nb_version=__version__,
        )
        events = [
            Event(**draft, **stamp, event_id=uuid.uuid4().hex, part=part, parts=len(drafts))
            for part, draft in enumerate(drafts, 1)
        ]
        end = os.fstat(fd).st_size
        # A crash in the middle of a write leaves a torn line, which the next one must not continue.
        # An empty line after it says that it was torn, and not damaged later.
        after_torn = b"\n\n" if self._torn else b"\n" if end > self._length else b""
        try:
            _write(fd, after_torn + as_lines(events, self._end))
            if not end:
                atomic.sync_folder(self.path.parent)  # the log is new: keep its name, too
        except BaseException:
            _cut_back(fd, end)
            raise
        self._take_in(fd)
        return events

    def _now(self) -> str:
        """Return the time now, or one just after the last event if the clock was set back.

        Because of this the order by time is the order in the file.
        """
        now = datetime.now(UTC)
        if self.events:
            now = max(now, self.events[-1].time.astimezone(UTC) + TICK)
        return now.isoformat(timespec="microseconds")

    def _take_in(self, fd: int) -> None:
        found = os.fstat(fd)
        self._require_length(found.st_size)
        self._seen = found.st_size, found.st_mtime_ns
        data = _read_from(fd, self._length)
        parsed = parse(data, name=str(self.path), first_line=self._lines + 1, after=self._tip)
        events, aside = self.lineage.sort(
            parsed.events, str(self.path), among_others=bool(self.events)
        )
        self._length += parsed.length
        self._lines += parsed.lines
        self._tip, self._end = parsed.tip, parsed.end
        self._unreadable += parsed.problems
        self._torn = parsed.torn
        self._aside.update((event.event_id, event) for event in aside)
        new = self._ledger.add(events)
        self._changed.update((event.sample_id, None) for event in new if event.is_of_sample)

    def _left_from_before(self) -> list[str]:
        ids = list(dict.fromkeys(e.sample_id for e in self.set_aside if e.is_of_sample))
        if not ids:
            return []
        return [
            f"{self.path}: decisions on {len(ids):,} samples are set aside, since these are not "
            f"in this audit, or have another label or another picture in it ({ids[0]!r} for one)"
        ]

    def _require_length(self, size: int) -> None:
        if size < self._length:
            raise DecisionsError(
                f"{self.path} was cut or removed: expected at least {self._length} bytes, found "
                f"{size}. Restore it, or open the audit again to go on with what is there."
            )


def _answer(action: str, event: Event) -> dict:
    """Draft the undo or redo of one event, with the fields that say what it is about."""
    same = ("sample_id", "given_label", "new_label", "suggested_label", "content_hash")
    return dict(action=action, undoes=event.event_id, **{n: getattr(event, n) for n in same})


def _shares(total: int, n: int) -> list[int]:
    """Divide `total` into `n` whole shares that add up to it.

    >>> _shares(10, 3)
    [4, 3, 3]
    """
    return [total // n + (k < total % n) for k in range(n)]


def _cut_back(fd: int, end: int) -> None:
    """Take back what a command has written after `end`, since it failed and will be told so.

    Where that fails too, the lines stay; of a command on several samples, they say that it is not
    complete.
    """
    with suppress(OSError):
        os.ftruncate(fd, end)
        os.fsync(fd)


@contextmanager
def _locked(fd: int, *, shared: bool = False) -> Iterator[None]:
    locks.lock(fd, shared=shared)  # without locks, a command is still written in one call
    yield  # closing the file gives the lock back


def _read_from(fd: int, offset: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    pieces = iter(lambda: os.read(fd, 1 << 24), b"")
    return b"".join(pieces)


def _write(fd: int, data: bytes) -> None:
    """Append `data`, in one call unless the system takes less, and wait until it is on disk."""
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, data[written:])
    os.fsync(fd)
