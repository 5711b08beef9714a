"""ODD's panel in JupyterLab: it draws, and its line can be dragged, in both themes."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.lab import THEMES, Notebook, write_notebook

pytestmark = pytest.mark.browser
CELL = """
import numpy as np
import pandas as pd
from o2u_nb.detect.odd import Odd
from o2u_nb.trace import Trace
from o2u_nb.widgets.odd import OddPanel

rng, n = np.random.default_rng(0), 1000
loss = np.where(np.arange(n) < 200, rng.normal(4, 0.8, n), rng.gamma(1, 0.4, n)).clip(0.01)
ids = pd.Index([f"s{k:04d}" for k in range(n)], name="sample_id")
trace = Trace(ids, np.arange(n) % 4, list("abcd"), loss[None].astype(np.float32),
              -loss[None].astype(np.float32), (np.arange(n)[None] % 4).astype(np.int32),
              np.array([0.1]), np.array(["high"]), {})
odd = Odd(trace, loss, rng.normal(4, 1, 5000).clip(0.01), 10.0, 1, "wrong", "asked for", True)
OddPanel(odd)
"""


@pytest.fixture
def notebook(desk, folder):
    path = write_notebook(folder / "odd.ipynb", [CELL.strip()])
    notebook = Notebook(desk, path, shares=True, size=(1200, 1100))
    notebook.run_all()
    notebook.page.locator(".o2u-cut").wait_for()
    return notebook


def removed(notebook: Notebook) -> int:
    text = notebook.page.locator(".o2u-status").first.inner_text()
    return int(re.search(r"([\d,]+) of 1,000", text)[1].replace(",", ""))


def test_the_line_is_dragged_and_the_words_follow(notebook, artefacts):
    page, status = notebook.page, notebook.page.locator(".o2u-status").first
    assert notebook.errors() == [] and 150 < removed(notebook) < 210
    expect(status).to_contain_text("were removed")
    for theme in THEMES:
        notebook.change_theme(theme)
        notebook.settle()
        page.screenshot(path=artefacts / f"odd-{theme}.png")
    before = removed(notebook)
    line = page.locator(".o2u-cut").bounding_box()
    area = page.locator(".nsewdrag").first.bounding_box()
    x, y = line["x"] + line["width"] / 2, line["y"] + line["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + area["width"] * 0.2, y + 5, steps=10)
    page.mouse.up()
    expect(status).to_contain_text("would be removed")
    assert removed(notebook) < before
    page.locator(".noUi-handle").first.focus()
    page.keyboard.press("Home")
    expect(status).to_contain_text("the 0.5th percentile")
    assert removed(notebook) > before
    assert notebook.ours == []
