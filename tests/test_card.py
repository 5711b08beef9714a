"""The card of an audit: its numbers, doubts, problems and links, safe for any name."""

import json
import os

import pandas as pd
import pytest

from o2u_nb import audit as audit_module
from o2u_nb import card
from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.data.samples import ZERO_BYTE_FILE, Problem, problems_table
from o2u_nb.errors import SourceError
from o2u_nb.widgets.dashboard import Dashboard
from o2u_nb.widgets.result import ResultButtons
from tests.audits import write_audit
from tests.pages import HOSTILE, Reader


def written(folder, *, problems=(), **facts) -> Audit:
    """Write a small audit of 40 samples with these facts and problems, and open it."""
    write_audit(folder)
    path = folder / layout.FACTS
    path.write_text(json.dumps(json.loads(path.read_text()) | facts), encoding="utf-8")
    problems_table(problems).to_csv(folder / layout.PROBLEMS, index=False)
    return Audit.open(folder)


def words(html: str) -> str:
    return " ".join(" ".join(Reader(html).text).split())


def test_numbers_with_their_range(tmp_path):
    audit = written(tmp_path / "audit", estimated_range=[5, 12], warnings=[])
    said = words(card.html(audit))
    for part in ("40 samples", "4 classes", "8 suspects, 20 % of the samples",
                 "about 8 (5 to 12) labels are wrong, as estimated"):  # fmt: skip
        assert part in said, part
    assert "Careful" not in said and "problems" not in said
    assert card.text(audit).startswith("40 samples, 4 classes, 8 suspects, 20 % of the samples")


def test_doubts_stand_in_the_card_also_those_of_an_older_audit(tmp_path, monkeypatch):
    audit = written(tmp_path / "audit", warnings=["The network learned nothing."])
    assert "Careful: The network learned nothing." in words(card.html(audit))
    assert "Careful: The network learned nothing." in card.text(audit)
    older = written(tmp_path / "older", estimated_range=[1, 30])  # which is wide
    assert "Between 1 and 30 labels may be wrong" in words(card.html(older))


def test_up_to_ten_problems_are_named(tmp_path):
    problems = [
        Problem(f"{k:02d}.png", ZERO_BYTE_FILE, f"{k} bytes", "left out") for k in range(12)
    ]
    audit = written(tmp_path / "audit", problems=problems)
    said = words(card.html(audit))
    assert "12 problems in the source, all of them in problems.csv" in said
    assert all(f"{k:02d}.png: zero-byte file ({k} bytes)" in said for k in range(10))
    assert "10.png" not in said and "and 2 more" in said and "and 2 more" in card.text(audit)


def test_the_report_is_linked_from_the_working_folder(tmp_path, monkeypatch):
    audit = written(tmp_path / "my audit #1")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert 'href="../my%20audit%20%231/report.html"' in card.html(audit)
    monkeypatch.chdir(tmp_path)
    assert 'href="my%20audit%20%231/report.html"' in card.html(audit)
    assert f"Report: {audit.report}" in card.text(audit)


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be there")
def test_hostile_names_are_text(tmp_path):
    hostile = HOSTILE.replace("/", "")  # a name cannot hold a slash
    problem = Problem(HOSTILE, HOSTILE, HOSTILE * 9, HOSTILE)
    audit = written(tmp_path / hostile, problems=[problem], warnings=[HOSTILE])
    page = Reader(card.html(audit))
    assert not page.tags & {"script", "img"} and not page.events
    assert hostile in " ".join(page.text)
    assert max(map(len, card.text(audit).splitlines())) < 400


@pytest.fixture
def displayed(monkeypatch) -> list:
    """What is displayed."""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *things, **_: shown.extend(things))
    return shown


def test_the_card_is_plain_and_the_button_comes_only_where_widgets_run(
    tmp_path, monkeypatch, displayed
):
    audit = written(tmp_path / "audit")
    audit._ipython_display_()
    assert [set(thing) for thing in displayed] == [{"text/html", "text/plain"}]
    assert "audit.panel()" in displayed[0]["text/html"]
    monkeypatch.setattr(audit_module, "shows_widgets", lambda: True)
    audit._ipython_display_()
    assert set(displayed[1]) == {"text/html", "text/plain"}
    assert isinstance(displayed[2], ResultButtons)
    code = f"Audit.open({str(audit.folder)!r}).panel()"
    assert displayed[2].message == f"To review, run: {code}"
    assert code in words(displayed[2]._repr_mimebundle_()["text/html"])


def test_the_button_opens_the_review_right_below(tmp_path):
    audit = written(tmp_path / "audit")
    buttons = ResultButtons(audit.panel, "audit.panel()")
    assert buttons._place.children == ()
    buttons._button.click()
    (panel,) = buttons._place.children
    assert isinstance(panel, Dashboard) and buttons._button.disabled
    assert buttons._status.message == ""


def test_a_review_that_cannot_be_opened_says_why():
    def fail():
        raise SourceError("The audit is gone.")

    buttons = ResultButtons(fail, "audit.panel()")
    buttons._button.click()
    assert buttons._status.message == "The audit is gone." and not buttons._button.disabled
    assert buttons._place.children == ()


def test_a_saved_audit_has_a_card_too(tmp_path):
    audit = written(tmp_path / "audit")
    saved = Audit.save(tmp_path / "saved", audit.samples, audit.trace, quiet=True)
    assert "40 samples" in words(saved._repr_mimebundle_()["text/html"])
    assert isinstance(audit.problems, pd.DataFrame)
