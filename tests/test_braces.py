"""Class names, ids and folders with braces, percent signs and dollars are text, never templates."""

import html

import pytest

from o2u_nb.audit import Audit
from o2u_nb.exchange import to_csv
from o2u_nb.review import why
from o2u_nb.review.apply import plan
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.why import WhyCard
from tests.audits import write_audit
from tests.pages import Reader

CLASSES = ["{cat}", "dog{}", "{0.real}", "%(x)s %d", "%{text}", "${x} $y", "{{7*7}}", "}"]


@pytest.fixture
def session(tmp_path) -> ReviewSession:
    folder = tmp_path / "{audit}%s"
    ids = [f"{{{k}}}%s.png" for k in range(40)]
    images = tmp_path / "{pictures}"
    write_audit(folder, classes=CLASSES, ids=ids, images=images)
    return ReviewSession(folder, reviewer="{ann}")


def test_the_card_shows_every_name_as_it_is(session):
    """A class name with a brace ended the card with a KeyError."""
    card = WhyCard(session)
    session.only_suspects = False
    for sample_id in session.scores.index[:12]:
        session.select([sample_id])
        known = why.card(session, sample_id)
        assert f'"{known["label"]}"' in known["reason"]
        assert known["label"] in "".join(Reader(card._still()).text)


def test_a_decision_is_said_to_be_recorded_when_it_is(session):
    """It was on disk, and the panel said that it had failed."""
    card = WhyCard(session)
    for new in CLASSES:
        sample_id = next(i for i in session.scores.index if session.scores["label"][i] != new)
        session.select([sample_id])
        card._relabel(new)
        event = session.decisions.current(sample_id)
        assert (event.action, event.new_label) == ("relabel", new)
        assert card._status.message == ""
        session.undo()


def test_the_export_and_the_report_hold_the_names(session, tmp_path):
    session.relabel("{{7*7}}", [session.scores.index[0]])
    audit = Audit.open(session.audit.folder)
    text = to_csv(plan(audit), tmp_path / "{out}.csv").read_text(encoding="utf-8")
    report = audit.write_report().read_text(encoding="utf-8")
    for name in CLASSES:
        assert name in text and html.escape(name) in html.unescape(report)
    assert ",49," not in text and "{0.real}" in report
