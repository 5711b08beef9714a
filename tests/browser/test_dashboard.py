"""All panels in one output, in JupyterLab: what is done in one is seen in the others."""

import itertools
import json

import pytest
from playwright.sync_api import expect

from tests.audits import write_audit
from tests.browser.lab import THEMES, Notebook, write_notebook

pytestmark = pytest.mark.browser
CELLS = ['from o2u_nb import Audit\npanel = Audit.open("audit").panel(reviewer="ann")\npanel']
CARD = [
    "from IPython.display import display\n"
    "from o2u_nb.review.session import ReviewSession\n"
    "from o2u_nb.widgets.grid import SuspectGrid\n"
    "from o2u_nb.widgets.why import WhyCard\n"
    "session = ReviewSession('audit', reviewer='ann')\n"
    "display(SuspectGrid(session), WhyCard(session))"
]


def opened(desk, folder, cells: list[str], size=(1400, 1700)) -> Notebook:
    """Show a small audit in a notebook of `cells`, run to the end."""
    write_audit(folder / "audit", n=120, n_wrong=30, side=24)
    path = write_notebook(folder / "review.ipynb", cells)
    notebook = Notebook(desk, path, shares=True, size=size)
    notebook.run_all()
    notebook.page.locator(".o2u-tile img[src^=blob]").first.wait_for()
    return notebook


@pytest.fixture
def notebook(desk, folder):
    return opened(desk, folder, CELLS)


@pytest.fixture
def card(desk, folder):
    """A notebook with the why card as a panel of its own, below a grid."""
    return opened(desk, folder, CARD)


def shown(notebook: Notebook) -> str:
    """Return the line above the grid that counts what is shown."""
    return notebook.page.locator(".o2u-counts").inner_text()


def wait_for_count(notebook: Notebook, count: int):
    notebook.page.get_by_text(f"{count} shown").first.wait_for()


def tab(notebook: Notebook, name: str):
    """Open a tab. A click is lost when pictures that arrive move the tab away under the mouse."""
    handle = notebook.page.get_by_role("tab", name=name)
    for _ in range(10):
        notebook.settle()
        handle.click()
        try:
            return expect(handle).to_have_attribute("aria-selected", "true", timeout=3000)
        except AssertionError:
            pass
    pytest.fail(f"The tab {name!r} does not open.")


def log(folder) -> list[dict]:
    path = folder / "audit" / "decisions.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_panels_follow_each_other(notebook, artefacts):
    page = notebook.page
    before = shown(notebook)
    tab(notebook, "Confusion")
    click_cell(notebook, row=1, column=2)  # jaguar taken for leopard
    wait_for_count(notebook, 8)
    click_cell(notebook, row=1, column=2)
    page.get_by_text(before).first.wait_for()
    choices = page.get_by_label("Given → suggested")
    choices.select_option(index=1)
    count = int(choices.locator("option").nth(1).inner_text().rsplit(":", 1)[1])
    wait_for_count(notebook, count)
    page.screenshot(path=artefacts / "dashboard-confusion.png")
    choices.select_option(index=0)
    page.get_by_text(before).first.wait_for()

    tab(notebook, "Mean and variance")
    plot = plot_of(notebook, 3)
    drag = plot.locator(".nsewdrag").first.bounding_box()
    corner = (drag["x"] + 3, drag["y"] + 3)
    opposite = (drag["x"] + drag["width"] - 3, drag["y"] + drag["height"] - 3)
    page.mouse.move(*corner)
    page.mouse.down()
    for x, y in ((opposite[0], corner[1]), opposite, (corner[0], opposite[1]), corner):
        page.mouse.move(x, y, steps=12)
    page.mouse.up()
    clear = page.get_by_role("button", name="Clear the selection")
    expect(clear).to_be_enabled()
    wait_for_count(notebook, 120)  # the lasso went round everybody, suspects or not
    page.screenshot(path=artefacts / "dashboard-lasso.png")
    clear.click()
    page.get_by_text(before).first.wait_for()


def plot_of(notebook: Notebook, number: int):
    """Bring a plot of the open tab into view."""
    plot = notebook.page.locator(".js-plotly-plot:visible").nth(number)
    plot.locator(".nsewdrag").first.wait_for(state="attached")
    plot.scroll_into_view_if_needed()
    notebook.settle()
    return plot


def click_cell(notebook: Notebook, *, row: int, column: int, classes: int = 4):
    plot = plot_of(notebook, 0)
    area = plot.locator(".nsewdrag").first.bounding_box()
    x = area["x"] + area["width"] * (column + 0.5) / classes
    y = area["y"] + area["height"] * (row + 0.5) / classes
    notebook.page.mouse.move(x, y)
    # Plotly takes a click for one on the cell that it has found under the pointer.
    plot.locator(".hoverlayer .hovertext").first.wait_for()
    notebook.page.mouse.click(x, y)


def test_the_threshold_moves_by_mouse_and_by_keyboard(notebook, artefacts):
    page = notebook.page
    before = shown(notebook)
    tab(notebook, "Mean and variance")
    plot = plot_of(notebook, 0)
    area = plot.locator(".nsewdrag").first.bounding_box()
    line = plot.locator(".o2u-cut").bounding_box()
    x, y = line["x"] + line["width"] / 2, line["y"] + line["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(area["x"] + 2, y + 20, steps=10)  # below all scores but the lowest
    page.mouse.up()
    expect(page.get_by_text(before)).to_have_count(0)
    assert int(shown(notebook).rsplit(" ", 2)[1]) > 100
    page.screenshot(path=artefacts / "dashboard-threshold.png")
    page.locator(".o2u-slider input").first.focus()
    page.keyboard.press("End")
    wait_for_count(notebook, 1)  # at the highest score
    for _ in range(5):
        page.keyboard.press("PageDown")  # a tenth of the way each
    expect(page.get_by_text("1 shown")).to_have_count(0)
    assert [cell["source"] for cell in notebook.cells()] == CELLS


def test_why_card_decides_and_the_grid_shows_it(card, folder):
    page = card.page
    page.locator("button[title='The picture does not belong in the data set']").click()
    expect(page.locator(".o2u-counts")).to_contain_text("1 of 30")
    (event,) = log(folder)
    assert (event["action"], event["reviewer"]) == ("drop", "ann")
    expect(page.locator(".o2u-said")).to_contain_text("dropped, Ctrl+Z undoes it")
    page.locator("button[title='Take back the last decision']").last.click()
    expect(page.locator(".o2u-counts")).to_contain_text("0 of 30")
    assert [event["action"] for event in log(folder)] == ["drop", "undo"]
    assert [cell["source"] for cell in card.cells()] == CARD


def test_the_why_card_makes_a_class_and_asks_before(card, folder, artefacts):
    page = card.page
    line, asked = page.locator(".o2u-entry input"), page.locator(".o2u-status:visible")
    line.click()
    page.keyboard.type("tiger cub")  # on its way past a class: nothing is decided
    page.keyboard.press("Enter")
    expect(asked.filter(has_text="“tiger cub” is not a class yet.")).to_be_visible()
    expect(page.get_by_role("button", name="Use “")).to_be_hidden()
    for theme in THEMES:
        card.change_theme(theme)
        page.screenshot(path=artefacts / f"dashboard-class-{theme}.png")
    line.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".o2u-tile").first).to_contain_text("now tiger cub")
    expect(line).to_have_value("")
    line.fill("leopart")
    page.get_by_role("button", name="Keep").last.click()  # what is not entered counts for nothing
    expect(page.locator(".o2u-counts")).to_contain_text("2 of 30")
    line.press("Enter")
    asked.filter(has_text="“leopart” is not a class yet, but close to “leopard”.").wait_for()
    page.screenshot(path=artefacts / "dashboard-slip.png")
    page.get_by_role("button", name="Use “leopard”").click()
    line.fill("tiger cub")  # typed before the kernel has answered: its answer does not erase it
    expect(page.locator(".o2u-counts")).to_contain_text("3 of 30")
    card.settle()
    expect(line).to_have_value("tiger cub")
    line.press("Shift+Enter")  # does not run the cell
    expect(page.locator(".o2u-counts")).to_contain_text("4 of 30")
    found = [(event["action"], event["new_label"]) for event in log(folder)]
    assert [new for _, new in found] == ["tiger cub", None, "leopard", "tiger cub"]
    assert [action for action, _ in found] == ["relabel", "keep", "relabel", "relabel"]
    assert [cell["source"] for cell in card.cells()] == CARD
    assert card.ours == []


def test_no_text_is_clipped_and_nothing_complains(notebook, artefacts):
    page = notebook.page
    for theme, width in itertools.product(THEMES, (1000, 2000)):
        notebook.change_theme(theme)
        page.set_viewport_size({"width": width, "height": 1700})
        notebook.settle()
        page.screenshot(path=artefacts / f"dashboard-{theme}-{width}.png")
        clipped = page.evaluate(
            """() => [...document.querySelectorAll('.jp-OutputArea button')]
              .filter(b => b.offsetParent && b.scrollWidth > b.clientWidth + 1)
              .map(b => b.innerText)"""
        )
        assert clipped == []
    assert notebook.errors() == []
    assert notebook.ours == []
