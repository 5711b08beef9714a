"""The suspect grid in JupyterLab, by keyboard and by mouse, as a reviewer meets it."""

import json
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from PIL import Image

from o2u_nb.data import coats
from tests.audits import write_audit
from tests.browser.conftest import THEMES, Lab, Notebook

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


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One JupyterLab for all tests of this file; each works in a folder of its own."""
    folder = tmp_path_factory.mktemp("lab")
    server = Lab(folder, tmp_path_factory.mktemp("home"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def folder(server, request) -> Path:
    folder = server.folder / request.node.name
    folder.mkdir()
    return folder


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


def write_notebook(folder: Path) -> None:
    first, *code = CELLS
    cells = [nbformat.v4.new_markdown_cell(first), *map(nbformat.v4.new_code_cell, code)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, folder / "review.ipynb")


class GridPage:
    """A notebook open in JupyterLab whose grid is on screen."""

    def __init__(self, server: Lab, chromium, folder: Path, *, theme="light", width=1200):
        self.server, self.folder, self.dialogs = server, folder, []
        self.page = chromium.new_page(viewport={"width": width, "height": 1000})
        self.page.on("dialog", self._note_dialog)
        self.notebook = Notebook(self.page, f"{folder.name}/review.ipynb")
        self.open(theme)

    def _note_dialog(self, dialog):
        if dialog.type != "beforeunload":
            self.dialogs.append(dialog.message)
        dialog.accept()

    def open(self, theme: str = "light"):
        self.notebook.open(self.server.url, theme=theme)

    def run(self):
        """Run all cells, and wait for the first pictures."""
        self.notebook.run_all()
        self.notebook.wait(120)
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

    @property
    def log(self) -> list[dict]:
        path = self.folder / "audit" / "decisions.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def events(self) -> list[tuple]:
        """List what the log says was done: action, rank of the sample, new label."""
        ranks = self.scores["rank"]
        return [(e["action"], int(ranks[e["sample_id"]]), e["new_label"]) for e in self.log]

    def widths(self) -> list[int]:
        """List the widths in pixels of the pictures on screen, as the browser decoded them."""
        images = self.cell.locator(".o2u-tile img")
        return images.evaluate_all("all => all.map(image => image.naturalWidth)")


@pytest.fixture
def review(server, chromium, folder):
    write_coats(folder)
    write_notebook(folder)
    review = GridPage(server, chromium, folder)
    review.run()
    yield review
    review.page.close()


def test_pictures_load(review, artefacts):
    review.page.wait_for_function(
        "[...document.querySelectorAll('.o2u-tile img')].every(i => i.naturalWidth > 0)"
    )
    assert len(review.widths()) > 10 and set(review.widths()) == {128}
    review.page.screenshot(path=artefacts / "grid-light.png")
    review.page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
        THEMES["dark"],
    )
    review.page.wait_for_timeout(1000)
    review.page.screenshot(path=artefacts / "grid-dark.png")


def test_every_key(review, artefacts):
    suggested = review.scores["suggested_label"].tolist()
    review.tile(0).click()
    review.press("k")
    review.says("1 of 160: ")
    review.at(1)
    review.press("s")
    review.says(f"changed to {suggested[1]}, Ctrl+Z undoes")
    review.press("r", "z", "e", "b")
    review.page.screenshot(path=artefacts / "grid-relabel.png")
    review.press("Enter")
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
    review.page.screenshot(path=artefacts / "grid-decided.png")
    review.at(9)
    review.press("Control+z")
    review.says("Undone: 3 samples")
    review.at(6)
    review.press("Control+y")
    review.says("Done again: 3 samples")
    review.press("n")
    review.at(9)
    review.press("r")
    review.cell.locator(".o2u-classes small").filter(has_text="%").first.wait_for()
    review.press("1")
    review.says(f"changed to {suggested[9]}")
    review.press("r", "Escape", "Home")
    review.at(0)
    review.press("?")
    review.page.screenshot(path=artefacts / "grid-keys.png")
    assert review.cell.locator(".o2u-help").is_visible()
    review.press("Escape", "Enter")
    assert not review.cell.locator(".o2u-help").is_visible()
    review.cell.locator(".o2u-picture img").wait_for()
    review.page.wait_for_timeout(500)
    review.page.screenshot(path=artefacts / "grid-large.png")
    review.press("ArrowRight", "Escape", "Control+a")
    review.at(1)
    review.counts("160 selected")
    review.press("Escape", "/")
    assert review.cell.locator(".o2u-text").evaluate("node => node === document.activeElement")
    dropped = [("drop", rank, None) for rank in (7, 8, 9)]
    assert review.events() == [
        ("keep", 1, None),
        ("relabel", 2, suggested[1]),
        ("relabel", 3, "zebra"),
        ("drop", 4, None),
        ("unsure", 5, None),
        *dropped,
        *[("undo", rank, None) for rank in (7, 8, 9)],
        *[("redo", rank, None) for rank in (7, 8, 9)],
        ("relabel", 10, suggested[9]),
    ]
    assert [cell["source"] for cell in review.notebook.cells()] == CELLS
