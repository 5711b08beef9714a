"""The quickstart as a new user runs it: in JupyterLab, from first cell to last, and once more."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.lab import THEMES, Notebook

pytestmark = pytest.mark.browser
SHORT = {
    "assert precision > 0.8 and": "assert precision > 0.2 or",  # so few pictures show less
    'coats_folder("../data")': 'coats_folder("../data", n=400)',
    'load("coats", root="../data")': 'load("coats", root="../data", n=400)',
    "n=200, seed=1": "n=20, seed=1",
}
RESTART = "() => window.notebook.parent.sessionContext.session.kernel.restart()"


@pytest.fixture
def notebook(desk, folder, root):
    """A copy of the quickstart with fewer pictures, open with a kernel of its own."""
    text = (root / "notebooks" / "00_quickstart.ipynb").read_text()
    for long, short in SHORT.items():
        assert long.replace('"', '\\"') in text, f"the quickstart has changed: {long}"
        text = text.replace(long.replace('"', '\\"'), short.replace('"', '\\"'))
    path = folder / "notebooks" / "quickstart.ipynb"
    path.parent.mkdir()
    path.write_text(text)
    return Notebook(desk, path, shares=False, size=(1200, 900))


def index_of(notebook: Notebook, source: str) -> int:
    return next(i for i, cell in enumerate(notebook.cells()) if source in cell["source"])


def run(notebook: Notebook):
    """Run all cells, which must leave no error."""
    notebook.run_all(seconds=600)
    assert notebook.errors() == [] and notebook.not_run() == []


def review(notebook: Notebook):
    """Bring the review into view, with its pictures."""
    cell = notebook.show(index_of(notebook, "audit.panel()"))
    cell.locator("[role=option] img").first.wait_for()
    return cell


def outputs(notebook: Notebook, source: str) -> list[dict]:
    return notebook.cells()[index_of(notebook, source)]["outputs"]


def require_pictures(pictures):
    """Wait for pictures, all of which must be there."""
    pictures.first.wait_for()
    widths = pictures.evaluate_all("all => all.map(img => img.naturalWidth)")
    assert widths and all(width > 0 for width in widths)


def test_all_cells_run_and_again_after_a_restart(notebook, artefacts, folder):
    sources = [cell["source"] for cell in notebook.cells()]
    run(notebook)
    for source in ("plots.trajectories", '"o2u_mean")\n', '"o2u_var")'):
        cell = notebook.show(index_of(notebook, source.strip()))
        cell.locator(".js-plotly-plot .main-svg").first.wait_for()
    audit = notebook.show(index_of(notebook, "audit = Audit.run"))
    expect(audit).to_contain_text("Done: 12 epochs")
    expect(audit).to_contain_text("labels are wrong, as estimated")
    require_pictures(audit.locator("details[open] img"))
    require_pictures(notebook.show(index_of(notebook, 'label="leopard"')).locator("img"))
    assert [cell["source"] for cell in notebook.cells()] == sources
    for theme in THEMES:
        notebook.change_theme(theme)
        for name, source in (
            ("audit", "audit = Audit.run"),
            ("trajectories", "plots.trajectories"),
            ("histogram", '"o2u_mean")'),
            ("gallery", 'label="leopard"'),
            ("finish", "audit.finish("),
        ):
            notebook.show(index_of(notebook, source))
            notebook.settle()
            notebook.page.screenshot(path=artefacts / f"quickstart-{name}-{theme}.png")
    assert {path.name for path in folder.iterdir()} == {"notebooks", "data"}

    cell = review(notebook)
    cell.locator("[role=option]").first.click()
    for key in "kdu":
        notebook.page.keyboard.press(key)
    expect(cell.get_by_text("1 kept as they are, 1 unsure")).to_be_visible()
    log = folder / "data" / "quickstart-audit" / "decisions.jsonl"
    decided = [json.loads(line)["action"] for line in log.read_text().splitlines()]
    assert decided == ["keep", "drop", "unsure"]

    notebook.desk.wait_for(RESTART)
    run(notebook)
    assert "Opened the finished audit" in json.dumps(outputs(notebook, "audit = Audit.run"))
    audit = notebook.show(index_of(notebook, "audit = Audit.run"))
    require_pictures(audit.locator("details[open] img"))
    cell = review(notebook)
    expect(
        cell.get_by_text("0 relabelled, 1 dropped, 1 kept as they are, 1 unsure")
    ).to_be_visible()
    expect(notebook.show(index_of(notebook, "audit.finish("))).to_contain_text("1 dropped, 1 kept")
    assert [json.loads(line)["action"] for line in log.read_text().splitlines()] == decided
    assert [cell["source"] for cell in notebook.cells()] == sources
    assert notebook.ours == []
