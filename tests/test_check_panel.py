"""The panels on reviewers, and the command `reviewers`."""

import pytest

from o2u_nb.__main__ import main
from o2u_nb.audit import Audit
from o2u_nb.review import checking_text as words
from o2u_nb.review.blind import BlindMode
from o2u_nb.review.checking import CheckSession
from o2u_nb.review.checks import REPEAT, Anchoring
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.check import OWN, CheckPanel, ReviewersPanel
from tests.audits import write_audit
from tests.browsers import Browser
from tests.pages import HOSTILE, Reader


@pytest.fixture
def folder(tmp_path):
    folder = write_audit(tmp_path / "audit", n=200, n_wrong=30, side=4)
    session = ReviewSession(folder, reviewer="ann")
    session.relabel(None, session.scores.index[:20])
    session.keep(session.scores.index[20:120])
    return folder


def text(html) -> str:
    return " ".join(" ".join(Reader(html.value).text).split())


def finished(folder, reviewer: str, **options) -> CheckSession:
    """A check whose answers are all right but for that of the first repeat, which is dropped."""
    session = CheckSession(folder, reviewer=reviewer)
    session.draw(40, seed=1, **options)
    first = next(case for case in session.cases if case.kind == REPEAT)
    for case in session.cases:
        ids = [case.sample_id]
        session.drop(ids) if case == first else session.relabel(case.right, ids)
    return session


def test_the_way_through_a_check(folder):
    session = CheckSession(folder, reviewer="ann")
    panel = CheckPanel(session)
    assert "Your answers change nothing" in text(panel._words) and panel._of.value == OWN
    panel._size.value = 20
    panel._start.click()
    assert len(session.cases) == 20 and panel._options.layout.display == "none"
    for case in session.cases[:-1]:
        session.relabel(case.right, [case.sample_id])
    said = text(panel._words)
    assert "19 of 20 answered" in said and "stayed wrong" not in said  # not before the end
    session.unsure([session.cases[-1].sample_id])
    said = text(panel._words)
    assert "ann: 20 cases are answered." in said and "Wrong labels that were shown: 0 of" in said
    assert panel._options.layout.display is None  # another check may follow


def test_a_second_reviewer_checks_the_first_one(folder):
    panel = CheckPanel(CheckSession(folder, reviewer="bob"))
    assert panel._of.value == "ann"
    panel._planted.value = 0
    panel._start.click()
    session = panel.session
    for case in session.cases:
        session.relabel(case.right, [case.sample_id])
    assert "ann and bob give the same label to 100 of 100 samples" in text(panel._words)


def test_what_cannot_be_drawn_is_said(tmp_path):
    folder = write_audit(tmp_path / "empty", n=40, side=4)
    panel = CheckPanel(CheckSession(folder, reviewer="ann"))
    panel._start.click()
    assert "Decide on some samples first" in panel._status.message


def test_the_grid_of_a_check_tells_nothing(folder, monkeypatch):
    session = CheckSession(folder, reviewer="ann")
    session.draw(40, hidden=0.5, seed=1)
    browser = Browser(session, monkeypatch)
    browser.say("page", start=0, stop=40, size=64, pictures=[])
    rows = browser.heard[0][0]["rows"]
    for case, row in zip(session.cases, rows, strict=True):
        assert row["label"] == (None if case.hidden else case.shown)
        browser.say("card", sample_id=case.sample_id)
        card = browser.heard[0][0]
        names = [name for name, _ in card["classes"]]
        assert names == sorted(names) and (case.shown in names) == case.hidden
        assert case.sample_id not in card["html"] and row["named"] is False
    hidden = next(k for k, case in enumerate(session.cases) if case.hidden)
    shown = session.cases[hidden].shown
    said = browser.decide("relabel", [hidden, hidden + 1], new_label=shown)["said"]
    assert "kept" not in said and f"changed to {shown}" in said
    assert session.cases[hidden].sample_id not in browser.say("undo")["said"]


def test_blind_mode_is_switched(folder):
    session = ReviewSession(folder, reviewer="ann")
    panels = ReviewersPanel(session), ReviewersPanel(session)
    panels[0]._switch.value = True
    assert BlindMode.of(session).is_on and panels[1]._switch.value
    panels[1]._switch.value = False
    assert not BlindMode.of(session).is_on and not panels[0]._switch.value


def test_what_all_checks_say(folder, capsys):
    session = ReviewSession(folder, reviewer="ann")
    panel = ReviewersPanel(session)
    assert "No reviewer has answered a hidden check yet" in text(panel._found)
    assert main(["reviewers", str(folder)]) == 0
    assert ".check()" in capsys.readouterr().out
    finished(folder, "bob", of="ann")
    panel._fresh.click()
    said = text(panel._found)
    assert "bob: 40 cases are answered." in said and "Cohen's kappa is" in said
    assert "give the same label to 27 of 28 samples (96 %)" in said  # 12 of 40 are planted
    assert "Where they differ: 1 sample " in said and "bob says (dropped): 1" in said
    assert main(["reviewers", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "bob: 40 cases are answered." in printed and "ann and bob give the same" in printed


def test_names_are_inert(folder):
    check = finished(folder, HOSTILE, of="ann")
    panel = ReviewersPanel(ReviewSession(folder, reviewer="ann"))
    reader = Reader(panel._found.value)
    assert (
        reader.events == [] and reader.images == [] and "cases are answered" in text(panel._found)
    )
    assert Audit.open(folder).check(reviewer=HOSTILE)._check.session.waiting == check.waiting == 0


@pytest.mark.parametrize(
    ("counts", "said"),
    [((50, 50, 10, 50, 0.8, 0.6, 0.9), "influences the judgement"),
     ((10, 50, 10, 50, 0.0, -0.2, 0.2), "does not show"),
     ((0, 50, 40, 50, -0.8, -0.9, -0.6), "is avoided"),
     ((1, 2, 0, 0, float("nan"), float("nan"), float("nan")), "was not tested")],
)  # fmt: skip
def test_anchoring_in_words(counts, said):
    assert said in words.anchoring_line(Anchoring(*counts))
