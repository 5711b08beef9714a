"""The card of an audit in JupyterLab: report, review, what comes of it, and restarts."""

import json
from html import unescape

import nbformat
import pytest
from playwright.sync_api import expect

from tests.audits import write_audit
from tests.browser.lab import THEMES, Notebook, write_notebook

pytestmark = pytest.mark.browser
CELLS = ['from o2u_nb import Audit\naudit = Audit.open("audit")\naudit']
# A training that takes no time, so that the test is about the panel.
FINISH = """
import time

import pandas as pd
from o2u_nb.before_after import BeforeAfter


def run(found, progress):
    for epoch in range(6):
        time.sleep(0.3)
        progress(epoch + 1, 6)
    return pd.DataFrame({"before": [0.80, 0.82], "after": [0.90, 0.92]})


card = audit.finish()
card.comparing(lambda: BeforeAfter(run, "Accuracy on 12 samples."))
card
"""
RUN = "from o2u_nb import Audit\nAudit.run('pictures', 'out', preset='quick', eyes=['network'])"


def opened(desk, folder, cells, *, shares=True) -> Notebook:
    write_audit(folder / "audit", n=120, n_wrong=30, side=24)
    (folder / "audit" / "report.html").write_text("<!doctype html><h1>What was found</h1>")
    path = write_notebook(folder / "result.ipynb", cells)
    notebook = Notebook(desk, path, shares=shares, size=(1280, 900))
    notebook.run_all()
    assert notebook.errors() == []
    return notebook


def log(folder) -> list[str]:
    lines = (folder / "audit" / "decisions.jsonl").read_text().splitlines()
    return [json.loads(line)["action"] for line in lines]


def test_the_review_opens_below_the_card(desk, folder, artefacts):
    notebook = opened(desk, folder, CELLS)
    page = notebook.page
    for theme in THEMES:
        notebook.change_theme(theme)
        notebook.settle()
        page.screenshot(path=artefacts / f"result-card-{theme}.png")
    page.get_by_role("button", name="Review").click()
    page.locator("[role=option] img").first.wait_for()
    page.locator("[role=option]").first.click()
    page.keyboard.press("s")
    page.keyboard.press("d")
    expect(page.get_by_text("1 relabelled, 1 dropped")).to_be_visible()
    assert log(folder) == ["relabel", "drop"]
    assert [cell["source"] for cell in notebook.cells()] == CELLS
    assert notebook.ours == []


def test_the_report_opens_in_jupyterlab(desk, folder):
    notebook = opened(desk, folder, CELLS)
    page = notebook.page
    page.get_by_role("link", name="Open the report").click()
    frame = page.frame_locator(".jp-HTMLViewer iframe")
    expect(frame.get_by_role("heading", name="What was found")).to_be_visible()
    page.evaluate("window.jupyterapp.shell.currentWidget.close()")
    expect(page.locator(".jp-HTMLViewer")).to_have_count(0)


def test_the_card_writes_and_compares(desk, folder, artefacts):
    notebook = opened(desk, folder, [*CELLS, FINISH.strip()])
    page = notebook.page
    notebook.execute("audit.session(reviewer='ann').drop(list(audit.scores.index[:2]))")
    notebook.execute("card.session.refresh()")
    card = notebook.show(1)
    expect(card.get_by_text("0 relabelled, 2 dropped")).to_be_visible()
    card.get_by_title("Write the cleaned data set as class folders").click()
    path = card.locator("input[type=text]")
    expect(path).to_have_value("audit-cleaned")
    path.fill("audit")
    card.get_by_title("Write it there; nothing is overwritten").click()
    expect(card.locator(".o2u-status")).to_contain_text("never overwritten")
    path.fill("cleaned")
    card.get_by_title("Write it there; nothing is overwritten").click()
    expect(card.locator(".o2u-status")).to_contain_text("Done: writing class folders.")
    assert len(list((folder / "cleaned").rglob("*.png"))) == 118
    card.get_by_title("Accuracy before and after the decisions").click()
    bar = card.get_by_role("progressbar")
    bar.wait_for()
    expect(card.get_by_text("+10.0 percentage points")).to_be_visible()
    expect(bar).to_have_count(0)
    card.get_by_title("Write it in another format").click()
    for theme in THEMES:
        notebook.change_theme(theme)
        notebook.settle()
        page.screenshot(path=artefacts / f"result-finish-{theme}.png")
    assert notebook.ours == []


def test_a_restarted_kernel_is_said_where_the_buttons_are(desk, folder, artefacts):
    notebook = opened(desk, folder, [*CELLS, "audit.finish()"], shares=False)
    notebook.desk.wait_for("() => window.kernel.restart()")
    for index, code in enumerate(("panel()", "finish()")):
        status = notebook.show(index).locator(".o2u-status").first
        expect(status).to_contain_text(
            "The kernel was restarted: run the cell again, or Audit.open"
        )
        expect(status).to_contain_text(f"Audit.open('audit').{code}, to go on")
    notebook.page.screenshot(path=artefacts / "result-restarted.png")


def test_a_saved_notebook_keeps_the_card_and_the_pictures_of_the_training(desk, folder, artefacts):
    from tests.sources import write_source

    write_source(folder / "pictures", n=90)
    notebook = opened(desk, folder, [RUN], shares=False)
    notebook.save()
    saved = nbformat.read(notebook.path, as_version=4)
    run, card, button = saved.cells[0].outputs
    assert set(run.data) == set(card.data) == {"text/html", "text/plain"}
    assert "<svg" in run.data["text/html"] and run.data["text/html"].count("<img") == 5
    assert "90 samples" in card.data["text/plain"] and "audit.panel()" in card.data["text/html"]
    assert "Audit.open('out').panel()" in unescape(button.data["text/html"])
    notebook.close()
    desk.notebooks.remove(notebook)
    again = Notebook(desk, notebook.path, shares=False, size=(1280, 1200))
    place = again.show(0)
    expect(place.locator("img")).to_have_count(5)
    expect(place.get_by_text("samples", exact=True)).to_be_visible()
    again.settle()
    again.page.screenshot(path=artefacts / "result-saved.png")
