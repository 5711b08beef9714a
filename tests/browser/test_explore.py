"""The panel to play with in JupyterLab: sliders and buttons change the figures, in both themes."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.lab import THEMES, Notebook, write_notebook

pytestmark = pytest.mark.browser
CELL = """
import numpy as np
import pandas as pd
from o2u_nb.explorer import CyclicExplorer

rng, n = np.random.default_rng(0), 600
truth = np.arange(n) % 4
features = (2 * np.eye(4, 16)[truth] + rng.normal(0, 0.6, (n, 16))).astype(np.float32)
colours = np.array([[200, 60, 60], [60, 160, 60], [60, 60, 200], [200, 180, 60]], np.uint8)
pictures = [np.broadcast_to(colours[k], (24, 24, 3)).copy() for k in truth]
names = np.array(["apple", "cactus", "ocean", "sunflower field"])[truth]
ids = pd.Index([f"picture_{k:03d}.png" for k in range(n)], name="sample_id")
samples = pd.DataFrame({"label": names, "image": pictures}, index=ids)
panel = CyclicExplorer(features, samples, device="cpu")
panel
"""


@pytest.fixture
def notebook(desk, folder):
    path = write_notebook(folder / "explore.ipynb", [CELL.strip()])
    notebook = Notebook(desk, path, shares=True, size=(1200, 1900))
    notebook.run_all()
    notebook.page.locator(".js-plotly-plot .barlayer path").first.wait_for(state="attached")
    return notebook


def curves(notebook: Notebook) -> list[str]:
    """Return the paths of the lines in the plot of losses and rates."""
    lines = notebook.page.locator(".js-plotly-plot").first.locator(".scatterlayer path.js-line")
    return [line.get_attribute("d") for line in lines.all()]


def test_sliders_and_buttons_change_the_figures(notebook, artefacts):
    page, status = notebook.page, notebook.page.locator(".o2u-status").first
    assert notebook.errors() == []
    expect(status).to_contain_text("Epoch 18 of 18")
    notebook.settle()
    before = curves(notebook)
    assert len(before) >= 3
    handle = page.locator(".noUi-handle").nth(1)  # the highest rate
    handle.focus()
    for _ in range(12):
        page.keyboard.press("ArrowUp")
    page.wait_for_function(
        """before => before !== document.querySelector(
             '.js-plotly-plot .scatterlayer path.js-line').getAttribute('d')""",
        arg=before[0],
    )
    expect(status).to_contain_text("trained in")
    page.get_by_label("planted noise").select_option("symmetric")
    expect(status).to_contain_text("labels are planted")
    for theme in THEMES:
        notebook.change_theme(theme)
        notebook.settle()
        page.screenshot(path=artefacts / f"explore-{theme}.png")
    page.get_by_role("button", name="step").click()
    expect(status).to_contain_text("Epoch 1 of 18")
    page.get_by_role("button", name="play").click()
    expect(status).to_contain_text(re.compile(r"Epoch [4-9] of 18"))
    page.get_by_role("button", name="stop").click()
    expect(page.get_by_role("button", name="step")).to_be_enabled()
    page.get_by_role("button", name="play").click()
    expect(status).to_contain_text("Epoch 18 of 18")
    assert notebook.ours == []
