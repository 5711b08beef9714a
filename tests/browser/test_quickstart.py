"""The quickstart as a new user runs it: in JupyterLab, from the first cell to the last."""

import pytest

from tests.browser.conftest import THEMES, Notebook

pytestmark = pytest.mark.browser
SHORT = {
    "WARMUP, CYCLES, CYCLE = 6, 2, 5": "WARMUP, CYCLES, CYCLE = 2, 1, 2",
    "assert precision > 0.8 and": "assert precision > 0.2 or",  # so few epochs find less
    'coats_folder("../data")': 'coats_folder("../data", n=400)',
    'load("coats", root="../data")': 'load("coats", root="../data", n=400)',
}


@pytest.fixture
def notebook(lab, chromium, root):
    """A copy of the quickstart with fewer pictures and epochs, open in JupyterLab."""
    text = (root / "notebooks" / "00_quickstart.ipynb").read_text()
    for long, short in SHORT.items():
        assert long.replace('"', '\\"') in text, f"the quickstart has changed: {long}"
        text = text.replace(long.replace('"', '\\"'), short.replace('"', '\\"'))
    (lab.folder / "notebooks").mkdir()
    (lab.folder / "notebooks" / "quickstart.ipynb").write_text(text)
    page = chromium.new_page(viewport={"width": 1200, "height": 900})
    notebook = Notebook(page, "notebooks/quickstart.ipynb")
    notebook.open(lab.url, theme="light")
    yield notebook
    page.close()


def index_of(notebook: Notebook, source: str) -> int:
    return next(i for i, cell in enumerate(notebook.cells()) if source in cell["source"])


def test_all_cells_run_and_show_what_they_promise(notebook, artefacts, lab):
    sources = [cell["source"] for cell in notebook.cells()]
    notebook.run_all()
    notebook.wait(300)
    assert notebook.errors() == [] and notebook.not_run() == []
    for source in ("live = LiveLosses", "plots.trajectories", '"o2u_mean")\n', '"o2u_var")'):
        cell = notebook.show(index_of(notebook, source.strip()))
        cell.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=20_000)
    live = notebook.show(index_of(notebook, "live = LiveLosses"))
    assert "Done: 4 epochs" in live.inner_text()
    gallery = notebook.show(index_of(notebook, 'label="leopard"'))
    widths = gallery.locator("img").evaluate_all("all => all.map(img => img.naturalWidth)")
    assert widths and all(width > 0 for width in widths)
    assert [cell["source"] for cell in notebook.cells()] == sources
    for theme in THEMES:
        notebook.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
            THEMES[theme],
        )
        for name, source in (
            ("live", "live = LiveLosses"),
            ("trajectories", "plots.trajectories"),
            ("histogram", '"o2u_mean")'),
            ("gallery", 'label="leopard"'),
        ):
            notebook.show(index_of(notebook, source))
            notebook.page.wait_for_timeout(600)
            notebook.page.screenshot(path=artefacts / f"quickstart-{name}-{theme}.png")
    assert {path.name for path in lab.folder.iterdir()} == {"notebooks", "data"}
    assert notebook.ours == []
