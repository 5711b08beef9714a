"""One review in JupyterLab from the first key to the saved notebook, held against the log.

Key by key, what the grid does is in `test_grid_in_lab`; here it is what stays: events and file.
"""

import json
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from PIL import Image

from o2u_nb.data import coats
from tests.audits import write_audit
from tests.browser.lab import Notebook, write_notebook

pytestmark = pytest.mark.browser
N, N_WRONG = 300, 160
CELLS = [
    "# Review",
    "from o2u_nb.review.session import ReviewSession\n"
    "from o2u_nb.widgets.grid import SuspectGrid\n"
    'session = ReviewSession("audit", reviewer="ann")',
    "SuspectGrid(session)",
    "print('the cell below')",
]
SHOWS = 2  # the cell with the grid


def write_coats(folder: Path) -> None:
    """Write an audit of coats; those that look wrong are pictures of the next class."""
    pictures, labels = coats.generate(N)
    for k, label in enumerate(labels):
        path = folder / "images" / label / f"{k:07d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures[(k + (k < N_WRONG)) % N]).save(path)
    write_audit(
        folder / "audit", n=N, n_wrong=N_WRONG, classes=list(coats.CLASSES),
        images=folder / "images", write_images=False,
    )  # fmt: skip


class GridPage:
    """A notebook open in JupyterLab whose grid is on screen."""

    def __init__(self, notebook: Notebook):
        self.notebook, self.page, self.folder = notebook, notebook.page, notebook.path.parent

    def run(self):
        """Run all cells, and wait for the first pictures."""
        self.notebook.run_all()
        assert self.notebook.errors() == []
        self.cell = self.notebook.show(SHOWS)
        self.cell.locator(".o2u-tile img").first.wait_for()

    def press(self, *keys: str):
        for key in keys:
            self.page.keyboard.press(key)

    def tile(self, place: int):
        return self.cell.locator(f'.o2u-tile[data-place="{place}"]')

    def at(self, place: int):
        """Wait until the sample at `place` is the current one."""
        self.cell.locator(f'.o2u-current[data-place="{place}"]').wait_for()

    def says(self, text: str):
        """Wait until the status line holds `text`."""
        self.cell.locator(".o2u-said").filter(has_text=text).wait_for()

    def counts(self, text: str):
        """Wait until the counts in the toolbar hold `text`."""
        self.cell.locator(".o2u-counts").filter(has_text=text).wait_for()

    def selected(self) -> list[int]:
        tiles = self.cell.locator('.o2u-tile[aria-selected="true"]')
        return sorted(tiles.evaluate_all("all => all.map(tile => Number(tile.dataset.place))"))

    @property
    def scores(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "audit" / "scores.parquet")

    def events(self) -> list[tuple]:
        """List what the log says was done: action, rank of the sample, new label."""
        ranks = self.scores["rank"]
        lines = (self.folder / "audit" / "decisions.jsonl").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        return [(e["action"], int(ranks[e["sample_id"]]), e["new_label"]) for e in events]

    def save(self) -> nbformat.NotebookNode:
        """Save the notebook, and read it from disk."""
        self.notebook.save()
        return nbformat.read(self.notebook.path, as_version=4)


@pytest.fixture
def review(desk, folder):
    write_coats(folder)
    path = write_notebook(folder / "review.ipynb", CELLS, first_is_text=True)
    review = GridPage(Notebook(desk, path, shares=True))
    review.run()
    return review


def test_the_log_holds_what_every_key_did(review):
    suggested = review.scores["suggested_label"].tolist()
    review.tile(0).click()
    review.press("k")
    review.says("1 of 160: ")
    review.at(1)
    review.press("s")
    review.says(f"changed to {suggested[1]}, Ctrl+Z undoes it")
    review.press("r", "z", "e", "b", "Enter")
    review.says("changed to zebra")
    review.press("d")
    review.says("dropped")
    review.press("u")
    review.says("marked unsure")
    review.at(5)
    review.press("ArrowRight", "ArrowDown", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowRight")
    assert review.selected() == [6, 7, 8]
    review.press("d")
    review.says("3 samples: 3 dropped")
    review.at(9)
    review.press("Control+z")
    review.says("Undone: 3 samples")
    review.at(6)
    review.press("Control+y")
    review.says("Redone: 3 samples")
    review.press("n")
    review.at(9)
    review.press("r")
    review.cell.locator(".o2u-classes small").filter(has_text="%").first.wait_for()
    review.press("1")
    review.says(f"changed to {suggested[9]}")
    review.press("r", "Escape", "Home")
    review.at(0)
    review.press("?")
    assert review.cell.locator(".o2u-help").is_visible()
    review.press("Escape", "Enter")
    assert not review.cell.locator(".o2u-help").is_visible()
    review.cell.locator(".o2u-picture img").wait_for()
    review.press("ArrowRight", "Escape", "Control+a")
    review.at(1)
    review.counts("160 selected")
    review.press("Escape", "/")
    assert review.cell.locator(".o2u-text").evaluate("node => node === document.activeElement")
    assert review.events() == [
        ("keep", 1, None),
        ("relabel", 2, suggested[1]),
        ("relabel", 3, "zebra"),
        ("drop", 4, None),
        ("unsure", 5, None),
        *[("drop", rank, None) for rank in (7, 8, 9)],
        *[("undo", rank, None) for rank in (7, 8, 9)],
        *[("redo", rank, None) for rank in (7, 8, 9)],
        ("relabel", 10, suggested[9]),
    ]
    assert [cell["source"] for cell in review.notebook.cells()] == CELLS
    assert review.notebook.dialogs == [] and review.notebook.ours == []


def test_the_saved_notebook_shows_pictures_without_a_kernel(review, chromium):
    saved = review.save()
    assert [cell["source"] for cell in saved.cells] == CELLS
    (output,) = saved.cells[SHOWS].outputs
    html = output["data"]["text/html"]
    assert html.count("<img") == html.count('src="data:image/jpeg;base64,') == 24
    assert review.scores.index[0] in html and review.scores.index[23] in html
    still = chromium.new_page()
    still.set_content(html)
    widths = still.locator("img").evaluate_all("all => all.map(image => image.naturalWidth)")
    still.close()
    assert len(widths) == 24 and min(widths) > 100


def test_the_tiles_stay_where_they_are_when_something_is_selected_or_slow(review):
    tile, busy = review.tile(1), review.cell.locator(".o2u-busy")
    for width in (500, 1000, 1250, 1280, 1310, 1400):
        review.page.set_viewport_size({"width": width, "height": 1000})
        review.tile(0).click()
        review.press("ArrowRight", "ArrowLeft")  # a key brings the grid into view
        before = tile.bounding_box()
        review.press("Shift+ArrowRight")
        review.counts("2 selected")
        busy.evaluate("node => { node.hidden = false; }")
        assert tile.bounding_box() == before
        busy.evaluate("node => { node.hidden = true; }")
