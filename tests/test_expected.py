"""What is said of the suspects' precision, and the box of doubts: nothing is said as if known."""

import json

import numpy as np
import pytest

from o2u_nb import folder as layout
from o2u_nb.review import expected
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.dashboard import Dashboard
from o2u_nb.widgets.parts.doubts import AT_ONCE, Doubts, boxed
from o2u_nb.widgets.threshold import ThresholdPanel
from tests.audits import write_audit
from tests.pages import HOSTILE, Reader

DOUBT = "The network is unsure. " + "Trust the order of the suspects more than their number. " * 5


@pytest.fixture
def opened(tmp_path):
    """Return a function that opens a review of an audit whose facts are changed so."""

    def open_with(**facts):
        folder = write_audit(tmp_path / f"audit{len(list(tmp_path.iterdir()))}")
        known = json.loads((folder / layout.FACTS).read_text())
        (folder / layout.FACTS).write_text(json.dumps(known | facts))
        return ReviewSession(folder, reviewer="ann")

    return open_with


def test_a_sound_estimate_is_one_number(opened):
    session = opened(estimated_range=[7, 9], warnings=[])
    assert expected.said(session).startswith("about ") and expected.doubts(session) == []
    assert "cannot" not in ThresholdPanel(session)._count.value
    assert "7 to 9 wrong labels in the whole set" in ThresholdPanel(session)._count.value


def test_a_doubted_estimate_is_a_range_that_holds_the_number(opened):
    session = opened(estimated_range=[3, 20], warnings=[DOUBT], learned=0.8)
    low, high = expected.expected(session).low, expected.expected(session).high
    assert low < session.estimated_precision <= high and low <= 3 / 8 + 0.01
    said = expected.said(session)
    assert "by a doubtful estimate" in said and "about" not in said
    assert said in ThresholdPanel(session)._count.value


def test_decisions_move_the_range(opened):
    session = opened(estimated_range=[3, 20], warnings=[DOUBT])
    before = expected.expected(session)
    session.drop(list(session.scores.index[:8]))
    assert expected.expected(session).low > before.low


def test_where_nothing_was_learned_it_cannot_be_told_before_some_are_decided(opened):
    session = opened(estimated_range=[1, 39], warnings=[DOUBT], learned=0.0)
    assert "cannot be told before 10 are decided" in expected.said(session)
    session.threshold = float(session.scores["score"].iloc[11])
    session.keep(list(session.scores.index[:10]))
    assert " to " in expected.said(session) and "cannot" not in expected.said(session)


def test_no_suspects_and_an_audit_that_recorded_no_range(opened):
    session = opened(warnings=[DOUBT])
    assert expected.expected(session).low == session.estimated_precision
    assert expected.range_said(session) == ""
    session.threshold = float(session.scores["score"].max()) + 1
    assert expected.said(session) == "" and expected.expected(session) is None


def test_doubts_stand_above_the_threshold_and_are_folded_when_long(opened):
    panel = Dashboard(opened(warnings=["Short.", "And so."]))
    first = panel.children[0]
    assert isinstance(first, Doubts) and first.layout.display is None
    assert "Short. And so." in " ".join(Reader(first.value).text)
    assert "details" not in Reader(first.value).tags
    long = Reader(boxed([DOUBT]))
    assert "details" in long.tags and len(DOUBT) > AT_ONCE
    assert "Short. And so." in panel._repr_mimebundle_()["text/html"]


def test_without_doubts_there_is_no_box(opened):
    panel = Dashboard(opened(warnings=[]))
    assert panel.children[0].layout.display == "none" and panel.children[0].value == ""


def test_a_doubt_is_only_text():
    page = Reader(boxed([f"{HOSTILE}. {HOSTILE * 9}"]))
    assert page.events == [] and "script" not in page.tags


def test_the_share_at_each_end_is_that_of_so_many_wrong_labels(opened):
    session = opened(estimated_range=[0, 40])
    assert expected.expected(session)[1:] == (0.0, 1.0)
    np.testing.assert_array_equal(session.p_wrong, session.scores["p_wrong"])
