"""The suspect grid in JupyterLab, by keyboard and by mouse, as a reviewer meets it."""

import json
from pathlib import Path

import nbformat
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
    write_audit(
        folder / "audit", n=N, n_wrong=N_WRONG, classes=list(coats.CLASSES),
        images=folder / "images", write_images=False,
    )  # fmt: skip
    pictures, labels = coats.generate(N)
    for k, label in enumerate(labels):
        path = folder / "images" / label / f"{k:07d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures[(k + (k < N_WRONG)) % N]).save(path)


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

    @property
    def log(self) -> list[dict]:
        path = self.folder / "audit" / "decisions.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

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
