"""The panel of the certificate, and its command: from the cut to the statement."""

import json

import pytest

from o2u_nb.__main__ import main
from o2u_nb.audit import Audit
from o2u_nb.review.certifying import Certification
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.certify import ANY_TIME, CertifyDesk, CertifyPanel, risks
from o2u_nb.widgets.grid import SuspectGrid
from tests.audits import write_audit
from tests.browsers import Browser
from tests.pages import Reader

N, N_WRONG = 300, 20


@pytest.fixture
def folder(tmp_path):
    return write_audit(tmp_path / "audit", n=N, n_wrong=N_WRONG, side=4)


@pytest.fixture
def session(folder):
    return ReviewSession(folder, reviewer="ann")


def shown(panel: CertifyPanel) -> set[str]:
    return {name for name, button in panel._buttons.items() if button.layout.display is None}


def text(panel: CertifyPanel) -> str:
    return " ".join(Reader(panel._words.value).text)


def test_the_way_through_the_panel(session):
    panel = CertifyPanel(session)
    assert shown(panel) == {"here", "draw"} and panel._buttons["draw"].disabled
    session.keep(session.scores.index[:5])
    panel._buttons["here"].click()
    assert shown(panel) == {"draw"} and "5 samples are decided" in text(panel)
    panel._standard.value = 90
    panel._size.value = 100
    panel._buttons["draw"].click()
    drawn = panel.certification.drawn
    assert drawn.draw.size == 100 and drawn.draw.standard == 0.9
    assert shown(panel) == {"hide", "risks"} and session.concealed == "hints"
    assert session.columns.ids_at(session.visible) == drawn.ids
    session.keep(drawn.ids[:99])
    assert "99 of 100 looked at" in panel._bar.value and "1 are not decided yet" in text(panel)
    session.keep(drawn.ids[99:])
    assert "At least 97" in text(panel) and "accept, the standard" in text(panel)
    panel._buttons["hide"].click()
    assert session.concealed == "" and "show" in shown(panel)
    session.threshold += 1
    assert shown(panel) == {"back", "anew"} and "threshold was moved" in text(panel)
    panel._buttons["back"].click()
    assert "At least 97" in text(panel)


def test_a_sequential_sample_by_class(session):
    panel = CertifyPanel(session)
    session.keep(session.scores.index[:20])
    panel._mode.value = ANY_TIME
    assert panel._size.layout.display == "none"
    panel._classes.value = True
    panel._buttons["draw"].click()
    assert panel.certification.drawn.draw.sequential
    session.keep(panel.certification.drawn.ids[:80])
    assert "You may stop at any time" in text(panel) and "cheetah: at least" in text(panel)


def test_two_panels_and_the_closing_of_one(session):
    first, second = CertifyPanel(session), CertifyDesk(session)
    session.keep(session.scores.index[:20])
    first._buttons["draw"].click()
    assert second._certify.certification is first.certification
    assert "hide" in shown(second._certify)
    second.close()
    assert session.concealed == "" and "show" in shown(first)


def test_the_report_is_written_from_the_panel(folder):
    desk = Audit.open(folder).certify(reviewer="ann")
    desk.session.keep(desk.session.scores.index[:20])
    panel = desk._certify
    assert "report" not in shown(panel)
    panel._buttons["draw"].click()
    panel._buttons["report"].click()
    assert panel._status.message == f"The certificate is in {folder / 'report.html'}."
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Certificate of label quality" in page and "according to ann." in page


def test_the_risks(session):
    session.keep(session.scores.index[:20])
    certification = Certification(session)
    certification.draw(100, standard=0.9)
    found = certification.statement()
    figure = risks(found)
    line, good, bad = figure.data
    assert line.y[0] == 100 and bad.y[0] <= 5 and bad.x[0] == pytest.approx(100 * 31 / N)
    assert f"{found.plan.looks} are wrong" in figure.layout.title.text and good.x < bad.x
    panel = CertifyPanel(session)
    for _ in range(2):
        panel._buttons["risks"].click()
    assert panel._risks.layout.display == "none" and len(panel._risks.children) == 1


def test_the_grid_is_told_nothing_that_betrays_the_ranking(session, monkeypatch):
    certification = Certification(session)
    session.keep(session.scores.index[:20])
    certification.draw(50, seed=1)
    certification.show()
    browser = Browser(session, monkeypatch)
    grid = browser.grid
    assert isinstance(grid, SuspectGrid) and grid.settings["concealed"] == "hints"
    browser.say("page", start=0, stop=2, size=64, pictures=[0])
    rows = browser.heard[0][0]["rows"]
    assert [row["rank"] for row in rows] == [None, None]
    assert {row["suggested"] for row in rows} == {None} and all(row["label"] for row in rows)
    browser.say("card", sample_id=rows[0]["sample_id"])
    sent = browser.heard[0][0]
    names = [name for name, _ in sent["classes"]]
    assert names == sorted(names) and rows[0]["label"] not in names and len(names) == 3
    assert "looks like" not in sent["html"] and "hidden" in sent["html"]
    for kind, fields in [("above", dict(p=0.5)), ("compare", dict(ranges=[[0, 1]]))]:
        assert "hidden" in browser.say(kind, **fields)["failed"]
    assert "hidden" in browser.decide("relabel", [0, 1])["failed"]
    assert "kept" in browser.decide("keep", [0, 1])["said"]
    sent = json.dumps([message for message, _ in browser.heard])
    assert "p_wrong" not in sent or '"p_wrong": 0' not in sent


# The command line


def certify(capsys, *options) -> tuple[int, str]:
    try:
        code = main(["certify", *map(str, options)])
    except SystemExit as exit:
        code = exit.code
    printed = capsys.readouterr()
    return code, printed.out + printed.err


def test_the_command_leads_through(folder, capsys):
    code, said = certify(capsys, folder)
    assert code == 0 and "Decide the 20 suspects" in said and "--draw --cut-here" in said
    code, said = certify(capsys, folder, "--draw")
    assert code == 2 and "20 of 20 suspects are not decided" in said
    ReviewSession(folder, reviewer="ann").keep(list(Audit.open(folder).scores.index[:20]))
    code, said = certify(capsys, folder)
    assert code == 0 and "labels are probably enough" in said
    code, said = certify(
        capsys, folder, "--draw", 100, "--seed", 4, "--per-class", "--standard", 0.9
    )
    assert code == 0 and "Look at the random sample: 2" in said  # 60 of each of 4 classes
    code, said = certify(capsys, folder, "--draw", 100)
    assert code == 2 and "A sample was drawn already" in said
    code, said = certify(capsys, folder, "--standard", 0.8)
    assert code == 2 and "was drawn with standard 0.9, and 0.8 is asked for" in said
    session = ReviewSession(folder, reviewer="ann")
    session.keep(Certification(session).drawn.ids)
    code, said = certify(capsys, folder)
    assert code == 0 and "according to ann." in said and "tiger: at least" in said
    assert "The corrected data set meets the standard of 90.0 %." in said
    assert "--report writes it" in said and not (folder / "report.html").exists()
    code, said = certify(capsys, folder, "--report")
    assert code == 0 and said.endswith(f"Written: {folder / 'report.html'}\n")
    assert "according to ann." in (folder / "report.html").read_text(encoding="utf-8")


def test_the_command_on_a_sequential_sample(folder, capsys):
    code, said = certify(capsys, folder, "--draw", "--cut-here", "--sequential")
    assert code == 0 and "You may stop at any time" in said and ".certify()" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--standard", "95"], "between 0 and 1"), (["--draw", "-3"], "whole number"),
     (["--draw", "9999", "--cut-here"], "from 1 to 300")],
)  # fmt: skip
def test_wrong_options_end_with_one_line(folder, capsys, options, said):
    code, printed = certify(capsys, folder, *options)
    assert code == 2 and said in printed and printed.count("\n") == 1
    assert not (folder / "decisions.jsonl").exists() or not (folder / "decisions.jsonl").read_text()


def test_no_audit_there(tmp_path, capsys):
    code, said = certify(capsys, tmp_path)
    assert code == 2 and "No finished audit" in said
