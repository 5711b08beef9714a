"""The suspect grid without a browser: messages in, session state and answers out."""

import errno
import io
import subprocess
import sys
from itertools import pairwise

import anywidget
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ipywidgets.widgets import widget
from PIL import Image

from o2u_nb import embedding_file
from o2u_nb import folder as layout
from o2u_nb.data import sources
from o2u_nb.data.images import GREY_COLUMNS
from o2u_nb.review import decisions
from o2u_nb.review.events import ACTIONS
from o2u_nb.review.session import ReviewSession
from o2u_nb.review.words import DONE, ON_TILE
from o2u_nb.widgets.grid import KEPT_ORDERS, STILL, SuspectGrid, expand, runs
from tests.audits import CLASSES, write_audit
from tests.browsers import Browser
from tests.pages import Reader

N, N_WRONG = 60, 20


@pytest.fixture
def session(tmp_path):
    folder = write_audit(tmp_path / "audit", n=N, n_wrong=N_WRONG, images=tmp_path / "images")
    return ReviewSession(folder, reviewer="ann")


@pytest.fixture
def browser(session, monkeypatch):
    return Browser(session, monkeypatch)


@pytest.fixture
def grid(browser):
    return browser.grid


def write_embeddings(session):
    features = np.random.default_rng(0).normal(size=(N, 8))
    embedding_file.write(session.audit.folder / layout.EMBEDDINGS, features)


def ids(session, *places):
    return [session.columns.ids[session.visible[place]] for place in places]


def action_of(session, sample_id):
    event = session.decisions.current(sample_id)
    return event and (event.action, event.new_label)


def test_traits_shadow_nothing_of_a_widget():
    ours = SuspectGrid.class_own_traits().keys()
    assert {"length", "order", "revision", "place", "chosen", "settings"} <= ours
    assert not [name for name in ours if hasattr(anywidget.AnyWidget, name)]


def test_traits_tell_what_the_session_shows(grid, session):
    assert (grid.length, grid.place, grid.chosen, grid.revision) == (N_WRONG, 0, [], 0)
    assert grid.choices["classes"] == session.classes
    assert grid.settings["only_suspects"] is True and grid.settings["position_filter"] is None
    session.only_suspects = False
    assert grid.length == N and grid.settings["only_suspects"] is False
    session.select(ids(session, 2, 3, 4, 9))
    assert (grid.chosen, grid.place) == ([[2, 5], [9, 10]], 9)
    session.position_filter = np.array([5, 1])
    assert (grid.length, grid.settings["position_filter"]) == (2, 2)


def test_the_words_for_decisions_are_those_of_python(grid):
    assert set(DONE) == set(ON_TILE) == set(ACTIONS)
    assert grid.choices["on_tile"] == ON_TILE
    assert grid.choices["buttons"]["drop"] == {
        "text": "Drop", "hint": "the picture does not belong in the data set",
    }  # fmt: skip
    assert list(grid.choices["buttons"]) == ["keep", "accept", "relabel", "drop", "unsure"]


def test_state_sent_to_the_browser_does_not_grow_with_the_data(tmp_path):
    def sent(n):
        session = ReviewSession(write_audit(tmp_path / str(n), n=n, n_wrong=n // 2), reviewer="a")
        session.select(session.columns.ids_at(session.visible))
        state = SuspectGrid(session).get_state()
        return len(str({name: value for name, value in state.items() if name[0] != "_"}))

    assert sent(2000) < sent(40) + 50


def test_a_thousand_suspects_are_one_widget_and_its_layout(tmp_path):
    folder = write_audit(tmp_path / "audit", n=1000, n_wrong=1000)
    before = len(widget._instances)
    SuspectGrid(ReviewSession(folder, reviewer="ann"))
    assert len(widget._instances) - before == 2


def test_a_page_brings_rows_and_jpegs_of_the_size_asked_for(browser, session):
    browser.say("page", start=3, stop=7, size=64, pictures=[6, 4])
    page, buffers = browser.heard[0]
    assert (page["kind"], page["start"], page["size"]) == ("page", 3, 64)
    assert page["rows"] == session.page(3, 7)
    assert page["pictures"] == ids(session, 6, 4)
    for sample_id, buffer in zip(page["pictures"], buffers, strict=True):
        image = Image.open(io.BytesIO(buffer))
        assert (image.format, image.size) == ("JPEG", (64, 64))
        assert buffer == session.thumbnail(sample_id, 64)


def test_pages_are_cut_at_both_ends_and_never_huge(browser, monkeypatch):
    browser.say("page", start=-5, stop=10**9, size=64, pictures=[-1, 10**6])
    page, buffers = browser.heard[0]
    assert [row["rank"] for row in page["rows"]] == list(range(1, N_WRONG + 1))
    assert (page["pictures"], buffers) == ([], [])
    monkeypatch.setattr("o2u_nb.widgets.grid.MOST_ROWS", 4)
    browser.say("page", start=2, stop=12, size=64, pictures=[5, 6])
    page, buffers = browser.heard[0]
    assert [row["rank"] for row in page["rows"]] == [3, 4, 5, 6] and len(buffers) == 1


def test_a_page_of_a_list_that_is_no_more_is_empty(browser, grid, session):
    order = grid.order
    session.descending = False
    assert grid.order == order + 1
    browser.say("page", order=order, start=0, stop=5, size=64, pictures=[0])
    assert browser.heard[0][0]["rows"] == [] and browser.heard[0][1] == []


def test_a_deleted_image_gives_a_tile_in_words(browser, session):
    (sample_id,) = ids(session, 0)
    session.audit.samples.loc[sample_id, "path"] = "nowhere.png"
    browser.say("page", start=0, stop=1, size=128, pictures=[0])
    assert Image.open(io.BytesIO(browser.heard[0][1][0])).size == (128, 128)


@pytest.mark.parametrize(
    ("action", "decision", "words"),
    [
        ("keep", ("keep", None), "{given} kept"),
        ("drop", ("drop", None), "{given} dropped"),
        ("unsure", ("unsure", None), "{given} marked unsure"),
        ("relabel", ("relabel", "{seems}"), "{given} changed to {seems}"),
    ],
)
def test_a_decision_is_recorded_said_and_moves_on(browser, session, action, decision, words):
    row = session.page(2, 3)[0]
    names = dict(given=row["label"], seems=row["suggested"])
    answer = browser.decide(action, (2, 3))
    assert answer["said"] == f"3 of {N_WRONG}: {words.format(**names)}, Ctrl+Z undoes it"
    expected = tuple(part and part.format(**names) for part in decision)
    assert action_of(session, row["sample_id"]) == expected
    assert (browser.grid.place, browser.grid.revision) == (3, 1)


def test_a_label_can_be_chosen_and_a_wrong_one_is_refused(browser, session):
    (first,) = ids(session, 0)
    browser.decide("relabel", (0, 1), new_label="tiger" if "tiger" not in first else "jaguar")
    assert action_of(session, first)[0] == "relabel"
    answer = browser.decide("relabel", (1, 2), new_label="tigr")
    assert "tigr" in answer["failed"] and "tiger" in answer["failed"]
    assert session.counts["relabel"] == 1 and browser.grid.place == 1


def test_a_range_is_one_command_and_clears_the_selection(browser, session):
    chosen = ids(session, 1, 2, 3, 7)
    browser.say("select", place=3, ranges=[[1, 4], [7, 8]])
    assert list(session.selected) == chosen and session.current == ids(session, 3)[0]
    answer = browser.decide("drop", (1, 4), (7, 8))
    assert answer["said"] == "4 samples: 4 dropped, Ctrl+Z undoes it"
    assert {action_of(session, id) for id in chosen} == {("drop", None)}
    assert (session.selected, browser.grid.place) == ((), 8)
    assert browser.say("undo")["said"] == "Undone: 4 samples"
    assert {action_of(session, id) for id in chosen} == {None}
    assert browser.say("redo")["said"] == "Redone: 4 samples"
    assert session.counts["drop"] == 4


def test_the_last_decision_is_made_again_for_a_selection(browser, session):
    chosen = ids(session, 1, 2, 3)
    assert "no decision yet" in browser.decide("again", (0, 1))["failed"]
    browser.decide("drop", (0, 1))
    assert browser.decide("again", (1, 4))["said"] == "3 samples: 3 dropped, Ctrl+Z undoes it"
    assert {action_of(session, id) for id in chosen} == {("drop", None)}


def test_what_was_done_to_a_mixed_range_is_counted(browser, session):
    given = [row["label"] for row in session.page(0, 8)]
    answer = browser.decide("relabel", (0, 8), new_label="tiger")
    kept = given.count("tiger")
    assert 0 < kept < 8
    assert f"{8 - kept} changed" in answer["said"] and f"{kept} kept" in answer["said"]


def test_accepting_takes_the_suggested_label_of_each(browser, session):
    wanted = {row["sample_id"]: ("relabel", row["suggested"]) for row in session.page(0, 3)}
    assert browser.decide("relabel", (0, 3))["said"] == "3 samples: 3 changed, Ctrl+Z undoes it"
    assert {id: action_of(session, id) for id in wanted} == wanted


def test_an_undo_out_of_sight_says_so(browser, session):
    (first,) = ids(session, 0)
    browser.decide("keep", (0, 1))
    session.decision_filter = "drop"
    assert browser.say("undo")["said"] == f"Undone: {first} (hidden by the filters)"


def test_undo_and_redo_with_nothing_to_do_say_so(browser):
    assert browser.say("undo")["said"] == "Nothing to undo."
    assert browser.say("redo")["said"] == "Nothing to redo."


def test_the_focus_goes_to_the_next_undecided_and_round_the_end(browser, grid, session):
    browser.decide("keep", (1, 4))
    browser.decide("keep", (0, 1))
    assert grid.place == 4  # 1 to 3 are decided
    browser.decide("keep", (N_WRONG - 1, N_WRONG))
    assert grid.place == 4
    browser.say("next", place=4)
    assert grid.place == 5
    session.advance = False
    browser.decide("keep", (5, 6))
    assert grid.place == 5


def test_a_sample_that_leaves_the_list_gives_way_to_the_next_one(browser, session):
    session.decision_filter, session.advance = "undecided", False
    second, third = ids(session, 1, 2)
    browser.decide("keep", (1, 2))
    assert action_of(session, second) == ("keep", None) and session.current == third


def test_when_all_is_decided_the_focus_stays(browser, grid):
    browser.say("select", place=6, ranges=[])
    browser.decide("keep", (0, N_WRONG))
    assert grid.counts["remaining"] == 0 and grid.place == 6
    assert browser.say("next", place=6)["said"] == "Nothing here is undecided."


def test_a_decision_meets_what_was_on_screen_though_the_list_has_changed(browser, grid, session):
    browser.say("set", name="decision_filter", value="undecided")
    order, first, second = grid.order, *ids(session, 0, 1)
    browser.decide("keep", (0, 1))
    assert (grid.order, grid.length, grid.place) == (order + 1, N_WRONG - 1, 0)
    browser.decide("drop", (1, 2), order=order)  # pressed before the answer came
    assert action_of(session, first) == ("keep", None)
    assert action_of(session, second) == ("drop", None)
    assert session.current == ids(session, 0)[0]
    assert browser.say("undo")["said"] == f"Undone: {second}"
    assert grid.length == N_WRONG - 1 and session.current == second


def test_the_focus_never_goes_to_what_a_filter_has_hidden_meanwhile(browser, grid, session):
    order, shown = grid.order, ids(session, *range(N_WRONG))
    hidden, *_ = labels = [row["label"] for row in session.page(1, N_WRONG)]
    session.label_filter = next(label for label in labels if label != hidden)
    browser.decide("drop", (0, 1), order=order)
    assert action_of(session, shown[0]) == ("drop", None)
    visible = ids(session, *range(grid.length))
    assert session.current == next(id for id in shown[1:] if id in visible) != shown[1]


def test_a_list_of_long_ago_is_refused(browser, grid, session):
    order = grid.order
    for _ in range(KEPT_ORDERS):
        session.descending = not session.descending
    answer = browser.decide("drop", (0, 1), order=order)
    assert "nothing is recorded" in answer["failed"] and session.revision == 0


def test_a_selection_in_a_list_that_is_no_more_changes_nothing(browser, grid, session):
    order = grid.order
    session.descending = False
    current = session.current
    browser.say("select", order=order, place=5, ranges=[[0, 9]])
    assert (session.current, session.selected) == (current, ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("order_by", "o2u_var"),
        ("descending", False),
        ("label_filter", "tiger"),
        ("decision_filter", "decided"),
        ("text_filter", "leop"),
        ("only_suspects", False),
        ("advance", False),
    ],
)
def test_settings_reach_the_session_and_come_back(browser, grid, session, name, value):
    browser.say("set", name=name, value=value)
    assert getattr(session, name) == value and grid.settings[name] == value


def test_filters_of_other_panels_are_shown_and_can_be_cleared(browser, grid, session):
    pair = tuple(session.pairs().loc[0, ["given", "suggested"]])
    session.pair_filter, session.position_filter = pair, np.arange(5)
    assert grid.settings["pair_filter"] == list(pair) and grid.settings["position_filter"] == 5
    browser.say("set", name="pair_filter", value=None)
    browser.say("set", name="position_filter", value=None)
    assert session.pair_filter is None and grid.length == N_WRONG


def test_a_class_made_in_review_is_offered_and_can_be_shown_alone(browser, grid, session):
    (first,) = ids(session, 0)
    assert "lynx" not in grid.choices["classes"]
    session.relabel("lynx", [first], new_class=True)
    assert grid.choices["classes"] == session.classes and "lynx" in session.classes
    browser.decide("relabel", (1, 2), new_label="lynx")
    assert "failed" not in browser.say("set", name="label_filter", value="lynx")
    assert grid.length == 2 and grid.settings["label_filter"] == "lynx"


def test_a_class_can_be_made_and_is_told_of(browser, grid, session):
    (first,), given = ids(session, 0), session.page(0, 1)[0]["label"]
    answer = browser.decide("relabel", (0, 1), new_label="lynx", new_class=True)
    said = f"{given} changed to lynx (a new class), Ctrl+Z undoes it"
    assert answer["said"] == f"1 of {N_WRONG}: {said}"
    assert action_of(session, first) == ("relabel", "lynx")
    assert "lynx" in grid.choices["classes"]
    answer = browser.decide("relabel", (1, 4), new_label="lynx")
    assert answer["said"] == "3 samples: 3 changed to lynx, Ctrl+Z undoes it"
    answer = browser.decide("relabel", (4, 6), new_label="ocelot", new_class=True)
    assert answer["said"] == "2 samples: 2 changed to ocelot (a new class), Ctrl+Z undoes it"
    assert session.made_classes == ("lynx", "ocelot")


def test_a_new_name_is_no_class_unless_it_is_meant_as_one(browser, session):
    for fields in ({}, dict(new_class=False)):
        answer = browser.decide("relabel", (0, 1), new_label="lynx", **fields)
        assert "No class 'lynx'" in answer["failed"]
    assert "class" in browser.decide("relabel", (0, 1), new_label=" ", new_class=True)["failed"]
    assert session.revision == 0 and session.made_classes == ()


@pytest.mark.parametrize(
    "name, near", [("Tiger", "tiger"), ("leopart", "leopard"), ("lynx", None), ("tiger", None)]
)
def test_a_slip_of_the_keyboard_is_told_to_who_asks(browser, session, name, near):
    assert browser.say("near", name=name)["said"] is None
    assert browser.heard[0][0] == dict(kind="near", name=name, near=near)
    assert session.revision == 0


def test_a_name_close_to_a_class_becomes_one_when_it_is_meant(browser, grid, session):
    (first,) = ids(session, 0)
    assert "said" in browser.decide("relabel", (0, 1), new_label="Tiger", new_class=True)
    assert action_of(session, first) == ("relabel", "Tiger")
    assert grid.choices["classes"] == sorted(["Tiger", *CLASSES])
    browser.say("near", name="Tigger")
    assert browser.heard[0][0]["near"] in ("Tiger", "tiger")


def test_what_is_no_setting_action_or_message_is_refused(browser, session):
    assert "threshold" in browser.say("set", name="threshold", value=0)["failed"]
    assert "class" in browser.say("set", name="label_filter", value="lion")["failed"]
    assert "undo" in browser.decide("undo", (0, 1))["failed"]
    assert "Nothing is selected" in browser.decide("keep", (90, 99))["failed"]
    browser.heard = []
    browser.grid._handle_custom_msg({"kind": "close"}, [])
    assert browser.heard == [] and session.revision == 0


def test_a_full_disk_is_said_and_no_decision_claimed(browser, grid, session, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(decisions, "_write", full)
        answer = browser.decide("keep", (0, 1))
    assert "No space left" in answer["failed"] and "not recorded" in answer["failed"]
    assert (grid.revision, grid.place, grid.counts["remaining"]) == (0, 0, N_WRONG)
    assert "said" in browser.decide("keep", (0, 1)) and grid.counts["remaining"] == N_WRONG - 1


def test_an_unforeseen_error_is_said_too(browser, session, monkeypatch):
    monkeypatch.setattr(session, "page", lambda *_: 1 / 0)
    answer = browser.say("page", start=0, stop=1, size=64, pictures=[0])
    assert answer["failed"].startswith("ZeroDivisionError")


@pytest.mark.parametrize("action", ["undo", "refresh", "__init__"])
def test_no_method_of_the_session_is_an_action(browser, session, action):
    assert f"No action {action!r}" in browser.decide(action, (0, 1))["failed"]
    assert session.revision == 0 and not session.decisions.path.exists()


def test_a_card_says_why_and_leaves_the_given_label_out_of_the_likely_ones(browser, session):
    row = session.page(0, 1)[0]
    browser.say("card", sample_id=row["sample_id"])
    found = browser.heard[0][0]
    names = [name for name, _ in found["classes"]]
    assert found["sample_id"] == row["sample_id"] and names[0] == row["suggested"]
    assert sorted([*names, row["label"]]) == session.classes
    text = " ".join(Reader(found["html"]).text)
    assert f'Labelled "{row["label"]}"' in text and "Not decided yet." in text
    assert found["near"] == [] and found["revision"] == 0


def test_look_alikes_on_a_card_can_be_gone_to(browser, session):
    write_embeddings(session)
    (first,) = ids(session, 0)
    browser.say("card", sample_id=first)
    found = browser.heard[0][0]
    assert len(found["near"]) == 8 and first not in found["near"]
    assert found["html"].count('data-near="') == 8 and 'data-near="7"' in found["html"]
    seen = session.is_shown(found["near"][0])
    answer = browser.say("go", sample_id=found["near"][0])
    assert (session.current == found["near"][0]) is seen
    assert ("is hidden by the filters" in (answer["said"] or "")) is not seen


def test_a_sample_that_the_filters_hide_is_offered_and_then_shown(browser, session):
    hidden, current = session.columns.ids[N - 1], session.current
    session.text_filter = current
    answer = browser.say("go", sample_id=hidden)
    assert browser.heard[0][0] == dict(kind="hidden", view="a", sample_id=hidden)
    assert answer["said"] == f"{hidden} is hidden by the filters." and session.current == current
    browser.say("show", sample_id=hidden)
    assert (session.current, session.only_suspects, session.text_filter) == (hidden, False, "")
    assert "'x'" in browser.say("go", sample_id="x")["failed"]


def test_all_filters_are_cleared_at_once(browser, grid, session):
    session.label_filter, session.text_filter = "tiger", "tiger"
    session.pair_filter = ("tiger", "cheetah")
    session.decision_filter, session.position_filter = "undecided", np.arange(N)
    assert browser.say("clear")["said"] == "All filters are cleared."
    assert grid.length == N_WRONG and grid.settings["position_filter"] is None
    names = ("label_filter", "text_filter", "pair_filter", "decision_filter")
    assert [getattr(session, name) for name in names] == [None, "", None, "all"]


def test_an_original_has_all_the_pixels_of_the_picture(browser, session):
    (first,) = ids(session, 0)
    browser.say("original", sample_id=first)
    (sent, (picture,)) = browser.heard[0]
    assert sent == dict(kind="original", sample_id=first)
    assert Image.open(io.BytesIO(picture)).size == (12, 12)
    session.audit.samples.loc[first, "path"] = "nowhere.png"
    browser.say("original", sample_id=first)
    assert Image.open(io.BytesIO(browser.heard[0][1][0])).size == (512, 512)  # a tile in words


@pytest.mark.parametrize("top", [4095, 65535])
def test_deep_pictures_are_stretched_wherever_they_are_shown(tmp_path, top):
    images = tmp_path / "images"
    pixels = np.linspace(0, top, 64 * 64).reshape(64, 64).astype(np.uint16)
    for k in range(8):
        path = images / CLASSES[k % 4] / f"{k:07d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    samples = sources.read(images).samples
    folder = write_audit(tmp_path / "audit", n=8, n_wrong=4, images=images, write_images=False)
    session = ReviewSession(folder, reviewer="ann")
    for name in set(GREY_COLUMNS) & set(samples.columns):
        session.audit.samples[name] = samples[name].iloc[0]
    (first,) = ids(session, 0)
    for picture in (session.original(first), session.thumbnail(first, 64)):
        shown = np.asarray(Image.open(io.BytesIO(picture)).convert("L"))
        assert shown.min() < 10 and shown.max() > 245


def test_two_selected_are_compared_and_one_with_its_rival(browser, session):
    first, second = ids(session, 0, 3)
    browser.say("compare", ranges=[[0, 1], [3, 4]])
    sent, pictures = browser.heard[0]
    assert (sent["kind"], sent["view"], sent["ids"]) == ("compare", "a", [first, second])
    assert [Image.open(io.BytesIO(picture)).size for picture in pictures] == [(1024, 1024)] * 2
    assert all("Loss by epoch" in card for card in sent["cards"])
    assert "another label" in browser.say("compare", ranges=[[0, 1]])["failed"]
    assert "Select two" in browser.say("compare", ranges=[[0, 3]])["failed"]


def test_the_rival_of_a_sample_is_its_nearest_look_alike_with_another_label(browser, session):
    write_embeddings(session)
    (first,) = ids(session, 0)
    browser.say("compare", ranges=[[0, 1]])
    one, rival = browser.heard[0][0]["ids"]
    labels = session.scores["label"]
    assert one == first and labels[rival] != labels[first]


def test_what_is_decided_elsewhere_is_said(browser, grid, session):
    (first, second) = ids(session, 0, 1)
    given = session.scores["label"]
    session.drop([first])
    told, _ = browser.heard[-1]
    assert told == dict(kind="told", said=f"{first}: {given[first]} dropped, Ctrl+Z undoes it")
    session.undo()
    assert browser.heard[-1][0]["said"] == f"Undone: {first}"
    browser.decide("keep", (0, 1))
    assert [content["kind"] for content, _ in browser.heard] == ["done"]  # its own are answered
    other = ReviewSession(session.audit, reviewer="bob")
    other.relabel("tiger" if given[second] != "tiger" else "jaguar", [second])
    session.refresh()
    assert browser.heard[-1][0]["said"].startswith(f"bob: {second}: {given[second]} changed to ")


def test_the_still_grid_is_in_the_saved_notebook(grid, session):
    session.text_filter = "jaguar"
    data, _ = grid._repr_mimebundle_()
    html = data["text/html"]
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == grid.model_id
    assert html.count("<img") == min(STILL, grid.length) == html.count("data:image/jpeg")
    assert session.page(0, 1)[0]["sample_id"] in html and "<script" not in html


def test_the_still_grid_shows_what_is_visible_suspect_or_not(grid, session):
    session.only_suspects = False
    assert grid.length == N > STILL and grid.still().html.count("<img") == STILL
    assert f"{STILL} of {N} samples to review" in grid.still().html


def test_names_are_inert_in_the_still_grid(tmp_path):
    hostile = ["<img src=x onerror=alert(1)>", '"><script>alert(2)</script>', "قط", "🐈" * 150]
    ids = [f"{hostile[k % 4]}/{k}.png" for k in range(12)]
    folder = write_audit(tmp_path / "a", n=12, n_wrong=6, classes=hostile, ids=ids)
    html = SuspectGrid(ReviewSession(folder, reviewer="a")).still().html
    assert "<script" not in html and "<img src=x" not in html and "قط" in html


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "قط", "🐈" * 150, "a\nb"])
def test_names_of_all_kinds_travel_as_they_are(tmp_path, monkeypatch, name):
    ids = [f"{name}/{k}.png" for k in range(8)]
    folder = write_audit(tmp_path / "a", n=8, classes=[name, "plain"], ids=ids)
    browser = Browser(ReviewSession(folder, reviewer="a"), monkeypatch)
    browser.decide("relabel", (0, 8), new_label=name)
    browser.say("page", start=0, stop=8, size=64, pictures=[])
    rows = browser.heard[0][0]["rows"]
    assert {row["sample_id"] for row in rows} == set(ids)
    assert {(row["label"], row["new_label"]) for row in rows} == {(name, None), ("plain", name)}


def test_one_change_of_the_session_is_one_message(grid, session, monkeypatch):
    sent = []
    monkeypatch.setattr(grid, "send_state", lambda key=None: sent.append(set(key)))
    session.only_suspects = False
    (names,) = filter(None, sent)
    assert names == {"length", "order", "settings", "counts"}


def test_a_closed_grid_leaves_the_session_alone(grid, session):
    grid.close()
    session.only_suspects = False
    assert grid.length == N_WRONG
    grid.close()


def test_several_grids_on_one_session_keep_in_step(browser, session):
    other = SuspectGrid(session)
    browser.decide("keep", (0, 3))
    assert (other.revision, other.place, other.counts) == (1, 3, browser.grid.counts)


@pytest.mark.slow
def test_the_grid_needs_neither_torch_nor_fastai():
    code = (
        "import sys, o2u_nb.widgets.grid; "
        "sys.exit(any(m in sys.modules for m in ('torch', 'fastai', 'o2u_nb.training')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@given(st.sets(st.integers(0, 200)))
def test_ranges_hold_the_places_they_were_made_from(places):
    ranges = runs(np.array(sorted(places), dtype=np.int64))
    assert expand(ranges, 201).tolist() == sorted(places)
    assert all(before[1] < after[0] for before, after in pairwise(ranges))
