"""Similar samples and the map, in a real JupyterLab."""

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from o2u_nb import embedding_file
from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.review.session import ReviewSession
from tests.audits import write_audit
from tests.browser.lab import Notebook, write_notebook
from tests.sources import write_source

pytestmark = pytest.mark.browser
N, N_WRONG, NEAR = 120, 30, 24
CELLS = [
    "from o2u_nb import Audit\n"
    "from IPython.display import display\n"
    "from o2u_nb.widgets.grid import SuspectGrid\n"
    "from o2u_nb.widgets.map import MapPanel\n"
    "session = Audit.open('audit').session(reviewer='ann')\n"
    "display(SuspectGrid(session), MapPanel(session))"
]
PIXEL = """([el, x, y]) => {
  const { left, top } = el.getBoundingClientRect(), { xaxis, yaxis } = el._fullLayout;
  return [left + xaxis._offset + xaxis.l2p(x), top + yaxis._offset + yaxis.l2p(y)];
}"""


class Screen:
    """A grid and a map below it, on an audit whose samples lie in five groups of 24."""

    def __init__(self, desk, folder, theme: str):
        self.folder, self.page = folder / "audit", desk.page
        write_audit(self.folder, n=N, n_wrong=N_WRONG, images=folder / "images", side=48)
        rows = 4 * np.eye(5)[np.arange(N) // NEAR] + np.random.default_rng(0).normal(
            size=(N, 5), scale=0.3
        )
        embedding_file.write(self.folder / layout.EMBEDDINGS, rows)
        path = write_notebook(folder / "review.ipynb", CELLS)
        self.notebook = Notebook(desk, path, shares=True, size=(1400, 1800), theme=theme)
        self.notebook.run_all()
        assert self.notebook.errors() == []
        self.grid = self.page.locator(".o2u-grid")
        self.bar = self.grid.get_by_role("group", name="Similar samples")
        expect(self.grid.locator(".o2u-tile img[src^=blob]").first).to_be_visible()
        self.plot = self.page.locator(".js-plotly-plot")
        expect(self.plot.locator(".points path").first).to_be_attached()
        self.notebook.settle()
        self.grid.locator(".o2u-list").focus()

    def press(self, *keys: str):
        for key in keys:
            self.page.keyboard.press(key)

    def expect_shown(self, count: int):
        expect(self.grid.locator(".o2u-counts")).to_contain_text(f"{count} shown")

    def expect_said(self, text: str):
        expect(self.grid.locator(".o2u-said")).to_contain_text(text)

    def reopened(self) -> ReviewSession:
        """Read what is on disk."""
        return ReviewSession(self.folder, reviewer="bob")

    def pixel(self, x: float, y: float) -> list[float]:
        """Return where a point of the map is on the page."""
        plot = self.plot.element_handle()
        return self.page.evaluate(PIXEL, [plot, x, y])

    def lasso(self, corners: list[tuple[float, float]]):
        """Draw around an area of the map."""
        self.plot.scroll_into_view_if_needed()
        self.notebook.settle()
        places = [self.pixel(*corner) for corner in corners]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in [*places[1:], places[0]]:
            self.page.mouse.move(*place, steps=6)
        self.page.mouse.up()

    def expect_clean(self):
        """No cell was lost or changed, and nobody's script has failed."""
        assert [cell["source"] for cell in self.notebook.cells()] == CELLS
        assert self.notebook.dialogs == [] and self.notebook.ours == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_similar_samples_by_the_keyboard_and_a_lasso_on_the_map(desk, folder, theme, artefacts):
    screen = Screen(desk, folder, theme)
    before, first = N_WRONG, screen.reopened().current
    screen.press("l")
    expect(screen.bar).to_be_visible()
    expect(screen.bar).to_contain_text(f"More like {first}")
    screen.expect_shown(100)
    similarity = screen.grid.locator(".o2u-tile").first.get_by_text("1.0", exact=False)
    expect(similarity.or_(screen.grid.locator(".o2u-tile[data-same]").first).first).to_be_visible()
    screen.notebook.settle()
    screen.page.screenshot(path=artefacts / f"similar-{theme}.png")

    screen.bar.get_by_role("button", name="other labels").click()
    expect(screen.grid.locator('.o2u-tile[data-same="true"]')).to_have_count(0)
    screen.bar.get_by_role("button", name="all 100").click()
    screen.expect_shown(100)
    screen.press("d")  # the first of the list
    screen.expect_said("dropped")
    screen.press("Shift+ArrowRight", "Shift+ArrowRight", ".")  # three more, with one key
    screen.expect_said("3 samples: 3 dropped")
    assert screen.reopened().counts["drop"] == 4
    screen.press("Control+z")
    screen.expect_said("Undone: 3 samples")
    screen.press("Escape")
    expect(screen.bar).to_be_hidden()
    screen.expect_shown(before)

    xs, ys = screen.plot.evaluate(
        "el => ['x', 'y'].map(k => el._fullData.slice(0, 13).filter(t => t.visible === true)"
        ".flatMap(t => [...t[k]]))"
    )
    assert len(xs) == N
    middle = np.median(xs)
    right = sum(x > middle for x in xs)
    low, high = min(ys) - 400, max(ys) + 400
    end = max(xs) + 400
    screen.lasso([(middle, low), (end, low), (end, high), (middle, high)])
    screen.expect_shown(right)
    expect(screen.page.get_by_text(f"{right} samples picked")).to_be_visible()
    screen.notebook.settle()
    screen.page.screenshot(path=artefacts / f"map-{theme}.png")
    x, y = screen.pixel(xs[0], ys[0])
    screen.page.mouse.move(x - 30, y - 30)
    screen.page.mouse.move(x, y, steps=4)
    expect(screen.page.locator(".o2u-preview img").first).to_be_visible()
    screen.page.get_by_role("button", name="Clear the selection").click()
    screen.expect_shown(before)
    screen.notebook.settle()
    assert screen.plot.evaluate(
        "el => [(el._fullLayout.selections || []).length,"
        " el._fullData.slice(0, 13).filter(t => t.selectedpoints?.length >= 0).length]"
    ) == [0, 0]  # neither the area nor faded points are left
    color = screen.page.get_by_label("Colour by")
    color.select_option("score")
    expect(screen.plot.locator(".colorbar")).to_be_attached()
    screen.notebook.settle()
    screen.page.screenshot(path=artefacts / f"map-score-{theme}.png")
    color.select_option("decision")
    expect(screen.plot.locator(".legend")).to_contain_text("dropped (1)")
    screen.expect_clean()


UPLOAD = [
    "from o2u_nb import Audit\n"
    "from IPython.display import display\n"
    "from o2u_nb.widgets.grid import SuspectGrid\n"
    "from o2u_nb.widgets.similar import SimilarPanel\n"
    "session = Audit.open('audit').session(reviewer='ann')\n"
    "display(SuspectGrid(session), SimilarPanel(session))"
]


def upload(page, file):
    """Choose a file by the button, as a person does."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload a picture").click()
    chooser.value.set_files(file)


def test_a_picture_that_is_uploaded_finds_what_looks_like_it(desk, folder, tmp_path, artefacts):
    """The audit and the kernel look with the pretrained network that needs no internet."""
    audit = Audit.run(
        write_source(folder / "images"), folder / "audit", preset="instant", quiet=True
    )
    wanted = audit.scores.index[-1]
    photo, odd = tmp_path / "holiday.png", tmp_path / "letter.jpg"
    Image.open(audit.samples.loc[wanted, "path"]).save(photo)
    odd.write_text("no picture")
    path = write_notebook(folder / "upload.ipynb", UPLOAD)
    notebook = Notebook(desk, path, shares=False, size=(1400, 1500))
    page = notebook.page
    notebook.run_all()
    assert notebook.errors() == []
    tiles, buttons = page.locator(".o2u-grid .o2u-tile"), page.locator("button.jupyter-button")
    expect(tiles.first).to_be_visible()
    shown = page.locator(".o2u-counts").inner_text()

    page.get_by_role("spinbutton", name="Samples").fill("7")
    upload(page, photo)
    expect(page.get_by_text("Looks like holiday.png").last).to_be_visible()
    expect(page.locator(".o2u-counts")).to_contain_text("7 shown")
    expect(tiles.first).to_have_attribute("data-id", wanted)
    expect(page.get_by_text("7 samples, compared by efficientnet_lite0")).to_be_visible()
    notebook.settle()
    page.screenshot(path=artefacts / "similar-upload.png")
    buttons.filter(has_text="Back").click()
    expect(page.locator(".o2u-counts")).to_have_text(shown)

    upload(page, odd)
    expect(page.get_by_text("cannot be decoded").last).to_be_visible()
    place = page.get_by_placeholder("path of a picture")
    place.fill(f"images/{wanted}")
    buttons.filter(has_text="Search").click()
    expect(page.locator(".o2u-counts")).to_contain_text("7 shown")
    expect(tiles.first).to_have_attribute("data-id", wanted)
    assert not notebook.ours and not (folder / "holiday.png").exists()
    buttons.filter(has_text="Back").click()
    page.get_by_role("button", name="Copies with other labels").click()
    expect(page.get_by_text("No picture has a copy").last).to_be_visible()


MANY = [
    "import numpy as np, plotly.graph_objects as go\n"
    "from o2u_nb.widgets.parts.plot import Plot, fitted\n"
    "x, y = np.random.default_rng(0).normal(size=(2, 30_000))\n"
    "layer = go.Scattergl(x=x, y=y, mode='markers', marker=dict(size=3))\n"
    "fitted(Plot(go.Figure(layer, dict(dragmode='pan', height=400))))"
]
COUNTED = """(el) => {
  const scene = el._fullLayout._plots.xy._scene, points = scene.scatter2d, draw = points.draw;
  window.counts = [];
  points.draw = (which) => {
    window.counts.push(Array.isArray(which) ? which.flat().length : scene.markerOptions.length);
    window.is_whole = !Array.isArray(which);
    return draw.call(points, which);
  };
}"""


def test_of_very_many_points_some_are_drawn_while_they_move_and_all_at_the_end(desk, folder):
    path = write_notebook(folder / "many.ipynb", MANY)
    notebook = Notebook(desk, path, shares=True, size=(1200, 900))
    page = notebook.page
    notebook.run_all()
    plot = page.locator(".js-plotly-plot")
    page.wait_for_function("() => document.querySelector('.js-plotly-plot')?._fullLayout?._plots")
    notebook.settle()
    assert notebook.errors() == []
    plot.evaluate(COUNTED)
    box = page.locator(".nsewdrag").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = plot.evaluate("(el) => el._fullLayout.yaxis.range.slice()")

    def drag() -> list[int]:
        page.evaluate("() => { window.counts.length = 0; }")
        page.mouse.move(x, y)
        page.mouse.down()
        for place in ((x + 60, y), (x + 60, y + 60), (x, y + 60)):
            page.mouse.move(*place, steps=5)
            notebook.settle()
        return page.evaluate("() => window.counts.slice()")

    moving = drag()
    assert moving and set(moving) == {10_000}
    page.mouse.up()
    page.wait_for_function("() => window.is_whole")
    page.mouse.click(x, y)  # moves nothing
    notebook.settle()
    assert page.evaluate("() => window.is_whole")
    assert plot.evaluate("(el) => el._fullLayout.yaxis.range.slice()") != before

    page.locator('.modebar-btn[data-title="Lasso Select"]').click()
    notebook.settle()
    moving = drag()
    assert moving and 0 < max(moving) <= 10_000
    page.mouse.up()
    page.wait_for_function("() => window.counts.at(-1) > 20_000")  # those outside of the lasso
    inside, outside = plot.evaluate(
        "(el) => { const { selectBatch, unselectBatch } = el._fullLayout._plots.xy._scene;"
        " return [selectBatch[0].length, unselectBatch[0].length]; }"
    )
    assert inside > 0 and inside + outside == 30_000
    assert page.evaluate("() => window.counts.at(-1)") == outside
    assert not notebook.ours
