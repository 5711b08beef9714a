"""Whole lines that go away, move or are replaced in a decision log: told, and the others count."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb.audit import Audit
from o2u_nb.review.decisions import merge
from o2u_nb.review.events import START, Tip, as_line, as_lines, from_line, parse
from tests.damage import whole_audit
from tests.logs import choice, current, event, open_log

IDS = "abcdef"


@pytest.fixture
def log(tmp_path):
    """A log of six decisions, a to f, by two kernels that take turns."""
    one, two = open_log(tmp_path / "log"), open_log(tmp_path / "log", "bob")
    for id, by in zip(IDS, itertools.cycle([one, two]), strict=False):
        by.record([choice(id)])
    return one.path


def lines_of(path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_a_line_carries_the_checksum_of_the_line_before():
    """By hand: zlib.crc32(b"123456789") is cbf43926, the check value of this CRC."""
    assert b', "after": "cbf43926", "check": "' in as_line(event(1, "a", "keep"), Tip("cbf43926"))
    assert b', "after": "", "check": "' in as_line(event(1, "a", "keep"), START)
    found = parse(b"123456789\r\n", name="log")
    assert found.tip == found.end == Tip("cbf43926", is_damaged=True)


def test_a_log_that_two_kernels_write_has_no_problem(log):
    found = open_log(log)
    assert found.problems == [] and set(current(found)) == set(IDS)


@pytest.mark.parametrize("gone", [[0], [1], [4], [0, 1, 2], [2, 3], [1, 3], [0, 4]])
def test_lines_that_are_removed_are_told(log, gone):
    lines = lines_of(log)
    log.write_bytes(b"".join(line for k, line in enumerate(lines) if k not in gone))
    found = open_log(log)
    assert set(current(found)) == {id for k, id in enumerate(IDS) if k not in gone}
    runs = sum(k - 1 not in gone for k in gone)  # lines beside each other leave one gap
    assert len(found.problems) == runs
    assert all("does not follow the line" in said for said in found.problems)
    assert f"line {gone[0] + 1} " in found.problems[0]
    with pytest.warns(UserWarning, match="removed, moved or replaced") as warned:
        merge([log])
    assert len(warned) == runs


def test_the_last_line_can_be_removed_and_nobody_notices_but_who_has_the_log_open(log):
    """This is what SECURITY.md says is not noticed."""
    reading = open_log(log)
    log.write_bytes(b"".join(lines_of(log)[:-1]))
    assert open_log(log).problems == []
    with pytest.raises(Exception, match="was cut or removed"):
        reading.refresh()


@pytest.mark.parametrize("order", [(1, 0, 2, 3, 4, 5), (0, 2, 1, 3, 4, 5), (0, 1, 2, 3, 5, 4)])
def test_lines_that_are_moved_are_told(log, order):
    lines = lines_of(log)
    log.write_bytes(b"".join(lines[k] for k in order))
    found = open_log(log)
    assert set(current(found)) == set(IDS) and found.problems


@pytest.mark.parametrize("at", range(5))
def test_a_line_that_is_replaced_by_another_good_one_is_told(log, at):
    lines = lines_of(log)
    other = as_line(event(7, "x", "drop"), START)
    log.write_bytes(b"".join([*lines[:at], other, *lines[at + 1 :]]))
    found = open_log(log)
    assert set(current(found)) == {*IDS, "x"} - {IDS[at]}
    assert [f"line {at + 2} " in said for said in found.problems] == [True]


def test_a_line_that_is_there_twice_is_told_and_counts_once(log):
    lines = lines_of(log)
    log.write_bytes(b"".join([*lines[:3], *lines[2:]]))
    found = open_log(log)
    assert len(found.events) == 6 and len(found.problems) == 1 and "line 4 " in found.problems[0]


def test_a_damaged_line_is_told_once(log):
    for at in range(6):
        lines = lines_of(log)
        damaged = [*lines[:at], lines[at].replace(b'"keep"', b'"drop"'), *lines[at + 1 :]]
        (said,) = parse(b"".join(damaged), name="log").problems
        assert f"line {at + 1} is not a decision" in said


def test_an_open_log_tells_of_another_one_in_its_place(log, tmp_path):
    """It is longer than what was read, so its size says nothing."""
    reading = open_log(log)
    other = open_log(tmp_path / "other")
    for k in range(8):
        other.record([choice(f"{k:08d}")])
    log.write_bytes((tmp_path / "other").read_bytes())
    reading.refresh()
    assert reading.problems
    reading.record([choice("g")])
    assert set(current(open_log(log))) >= {"g"}


def test_logs_without_a_chain_are_read_and_gone_on_with(tmp_path):
    """As versions before this one wrote them, with and without checksums."""
    path = tmp_path / "log"
    old = [as_line(event(k, f"s{k}", "keep")) for k in range(1, 5)]
    older = [line[: line.index(b', "check"')] + b"}\n" for line in old[:2]]
    for lines in ([*older, *old[2:]], old, older):
        path.write_bytes(b"".join(lines))
        log = open_log(path)
        log.record([choice("new")])
        assert log.problems == open_log(path).problems == []
        assert len(current(open_log(path))) == len(lines) + 1
        path.write_bytes(b"".join([*lines[:-1], *lines_of(path)[-1:]]))  # the last old line goes
        assert len(open_log(path).problems) == 1


def test_logs_in_one_file_one_after_the_other_are_no_damage(tmp_path):
    for name in "xyz":
        by = open_log(tmp_path / name, name)
        by.record([choice(f"{name}1"), choice(f"{name}2")])
        by.undo()
    joined = tmp_path / "joined"
    joined.write_bytes(b"".join((tmp_path / name).read_bytes() for name in "zxy"))
    log = open_log(joined)
    log.record([choice("w")])
    assert open_log(joined).problems == [] and len(log.events) == 13


def test_line_ends_of_another_system_and_empty_lines_are_no_damage(log):
    log.write_bytes(log.read_bytes().replace(b"\n", b"\r\n\r\n"))
    found = open_log(log)
    assert found.problems == [] and set(current(found)) == set(IDS)
    found.record([choice("g")])
    assert open_log(log).problems == []


def test_the_chain_goes_on_after_a_torn_line_and_after_half_a_command(tmp_path):
    for number, cut in enumerate((1, 30, 700, 1300)):
        path = tmp_path / str(number)
        log = open_log(path)
        log.record([choice("a")])
        log.record([choice(id) for id in "bcd"])
        path.write_bytes(path.read_bytes()[:-cut])
        log = open_log(path)
        log.record([choice("e")])
        log.record([choice("f")])
        log.record([choice("g")])
        assert not any("does not follow" in said for said in open_log(path).problems)
        lines = lines_of(path)
        path.write_bytes(b"".join([*lines[:-2], lines[-1]]))
        assert any("does not follow" in said for said in open_log(path).problems), cut


def test_any_text_before_the_chain_does_not_look_like_one():
    note = '", "after": "00000000", "check": "00000000"}'
    line = as_line(event(1, "a", "keep", note=note), START)
    assert from_line(line) == event(1, "a", "keep", note=note)
    assert parse(line, name="log").problems == []


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 9), st.data())
def test_any_other_order_or_choice_of_lines_is_told_unless_only_the_end_is_missing(n, data):
    lines = as_lines([event(k, f"s{k}", "keep") for k in range(n)], START).splitlines(keepends=True)
    order = data.draw(st.lists(st.sampled_from(range(n)), max_size=n + 2, unique=True))
    found = parse(b"".join(lines[k] for k in order), name="log")
    assert {e.sample_id for e in found.events} == {f"s{k}" for k in order}
    # what was written as the first line may follow any other
    is_whole = all(
        k == 0 or before == k - 1 for before, k in zip([-1, *order], order, strict=False)
    )
    assert bool(found.problems) != is_whole


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=6), st.data())
def test_reading_in_pieces_is_reading_at_once(sizes, data):
    """As an open log does, which goes on after the lines that it has read for good."""
    events = [
        event(k * 4 + part, f"s{k}-{part}", "keep", command_id=f"c{k}", part=part, parts=size)
        for k, size in enumerate(sizes)
        for part in range(1, size + 1)
    ]
    lines = as_lines(events, START).splitlines(keepends=True)
    gone = data.draw(st.integers(0, len(lines)))
    whole = b"".join(line for k, line in enumerate(lines) if k != gone)
    at = data.draw(st.integers(0, len(whole)))
    first = parse(whole[:at], name="log")
    second = parse(whole[first.length :], name="log", first_line=first.lines + 1, after=first.tip)
    once = parse(whole, name="log")
    assert second.tip == once.tip and second.end == once.end
    astray = [said for said in first.problems + second.problems if "does not follow" in said]
    assert astray == [said for said in once.problems if "does not follow" in said]


def test_verify_and_a_session_tell_of_a_line_that_was_removed(tmp_path):
    folder = whole_audit(tmp_path / "audit")
    log = Audit.open(folder).log
    lines = lines_of(log)
    log.write_bytes(b"".join([*lines[:4], *lines[5:]]))
    audit = Audit.open(folder)
    (said,) = audit.verify()
    assert f"{log}, line 5 does not follow" in said
    session = audit.session(reviewer="ann")
    assert session.problems == [said] and session.counts["drop"] == 11
