"""Blind mode and a hidden check in JupyterLab: what the page shows, and what it must not."""

import pytest
from playwright.sync_api import expect

from o2u_nb.review.checking import CheckSession, result_of
from o2u_nb.review.session import ReviewSession
from tests.audits import write_audit
from tests.browser.lab import THEMES, Notebook, write_notebook

pytestmark = pytest.mark.browser
CASES = 6
CELLS = [
    'from o2u_nb import Audit\nAudit.open("audit").check(reviewer="bob")',
    'Audit.open("audit").panel(reviewer="ann")',
]


@pytest.fixture
def notebook(desk, folder):
    session = ReviewSession(
        write_audit(folder / "audit", n=80, n_wrong=12, side=24), reviewer="ann"
    )
    session.relabel(None, session.scores.index[:5])
    session.keep(session.scores.index[12:47])
    check = CheckSession(folder / "audit", reviewer="bob")
    check.draw(CASES, of="ann", planted=0.5, hidden=0.5, seed=1)
    path = write_notebook(folder / "check.ipynb", CELLS)
    notebook = Notebook(desk, path, shares=True, size=(1300, 1200))
    notebook.run_all()
    notebook.page.locator(".o2u-tile img[src^=blob]").first.wait_for()
    return notebook


def test_a_hidden_check(notebook, folder, artefacts):
    page = notebook.page
    cell = notebook.show(0)
    tiles = cell.locator(".o2u-tile")
    expect(cell.get_by_text(f"0 of {CASES} answered")).to_be_visible()
    expect(cell.locator(".o2u-suggested:visible")).to_have_count(0)
    cases = CheckSession(folder / "audit", reviewer="bob").cases
    for k, case in enumerate(cases):
        expect(tiles.nth(k)).to_contain_text("hidden" if case.hidden else case.shown)
        # the folder of a file is its class
        assert case.sample_id not in tiles.nth(k).get_attribute("title")
    for theme in THEMES:
        notebook.change_theme(theme)
        notebook.settle()
        page.screenshot(path=artefacts / f"check-{theme}.png")
    first_hidden = next(k for k, case in enumerate(cases) if case.hidden)
    tiles.nth(first_hidden).click()
    page.keyboard.press("k")
    expect(cell.locator(".o2u-said")).to_contain_text("The given label is hidden now")
    for k, case in enumerate(cases):
        tiles.nth(k).click()
        page.keyboard.press("r")
        page.keyboard.type(case.right)
        page.keyboard.press("Enter")
        if k < CASES - 1:
            expect(cell.get_by_text(f"{k + 1} of {CASES} answered")).to_be_visible()
    expect(cell.get_by_text(f"bob: {CASES} cases are answered.")).to_be_visible()
    expect(cell.get_by_text("ann and bob give the same label to 3 of 3")).to_be_visible()
    notebook.settle()
    page.screenshot(path=artefacts / "check-result.png")
    found = result_of(ReviewSession(folder / "audit").audit, "bob")
    assert found.waiting == 0 and len(found.mistakes) == 0
    assert notebook.errors() == [] and notebook.ours == []


def test_blind_mode(notebook, folder, artefacts):
    page = notebook.page
    cell = notebook.show(1)
    tile = cell.locator(".o2u-tile").first
    expect(tile).to_contain_text("#")
    cell.get_by_role("tab", name="Reviewers").click()
    switch = cell.get_by_role("button", name="Blind mode")
    switch.click()
    expect(tile).not_to_contain_text("#")
    expect(cell.locator(".o2u-suggested:visible")).to_have_count(0)
    expect(cell.get_by_role("button", name="Keep").first).to_be_hidden()
    notebook.settle()
    for theme in THEMES:
        notebook.change_theme(theme)
        notebook.settle()
        page.screenshot(path=artefacts / f"blind-{theme}.png")
    undecided = cell.locator(".o2u-tile[data-state=undecided]").first
    expect(undecided).to_contain_text("hidden")
    undecided.click()
    page.keyboard.press("r")
    page.keyboard.type("tiger")
    page.keyboard.press("Enter")
    expect(cell.locator(".o2u-said")).to_contain_text("Ctrl+Z undoes it")
    expect(cell.locator(".o2u-counts")).to_contain_text("12 shown")
    event = ReviewSession(folder / "audit").decisions.events[-1]
    assert event.concealed == "labels" and event.suggested_label is None
    assert event.new_label == "tiger" or (event.action, event.given_label) == ("keep", "tiger")
    switch.click()
    expect(tile).to_contain_text("#")
    assert notebook.errors() == [] and notebook.ours == []
