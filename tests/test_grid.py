"""The suspect grid without a browser: messages go in as from a front end, answers are caught."""

import io
import itertools
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import anywidget
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ipywidgets.widgets import widget as widgets
from PIL import Image

from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.grid import KEPT_ORDERS, MOST_ROWS, SuspectGrid, expand, runs
from tests.audits import CLASSES, write_audit

HOSTILE = ["<img src=x onerror=alert(1)>", '"><script>alert(1)</script>', "قطة", "x" * 300]


class FrontEnd:
    """What a browser is to a grid: it sends messages and keeps what comes back."""

    def __init__(self, grid: SuspectGrid):
        self.grid, self.seq, self.sent = grid, 0, []
        grid.comm.send = lambda data, buffers=None, **_: self.sent.append((data, buffers or []))

    def send(self, kind: str, **fields) -> dict:
        """Send one message of the list on screen, and return how it was `done`."""
        self.sent.clear()
        self.seq += 1
        content = {"kind": kind, "view": "v", "seq": self.seq, "order": self.grid.order, **fields}
        data = {"method": "custom", "content": content}
        self.grid._handle_msg({"content": {"data": data}, "buffers": []})
        (done,) = [message for message in self.custom() if message["kind"] == "done"]
        assert (done["view"], done["seq"]) == ("v", self.seq)
        return done

    def custom(self) -> list[dict]:
        return [data["content"] for data, _ in self.sent if data["method"] == "custom"]

    def updates(self) -> list[dict]:
        return [data["state"] for data, _ in self.sent if data["method"] == "update"]

    def page(self, start: int, stop: int, *, pictures=(), size: int = 64, **fields):
        """Ask for a page; return the message and its buffers."""
        self.send("page", start=start, stop=stop, pictures=list(pictures), size=size, **fields)
        ((data, buffers),) = [(d, b) for d, b in self.sent if d["content"]["kind"] == "page"]
        return data["content"], buffers

    def decide(self, action: str, *ranges: tuple[int, int], new_label: str | None = None, **fields):
        ranges = [list(pair) for pair in ranges]
        return self.send("decide", action=action, ranges=ranges, new_label=new_label, **fields)


@pytest.fixture
def audit(tmp_path) -> Path:
    return write_audit(tmp_path / "audit", images=tmp_path / "images")


@pytest.fixture
def session(audit) -> ReviewSession:
    return ReviewSession(audit, reviewer="ann")


@pytest.fixture
def grid(session) -> SuspectGrid:
    return SuspectGrid(session)


@pytest.fixture
def browser(grid) -> FrontEnd:
    return FrontEnd(grid)


def shown(session: ReviewSession) -> list[str]:
    return session.scores.index[session.visible].tolist()


def decided(session: ReviewSession) -> list[tuple]:
    """What holds now: id, action and new label of each sample, in rank order."""
    rows = [session.row(position) for position in range(len(session.columns))]
    return [(r["sample_id"], r["decision"], r["new_label"]) for r in rows if r["decision"]]


def test_it_opens_with_all_that_is_needed_to_draw(grid, session):
    state = grid.get_state()
    assert state["length"] == 8 and state["place"] == 0 and state["chosen"] == []
    assert state["order"] == 1 and state["revision"] == 0
    assert state["counts"] == session.counts
    assert state["settings"]["order_by"] == "score" and state["settings"]["only_suspects"] is True
    assert state["choices"]["classes"] == CLASSES and "o2u_mean" in state["choices"]["orders"]
    assert repr(grid) == "SuspectGrid(0 of 8 suspects decided)"


def test_a_grid_is_one_widget_and_its_layout_whatever_the_number_of_samples(tmp_path):
    session = ReviewSession(write_audit(tmp_path / "audit", n=1000, n_wrong=1000), reviewer="ann")
    before = len(widgets._instances)
    SuspectGrid(session)
    assert len(widgets._instances) - before == 2


def test_a_page_holds_the_rows_and_the_pictures_asked_for(browser, session):
    ids = shown(session)
    page, buffers = browser.page(2, 6, pictures=[3, 5])
    assert page["start"] == 2 and page["order"] == 1 and page["size"] == 64
    assert page["rows"] == session.page(2, 6)
    assert [row["sample_id"] for row in page["rows"]] == ids[2:6]
    assert page["pictures"] == [ids[3], ids[5]]
    for id, data in zip(page["pictures"], buffers, strict=True):
        picture = Image.open(io.BytesIO(data))
        assert picture.format == "JPEG" and data == session.thumbnail(id, 64)


@pytest.mark.parametrize("size", [64, 256])
def test_pictures_come_in_the_size_asked_for(tmp_path, size):
    audit = write_audit(tmp_path / "audit", n=8, images=tmp_path / "images", side=300)
    browser = FrontEnd(SuspectGrid(ReviewSession(audit, reviewer="ann")))
    _, (buffer,) = browser.page(0, 1, pictures=[0], size=size)
    assert Image.open(io.BytesIO(buffer)).size == (size, size)


def test_a_missing_image_gives_a_picture_that_says_so(browser, session, tmp_path):
    (tmp_path / "images" / shown(session)[0]).unlink()
    _, (buffer,) = browser.page(0, 1, pictures=[0], size=128)
    assert Image.open(io.BytesIO(buffer)).size == (128, 128)


def test_pages_end_where_the_list_ends(browser, session):
    page, buffers = browser.page(-5, 10_000, pictures=[-1, 7, 8, 9_999])
    assert page["start"] == 0 and len(page["rows"]) == 8
    assert page["pictures"] == shown(session)[7:8] and len(buffers) == 1


def test_no_page_is_too_long_to_send(tmp_path):
    n = MOST_ROWS + 9
    session = ReviewSession(write_audit(tmp_path / "audit", n=n, n_wrong=n), reviewer="ann")
    page, _ = FrontEnd(SuspectGrid(session)).page(5, n)
    assert [row["sample_id"] for row in page["rows"]] == shown(session)[5 : 5 + MOST_ROWS]


def test_a_page_of_a_list_that_is_gone_has_no_rows(browser, session):
    session.only_suspects = False
    page, buffers = browser.page(0, 4, pictures=[0, 1], order=1)
    assert page["order"] == 1 and page["rows"] == [] and buffers == []


@pytest.mark.parametrize(
    "action, new_label, word",
    [
        ("keep", None, "cheetah kept"),
        ("relabel", "tiger", "cheetah changed to tiger"),
        ("drop", None, "cheetah dropped"),
        ("unsure", None, "cheetah marked unsure"),
    ],
)
def test_a_decision_is_recorded_said_and_followed(browser, session, action, new_label, word):
    place = next(p for p, row in enumerate(session.page(0, 8)) if row["label"] == "cheetah")
    id, before = shown(session)[place], browser.grid.place
    assert before == 0
    done = browser.decide(action, (place, place + 1), new_label=new_label)
    assert done["said"] == f"{place + 1} of 8: {word}, Ctrl+Z undoes"
    assert decided(session) == [(id, action, new_label)]
    assert browser.grid.revision == 1 and browser.grid.place == place + 1
    assert repr(browser.grid) == "SuspectGrid(1 of 8 suspects decided)"
    (update,) = browser.updates()
    assert update["revision"] == 1 and update["counts"][action] == 1


def test_accepting_takes_the_suggested_label_of_each(browser, session):
    done = browser.decide("relabel", (0, 2), (4, 5))
    suggested = session.scores["suggested_label"]
    ids = [shown(session)[place] for place in (0, 1, 4)]
    assert decided(session) == [(id, "relabel", suggested[id]) for id in ids]
    assert done["said"] == "3 samples: 3 changed, Ctrl+Z undoes"
    assert browser.grid.place == 5


def test_relabelling_several_to_one_class_keeps_those_that_have_it(browser, session):
    own = session.page(0, 1)[0]["label"]
    done = browser.decide("relabel", (0, 2), new_label=own)
    first, second = shown(session)[:2]
    assert decided(session) == [(first, "keep", None), (second, "relabel", own)]
    assert done["said"] == "2 samples: 1 kept, 1 changed, Ctrl+Z undoes"


def test_undo_and_redo(browser, session):
    browser.decide("drop", (0, 3))
    assert browser.send("undo")["said"] == "Undone: 3 samples"
    assert decided(session) == [] and browser.grid.place == 0
    assert browser.send("undo")["said"] == "Nothing to undo."
    assert browser.send("redo")["said"] == "Done again: 3 samples"
    assert [action for _, action, _ in decided(session)] == ["drop"] * 3
    assert browser.send("redo")["said"] == "Nothing to redo."


def test_undo_of_what_the_filters_hide_says_so(browser, session):
    id = shown(session)[0]
    browser.decide("keep", (0, 1))
    session.label_filter = "tiger"
    assert browser.send("undo")["said"] == f"Undone: {id} (hidden by the filters)"


def test_after_a_decision_the_next_undecided_is_current(browser, session):
    browser.decide("keep", (1, 3))
    assert browser.grid.place == 3
    browser.decide("keep", (0, 1))
    assert browser.grid.place == 3  # places 1 and 2 are decided
    browser.decide("keep", (7, 8))
    assert browser.grid.place == 3  # on from the end to the first one that is open
    browser.decide("keep", (3, 7))
    assert session.remaining() == 0
    assert browser.send("next", place=2)["said"] == "Nothing here is undecided."


def test_without_moving_on_the_place_stays(browser, session):
    browser.send("set", name="advance", value=False)
    browser.send("select", place=2, ranges=[])
    browser.decide("keep", (2, 3))
    assert browser.grid.place == 2


def test_what_is_decided_leaves_the_queue_of_the_undecided(browser, session):
    browser.send("set", name="decision_filter", value="undecided")
    ids = shown(session)
    browser.decide("keep", (1, 2))
    assert shown(session) == [ids[0], *ids[2:]] and browser.grid.length == 7
    assert session.current == ids[2] and browser.grid.place == 1


def test_a_hidden_sample_gives_way_to_the_next_one_even_without_moving_on(browser, session):
    session.decision_filter, session.advance = "undecided", False
    ids = shown(session)
    browser.decide("keep", (2, 3))
    assert session.current == ids[3]


def test_a_decision_ends_the_selection(browser, session):
    browser.send("select", place=2, ranges=[[1, 3]])
    browser.decide("keep", (1, 3))
    assert browser.grid.chosen == [] and session.selected == ()
    assert len(browser.updates()) == 1


def test_next_goes_to_the_next_undecided(browser, session):
    browser.decide("keep", (2, 4))
    browser.send("select", place=1, ranges=[[0, 2]])
    assert browser.send("next", place=1)["said"] is None
    assert browser.grid.place == 4 and browser.grid.chosen == []


def test_a_selection_goes_to_the_session_and_back(browser, session):
    ids = shown(session)
    browser.send("select", place=5, ranges=[[1, 3], [5, 6]])
    assert session.selected == (ids[1], ids[2], ids[5]) and session.current == ids[5]
    assert browser.grid.chosen == [[1, 3], [5, 6]] and browser.grid.place == 5
    session.select([ids[7], ids[0]])
    assert browser.grid.chosen == [[0, 1], [7, 8]] and browser.grid.place == 0
    session.descending = False
    assert browser.grid.chosen == [[0, 1], [7, 8]] and browser.grid.place == 7
    browser.send("select", place=5, ranges=[])
    assert session.selected == () and browser.grid.chosen == []


def test_a_command_meets_what_was_on_screen(browser, session):
    """The list changed on its way: the sample decided is the one that was looked at."""
    id, old = shown(session)[1], browser.grid.order
    session.descending = False
    assert browser.grid.order == old + 1 and shown(session)[1] != id
    browser.decide("drop", (1, 2), order=old)
    assert decided(session) == [(id, "drop", None)]


def test_a_command_from_an_old_list_moves_on_to_what_is_visible_now(browser, session):
    ids, old = shown(session), browser.grid.order
    session.label_filter = session.scores.loc[ids[3], "label"]
    browser.decide("drop", (0, 1), order=old)
    assert decided(session) == [(ids[0], "drop", None)]
    assert session.current == next(id for id in ids[1:] if id in shown(session)) != ids[1]


def test_a_selection_in_a_list_that_is_gone_is_not_taken_over(browser, session):
    old, current = browser.grid.order, session.current
    session.descending = False
    browser.send("select", place=3, ranges=[[3, 5]], order=old)
    assert session.selected == () and session.current == current


def test_a_list_too_long_gone_is_refused_and_nothing_recorded(browser, session):
    old = browser.grid.order
    for turn in range(KEPT_ORDERS):
        session.descending = bool(turn % 2)
    done = browser.decide("drop", (0, 1), order=old)
    assert "nothing is recorded" in done["failed"] and "said" not in done
    assert not session.decisions.path.exists()


def test_the_number_of_a_list_changes_with_the_list_only(browser, session):
    order = browser.grid.order
    browser.decide("keep", (0, 1))
    browser.send("select", place=3, ranges=[[2, 4]])
    assert browser.grid.order == order
    browser.send("set", name="label_filter", value="tiger")
    assert browser.grid.order == order + 1 and browser.grid.length == 2


def test_settings_go_to_the_session_and_back(browser, session):
    for name, value in (
        ("order_by", "o2u_mean"), ("descending", False), ("only_suspects", False),
        ("text_filter", "tiger"), ("label_filter", "tiger"), ("advance", False),
        ("decision_filter", "undecided"), ("pair_filter", ["tiger", "cheetah"]),
    ):  # fmt: skip
        assert browser.send("set", name=name, value=value) == dict(
            kind="done", view="v", seq=browser.seq, said=None
        )
        assert browser.grid.settings[name] == value
        assert getattr(session, name) == (tuple(value) if isinstance(value, list) else value)
    assert browser.grid.length == len(session.visible) > 0
    session.pair_filter, session.id_filter = None, np.array([1, 5, 9])
    assert browser.grid.settings["pair_filter"] is None and browser.grid.settings["id_filter"] == 3


@pytest.mark.parametrize(
    "kind, fields, said",
    [
        ("set", dict(name="order_by", value="scroe"), "score"),
        ("set", dict(name="label_filter", value="tigr"), "tiger"),
        ("set", dict(name="reviewer", value="eve"), "No setting 'reviewer'"),
        ("set", dict(name="visible", value=[]), "No setting 'visible'"),
        ("decide", dict(action="burn", ranges=[[0, 1]]), "No action 'burn'"),
        ("decide", dict(action="undo", ranges=[[0, 1]]), "No action 'undo'"),
        ("decide", dict(action="relabel", ranges=[[0, 1]], new_label="tigr"), "tiger"),
        ("decide", dict(action="keep", ranges=[]), "Nothing is selected"),
        ("decide", dict(action="keep", ranges=[[99, 120]]), "Nothing is selected"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(browser, session, kind, fields, said):
    done = browser.send(kind, **fields)
    assert said in done["failed"] and "said" not in done
    assert browser.updates() == [] and session.revision == 0
    assert not session.decisions.path.exists()


def test_accepting_where_nothing_is_suggested_is_refused(browser, session, monkeypatch):
    monkeypatch.setitem(session.columns.__dict__, "suggested", np.full(40, -1))
    assert "no suggested label" in browser.decide("relabel", (0, 1))["failed"]
    assert decided(session) == []


def test_a_decision_that_cannot_be_written_is_not_claimed(browser, session, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    browser.send("select", place=1, ranges=[[1, 3]])
    with monkeypatch.context() as full:
        full.setattr(os, "write", refuse)
        done = browser.decide("drop", (1, 3))
    assert "No space left" in done["failed"] and "not recorded" in done["failed"]
    assert browser.updates() == [] and decided(session) == []
    assert browser.grid.revision == 0 and browser.grid.chosen == [[1, 3]]
    assert browser.decide("drop", (1, 3))["said"] == "2 samples: 2 dropped, Ctrl+Z undoes"


def test_an_error_nobody_thought_of_is_shown_and_logged(browser, session, monkeypatch, caplog):
    monkeypatch.setattr(session, "sample", lambda _: 1 / 0)
    done = browser.send("likely", ranges=[[0, 1]])
    assert done["failed"] == "ZeroDivisionError: division by zero"
    assert "division by zero" in caplog.text


def test_messages_of_unknown_kind_are_left_to_others(browser):
    browser.sent.clear()
    browser.grid._handle_custom_msg({"kind": "what is this"}, [])
    assert browser.sent == []


def test_the_likely_classes_come_likeliest_first_without_the_given_one(browser, session):
    row = session.page(2, 3)[0]
    assert browser.send("likely", ranges=[[2, 3]])["said"] is None
    likely = next(message for message in browser.custom() if message["kind"] == "likely")
    names, probs = zip(*likely["classes"], strict=True)
    assert likely["sample_id"] == row["sample_id"] and names[0] == row["suggested"]
    assert set(names) == set(CLASSES) - {row["label"]}
    assert list(probs) == sorted(probs, reverse=True) and probs[0] > 0.5
    assert likely["reason"] == session.sample(row["sample_id"])["reason"] != ""


def test_two_grids_on_one_session_stay_in_step(browser, session):
    other = SuspectGrid(session)
    browser.decide("keep", (0, 1))
    browser.send("set", name="label_filter", value="tiger")
    assert other.revision == 1 and other.length == browser.grid.length == 2
    assert other.settings == browser.grid.settings and other.place == browser.grid.place


def test_a_closed_grid_follows_no_more_and_leaves_the_session_alone(grid, session):
    browser = FrontEnd(grid)
    grid.close()
    browser.sent.clear()
    session.keep()
    session.label_filter = "tiger"
    assert browser.sent == [] and grid.revision == 0 and grid.length == 8
    assert session.revision == 1
    grid.close()  # as often as one likes
    assert SuspectGrid(session).length == 2


def test_a_new_kernel_shows_what_was_decided(browser, audit):
    browser.decide("drop", (0, 1))
    again = FrontEnd(SuspectGrid(ReviewSession(audit, reviewer="ann")))
    page, _ = again.page(0, 2)
    assert [row["decision"] for row in page["rows"]] == ["drop", None]


def test_no_trait_takes_a_name_that_widgets_use():
    own = set(SuspectGrid.class_own_traits())
    taken = set(dir(anywidget.AnyWidget)) | {"style", "id", "name", "widget_manager"}
    assert {"length", "place", "chosen"} <= own
    assert not own & taken


def test_it_loads_neither_torch_nor_fastai(audit):
    code = (
        "import sys; from o2u_nb.review.session import ReviewSession\n"
        "from o2u_nb.widgets.grid import SuspectGrid\n"
        f"g = SuspectGrid(ReviewSession({str(audit)!r}))\n"
        "g._repr_mimebundle_()\n"
        "print([m for m in ('torch', 'fastai', 'o2u_nb.training') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


class Tags(HTMLParser):
    """Collect the tags, attributes and text of a piece of HTML."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.attributes, self.text = set(), [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def test_the_still_picture_has_the_first_page(grid, session):
    bundle, _ = grid._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    html = Tags(bundle["text/html"])
    pictures = [value for name, value in html.attributes if name == "src"]
    assert len(pictures) == 8 and all(src.startswith("data:image/") for src in pictures)
    assert "8 of 8 samples to review" in html.text


def test_the_still_picture_shows_what_is_visible_suspect_or_not(grid, session):
    session.only_suspects = False
    html = Tags(grid.still().html)
    assert len([value for name, value in html.attributes if name == "src"]) == 24
    assert "24 of 40 samples to review" in html.text


def test_hostile_names_are_inert_in_the_still_picture(tmp_path):
    ids = [f"{name}/{k}" for k, name in enumerate(HOSTILE * 2)]
    audit = write_audit(tmp_path / "audit", n=8, classes=HOSTILE, ids=ids)
    grid = SuspectGrid(ReviewSession(audit, reviewer="ann"))
    html = Tags(grid._repr_mimebundle_()[0]["text/html"])
    assert not html.tags & {"script", "iframe", "object", "a"}
    assert not [name for name, _ in html.attributes if name.startswith("on")]
    assert {value for name, value in html.attributes if name == "src"}.isdisjoint({"x"})
    assert "<img src=x onerror=alert(1)>" in html.text


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_all_kinds_travel_as_they_are(tmp_path, name):
    classes = [name, "plain"]
    ids = [f"{name}/{k}" for k in range(8)]
    audit = write_audit(tmp_path / "audit", n=8, classes=classes, ids=ids)
    session = ReviewSession(audit, reviewer="ann")
    browser = FrontEnd(SuspectGrid(session))
    place = next(p for p, row in enumerate(session.page(0, 8)) if row["label"] == "plain")
    browser.decide("relabel", (place, place + 1), new_label=name)
    page, _ = browser.page(place, place + 1)
    assert page["rows"][0]["new_label"] == name
    assert page["rows"][0]["sample_id"].startswith(f"{name}/")


@given(st.sets(st.integers(0, 60)))
def test_runs_and_expand_are_each_others_inverse(places):
    ranges = runs(np.array(sorted(places), dtype=np.int64))
    assert expand(ranges, 61).tolist() == sorted(places)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(ranges))  # no two touch
    assert expand(ranges, 30).tolist() == [place for place in sorted(places) if place < 30]
