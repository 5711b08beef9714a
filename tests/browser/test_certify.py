"""The certificate in JupyterLab, from the cut to the statement, by mouse and keyboard."""

import re

import pytest
from playwright.sync_api import expect

from tests.audits import write_audit
from tests.browser.lab import THEMES, Notebook, write_notebook

pytestmark = pytest.mark.browser
CELLS = ['from o2u_nb import Audit\nAudit.open("audit").certify(reviewer="ann")']


@pytest.fixture
def notebook(desk, folder):
    write_audit(folder / "audit", n=120, n_wrong=12, side=24)
    path = write_notebook(folder / "certify.ipynb", CELLS)
    notebook = Notebook(desk, path, shares=True, size=(1300, 1200))
    notebook.run_all()
    notebook.page.locator(".o2u-tile img[src^=blob]").first.wait_for()
    return notebook


def test_from_the_cut_to_the_report(notebook, folder, artefacts):
    page = notebook.page
    button = lambda name: page.get_by_role("button", name=name)  # noqa: E731
    grid = page.locator(".o2u-list")
    tile = page.locator(".o2u-tile").first
    expect(button("Draw the sample")).to_be_disabled()
    expect(tile).to_contain_text("#1")
    grid.focus()
    page.keyboard.type("dk")
    expect(page.locator(".o2u-counts")).to_contain_text("2 of 12")
    button("Move threshold to where I stopped").click()
    expect(page.get_by_text("2 samples are decided. Draw a random sample")).to_be_visible()
    page.get_by_role("spinbutton", name="Labels").fill("30")
    page.get_by_role("spinbutton", name="Labels").press("Tab")
    button("Draw the sample").click()

    expect(page.locator(".o2u-counts")).to_have_text("30 shown")
    expect(tile).not_to_contain_text("#")  # neither rank nor suggestion is shown
    expect(page.locator(".o2u-suggested:visible")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("Accept"))).to_have_count(0)
    grid.focus()
    page.keyboard.press("s")  # accepts a suggestion elsewhere
    expect(page.locator(".o2u-said")).to_contain_text("The suggestion is hidden now")
    for k in range(30):
        page.keyboard.press("k")
        expect(page.locator(".o2u-said")).to_contain_text(f"{k + 1} of 30: ")
    expect(page.get_by_text("30 of 30 looked at")).to_be_visible()
    expect(
        page.get_by_text(re.compile("At least .* are right, with 95 % confidence"))
    ).to_be_visible()
    button("Risks").click()
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    for theme in THEMES:
        notebook.change_theme(theme)
        notebook.settle()
        page.screenshot(path=artefacts / f"certify-{theme}.png")
    button("Write the report").click()
    expect(page.get_by_text("The certificate is in")).to_be_visible()
    assert "according to ann." in (folder / "audit" / "report.html").read_text(encoding="utf-8")
    button("Back to the ranked list").click()
    expect(tile).to_contain_text("#1")
    assert [cell["source"] for cell in notebook.cells()] == CELLS
    assert notebook.errors() == [] and notebook.ours == []
