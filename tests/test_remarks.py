"""Notes and tags: recorded like decisions, undone like them, and no decision changes by them."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from o2u_nb import exchange
from o2u_nb.errors import DecisionsError, O2UError
from o2u_nb.review import why
from o2u_nb.review.apply import plan
from o2u_nb.review.events import fold, from_line, merge, remarks
from o2u_nb.review.lineage import carry
from o2u_nb.review.remarks import as_tags
from o2u_nb.review.session import ReviewSession
from tests.audits import write_audit
from tests.hostile import ODD_IDS


@pytest.fixture
def audit(tmp_path) -> Path:
    return write_audit(tmp_path / "audit", images=tmp_path / "images")


@pytest.fixture
def session(audit) -> ReviewSession:
    return ReviewSession(audit, reviewer="ann")


def row(session: ReviewSession, sample_id: str) -> dict:
    return session.row(int(session.columns.positions([sample_id])[0]))


def shown(session: ReviewSession) -> list[str]:
    return session.columns.ids_at(session.visible)


def test_a_note_is_recorded_and_changes_no_decision(session, audit):
    first, second = shown(session)[:2]
    session.keep()
    revision, current = session.revision, session.current
    assert session.note("  two cats  ", [first, second]) == [first, second]
    assert session.revision == revision + 1 and session.current == current == second
    assert row(session, first)["note"] == "two cats" and row(session, first)["decision"] == "keep"
    assert row(session, second)["note"] == "two cats" and row(session, second)["decision"] is None
    assert session.counts["keep"] == 1 and session.counts["remaining"] == 7
    assert session.note("two cats", [first]) == []  # nothing new, so nothing to undo
    again = ReviewSession(audit, reviewer="bob")
    assert row(again, second)["note"] == "two cats"
    assert why.card(again, second)["note"] == "two cats"
    line = json.loads(session.decisions.path.read_text().splitlines()[-1])
    assert (line["action"], line["note"], line["tags"]) == ("note", "two cats", [])
    assert len(line["content_hash"]) == 64


def test_a_note_without_ids_is_about_the_selection_which_stays(session):
    ids = shown(session)[:3]
    session.select(ids)
    session.note("blurred")
    session.tag("night")
    assert session.selected == tuple(ids) and session.current == ids[2]
    assert {row(session, id)["note"] for id in ids} == {"blurred"}
    assert [row(session, id)["tags"] for id in ids] == [["night"]] * 3


def test_undo_takes_back_a_note_and_redo_brings_it_again(session):
    first = session.current
    session.note("one")
    session.note("two")
    session.drop()
    assert session.undo() == [first] and row(session, first)["note"] == "two"
    assert session.undo() == [first] and row(session, first)["note"] == "one"
    assert session.undo() == [first] and row(session, first)["note"] == ""
    assert not session.can_undo
    session.redo()
    assert row(session, first)["note"] == "one"
    session.note("", [first])
    assert row(session, first)["note"] == "" and not session.can_redo


def test_the_remark_on_a_decision_goes_with_it_and_a_note_of_its_own_stays(session):
    first = session.current
    session.drop([first], note="two cats")
    assert row(session, first)["note"] == "two cats"
    session.keep([first])
    assert row(session, first)["note"] == ""
    session.note("blurred", [first])
    session.drop([first])
    assert row(session, first)["note"] == "blurred"
    session.unsure([first], note="a lynx?")
    assert row(session, first)["note"] == "a lynx?"
    assert session.decisions.table()["note"].tolist() == ["a lynx?"]


def test_tags_are_added_and_taken_away(session):
    first, second = shown(session)[:2]
    assert session.tag("night, two  cats,", [first, second]) == [first, second]
    assert session.tag(["night"], [first]) == []
    assert session.tag(["night", "dog"], [second]) == [second]
    assert row(session, first)["tags"] == ["night", "two cats"]
    assert row(session, second)["tags"] == ["dog", "night", "two cats"]
    assert session.tags == ("night", "two cats", "dog")  # the commonest first: suggestions
    assert session.untag("night, ghost", [first, second]) == [first, second]
    assert session.tags == ("two cats", "dog")
    assert session.untag("ghost", [first]) == []
    session.undo()
    assert row(session, first)["tags"] == ["night", "two cats"]
    session.undo()
    session.undo()
    assert session.tags == () and row(session, first)["tags"] == []


def test_the_list_can_be_that_of_noted_or_tagged_samples(session):
    first, second, third = shown(session)[:3]
    session.note("a", [first, third])
    session.tag("night", [second])
    session.note_filter = True
    assert shown(session) == [first, third]
    session.note("", [first])
    assert shown(session) == [third]
    session.note_filter, session.tag_filter = False, "night"
    assert shown(session) == [second]
    session.undo()
    assert session.tag_filter == "night"
    with pytest.raises(O2UError, match="No tag 'nite' here: try 'night'"):
        session.tag_filter = "nite"
    session.untag("night", [second])
    assert shown(session) == []
    session.clear_filters()
    assert len(shown(session)) == 8


@pytest.mark.parametrize("typed", ["", " , ", [], ["  "]])
def test_a_tag_has_a_name(session, typed):
    with pytest.raises(DecisionsError, match="Expected a tag"):
        session.tag(typed)
    assert not session.decisions.path.exists()


def test_what_is_too_long_is_refused(session):
    with pytest.raises(DecisionsError, match="at most 2,000 characters, found 2,001"):
        session.note("x" * 2001)
    with pytest.raises(DecisionsError, match="at most 60 characters, found 61"):
        session.tag("x" * 61)
    assert not session.decisions.path.exists()


def test_remarks_on_unknown_samples_are_refused(session):
    for remark in (session.note, session.tag, session.untag):
        with pytest.raises(O2UError, match="No sample 'ghost'"):
            remark("x", ["ghost"])


@pytest.mark.parametrize("text", ODD_IDS)
def test_text_of_all_kinds_comes_back(session, audit, text):
    first = session.current
    session.note(f"{text}!")
    session.tag([f"{text[:59]}!"])
    again = row(ReviewSession(audit, reviewer="x"), first)
    assert again["note"] == f"{text}!".strip()
    assert again["tags"] == sorted(as_tags(f"{text[:59]}!"))
    assert len(session.decisions.path.read_text(encoding="utf-8").splitlines()) == 2


@given(st.lists(st.text(max_size=15), max_size=4))
def test_tags_hold_no_comma_and_nothing_odd_around_them(typed):
    try:
        tags = as_tags(typed)
    except DecisionsError:
        assert not any(piece.strip() for text in typed for piece in text.split(","))
    else:
        assert tags and len(set(tags)) == len(tags)
        assert all(tag == " ".join(tag.split()) and "," not in tag for tag in tags)
        assert as_tags(", ".join(tags)) == tags


STEP = st.one_of(
    st.sampled_from(["undo", "redo", "keep", "drop"]),
    st.tuples(st.just("note"), st.sampled_from(["", "a", "b"])),
    st.tuples(st.sampled_from(["tag", "untag"]), st.sets(st.sampled_from("xyz"), min_size=1)),
)


def carry_out(session: ReviewSession, step, ids: list[str]) -> bool:
    """Carry out one step; return whether it was a command that recorded something."""
    if isinstance(step, tuple):
        return bool(getattr(session, step[0])(step[1], ids))
    if step in ("undo", "redo"):
        getattr(session, step)()
        return False
    return bool(getattr(session, step)(ids))


def state(session: ReviewSession) -> list[tuple]:
    rows = (session.row(position) for position in range(6))
    return [(found["decision"], found["note"], tuple(found["tags"])) for found in rows]


@settings(max_examples=30)
@given(st.lists(st.tuples(STEP, st.sets(st.integers(0, 5), min_size=1)), max_size=12))
def test_whatever_is_said_undo_goes_back_step_by_step(steps):
    with tempfile.TemporaryDirectory() as folder:
        audit = write_audit(Path(folder) / "audit", n=12)
        session = ReviewSession(audit, reviewer="ann")
        states, place = [state(session)], 0
        for step, places in steps:
            ids = session.columns.ids_at(np.array(sorted(places)))
            if carry_out(session, step, ids):
                states[place + 1 :] = [state(session)]
                place += 1
            elif step == "undo":
                place = max(place - 1, 0)
            elif step == "redo":
                place = min(place + 1, len(states) - 1)
            assert state(session) == states[place]
        assert state(ReviewSession(audit, reviewer="bob")) == states[place]
        events = session.decisions.events
        pd.testing.assert_frame_equal(fold(events[::-1]), session.decisions.table())
        pd.testing.assert_frame_equal(remarks(events[::-1]), session.decisions.remarks())
        for back in range(place):
            session.undo()
            assert state(session) == states[place - back - 1]
        assert not session.can_undo


def test_a_log_of_an_earlier_version_opens_and_means_the_same(session, audit):
    session.drop(note="two cats")
    path = session.decisions.path
    line = json.loads(path.read_text())
    for name in ("tags", "part", "parts", "check"):  # earlier versions did not write these
        del line[name]
    path.write_text(json.dumps(line) + "\n")
    again = ReviewSession(audit, reviewer="ann")
    assert again.problems == [] and again.counts["drop"] == 1
    assert row(again, line["sample_id"])["note"] == "two cats"


@pytest.mark.parametrize("fields", [dict(tags=[]), dict(tags=[""]), dict(tags=[3]), dict(note=7)])
def test_remarks_that_make_no_sense_are_no_events(session, fields):
    session.tag("x")
    line = json.loads(session.decisions.path.read_text()) | fields
    with pytest.raises(ValueError, match=r"tags|note"):
        from_line(json.dumps(line).encode())


def test_logs_of_two_reviewers_are_merged_with_their_remarks(audit, tmp_path):
    for name, tag in (("ann", "night"), ("bob", "blurred")):
        session = ReviewSession(audit, reviewer=name)
        session.tag(tag, session.scores.index[:1])
        session.note(f"says {name}", session.scores.index[:1])
        session.decisions.path.rename(tmp_path / name)
    logs = [tmp_path / "ann", tmp_path / "bob"]
    merged = [remarks(merge(order)) for order in (logs, logs[::-1])]
    pd.testing.assert_frame_equal(*merged)
    assert merged[0].to_numpy().tolist() == [["says bob", "blurred, night"]]


def test_remarks_are_carried_over_to_the_next_audit_unless_the_picture_has_changed(
    session, tmp_path
):
    ids = shown(session)[:4]
    session.note("a", ids)
    session.tag("x", ids)
    session.drop(ids[:2])
    for changed in (ids[0], ids[2]):
        Image.new("RGB", (9, 9)).save(tmp_path / "images" / changed)
    carried = carry(session.audit.folder, session.audit.samples)
    left = {event.event_id for event in session.decisions.events
            if event.sample_id in (ids[0], ids[2])}  # fmt: skip
    assert set(carried.facts["left"]) == left and len(left) == 5
    assert carried.said[0] == (
        "Decisions: 1 of 2 are carried over from the earlier audit."
    )  # notes are no decisions
    assert len(carried.said) == 2 and f"({ids[0]} for one)" in carried.said[1]


def test_plans_and_exports_tell_what_was_said(session, tmp_path):
    relabelled, undecided = "cheetah/0000000.png", "tiger/0000007.png"
    session.relabel("tiger", [relabelled], note="stripes")
    session.tag("night, blurred", [relabelled, undecided])
    session.note('=1+1, "quoted"\nsecond line', [undecided])
    made = plan(session)
    assert made.changes[["note", "tags"]].to_numpy().tolist() == [["stripes", "blurred, night"]]
    expected = [["stripes", "blurred, night"], ['=1+1, "quoted"\nsecond line', "blurred, night"]]
    assert made.remarks.loc[[relabelled, undecided]].to_numpy().tolist() == expected
    pd.testing.assert_frame_equal(plan(session.audit.folder).remarks, made.remarks)
    table = pd.read_csv(exchange.to_csv(made, tmp_path / "clean.csv"), keep_default_na=False)
    table = table.set_index("sample_id")
    inert = [expected[0], ["'" + expected[1][0], expected[1][1]]]  # no formula for a spreadsheet
    assert table.loc[[relabelled, undecided], ["note", "tags"]].to_numpy().tolist() == inert
    assert (table.drop([relabelled, undecided])[["note", "tags"]] == "").all(axis=None)
    kept = pd.read_parquet(exchange.to_parquet(made, tmp_path / "clean.parquet"))
    assert kept.loc[[relabelled, undecided], ["note", "tags"]].to_numpy().tolist() == expected
