"""The grid beyond single decisions, without a browser: notes, tags, groups, bulk, searches."""

import io

import numpy as np
import pytest
from PIL import Image

from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.further import PAIRS, PICTURES
from o2u_nb.widgets.grid import SuspectGrid
from tests.audits import write_audit
from tests.hostile import ODD_IDS

N, N_WRONG = 60, 20


@pytest.fixture
def session(tmp_path) -> ReviewSession:
    folder = write_audit(tmp_path / "audit", n=N, n_wrong=N_WRONG, images=tmp_path / "images")
    return ReviewSession(folder, reviewer="ann")


@pytest.fixture
def say(session, monkeypatch):
    """Return a function that sends a message to a grid, and returns all that it answers."""
    grid, heard = SuspectGrid(session), []
    monkeypatch.setattr(
        grid, "send", lambda content, buffers=None: heard.append((content, buffers))
    )

    def send(kind: str, **fields) -> list:
        heard.clear()
        grid._handle_custom_msg(dict(kind=kind, view="a", seq=1, order=grid.order) | fields, [])
        return list(heard)

    send.grid = grid
    yield send
    grid.close()


def said(answers: list) -> str | None:
    return answers[-1][0]["said"]


def failed(answers: list) -> str:
    return answers[-1][0]["failed"]


def test_a_note_and_tags_from_the_browser(say, session):
    ids = session.columns.ids_at(session.visible)
    assert said(say("note", text="two cats", ranges=[[0, 1]])) == (
        f"Noted on {ids[0]}, Ctrl+Z undoes it"
    )
    assert said(say("tag", tags="night, blurred", ranges=[[0, 3]])).startswith("Tagged 3 samples")
    assert say.grid.tags == ["blurred", "night"] and say.grid.noted == 1
    rows = session.page(0, 4)
    assert rows[0]["note"] == "two cats" and rows[2]["tags"] == ["blurred", "night"]
    assert rows[3]["tags"] == []
    assert said(say("untag", tags=["night"], ranges=[[1, 9]])).startswith("Untagged 2 samples")
    assert said(say("untag", tags=["night"], ranges=[[1, 9]])) == "None has this tag."
    assert said(say("tag", tags=["blurred"], ranges=[[0, 1]])) == "All have this tag already."
    assert said(say("note", text=" two cats", ranges=[[0, 1]])) == "The note is unchanged."
    assert said(say("note", text="", ranges=[[0, 1]])).startswith("Removed the note of")
    assert said(say("undo")) == f"Undone: {ids[0]}"
    assert session.page(0, 1)[0]["note"] == "two cats"


def test_a_note_is_about_the_samples_that_were_on_screen(say, session):
    first = session.columns.ids_at(session.visible)[0]
    order = say.grid.order
    session.descending = False
    say("note", text="this one", ranges=[[0, 1]], order=order)
    assert session.decisions.note(first) == "this one"


def test_what_cannot_be_noted_is_said(say, session):
    assert "Nothing is selected" in failed(say("note", text="x", ranges=[]))
    assert "Expected a tag" in failed(say("tag", tags=" , ", ranges=[[0, 1]]))
    assert "at most 2,000" in failed(say("note", text="x" * 2001, ranges=[[0, 1]]))
    assert session.revision == 0


def test_the_preview_has_numbers_pairs_and_pictures(say, session):
    p = float(np.sort(session.scores["p_wrong"])[-15])
    (preview, buffers), (answer, _) = say("above", p=p)
    expected = session.preview_above(p)
    assert answer["kind"] == "done" and preview["kind"] == "above" and preview["p"] == p
    assert preview["count"] == expected.count >= 15 and preview["decided"] == 0
    assert sum(count for *_, count in preview["pairs"]) <= preview["count"]
    assert preview["pairs"] == [list(pair) for pair in expected.pairs[:PAIRS]]
    assert preview["more"] == max(len(expected.pairs) - PAIRS, 0)
    assert preview["ids"] == session.columns.ids_at(expected.positions)[:PICTURES]
    assert len(buffers) == len(preview["captions"]) == PICTURES
    assert all(Image.open(io.BytesIO(data)).format == "JPEG" for data in buffers)
    assert session.revision == 0


def test_just_what_the_preview_said_is_accepted(say, session):
    (preview, _), _ = say("above", p=0.0)
    session.keep(session.columns.ids_at(session.visible)[:1])
    refused = failed(say("acceptAbove", p=0.0, count=preview["count"]))
    assert f"There are {preview['count'] - 1:,} samples now" in refused
    assert session.counts["relabel"] == 0
    (preview, _), _ = say("above", p=0.0)
    assert said(say("acceptAbove", p=0.0, count=preview["count"])) == (
        f"{preview['count']} samples: changed to the suggested label, Ctrl+Z undoes it"
    )
    assert session.counts["relabel"] == preview["count"] == N_WRONG - 1
    assert said(say("undo")).startswith(f"Undone: {N_WRONG - 1} samples")
    assert session.counts["relabel"] == 0


@pytest.mark.parametrize("p", [1.5, -1])
def test_no_probability_is_refused(say, session, p):
    assert "from 0 to 1" in failed(say("above", p=p))
    assert "from 0 to 1" in failed(say("acceptAbove", p=p, count=1))
    assert session.revision == 0


def test_groups_are_a_trait_and_a_setting(say, session):
    assert say.grid.groups == []
    session.current = session.columns.ids_at(session.visible)[5]
    say("set", name="group_by", value="pair")
    assert say.grid.settings["group_by"] == "pair" and say.grid.place == 0
    assert [group[:2] for group in say.grid.groups] == [[g.start, g.stop] for g in session.groups]
    assert say.grid.groups[-1][1] == say.grid.length and " → " in say.grid.groups[0][2]
    say("set", name="group_by", value="")
    assert say.grid.groups == []


def test_a_search_that_finds_what_is_hidden_offers_to_show_it(say, session):
    hidden = session.scores.index[-1]
    say("set", name="text_filter", value=hidden)
    assert say.grid.hidden == dict(count=1, filters=["suspects only"]) and say.grid.length == 0
    say("reveal")
    assert say.grid.hidden == dict(count=0, filters=[]) and say.grid.length == 1
    assert session.current == hidden and not say.grid.settings["only_suspects"]


def test_enter_finds_what_the_filters_hide_but_no_more_than_needed(say, session):
    ids = session.scores.index
    session.decision_filter = "undecided"
    assert said(say("find", text=ids[0])) == "1 found" and session.only_suspects
    assert said(say("find", text=ids[-1])) == "1 found; switched off: suspects only"
    assert session.current == ids[-1] and session.decision_filter == "undecided"
    assert said(say("find", text="no such picture")) == "0 found"
    assert said(say("find", text="")) == f"{N} found"


def test_the_grid_says_where_missing_pictures_were_expected(tmp_path, say):
    assert say.grid.hint == ""
    folder = write_audit(tmp_path / "moved", images=tmp_path / "gone", write_images=False)
    grid = SuspectGrid(ReviewSession(folder, reviewer="ann"))
    assert f"expected in {tmp_path}/gone" in grid.hint and "images=" in grid.hint
    grid.close()


@pytest.mark.parametrize("text", ODD_IDS)
def test_hostile_text_goes_to_the_browser_as_it_is(say, session, text):
    say("note", text=f"{text}!", ranges=[[0, 1]])
    say("tag", tags=[f"{text[:59]}!"], ranges=[[0, 1]])
    (row,) = session.page(0, 1)
    assert row["note"] == f"{text}!".strip() and list(row["tags"]) == sorted(say.grid.tags)


def test_the_card_shows_note_and_tags_as_text(say, session):
    sample_id = session.current
    evil = "<img src=x onerror=alert(1)>"
    assert "✎" not in say("card", sample_id=sample_id)[0][0]["html"]
    session.note(f"{evil}\nsecond line")
    session.tag([evil, "night"])
    html = say("card", sample_id=sample_id)[0][0]["html"]
    assert evil not in html
    escaped = "&lt;img src=x onerror=alert(1)&gt;"
    assert f"Note: {escaped}<br>second line" in html and f"Tags: {escaped}, night" in html


def test_what_is_noted_elsewhere_is_told(say, session, monkeypatch):
    told = []
    monkeypatch.setattr(say.grid, "send", lambda message, buffers=None: told.append(message))
    first = session.current
    session.note("x")
    session.tag("night", session.columns.ids_at(session.visible[:3]))
    session.untag("night", [first])
    session.undo()
    assert [message["said"] for message in told] == [
        f"Noted on: {first}", "Tagged: 3 samples", f"Untagged: {first}", f"Undone: {first}",
    ]  # fmt: skip


def test_a_look_alike_that_is_hidden_is_shown_by_switching_off_what_hides_it(say, session):
    hidden = session.scores.index[-1]
    session.label_filter = session.scores.loc[hidden, "label"]
    say("show", sample_id=hidden)
    assert session.current == hidden and session.label_filter is not None
    say("clear")
    assert session.label_filter is None and not session.only_suspects
