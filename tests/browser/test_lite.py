"""Lessons of the course in a browser alone: JupyterLite asks nobody but its own server."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.lab import PATIENCE
from tests.serving import served
from website import lite

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.network]
LESSON = "03_memorising"
LAST = "entropy of the labels: 1.27 nats"  # what its last cell prints
# An explorable's cell, the label of a slider, what is typed beside it, and what is then said.
DRAGGED = [
    ("MemorisingExplorable()", "epoch", "60", "Epoch 60:"),
    ("EntropyExplorable()", "labels that say “yes”", "0.5", "because 50 %"),
]
STARTING = 400  # seconds until Python and its packages are there; a busy machine is slow


@pytest.fixture(scope="module")
def address(root):
    """The address of a server of the site; without the packages for a browser, there is none."""
    try:
        site = lite.build(root, root / "build" / "lite")
    except lite.NoDistribution as error:
        pytest.skip(str(error))
    with served(site) as address:
        yield address


@pytest.fixture
def page(chromium):
    """A browser page whose requests are kept, those of the kernel too."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.asked = []
    context.on("request", lambda request: page.asked.append(request.url))
    yield page
    context.close()


def run_all(page) -> None:
    """Wait for the kernel and run all cells; an error in one of them would stop before the last."""
    idle = page.get_by_text("Python (Pyodide) | Idle")
    expect(idle).to_be_visible(timeout=STARTING * 1000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    last = page.locator(".jp-OutputArea-output", has_text=LAST)
    expect(last).to_be_visible(timeout=STARTING * 1000)


def test_a_lesson_runs_and_answers_a_hand(page, address, artefacts):
    assert lite.LESSONS == (LESSON,)
    page.goto(f"{address}/lab/index.html?path={LESSON}.ipynb")
    expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible()
    run_all(page)
    for source, label, typed, said in DRAGGED:
        cell = page.locator(".jp-CodeCell", has_text=re.compile(rf"^\W*\d*\W*{re.escape(source)}"))
        cell.scroll_into_view_if_needed()
        expect(cell.locator(".main-svg").first).to_be_visible()
        readout = cell.locator(".widget-slider", has_text=label).locator(".widget-readout")
        readout.fill(typed)
        readout.press("Enter")
        expect(cell).to_contain_text(said)
        page.screenshot(path=artefacts / f"lite-{label.split()[0]}.png")
    hosts = {urlsplit(url).netloc for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(address).netloc}
