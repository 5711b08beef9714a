"""The decision log when the disk fails, the power goes or somebody damages it.

What a call has returned is there after reopening; what it has refused is not, in no part. A line
that is no decision never keeps a review from opening.
"""

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb.audit import Audit
from o2u_nb.errors import DecisionsError, OutputError
from o2u_nb.review.apply import plan
from o2u_nb.review.decisions import Decisions
from o2u_nb.review.events import as_line, parse
from o2u_nb.review.lineage import Lineage
from tests.audits import write_audit
from tests.logs import choice, current, event, open_log

FAULTS = ("no space", "no space after some bytes", "input/output error", "interrupted", "fsync")
CALLS = range(3)  # the write or fsync that fails; the first takes 100 bytes, so there are several


class Disk:
    """Let writes take `most` bytes each, and the call number `at` of one kind fail."""

    def __init__(self, monkeypatch, fault: str, at: int, *, most: int = 100):
        self.fault, self.most = fault, most
        self.left = at
        self.real = os.write, os.fsync
        self.failed = 0
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "fsync", self.sync)

    def write(self, descriptor, data):
        if self.fault != "fsync" and self._is_now():
            if self.fault == "no space":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.real[0](descriptor, data[: self.most // 2])
            if self.fault == "no space after some bytes":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self.fault == "input/output error":
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            raise KeyboardInterrupt
        return self.real[0](descriptor, data[: self.most])

    def sync(self, descriptor):
        if self.fault == "fsync" and self._is_now():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.real[1](descriptor)

    def _is_now(self) -> bool:
        self.left -= 1
        self.failed += self.left == -1
        return self.left == -1


def carry_out(log: Decisions, command: str) -> None:
    if command == "one":
        log.record([choice("z")])
    elif command == "many":
        log.record([choice(f"m{k}", "drop") for k in range(200)])
    else:
        getattr(log, command)()


@pytest.mark.parametrize("command", ["one", "many", "undo", "redo"])
def test_a_command_that_fails_leaves_nothing_and_one_that_returns_all(
    tmp_path, monkeypatch, command
):
    injected = 0
    for number, (fault, at) in enumerate(itertools.product(FAULTS, CALLS)):
        path = tmp_path / f"{number}.jsonl"
        log = open_log(path)
        log.record([choice(id, "drop") for id in "ab"])
        log.record([choice("c")])
        if command == "redo":
            log.undo()
        before, old = current(log), path.read_bytes()
        with monkeypatch.context() as patch:
            disk = Disk(patch, fault, at)
            try:
                carry_out(log, command)
            except (OutputError, KeyboardInterrupt):
                assert path.read_bytes() == old  # cut back to its old end
                assert current(log) == current(open_log(path)) == before
        injected += disk.failed
        if not disk.failed:  # the command needs fewer calls than this one
            assert current(open_log(path)) == current(log)
            continue
        carry_out(log, command)  # the disk works again
        assert current(open_log(path)) == current(log) != before
        assert open_log(path).problems == log.problems == []
    assert injected >= 12


def test_where_the_log_cannot_be_cut_back_a_bulk_command_does_not_count_all_the_same(
    tmp_path, monkeypatch
):
    log = open_log(tmp_path / "log")
    log.record([choice("a")])
    with monkeypatch.context() as patch:
        Disk(patch, "no space after some bytes", 20, most=1000)

        def refuses(*_):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        patch.setattr(os, "ftruncate", refuses)
        with pytest.raises(OutputError, match="not recorded"):
            carry_out(log, "many")
    found = open_log(tmp_path / "log")
    assert set(current(found)) == {"a"}
    assert any("of a command on 200 samples only" in said for said in found.problems)
    found.record([choice("b")])
    again = open_log(tmp_path / "log")
    assert set(current(again)) == set(current(found)) == {"a", "b"}
    assert again.problems == found.problems != []


def test_a_power_cut_at_any_byte_leaves_a_command_whole_or_absent(tmp_path):
    log = open_log(tmp_path / "log")
    log.record([choice("a")])
    old = len(log.path.read_bytes())
    log.record([choice(id, "drop") for id in "bcd"])
    whole = log.path.read_bytes()
    later = as_line(event(50, "e", "keep"))
    for length in range(old, len(whole) + 1):
        cut = whole[:length]
        # The last line end alone may be missing: then all the decisions are there.
        expected = {"a"} | ({"b", "c", "d"} if length >= len(whole) - 1 else set())
        found = parse(cut, name="log")
        assert {e.sample_id for e in found.events} == expected
        assert found.length <= length and cut[: found.length].count(b"\n") == found.lines
        between = b"\n\n" if found.torn else b"\n" if found.length < length else b""
        after = parse(cut + between + later, name="log")
        assert {e.sample_id for e in after.events} == expected | {"e"}, cut[-80:]
        assert (not after.problems) == (length in (old, len(whole) - 1, len(whole)))


@pytest.mark.parametrize("cut", [0, 1, 2, 50, 400, 401, 700, 900, 1100])
def test_after_a_power_cut_a_session_goes_on_and_says_the_same_again(tmp_path, cut):
    log = open_log(tmp_path / "log")
    log.record([choice("a")])
    log.record([choice(id, "drop") for id in "bcd"])
    log.path.write_bytes(log.path.read_bytes()[: -cut or None])
    found = open_log(tmp_path / "log")
    before = current(found)
    assert set(before) == ({"a"} if cut > 1 else {"a", "b", "c", "d"})
    found.record([choice("e")])
    again = open_log(tmp_path / "log")
    assert current(again) == current(found) == before | {"e": ("keep", None)}
    assert again.problems == found.problems and bool(found.problems) == (cut > 1)


def test_damage_in_a_bulk_command_costs_the_damaged_lines_alone(tmp_path):
    log = open_log(tmp_path / "log")
    log.record([choice(id, "drop") for id in "abcd"])
    lines = log.path.read_bytes().splitlines(keepends=True)
    for number, id in enumerate("abcd"):
        damaged = lines[:]
        damaged[number] = lines[number].replace(b'"drop"', b'"keep"')
        log.path.write_bytes(b"".join(damaged))
        found = open_log(log.path)
        assert set(current(found)) == set("abcd") - {id}
        assert len(found.problems) == 1 and "by its checksum" in found.problems[0]


NOT_EVENTS = {
    "undoes a list": dict(undoes=["x"]),
    "undoes a number": dict(undoes=3),
    "an undo of a list": dict(action="undo", undoes=["x"]),
    "the year 9999": dict(ts_utc="9999-12-31T23:59:59.999999+00:00"),
    "the year 1": dict(ts_utc="0001-01-01T00:00:00+14:00"),
    "a label that is a list": dict(action="relabel", new_label=["x"]),
    "a label that is an object": dict(new_label={"a": 1}),
    "a hash that is a number": dict(content_hash=3),
    "a rank that is text": dict(rank_shown="3"),
    "a score that is a list": dict(score_shown=[1.0]),
    "time spent that is null": dict(ms_spent=None),
    "tags that are a number": dict(tags=7),
    "tags that are an object": dict(tags={"a": 1}),
    "a part that is true": dict(part=True),
    "part 3 of 2": dict(part=3, parts=2),
    "part 0": dict(part=0),
    "a sample that is null": dict(sample_id=None),
}
STRANGE = {
    "a sample that is not here": dict(sample_id="elsewhere.png"),
    "another given label": dict(given_label="zebra"),
    "another data set": dict(dataset_fingerprint="beef"),
    "a sample that is not text for UTF-8": dict(sample_id="\ud800"),
}


@pytest.fixture(scope="module")
def audit(tmp_path_factory) -> Audit:
    return Audit.open(write_audit(tmp_path_factory.mktemp("faults") / "audit", n=12))


def lines_with(audit: Audit, fields: dict) -> bytes:
    """A good line, one with other fields and no checksum, and a good line."""
    audit.log.unlink(missing_ok=True)
    log = Decisions(audit.log, reviewer="ann", lineage=Lineage.of(audit))
    for k in range(3):
        id = audit.scores.index[k]
        given = audit.scores["label"].iloc[k]
        log.record([dict(sample_id=id, given_label=given, action="keep")])
    # as the first versions wrote them: without checksums
    first, second, third = (as_line(found) for found in log.events)
    found = {name: v for name, v in json.loads(second).items() if name != "check"}
    return first + json.dumps(found | fields).encode() + b"\n" + third


@pytest.mark.parametrize("what", [*NOT_EVENTS, *STRANGE])
def test_one_bad_line_blocks_neither_a_review_nor_a_plan(audit, what):
    audit.log.write_bytes(lines_with(audit, (NOT_EVENTS | STRANGE)[what]))
    session = Audit.open(audit.folder).session(reviewer="bob")
    assert len(session.problems) == 1, session.problems
    assert ("line 2" in session.problems[0]) == (what in NOT_EVENTS)
    assert session.counts["keep"] == 2
    with pytest.warns(UserWarning, match="line 2") if what in NOT_EVENTS else nullcontext():
        made = plan(audit.folder)
    assert len(made.decided) == 2
    session.drop([audit.scores.index[5]])
    assert len(plan(session).decided) == 3
    session.undo()
    assert session.counts["drop"] == 0


@pytest.mark.parametrize("depth", [1000, 100_000])
def test_deep_nesting_is_one_bad_line(tmp_path, depth):
    good = as_line(event(1, "a", "keep"))
    bad = good.rstrip()[:-1] + b', "x": ' + b"[" * depth + b"]" * depth + b"}\n"
    (tmp_path / "log").write_bytes(bad + b"[" * depth + b"\n" + good)
    log = open_log(tmp_path / "log")
    assert set(current(log)) == {"a"} and len(log.problems) == 2
    log.record([choice("b")])


def test_a_log_that_is_only_about_another_data_set_is_still_refused(audit, tmp_path):
    with pytest.raises(DecisionsError, match="another data set"):
        Lineage.of(audit).sort([event(1, "a", "keep")], "log")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
NAMES = st.sampled_from(sorted(json.loads(as_line(event(1, "a", "keep")))))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, JSON, min_size=1, max_size=3), st.booleans())
def test_any_value_in_a_line_is_an_event_or_a_problem(tmp_path_factory, fields, keep_check):
    good = as_line(event(1, "a", "keep"))
    found = json.loads(good) | fields
    if not keep_check:
        found.pop("check", None)
    path = tmp_path_factory.mktemp("any") / "log"
    path.write_bytes(good + json.dumps(found).encode() + b"\n" + as_line(event(3, "c", "drop")))
    log = open_log(path)
    assert current(log).get("c") == ("drop", None)
    log.record([choice("d")])
    log.undo()
    assert open_log(path).table().equals(log.table())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_changed_bytes_are_noticed_or_change_nothing(data):
    lines = [as_line(event(k, f"s{k}", "keep", note="hm")) for k in range(1, 5)]
    whole = b"".join(lines)
    at = data.draw(st.integers(0, len(whole) - 1))
    change = data.draw(st.binary(min_size=1, max_size=8))
    found = parse(whole[:at] + change + whole[at + len(change) :], name="log")
    before = {e.event_id: e for e in parse(whole, name="log").events}
    assert all(e == before.get(e.event_id) for e in found.events)
    lost = len(before) - len(found.events)
    assert lost == 0 or found.problems or found.torn


WORKER = """
import sys
from o2u_nb.review.decisions import Decisions
from o2u_nb.review.lineage import Lineage
log = Decisions(sys.argv[1], reviewer=sys.argv[2], lineage=Lineage("f00d"))
for k in range(int(sys.argv[3])):
    draft = dict(given_label="x" * 900, action="keep")
    log.record([dict(draft, sample_id=f"{sys.argv[2]}-{k}-{part}") for part in range(30)])
    print(k, flush=True)
"""


def worker(path: Path, reviewer: str, n: int) -> subprocess.Popen:
    command = [sys.executable, "-c", WORKER, str(path), reviewer, str(n)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_bulk_commands_of_processes_that_are_killed_are_whole_and_not_mixed(tmp_path):
    path = tmp_path / "log"
    workers = [worker(path, name, n) for name, n in (("ann", 10**6), ("bob", 10**6), ("cy", 25))]
    said = {"ann": [], "bob": []}
    for name, process in zip(said, workers[:2], strict=True):
        for _ in range(15):
            said[name].append(int(process.stdout.readline()))
        os.kill(process.pid, signal.SIGKILL)
        said[name] += [int(text) for text in process.stdout if text.endswith("\n")]
        process.wait()
    assert len(workers[2].communicate()[0].split()) == 25
    log = open_log(path)
    counts = Counter(id.rpartition("-")[0] for id in current(log))
    assert set(counts.values()) == {30}
    acknowledged = {f"{name}-{k}" for name, numbers in said.items() for k in numbers}
    assert acknowledged | {f"cy-{k}" for k in range(25)} <= set(counts)
    order = [e.command_id for e in log.events]
    assert len(list(itertools.groupby(order))) == len(set(order))
