"""No key pressed on any part of any panel reaches JupyterLab: no cell is lost or changed."""

import string

import pytest
from playwright.sync_api import expect

from tests.audits import write_audit
from tests.browser.lab import Notebook, write_notebook

pytestmark = pytest.mark.browser
OPENED = (
    "import o2u_nb.widgets as w\n"
    "from o2u_nb.review.session import ReviewSession\n"
    "session = ReviewSession('audit', reviewer='ann')\n"
)
FEATURES = (
    "from o2u_nb.explorer import CyclicExplorer\n"
    "from tests.playing import feature_set\n"
    "CyclicExplorer(*feature_set(60), device='cpu')"
)
LIVE = (
    "import numpy as np\n"
    "from o2u_nb.widgets.live import LiveLosses\n"
    "from tests.traces import make\n"
    "live = LiveLosses(total_epochs=4)\n"
    "live.update(make(np.ones((3, 40))))\n"
    "live"
)
PANELS = {
    "dashboard": f"{OPENED}from o2u_nb.widgets.dashboard import Dashboard\nDashboard(session)",
    "threshold": f"{OPENED}from o2u_nb.widgets.threshold import ThresholdPanel as P\nP(session)",
    "losses": f"{OPENED}from o2u_nb.widgets.trajectories import TrajectoriesPanel as P\nP(session)",
    "histograms": f"{OPENED}from o2u_nb.widgets.histograms import HistogramsPanel as P\nP(session)",
    "confusion": f"{OPENED}from o2u_nb.widgets.confusion import ConfusionPanel as P\nP(session)",
    "card": f"{OPENED}from o2u_nb.widgets.why import WhyCard\nWhyCard(session)",
    "grid": f"{OPENED}from o2u_nb.widgets.grid import SuspectGrid\nSuspectGrid(session)",
    "explorer": FEATURES,
    "live": LIVE,
}
NAMED = [
    "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown",
    "Enter", "Space", "Delete", "Backspace",
]  # fmt: skip
CHORDS = [
    "Shift+Enter", "Control+Enter", "Alt+Enter", "Control+s", "Shift+M", "Shift+K", "Shift+ArrowUp",
    "Control+Shift+-", "Control+b", "Shift+L", "Shift+O",
]  # fmt: skip
KEYS = [*"ddaabbxxzz00iimy", *string.ascii_lowercase, *string.digits, *NAMED, *CHORDS]
ROOT = ".jp-OutputArea :is(.o2u-panel, .o2u-grid):not(.o2u-panel *)"
# What can have the focus in a panel, one of each kind.
PARTS = """() => {
  const root = document.querySelector('.jp-OutputArea :is(.o2u-panel, .o2u-grid)');
  const all = root.querySelectorAll(
    'a[href], button, input, select, textarea, [tabindex], [contenteditable=true]');
  const kinds = new Map();
  for (const node of [root, ...all]) {
    if (!node.checkVisibility() || node.disabled) continue;
    const kind = node.tagName + node.className + (node.type ?? '') + node.getAttribute('role');
    if (!kinds.has(kind)) kinds.set(kind, node);
  }
  window.parts = [...kinds.values()];
  return window.parts.length;
}"""
INSIDE = """() => document.activeElement.closest(
  '.jp-OutputArea :is(.o2u-panel, .o2u-grid)') !== null"""


def press_all(notebook: Notebook, where: str) -> None:
    """Press every key, and find the cells as they were and the focus still in the panel."""
    for key in KEYS:
        notebook.page.keyboard.press(key)
    assert notebook.page.evaluate(INSIDE), where
    for _ in range(4):
        notebook.page.keyboard.press("Escape")
    expect(notebook.page.locator(".jp-Dialog")).to_have_count(0)


def sources(notebook: Notebook) -> list[tuple[str, str]]:
    return [(cell["cell_type"], cell["source"]) for cell in notebook.cells()]


@pytest.mark.parametrize("name", PANELS)
def test_every_key_on_every_part(desk, folder, name, root):
    write_audit(folder / "audit", n=60, n_wrong=20, side=12)
    cells = [f"import sys\nsys.path.insert(0, {str(root)!r})", PANELS[name], "'the last one'"]
    notebook = Notebook(desk, write_notebook(folder / "keys.ipynb", cells), shares=True)
    notebook.run_all()
    assert notebook.errors() == []
    notebook.page.locator(ROOT).first.wait_for()
    notebook.settle()
    before = sources(notebook)
    count = notebook.page.evaluate(PARTS)
    assert count > 1 or name == "live"
    for number in range(count):
        about = notebook.page.evaluate(
            """k => { const part = window.parts[k]; part.focus();
                      return document.activeElement === part && part.outerHTML.slice(0, 200); }""",
            number,
        )
        if about:  # what was hidden or disabled by a key before cannot have the focus
            press_all(notebook, about)
            assert sources(notebook) == before, about
    assert notebook.dialogs == [] and notebook.ours == []


@pytest.mark.parametrize("name", ["dashboard", "histograms", "confusion", "card", "live"])
def test_every_key_after_a_click_on_what_takes_no_focus(desk, folder, name, root):
    write_audit(folder / "audit", n=60, n_wrong=20, side=12)
    cells = [f"import sys\nsys.path.insert(0, {str(root)!r})", PANELS[name], "'the last one'"]
    path = write_notebook(folder / "keys.ipynb", cells)
    notebook = Notebook(desk, path, shares=True, size=(1200, 1600))
    notebook.run_all()
    page = notebook.page
    page.locator(ROOT).first.wait_for()
    notebook.settle()
    before = sources(notebook)
    selectors = [".js-plotly-plot .nsewdrag", ".o2u-status", ".widget-html", "[role=tab]",
                 ".o2u-said", ".o2u-card", ".o2u-picture"]  # fmt: skip
    clicked = []
    for selector in selectors:
        part = page.locator(f".jp-OutputArea {selector}").locator("visible=true").first
        if part.count():
            notebook.settle()
            page.evaluate("window.notebook.node.focus()")
            part.scroll_into_view_if_needed()
            part.click(force=True)
            page.wait_for_timeout(50)  # the focus follows the click
            press_all(notebook, selector)
            assert sources(notebook) == before, selector
            clicked.append(selector)
    assert clicked


def test_a_button_that_loses_its_reason_leaves_the_focus_in_the_panel(desk, folder):
    write_audit(folder / "audit", n=60, n_wrong=20, side=12)
    cells = [PANELS["card"], "'the last one'"]
    notebook = Notebook(desk, write_notebook(folder / "keys.ipynb", cells), shares=True)
    notebook.run_all()
    page = notebook.page
    keep, undo = (page.get_by_role("button", name=name) for name in ("Keep", "Undo"))
    keep.click()
    expect(undo).to_be_enabled()
    undo.click()
    expect(undo).to_be_disabled()
    page.wait_for_function(INSIDE)
    before = sources(notebook)
    for key in ("d", "d", "x", "a"):
        page.keyboard.press(key)
    assert sources(notebook) == before


def test_review_keys_act_wherever_in_the_dashboard_they_are_pressed(desk, folder):
    write_audit(folder / "audit", n=60, n_wrong=20, side=12)
    path = write_notebook(folder / "keys.ipynb", [PANELS["dashboard"]])
    notebook = Notebook(desk, path, shares=True, size=(1200, 1600))
    notebook.run_all()
    page = notebook.page
    page.locator(".o2u-tile img[src^=blob]").first.wait_for()
    notebook.settle()
    current = page.locator(".o2u-tile.o2u-current")
    places = [".o2u-card", ".js-plotly-plot .nsewdrag", "[role=tab]", ".o2u-toolbar button"]
    for place, selector in enumerate(places):
        expect(current).to_have_attribute("data-place", str(place))
        part = page.locator(f".jp-OutputArea {selector}").locator("visible=true").first
        part.scroll_into_view_if_needed()
        part.click(force=True) if "button" not in selector else part.focus()
        page.wait_for_timeout(50)
        page.keyboard.press("u")
        expect(page.locator(".o2u-counts")).to_contain_text(f"{place + 1} of 20")
    page.locator(".o2u-slider input").first.focus()
    page.keyboard.press("k")  # a slider keeps its keys
    notebook.settle()
    expect(page.locator(".o2u-counts")).to_contain_text("4 of ")


def test_the_grid_is_within_five_tabs(desk, folder):
    write_audit(folder / "audit", n=60, n_wrong=20, side=12)
    path = write_notebook(folder / "keys.ipynb", [PANELS["dashboard"]])
    notebook = Notebook(desk, path, shares=True)
    notebook.run_all()
    page = notebook.page
    page.locator(".o2u-tile img[src^=blob]").first.wait_for()
    page.wait_for_function("document.querySelector('.o2u-panel').tabIndex === -1")
    page.evaluate("document.querySelector('.o2u-panel').focus()")
    tabs = 0
    while not page.evaluate("document.activeElement.matches('.o2u-list')"):
        page.keyboard.press("Tab")
        tabs += 1
        assert tabs <= 5
    print(f"{tabs} Tabs to the grid")
