"""The panels of the course in JupyterLab: controls change figures and words, keys answer."""

import pytest
from playwright.sync_api import expect

from tests.browser.lab import THEMES, Notebook, write_notebook

pytestmark = pytest.mark.browser
EXPLORABLES = """
from o2u_nb.widgets.course import panels
panel = panels.{name}()
panel
"""
TRIAL = """
from o2u_nb.course import reviewing
from o2u_nb.widgets.course.trial import Trial
trial = Trial(reviewing.anchoring_trial())
trial
"""


def opened(desk, folder, cell: str) -> Notebook:
    notebook = Notebook(
        desk, write_notebook(folder / "course.ipynb", [cell.strip()]), shares=True, size=(1100, 900)
    )
    notebook.run_all()
    assert notebook.errors() == []
    return notebook


@pytest.mark.parametrize(
    "name, steps, before, after",
    [
        ("MemorisingExplorable", 10, "Epoch 1:", "Epoch 11:"),  # notebook 3
        ("EffortExplorable", 2, "AUROC 0.95", "AUROC 0.96"),  # notebook 9
    ],
)
def test_a_slider_changes_words_and_figures(desk, folder, artefacts, name, steps, before, after):
    notebook = opened(desk, folder, EXPLORABLES.format(name=name))
    page, status = notebook.page, notebook.page.locator(".o2u-status").first
    expect(status).to_contain_text(before)
    page.locator(".js-plotly-plot .scatterlayer path").first.wait_for(state="attached")
    for theme in THEMES:
        notebook.change_theme(theme)
        notebook.settle()
        page.screenshot(path=artefacts / f"course-{name}-{theme}.png")
    figures = page.locator(".js-plotly-plot").all()
    drawn = [figure.inner_html() for figure in figures]
    page.locator(".noUi-handle").first.focus()
    for _ in range(steps):
        page.keyboard.press("ArrowUp")
    expect(status).to_contain_text(after)
    notebook.settle()
    assert [figure.inner_html() for figure in figures] != drawn
    assert notebook.ours == []


def test_keys_answer_and_take_back_and_no_cell_is_touched(desk, folder, artefacts):
    notebook = opened(desk, folder, TRIAL)
    page, panel = notebook.page, notebook.page.locator(".o2u-trial").first
    expect(panel).to_contain_text("1 of 20")
    panel.focus()
    page.keyboard.press("4")
    expect(panel).to_contain_text("2 of 20")
    page.keyboard.press("Backspace")
    expect(panel).to_contain_text("1 of 20")
    panel.get_by_role("button", name="0", exact=True).click()
    expect(panel).to_contain_text("2 of 20")
    page.keyboard.press("d")
    page.keyboard.press("d")  # two of these delete a cell, where JupyterLab hears them
    notebook.execute("assert trial.table()['answer'].tolist() == ['0']")
    assert len(notebook.cells()) == 1 and notebook.ours == []
    page.screenshot(path=artefacts / "course-trial.png")
