"""Events of a review, their lines of JSON, and what they add up to.

In come the lines of one or several decision logs, or events in any order; out come the current
decision of each sample and the disagreements between reviewers. Nothing here writes.
"""

import re
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from o2u_nb.data.jsonl import from_bytes, to_line
from o2u_nb.errors import DecisionsError

ACTIONS = ("keep", "relabel", "drop", "unsure")
# What is said of a sample beside any decision on it. Versions that do not know these actions skip
# such lines, and name them among the problems of the log.
NOTE = "note"
TAG = "tag"
UNTAG = "untag"
REMARKS = (NOTE, TAG, UNTAG)
# What is said of the whole data set, and of no sample: a random sample was drawn for a certificate.
DRAW = "draw"
UNDO = "undo"
REDO = "redo"
TAGS_JOIN = ", "  # between tags in a table; no tag holds a comma
# The columns of `fold`.
FOLDED = (
    "action", "new_label", "reviewer", "ts_utc", "note", "tags", "event_id", "given_label",
    "content_hash",
)  # fmt: skip
# The end of a line: by what it follows the line before (see `Tip`), which the first logs do not
# say, and the CRC-32 of what stands before it, by which damage is noticed.
AFTER = rb'(?:, "after": "([0-9a-f]{8}|)")?'
END = re.compile(AFTER + rb', "check": "([0-9a-f]{8})"\}$')
CHECK_LENGTH = len(', "check": "')
END_LENGTH = len(', "after": "01234567", "check": "01234567"}')  # at most
SLACK = timedelta(days=366)  # the times that there are after the time of any event


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One line of the log: one action of one reviewer on one sample.

    Events of one command (many samples decided at once) share `command_id`. `ts_utc` is a time in
    ISO 8601 with its zone. `undoes` is the id of the event that is taken back: a decision by an
    undo, and an undo by a redo. `content_hash` is that of the image when it was decided on, None
    where it could not be read. `rank_shown`, `score_shown` and `suggested_label` are what the
    reviewer saw. `ms_spent` is this event's share of the milliseconds that the command took. `note`
    is the text of a note, or a remark on a decision, and `tags` are those that a tag adds and an
    untag takes away. `details` is what a draw records, as JSON; see `review.drawing`.
    `concealed` says what the reviewer did not see, see `review.concealed`. `part` of `parts` says
    which line of its command this is, counted from 1. Raises `ValueError` for values that make no
    sense.
    """

    event_id: str
    command_id: str
    ts_utc: str
    reviewer: str
    dataset_fingerprint: str
    sample_id: str
    given_label: str
    action: str
    new_label: str | None = None
    note: str = ""
    content_hash: str | None = None
    rank_shown: int | None = None
    score_shown: float | None = None
    suggested_label: str | None = None
    ms_spent: int = 0
    o2u_nb_version: str = ""
    undoes: str | None = None
    tags: tuple[str, ...] = ()
    details: str | None = None
    concealed: str = ""
    part: int = 1
    parts: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.tags, (list, tuple)):
            raise ValueError(f"expected names as tags, found {self.tags!r}")
        object.__setattr__(self, "tags", tuple(self.tags))  # JSON has lists only
        for name, kinds in _KINDS.items():
            value = getattr(self, name)
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise ValueError(f"expected {_NAMED[kinds]} as {name}, found {value!r:.80}")
        if self.action not in (*ACTIONS, *REMARKS, DRAW, UNDO, REDO):
            raise ValueError(f"unknown action {self.action!r}")
        _require_time(self)
        needed = {"relabel": "new_label", UNDO: "undoes", REDO: "undoes"}.get(self.action)
        if needed and not getattr(self, needed):
            raise ValueError(f"{self.action} without {needed}")
        if not all(isinstance(tag, str) and tag for tag in self.tags):
            raise ValueError(f"expected names as tags, found {self.tags!r}")
        if self.action in (TAG, UNTAG) and not self.tags:
            raise ValueError(f"{self.action} without tags")
        if not 1 <= self.part <= self.parts:
            raise ValueError(f"expected a part from 1 to {self.parts}, found {self.part}")
        if self.action == DRAW and not isinstance(self.details, str):
            raise ValueError("draw without details")

    @property
    def time(self) -> datetime:
        """Return `ts_utc` as a time with its zone."""
        return datetime.fromisoformat(self.ts_utc)

    @property
    def order(self) -> tuple[datetime, str]:
        """Return the key that puts the events of any number of logs into one order."""
        return self.time, self.event_id

    @property
    def is_decision(self) -> bool:
        """Tell a decision from a remark, an undo or a redo."""
        return self.action in ACTIONS

    @property
    def is_of_sample(self) -> bool:
        """Tell an event about a sample from one about the whole data set."""
        return self.action != DRAW

    @property
    def is_command(self) -> bool:
        """Tell a decision or remark, which an undo can take back, from an undo or redo."""
        return self.action in ACTIONS or self.action in REMARKS


_NAMES = tuple(field.name for field in fields(Event))
_REQUIRED = _NAMES[: _NAMES.index("new_label")]
_TEXT, _MAYBE_TEXT, _NONE = (str,), (str, type(None)), type(None)
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys((*_REQUIRED, "note", "concealed", "o2u_nb_version"), _TEXT),
    **dict.fromkeys(
        ("new_label", "content_hash", "suggested_label", "undoes", "details"), _MAYBE_TEXT
    ),
    **dict.fromkeys(("ms_spent", "part", "parts"), (int,)),
    "rank_shown": (int, _NONE),
    "score_shown": (int, float, _NONE),
}
_NAMED = {
    _TEXT: "text", _MAYBE_TEXT: "text or null", (int,): "a whole number",
    (int, _NONE): "a whole number or null", (int, float, _NONE): "a number or null",
}  # fmt: skip


def _require_time(event: Event) -> None:
    """Raise `ValueError` unless the event has a time after which there are others to come."""
    if event.time.tzinfo is None:
        raise ValueError(f"time without a zone: {event.ts_utc!r}")
    try:
        _ = event.time.astimezone(UTC) + SLACK
    except OverflowError:
        raise ValueError(f"a time out of range: {event.ts_utc!r}") from None


class Tip(NamedTuple):
    """The last line of a log that is not empty, for the line that follows it.

    `checksum` is the CRC-32 of that line, "" where there is none. `is_damaged` says whether the
    line could not be read; then it is not known what was written after it.
    """

    checksum: str = ""
    is_damaged: bool = False


START = Tip()


def as_line(event: Event, after: Tip | None = None) -> bytes:
    """Return `event` as one line of JSON, which ends in the checksum of what stands before it.

    It also carries the checksum of the line that it comes `after`, if that is given.
    """
    body = to_line(asdict(event)).removesuffix(b"}\n")
    if after is not None:
        body += b', "after": "%s"' % after.checksum.encode()
    return body + b', "check": "%08x"}\n' % zlib.crc32(body)


def as_lines(events: Iterable[Event], after: Tip) -> bytes:
    """Return `events` as lines that follow each other, the first of them the line `after`."""
    lines = []
    for event in events:
        lines.append(as_line(event, after))
        after = Tip(_checksum(lines[-1]))
    return b"".join(lines)


def from_line(line: bytes) -> Event:
    """Return the event in one line; raise `ValueError` with the reason where there is none."""
    found = from_bytes(line)
    missing = [name for name in _REQUIRED if name not in found]
    if missing:
        raise ValueError(f"without {', '.join(missing)}")
    event = Event(**{name: found[name] for name in _NAMES if name in found})
    if "check" in found and not _is_as_written(line):  # the first logs have no checksums
        raise ValueError("it is not as it was written, by its checksum")
    return event


def _is_as_written(line: bytes) -> bool:
    line = line.rstrip()
    end = _end(line)
    return end is not None and int(end[2], 16) == zlib.crc32(line[: end.start(2) - CHECK_LENGTH])


def _after(line: bytes) -> str | None:
    """Return the checksum of the line that `line` was written after, None where it says nothing."""
    end = _end(line.rstrip())
    return None if end is None or end[1] is None else end[1].decode()


def _end(line: bytes) -> re.Match[bytes] | None:
    return END.search(line, max(0, len(line) - END_LENGTH))


def _checksum(line: bytes) -> str:
    return f"{zlib.crc32(line.strip()):08x}"  # white space does not count, such as "\r" at its end


class Parsed(NamedTuple):
    """What bytes of a log hold: events, problems of its lines, the length of its whole lines.

    A last line without a line end may not be written completely yet. If it can be read, it is among
    `events`; otherwise `torn` says what is wrong with it. Neither `length` (in bytes) nor `lines`
    (a count) includes it. Nor do they include the lines of a last command that is not there
    completely: none of its events count. `tip` is the last of those `lines`, after which reading
    goes on, and `end` the last of all, after which writing goes on.
    """

    events: list[Event]
    problems: list[str]
    torn: list[str]
    length: int
    lines: int
    tip: Tip
    end: Tip


class Line(NamedTuple):
    """One line of a log: its event, or what is at fault with it; neither, where it is empty.

    `checksum` is its own, and `after` that of the line that it was written after, None where it
    does not say that. `is_astray` tells that another line, or none, stands before it.
    """

    number: int
    event: Event | None
    fault: str = ""
    checksum: str = ""
    after: str | None = None
    is_astray: bool = False


def parse(data: bytes, *, name: str, first_line: int = 1, after: Tip = START) -> Parsed:
    """Read events from the lines in `data`; `name` and `first_line` are for the problems.

    `after` is the line that `data` comes after. Where a line follows another one than it was
    written after, lines were removed, moved or replaced: that is a problem, and the events that are
    there count. A line that was written as a log's first may stand anywhere, since logs may be put
    into one file, one after the other.

    A command whose last lines are missing was not written completely, as in a power cut: its
    process never got an answer, and so none of its lines count.
    """
    *whole, tail = data.split(b"\n")
    lines = _in_order(
        (_line(number, text) for number, text in enumerate([*whole, tail], first_line)), after
    )
    halves = _unfinished(lines)
    n_read = _read_for_good(lines, halves)
    counted = [at.event for at in lines if at.event and at.event.command_id not in halves]
    return Parsed(
        counted,
        _problems(lines[:n_read], halves, name),
        _problems(lines[n_read:], halves, name),
        sum(len(text) + 1 for text in whole[:n_read]),
        n_read,
        _tip(lines[:n_read], after),
        _tip(lines, after),
    )


def _line(number: int, text: bytes) -> Line:
    if not text.strip():
        return Line(number, None)
    try:
        event = from_line(text)
    except ValueError as error:  # JSON and UTF-8 errors are ValueErrors too
        return Line(number, None, str(error), _checksum(text))
    return Line(number, event, "", _checksum(text), _after(text))


def _in_order(lines: Iterable[Line], tip: Tip) -> list[Line]:
    """Find the lines that are astray; the first of them comes after `tip`."""
    found = []
    for at in lines:
        found.append(at._replace(is_astray=_is_astray(at, tip)))
        tip = _tip([at], tip)
    return found


def _is_astray(at: Line, tip: Tip) -> bool:
    return not tip.is_damaged and at.after not in (None, START.checksum, tip.checksum)


def _tip(lines: list[Line], before: Tip) -> Tip:
    """Return the last of `lines` that is not empty, `before` where there is none."""
    last = next((at for at in reversed(lines) if at.checksum), None)
    return Tip(last.checksum, bool(last.fault)) if last else before


def _unfinished(lines: list[Line]) -> set[str]:
    """Return the commands of several lines that were not written completely."""
    last = {
        at.event.command_id: place
        for place, at in enumerate(lines)
        if at.event and at.event.parts > 1
    }
    return {command for command, place in last.items() if not _is_finished(lines, place)}


def _is_finished(lines: list[Line], place: int) -> bool:
    """Tell whether a command is there to its end; at `place` is the last of its lines that is read.

    Damaged lines after it count as there. A torn line does not: it ends the file, or the empty line
    follows it that a session writes before it goes on.
    """
    event = lines[place].event
    assert event is not None
    reached = event.part
    for at, after in pairwise([*lines[place + 1 :], None]):
        if reached == event.parts or at is None or not at.fault:
            break
        is_torn = after is None or (after is not lines[-1] and not (after.event or after.fault))
        reached += not is_torn
    return reached >= event.parts


def _read_for_good(lines: list[Line], halves: set[str]) -> int:
    """Count the lines that need no second look: not the last, nor an unfinished command there."""
    place = len(lines) - 1
    for earlier in range(place, -1, -1):
        event = lines[earlier].event
        if event and event.command_id not in halves:
            break
        if event:
            place = earlier
    return place


def _problems(lines: list[Line], halves: set[str], name: str) -> list[str]:
    faults = [
        f"{name}, line {at.number} is not a decision ({at.fault}): ignored, left there"
        for at in lines
        if at.fault
    ]
    faults += [
        f"{name}, line {at.number} does not follow the line that it was written after, by its "
        "checksum: lines were removed, moved or replaced there; the decisions that are left count"
        for at in lines
        if at.is_astray
    ]
    found = [at.event for at in lines if at.event and at.event.command_id in halves]
    counts = Counter((event.command_id, event.parts) for event in found)
    return faults + [
        f"{name}: of a command on {parts:,} samples only {count:,} lines are there, since it was "
        "not written completely: ignored, left there"
        for (_, parts), count in counts.items()
    ]


class Ledger:
    """Hold events in order, and tell which decisions, notes and tags hold.

    A decision or remark holds until an undo names it; an undo holds until a redo names it. So the
    order in which logs are read does not matter, and the last decision that holds is a sample's
    current one.
    """

    def __init__(self, events: Iterable[Event] = ()):
        self.events: list[Event] = []
        self._by_sample: dict[str, list[Event]] = {}
        self._by_command: dict[str, list[Event]] = {}
        self._by_reviewer: dict[str, list[Event]] = {}
        self._answers: dict[str, list[str]] = {}  # event id -> ids of the events that undo it
        self._known: set[str] = set()
        self.add(events)

    def add(self, events: Iterable[Event]) -> list[Event]:
        """Take in those of `events` that are new, and return them."""
        new = []
        for event in events:
            if event.event_id not in self._known:
                self._known.add(event.event_id)
                new.append(event)
                self._by_command.setdefault(event.command_id, []).append(event)
                if event.undoes:
                    self._answers.setdefault(event.undoes, []).append(event.event_id)
        _insert(self.events, new)
        for event in new:
            _insert(self._by_sample.setdefault(event.sample_id, []), [event])
            _insert(self._by_reviewer.setdefault(event.reviewer, []), [event])
        return new

    def holds(self, event: Event) -> bool:
        """Tell whether a decision, remark or undo holds: whether it is not taken back."""
        return all(self._answers.get(answer) for answer in self._answers.get(event.event_id, ()))

    def current(self, sample_id: str) -> Event | None:
        """Return the decision that holds for a sample, None when there is none."""
        latest_first = reversed(self._by_sample.get(sample_id, ()))
        return next((e for e in latest_first if e.is_decision and self.holds(e)), None)

    def note(self, sample_id: str) -> str:
        """Return what was noted on a sample, "" where there is nothing.

        It is the latest of the notes that hold and of the remark on the current decision.
        """
        decision = self.current(sample_id)
        for event in reversed(self._by_sample.get(sample_id, ())):
            is_note = event.action == NOTE and self.holds(event)
            if is_note or (event is decision and event.note):
                return event.note
        return ""

    def tags(self, sample_id: str) -> tuple[str, ...]:
        """Return the tags of a sample, sorted: those that were added and not taken away later."""
        tags: set[str] = set()
        for event in self._by_sample.get(sample_id, ()):
            if event.tags and event.action in (TAG, UNTAG) and self.holds(event):
                tags = tags.union(event.tags) if event.action == TAG else tags - {*event.tags}
        return tuple(sorted(tags))

    def history(self, sample_id: str) -> list[Event]:
        """Return all events of a sample, undone ones and undos included, oldest first."""
        return list(self._by_sample.get(sample_id, ()))

    def to_undo(self, reviewer: str) -> list[Event]:
        """Return the decisions or remarks that the reviewer's next undo takes back.

        They are those of the last command of which one holds; none if there is no such command.
        """
        for event in reversed(self._by_reviewer.get(reviewer, ())):
            if event.is_command and self.holds(event):
                return self._of_command(event)
        return []

    def last_decisions(self, reviewer: str) -> list[Event]:
        """Return those decisions of the reviewer's last deciding command that hold, if any do."""
        for event in reversed(self.events):
            if event.reviewer == reviewer and event.is_decision and self.holds(event):
                return self._of_command(event)
        return []

    def to_redo(self, reviewer: str) -> list[Event]:
        """Return the events of the reviewer's last undo that holds.

        They are none if there is no such undo, or if a new command came after it.
        """
        for event in reversed(self._by_reviewer.get(reviewer, ())):
            if event.is_command:  # as in any editor, a new command ends what can be redone
                return []
            if event.action == UNDO and self.holds(event):
                return self._of_command(event)
        return []

    def _of_command(self, event: Event) -> list[Event]:
        return [e for e in self._by_command[event.command_id] if self.holds(e)]

    def in_force(self) -> list[Event]:
        """Return the current decision of each decided sample."""
        return [event for event in map(self.current, self._by_sample) if event]

    def standing(self) -> list[Event]:
        """Return of each sample the current decision or, where there is none, the last remark."""
        found = (self.current(id) or self._last_remark(id) for id in self._by_sample)
        return [event for event in found if event]

    def _last_remark(self, sample_id: str) -> Event | None:
        latest_first = reversed(self._by_sample[sample_id])
        return next((e for e in latest_first if e.action in REMARKS and self.holds(e)), None)

    def table(self) -> pd.DataFrame:
        """Return the current decision per sample, indexed by `sample_id`; see `fold`."""
        decided = self.in_force()
        index = pd.Index([event.sample_id for event in decided], dtype="str", name="sample_id")
        own = [name for name in FOLDED if name not in ("note", "tags")]
        columns = {name: [getattr(event, name) for event in decided] for name in own}
        columns["note"] = [self.note(sample_id) for sample_id in index]
        columns["tags"] = [TAGS_JOIN.join(self.tags(sample_id)) for sample_id in index]
        return pd.DataFrame(columns, index=index, columns=list(FOLDED), dtype=object).sort_index()

    def remarks(self) -> pd.DataFrame:
        """Return the columns note and tags, by `sample_id`, of the samples that have either."""
        said = {id: (self.note(id), TAGS_JOIN.join(self.tags(id))) for id in self._by_sample}
        rows = {sample_id: row for sample_id, row in said.items() if any(row)}
        index = pd.Index(list(rows), dtype="str", name="sample_id")
        return pd.DataFrame(
            list(rows.values()), index=index, columns=["note", "tags"], dtype=object
        ).sort_index()


def fold(events: Iterable[Event]) -> pd.DataFrame:
    """Return the current decision per sample: the result of the events, in any order.

    Indexed by `sample_id`, sorted; columns action, new_label (None unless the action is relabel),
    reviewer, ts_utc, note, tags (text, such as "blurred, two cats"), event_id, given_label,
    content_hash. The latest decision that is not undone holds, whoever made it. Samples without a
    decision have no row; see `remarks` for their notes and tags.
    """
    return Ledger(events).table()


def remarks(events: Iterable[Event]) -> pd.DataFrame:
    """Return the note and the tags of each sample that has either, decided or not.

    Indexed by `sample_id`, sorted; columns note and tags, both text ("" where there is none). Tags
    are separated by ", ", which is in no tag that a session has written.
    """
    return Ledger(events).remarks()


def merge(paths: Iterable) -> list[Event]:
    """Return the events of several logs in order, each once.

    Any order of `paths` gives the same list, and so does one file with all their lines. Lines that
    hold no event are left out with a warning. Raises `DecisionsError` when a log has no data set in
    common with those before it.
    """
    ledger = Ledger()
    known: set[str] = set()
    for path in paths:
        parsed = parse(Path(path).read_bytes(), name=str(path))
        for problem in (*parsed.problems, *parsed.torn):
            warnings.warn(problem, stacklevel=2)
        found = {event.dataset_fingerprint for event in parsed.events}
        if known and found and not known & found:
            raise DecisionsError(
                f"{path} holds decisions on another data set: expected the fingerprint "
                f"{' or '.join(sorted(known))}, found {' and '.join(sorted(found))}. Merge only "
                "the logs of one audit."
            )
        known |= found
        ledger.add(parsed.events)
    return ledger.events


def conflicts(events: Iterable[Event]) -> pd.DataFrame:
    """Return the samples on which reviewers disagree, one row per sample and reviewer.

    Columns sample_id, reviewer, action, new_label, ts_utc, note: each reviewer's own current
    decision. `fold` lets the latest win; this table is what to talk about.
    """
    own: dict[str, list[Event]] = {}
    for event in events:
        own.setdefault(event.reviewer, []).append(event)
    tables = [fold(of_one).reset_index() for of_one in own.values()]
    columns = ["sample_id", "reviewer", "action", "new_label", "ts_utc", "note"]
    both = pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)
    answer = both["action"].astype(str) + "\0" + both["new_label"].fillna("").astype(str)
    disagree = answer.groupby(both["sample_id"]).transform("nunique") > 1
    return both[disagree.astype(bool)].sort_values(["sample_id", "reviewer"], ignore_index=True)


def _insert(ordered: list[Event], new: list[Event]) -> None:
    """Add `new` to `ordered`, a list in the order of time.

    Nearly always the new events are the latest, and then the list need not be sorted.
    """
    oldest_first = sorted(new, key=attrgetter("order"))
    in_place = not ordered or not oldest_first or ordered[-1].order <= oldest_first[0].order
    ordered += oldest_first
    if not in_place:
        ordered.sort(key=attrgetter("order"))
