"""Measure the map of samples in JupyterLab: how soon it is there, and whether it is fluid.

    python benchmarks/map.py [--samples 100000]

Frames are counted in a headless Chromium while the pointer draws a lasso, and while the map is
dragged. Without a graphics card, Chromium draws on the processor: with one, it is faster.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from common import write_table

sys.path.insert(0, str(Path(__file__).parents[1]))
from o2u_nb import embedding_file
from o2u_nb import folder as layout
from o2u_nb.detect import projection
from o2u_nb.detect.similar import Search
from o2u_nb.plots import map as drawing
from tests.audits import write_audit
from tests.browser.lab import Desk, Lab, Notebook, write_notebook
from tests.chromium import headless

CLASSES = [f"class {k}" for k in range(10)]
FEATURES, WIDE = 64, 1_280
CELLS = [
    "from o2u_nb import Audit\n"
    "from o2u_nb.widgets.map import MapPanel\n"
    "session = Audit.open('audit').session(reviewer='ann')\n"
    "panel = MapPanel(session)\n"
    "panel",
]
DRAWN = "() => document.querySelector('.js-plotly-plot')?._fullData?.[1]?.x?.length > 0"
PICKED = "() => document.body.innerText.includes('samples picked')"
# Counts frames, and the longest time between two of them, until it is asked.
COUNT = """() => {
  window.frames_seen = { count: 0, longest: 0, began: performance.now(), on: true };
  let last = performance.now();
  const next = (now) => {
    const seen = window.frames_seen;
    seen.count += 1;
    seen.longest = Math.max(seen.longest, now - last);
    last = now;
    if (seen.on) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""
COUNTED = """() => {
  const seen = window.frames_seen;
  seen.on = false;
  return [1000 * seen.count / (performance.now() - seen.began), seen.longest];
}"""


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=100_000)
    options = parser.parse_args()
    n = options.samples
    rows = [*components(n)]
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        (root / "lab").mkdir()
        audit = write_audit(
            root / "lab" / "audit", n=n, n_wrong=n // 20, classes=CLASSES, images=root / "none",
            write_images=False,
        )  # fmt: skip
        embedding_file.write(audit / layout.EMBEDDINGS, grouped(n, FEATURES))
        rows += in_browser(root)
    table = pd.DataFrame(rows, columns=["figure", "value"]).set_index("figure")
    notes = (
        f"{n:,} samples of {len(CLASSES)} classes, {FEATURES} features each, by WebGL on the "
        "processor (headless Chromium without a graphics card). A frame rate of an idle page is "
        "60 per second at most. The pointer moves 90 times in each measurement."
    )
    print(write_table("map", "The map of samples", table, notes).read_text())


def grouped(n: int, d: int) -> np.ndarray:
    """Return rows in as many groups as there are classes, and noise: float16 (n, d)."""
    rng = np.random.default_rng(0)
    rows = 2 * rng.normal(size=(len(CLASSES), d)).astype(np.float32)[np.arange(n) % len(CLASSES)]
    rows += rng.normal(size=(n, d)).astype(np.float32)
    return rows.astype(np.float16)


def components(n: int):
    """Yield the seconds until the principal components of wide features are there."""
    with tempfile.TemporaryDirectory() as folder:
        rows = np.lib.format.open_memmap(Path(folder) / "rows.npy", "w+", np.float16, (n, WIDE))
        for start in range(0, n, 10_000):
            rows[start : start + 10_000] = grouped(len(rows[start : start + 10_000]), WIDE)
        for which in ("the first time", "again"):
            began = time.perf_counter()
            found = projection.principal(Search(rows, Path(folder) / "kept"))
            took = time.perf_counter() - began
            yield f"principal components of {WIDE:,} features, {which}", f"{took:.1f} s"
    began = time.perf_counter()
    drawing.placed(found)
    yield "places in the plot", f"{1000 * (time.perf_counter() - began):.0f} ms"


def in_browser(root: Path):
    """Yield what is measured in JupyterLab."""
    lab = Lab(root / "lab", root / "home")
    lab.start()
    with headless() as browser:
        path = write_notebook(lab.folder / "map.ipynb", CELLS)
        desk = Desk(lab, browser)
        notebook = Notebook(desk, path, shares=False, size=(1400, 1000))
        page = desk.page
        began = time.perf_counter()
        notebook.run_all()
        page.wait_for_function(DRAWN)
        yield "from running the cell to the map", f"{time.perf_counter() - began:.1f} s"
        notebook.settle()
        box = page.locator(".nsewdrag").first.bounding_box()
        yield from moved(page, box, "lasso over a quarter of the map")
        began = time.perf_counter()
        page.wait_for_function(PICKED)
        yield "from the end of the lasso to the list", f"{time.perf_counter() - began:.1f} s"
        notebook.settle()
        page.get_by_role("button", name="Clear the selection").click()
        notebook.settle()
        page.locator('.modebar-btn[data-title="Pan"]').click()
        yield from moved(page, box, "dragging the map")
        yield from whole_again(page, "from the end of dragging to all points")
        notebook.settle()
        page.locator('.modebar-btn[data-title="Zoom"]').click()
        yield from moved(page, box, "drawing a box to zoom in on")
        yield from whole_again(page, "from the end of the box to all points")
        notebook.settle()
        began = time.perf_counter()
        page.locator('.modebar-btn[data-title="Zoom out"]').click()
        yield from whole_again(page, "zooming out by the button", began)
        notebook.settle()
        for color in ("score", "decision"):
            began = time.perf_counter()
            page.get_by_label("Colour by").select_option(color)
            notebook.settle()
            yield f"colours by {color}", f"{time.perf_counter() - began:.1f} s"
        page.screenshot(path=root.parent / "o2u_nb-map.png")
    lab.stop()


def whole_again(page, what: str, began: float | None = None):
    """Yield how long it takes until the page has drawn all points, from now or when it `began`."""
    began = began or time.perf_counter()
    page.evaluate("() => new Promise((done) => setTimeout(() => requestAnimationFrame(done)))")
    yield what, f"{time.perf_counter() - began:.1f} s"


def moved(page, box: dict, what: str):
    """Move the pressed pointer around, and yield the frames of that time."""
    corners = [(0.3, 0.3), (0.6, 0.3), (0.6, 0.7), (0.3, 0.7)]
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.evaluate(COUNT)
    for place in places[1:]:
        page.mouse.move(*place, steps=30)
    rate, longest = page.evaluate(COUNTED)
    page.mouse.up()
    yield f"{what}: frames per second", f"{rate:.0f}"
    yield f"{what}: longest time between two frames", f"{longest:.0f} ms"


if __name__ == "__main__":
    main()
