"""The decision log: nothing that returned is lost or removed, and it folds to the truth."""

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb.errors import DecisionsError, OutputError
from o2u_nb.review.decisions import Decisions, conflicts, fold, merge
from o2u_nb.review.events import Event, as_line, from_line
from o2u_nb.review.lineage import fingerprint
from tests.hostile import ODD_IDS
from tests.logs import choice, current, event, open_log

FIELDS = {
    "event_id", "command_id", "ts_utc", "reviewer", "ms_spent", "o2u_nb_version", "undoes",
    "dataset_fingerprint", "sample_id", "content_hash", "given_label", "action", "new_label",
    "note", "tags", "details", "concealed", "rank_shown", "score_shown", "suggested_label", "part",
    "parts", "after", "check",
}  # fmt: skip


def line(event: Event) -> bytes:
    return as_line(event)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "decisions.jsonl"


def test_a_line_holds_all_that_is_known(path):
    shown = dict(rank_shown=3, score_shown=1.25, suggested_label="dog", content_hash="ab12")
    log = open_log(path)
    log.record([choice("a.png", "relabel", "dog") | shown], note="clearly", ms_spent=812)
    found = json.loads(path.read_text())
    assert set(found) == FIELDS
    assert found | shown == found
    assert found["reviewer"] == "ann" and found["dataset_fingerprint"] == "f00d"
    assert (found["action"], found["new_label"], found["given_label"]) == ("relabel", "dog", "cat")
    assert (found["note"], found["ms_spent"], found["undoes"]) == ("clearly", 812, None)
    assert abs((datetime.fromisoformat(found["ts_utc"]) - datetime.now(UTC)).total_seconds()) < 60


def test_the_table_by_hand():
    events = [
        event(1, "a", "keep"),
        event(2, "b", "relabel", new_label="dog"),
        event(3, "a", "drop", note="blurred"),
        event(4, "c", "unsure"),
        event(5, "c", "undo", undoes="04"),
        event(6, "b", "undo", undoes="02"),
        event(7, "b", "redo", undoes="06"),
    ]
    expected = {
        "action": ["drop", "relabel"],
        "new_label": [None, "dog"],
        "note": ["blurred", ""],
        "event_id": ["03", "02"],
    }
    for order in (events, events[::-1]):
        table = fold(order)
        assert table.index.tolist() == ["a", "b"] and table.index.name == "sample_id"
        assert table[list(expected)].to_dict("list") == expected


def test_undo_brings_back_the_decision_before(path):
    log = open_log(path)
    log.record([choice("a")])
    log.record([choice("a", "drop")])
    log.undo()
    assert current(log) == {"a": ("keep", None)}
    log.undo()
    assert current(log) == {} and not log.can_undo and log.can_redo
    assert log.undo() == []
    log.redo()
    log.redo()
    assert current(log) == {"a": ("drop", None)} and not log.can_redo and log.redo() == []


def test_undo_is_an_event_that_names_what_it_undoes(path):
    log = open_log(path)
    (kept,) = log.record([choice("a")])
    before = path.read_bytes()
    (undone,) = log.undo()
    assert path.read_bytes().startswith(before)
    assert undone.action == "undo" and undone.undoes == kept.event_id and undone.sample_id == "a"
    (redone,) = log.redo()
    assert redone.action == "redo" and redone.undoes == undone.event_id


def test_a_range_is_one_command(path):
    log = open_log(path)
    log.record([choice("a")])
    events = log.record([choice(id, "drop") for id in "abc"], ms_spent=10)
    assert len({e.command_id for e in events}) == 1 and len({e.event_id for e in events}) == 3
    assert [e.ms_spent for e in events] == [4, 3, 3]
    assert len(log.undo()) == 3
    assert current(log) == {"a": ("keep", None)}


def test_a_new_command_ends_what_can_be_redone(path):
    log = open_log(path)
    log.record([choice("a")])
    log.undo()
    log.record([choice("b")])
    assert not log.can_redo and log.redo() == []
    assert current(log) == {"b": ("keep", None)}


def test_undo_is_for_ones_own_commands(path):
    ann, bob = open_log(path), open_log(path, "bob")
    ann.record([choice("a")])
    bob.record([choice("a", "drop"), choice("b", "drop")])
    ann.undo()
    assert current(ann) == {"a": ("drop", None), "b": ("drop", None)}
    assert ann.undo() == [] and ann.can_redo and not bob.can_redo
    bob.undo()
    assert current(bob) == {}


COMMANDS = st.lists(
    st.one_of(
        st.sampled_from(["undo", "redo"]),
        st.tuples(
            st.sets(st.sampled_from("abcd"), min_size=1),
            st.sampled_from(["keep", "drop", "unsure", "relabel"]),
        ),
    ),
    max_size=12,
)


def carry_out(log: Decisions, command) -> None:
    if isinstance(command, str):
        getattr(log, command)()
    else:
        ids, action = command
        new_label = "dog" if action == "relabel" else None
        log.record([choice(id, action, new_label) for id in sorted(ids)])


class Editor:
    """What undo and redo mean in any editor: a list of states and a place in it."""

    def __init__(self):
        self.states, self.place = [{}], 0

    def carry_out(self, command) -> None:
        if command == "undo":
            self.place = max(self.place - 1, 0)
        elif command == "redo":
            self.place = min(self.place + 1, len(self.states) - 1)
        else:
            ids, action = command
            decided = (action, "dog" if action == "relabel" else None)
            new = self.states[self.place] | dict.fromkeys(ids, decided)
            self.states[self.place + 1 :] = [new]
            self.place += 1

    @property
    def state(self) -> dict:
        return self.states[self.place]


@settings(max_examples=40)
@given(COMMANDS)
def test_undo_and_redo_do_what_they_do_in_an_editor(commands):
    with tempfile.TemporaryDirectory() as folder:
        log, editor = open_log(Path(folder) / "log"), Editor()
        for command in commands:
            carry_out(log, command)
            editor.carry_out(command)
            assert current(log) == editor.state
            assert log.can_undo == (editor.place > 0)
            assert log.can_redo == (editor.place < len(editor.states) - 1)
        reopened = open_log(Path(folder) / "log")
        assert current(reopened) == editor.state
        pd.testing.assert_frame_equal(log.table(), fold(reopened.events[::-1]))
        for back in range(editor.place):
            log.undo()
            assert current(log) == editor.states[editor.place - back - 1]
        for forth in range(editor.place):
            log.redo()
            assert current(log) == editor.states[forth + 1]


@settings(max_examples=25)
@given(st.lists(COMMANDS, min_size=2, max_size=3), st.randoms())
def test_logs_of_reviewers_merge_in_any_order(commands, random):
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("ann", "bob", "cy")[: len(commands)]]
        for path, own in zip(paths, commands, strict=True):
            for command in own:
                carry_out(open_log(path, path.name), command)
        paths = [path for path in paths if path.exists()]
        tables = [fold(merge(order)) for order in itertools.permutations(paths)]
        both = Path(folder) / "both"
        random.shuffle(paths)
        both.write_bytes(b"".join(path.read_bytes() for path in [*paths, *paths[:1]]))
        tables.append(open_log(both).table())
        for table in tables:
            pd.testing.assert_frame_equal(table, tables[0])


def test_conflicts_by_hand():
    events = [
        event(1, "a", "keep"),
        event(2, "a", "relabel", new_label="dog", reviewer="bob"),
        event(3, "b", "relabel", new_label="dog"),
        event(4, "b", "relabel", new_label="dog", reviewer="bob"),
        event(5, "c", "relabel", new_label="dog"),
        event(6, "c", "relabel", new_label="fox", reviewer="bob"),
        event(7, "d", "drop"),
        event(8, "e", "keep"),
        event(9, "e", "drop", reviewer="bob"),
        event(10, "e", "undo", reviewer="bob", undoes="09"),
    ]
    found = conflicts(events)
    assert found[["sample_id", "reviewer", "action", "new_label"]].to_numpy().tolist() == [
        ["a", "ann", "keep", None],
        ["a", "bob", "relabel", "dog"],
        ["c", "ann", "relabel", "dog"],
        ["c", "bob", "relabel", "fox"],
    ]
    assert conflicts([]).empty and conflicts(events[:1]).empty


def test_merging_a_log_twice_adds_nothing(path):
    events = open_log(path).record([choice("a"), choice("b", "drop")])
    merged = merge([path, path])
    assert sorted(e.event_id for e in merged) == sorted(e.event_id for e in events)


def test_merged_logs_of_different_data_are_refused(tmp_path):
    open_log(tmp_path / "one").record([choice("a")])
    open_log(tmp_path / "two", data="beef").record([choice("a")])
    with pytest.raises(DecisionsError, match=r"beef|f00d"):
        merge([tmp_path / "one", tmp_path / "two"])


def test_a_log_of_other_data_is_refused_and_untouched(path):
    open_log(path).record([choice("a")])
    before = path.read_bytes()
    with pytest.raises(DecisionsError, match=r"expected the fingerprint beef, found f00d"):
        open_log(path, data="beef")
    assert path.read_bytes() == before


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_torn_last_line_is_said_kept_and_left_behind(path, cut):
    log = open_log(path)
    log.record([choice("a")])
    log.record([choice("b")])
    torn = path.read_bytes()[:-cut]
    path.write_bytes(torn)
    log = open_log(path)
    if cut > 1:  # without its line end alone, the line is whole
        assert current(log) == {"a": ("keep", None)}
        assert len(log.problems) == 1 and "line 2" in log.problems[0]
    log.record([choice("c", "drop")])
    assert path.read_bytes().startswith(torn + (b"\n{" if cut == 1 else b"\n\n{"))
    again = open_log(path)
    assert current(again) == current(log)
    assert set(current(log)) == ({"a", "b", "c"} if cut == 1 else {"a", "c"})
    assert again.problems == log.problems and len(log.problems) == (cut > 1)


def test_lines_that_are_no_events_are_named(path):
    good = line(event(1, "a", "keep"))
    bad = [
        b"garbage", b"[1, 2]", b'{"action": "keep"}', b"\xff\xfe", b"null", b"\0\0\0",
        good.strip().replace(b'"keep"', b'"delete all"'),
        good.strip().replace(b'"keep"', b'"relabel"'),
        good.strip().replace(b'"keep"', b'"undo"'),
        good.strip().replace(b'"a"', b"17"),
        good.strip().replace(b"2030-01-01T00:00:01.000000+00:00", b"yesterday"),
        good.strip().replace(b"+00:00", b""),
        good.strip().replace(b'"keep"', b'"tag"'),
        good.strip().replace(b'"keep"', b'"tag", "tags": ["ok", ""]'),
        good.strip().replace(b'"keep"', b'"tag", "tags": "ok"'),
        good.strip().replace(b'"keep"', b'"draw"'),
        good.strip().replace(b'"keep"', b'"keep", "part": 3, "parts": 2'),
    ]  # fmt: skip
    path.write_bytes(b"\n".join([*bad, b"", good]))
    log = open_log(path)
    assert current(log) == {"a": ("keep", None)}
    assert len(log.problems) == len(bad)
    for number, problem in enumerate(log.problems, 1):
        assert f"line {number} " in problem and str(path) in problem
    with pytest.warns(UserWarning, match="is not a decision") as caught:
        assert fold(merge([path])).index.tolist() == ["a"]
    assert len(caught) == len(bad)


def test_fields_of_later_versions_are_passed_over():
    found = json.loads(line(event(1, "a", "keep"))) | {"mood": "good"}
    del found["check"]
    assert from_line(json.dumps(found).encode()) == event(1, "a", "keep")


@pytest.mark.parametrize("sample_id", ODD_IDS)
def test_names_of_all_kinds_come_back(path, sample_id):
    log = open_log(path, reviewer=sample_id + "!")
    log.record([choice(sample_id, "relabel", sample_id + "?")], note=sample_id * 2)
    assert len(path.read_text(encoding="utf-8").splitlines()) == 1
    found = open_log(path, reviewer="x").table()
    assert found.index.tolist() == [sample_id]
    assert found.loc[sample_id, "new_label"] == sample_id + "?"
    assert found.loc[sample_id, "note"] == sample_id * 2
    assert found.loc[sample_id, "reviewer"] == sample_id + "!"


@given(st.text(), st.text())
def test_any_text_comes_back_from_a_line(name, note):
    there = event(1, name, "keep", note=note)
    assert from_line(line(there)) == there
    assert len(line(there).decode().splitlines()) == 1


def test_a_clock_set_back_does_not_change_the_order(path):
    path.write_bytes(line(event(1, "a", "keep", ts_utc="2999-01-01T00:00:00.000000+00:00")))
    log = open_log(path)
    (later,) = log.record([choice("a", "drop")])
    assert later.ts_utc == "2999-01-01T00:00:00.000001+00:00"
    assert current(open_log(path)) == {"a": ("drop", None)}


def test_two_kernels_see_each_other(path):
    one, two = open_log(path), open_log(path)
    one.record([choice("a")])
    assert current(two) == {}
    two.refresh()
    assert current(two) == {"a": ("keep", None)} and two.pop_changed() == ["a"]
    two.record([choice("b")])
    assert [event.sample_id for event in one.undo()] == ["b"]  # the last of this reviewer's
    assert sorted(one.pop_changed()) == ["a", "b"] and one.pop_changed() == []


def test_a_log_that_was_cut_or_removed_is_refused(path):
    log = open_log(path)
    log.record([choice("a")])
    whole = path.read_bytes()
    path.write_bytes(b"")
    for action in (log.refresh, lambda: log.record([choice("b")]), log.undo):
        with pytest.raises(DecisionsError, match="cut or removed"):
            action()
    path.unlink()
    with pytest.raises(DecisionsError, match="cut or removed"):
        log.refresh()
    path.write_bytes(whole)
    log.record([choice("b")])
    assert set(current(log)) == {"a", "b"}


def test_a_full_disk_is_said_and_nothing_is_believed(path, monkeypatch):
    log = open_log(path)
    log.record([choice("a")])
    real, writes = os.write, iter([60])

    def fills_up(fd, data):
        for length in writes:
            return real(fd, data[:length])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fills_up)
        with pytest.raises(OutputError, match="No space left on device"):
            log.record([choice("b")])
    assert current(log) == {"a": ("keep", None)}
    log.record([choice("c")])
    assert set(current(log)) == set(current(open_log(path))) == {"a", "c"}


def test_a_line_is_on_the_disk_before_the_call_returns(path, monkeypatch):
    log, seen = open_log(path), []
    monkeypatch.setattr(os, "fsync", lambda fd: seen.append(path.read_bytes()))
    log.record([choice("a")])
    log.undo()
    assert [data.count(b"\n") for data in seen] == [1, 1, 2]  # the second is the new log's folder
    assert seen[-1] == path.read_bytes()


def test_lines_are_appended_even_where_locks_do_not_work(path):
    log = open_log(path)
    other = line(event(1, "b", "keep"))
    with log._appending() as append:
        with open(path, "ab") as file:
            file.write(other)
        append([choice("a") | dict(note="", ms_spent=0)])
    assert path.read_bytes().startswith(other) and set(current(open_log(path))) == {"a", "b"}


def test_a_folder_that_is_gone_is_said(tmp_path):
    log = open_log(tmp_path / "gone" / "log")
    with pytest.raises(OutputError, match="not recorded"):
        log.record([choice("a")])


def test_a_log_that_cannot_be_read_is_said(tmp_path):
    with pytest.raises(DecisionsError, match=r"Cannot read .* \(Is a directory\)"):
        open_log(tmp_path)


def test_a_reviewer_has_a_name(path):
    with pytest.raises(DecisionsError, match="reviewer"):
        open_log(path, reviewer=" ")


def test_the_fingerprint_tells_data_sets_apart():
    def samples(ids, labels):
        return pd.Series(labels, index=pd.Index(ids, name="sample_id", dtype="str"))

    base = fingerprint(samples(["a", "b"], ["x", "y"]))
    assert base == fingerprint(samples(["a", "b"], ["x", "y"]))
    assert len(base) == 32
    others = [
        samples(["a", "c"], ["x", "y"]), samples(["a", "b"], ["y", "x"]),
        samples(["a"], ["x"]), samples(["ab"], ["xy"]),
    ]  # fmt: skip
    assert len({base, *map(fingerprint, others)}) == 5


WORKER = """
import sys
from o2u_nb.review.decisions import Decisions
from o2u_nb.review.lineage import Lineage
log = Decisions(sys.argv[1], reviewer=sys.argv[2], lineage=Lineage("f00d"))
for k in range(int(sys.argv[3])):
    log.record([dict(sample_id=f"{sys.argv[2]}{k}", given_label="x" * 3000, action="keep")])
    print(k, flush=True)
"""


def worker(path, reviewer, n) -> subprocess.Popen:
    command = [sys.executable, "-c", WORKER, str(path), reviewer, str(n)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_killed_process_loses_nothing_that_returned(path):
    with worker(path, "ann", 100_000) as process:
        for _ in range(25):
            last = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        last = max([last, *(int(line) for line in process.stdout if line.endswith("\n"))])
    found = set(open_log(path).table().index)
    assert last >= 24 and {f"ann{k}" for k in range(last + 1)} <= found


def test_two_processes_on_one_log_lose_nothing(path):
    n = 60
    workers = [worker(path, name, n) for name in ("ann", "bob")]
    for process in workers:
        assert len(process.communicate()[0].split()) == n and process.returncode == 0
    log = open_log(path)
    assert log.problems == []
    assert set(log.table().index) == {f"{name}{k}" for name in ("ann", "bob") for k in range(n)}
    times = [json.loads(line)["ts_utc"] for line in path.read_text().splitlines()]
    assert len(times) == 2 * n and np.all(np.array(times[1:]) > np.array(times[:-1]))
