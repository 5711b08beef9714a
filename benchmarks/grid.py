"""Measure the suspect grid in a real JupyterLab, beside fastai's cleaner on the same pictures.

    python benchmarks/grid.py [--sizes 1000 10000] [--repeats 3]

Two times are measured from the moment a cell is executed: until the first picture is on screen, and
until the grid is usable, which is when every control in view is drawn and every picture in view is
loaded. Widget models are counted in the kernel, and bytes are those of the page's web sockets.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from common import write_table
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from o2u_nb.data import coats
from tests.audits import write_audit
from tests.browser.lab import Desk, Lab, Notebook, write_notebook
from tests.chromium import headless

OURS = (
    "from o2u_nb.review.session import ReviewSession\n"
    "from o2u_nb.widgets.grid import SuspectGrid\n"
    "session = ReviewSession({folder!r})",
    "grid = SuspectGrid(session)\ngrid",
)
FASTAI = (
    "from pathlib import Path\n"
    "from fastai.vision.widgets import ImagesCleaner\n"
    "files = sorted(Path({folder!r}).rglob('*.png'))",
    # what ImageClassifierCleaner shows for one class and split, with room for all pictures
    "cleaner = ImagesCleaner(['a', 'b', 'c'], max_n=len(files))\ncleaner.set_fns(files)\ncleaner",
)
MODELS = "from ipywidgets.widgets import widget\nprint(len(widget._instances))"
SIDE = 64
FIRST_PICTURE = "() => [...document.querySelectorAll('{where} img')].some(i => i.naturalWidth > 0)"
READY = {
    "ours": """() => {
      const tiles = [...document.querySelectorAll('[role=option]')];
      const pictures = tiles.map(t => t.querySelector('img'));
      return tiles.length > 0 && pictures.every(i => i && i.naturalWidth > 0);
    }""",
    "fastai": """count => {
      const all = [...document.querySelectorAll('.jp-OutputArea img')];
      return document.querySelectorAll('.jp-OutputArea select').length >= count
        && all.length >= count && all.every(i => i.naturalWidth > 0);
    }""",
}


def write_pictures(folder: Path, n: int) -> list[str]:
    """Write `n` coats of 64 pixels as class folders; a thousand different ones, then copies."""
    pictures, labels = coats.generate(min(n, 1000), size=SIDE)
    for number in range(n):
        path = folder / labels[number % 1000] / f"{number:07d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures[number % 1000]).save(path)
    return list(coats.CLASSES)


def measure(lab: Lab, browser, cells: tuple[str, str], ready: str, count: int) -> dict:
    """Run the first cell, then time the second one."""
    path = lab.folder / f"{time.monotonic_ns()}.ipynb"
    write_notebook(path, (*cells, MODELS))
    desk = Desk(lab, browser)
    page = desk.page
    received: list[int] = []
    page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))),
    )
    book = Notebook(desk, path, shares=False, size=(1400, 900))
    run_cell(page, 0)
    before = sum(received)
    started = time.perf_counter()
    page.evaluate("() => { window.ran = window.runCell(1); }")
    where = "[role=option]" if ready == "ours" else ".jp-OutputArea"
    page.wait_for_function(FIRST_PICTURE.format(where=where), timeout=180_000, polling=20)
    first = time.perf_counter() - started
    page.wait_for_function(READY[ready], arg=count, timeout=180_000, polling=20)
    usable = time.perf_counter() - started
    sent = sum(received) - before
    run_cell(page, 2)
    models = int(book.cells()[2]["outputs"][0]["text"].strip())
    desk.clear()
    desk.close()
    return {"first picture, s": first, "usable, s": usable, "widget models": models, "bytes": sent}


def run_cell(page, index: int) -> None:
    """Run one cell to its end."""
    page.evaluate(
        """async index => {
          const app = window.jupyterapp;
          window.runCell = async i => {
            window.notebook.activeCellIndex = i;
            await app.commands.execute('notebook:run-cell');
          };
          await window.runCell(index);
        }""",
        index,
    )


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 10_000])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, headless() as browser:
        root = Path(scratch)
        lab = Lab(root / "lab", root / "home")
        lab.folder.mkdir()
        lab.start()
        rows = []
        for n, ours in [(300, True), (300, False), *((n, True) for n in options.sizes)]:
            images = root / f"images-{n}"
            if not images.exists():
                classes = write_pictures(images, n)
                write_audit(
                    lab.folder / f"audit-{n}", n=n, n_wrong=n, classes=classes, images=images,
                    write_images=False,
                )  # fmt: skip
            folder = f"audit-{n}" if ours else str(images)
            cells = tuple(s.format(folder=folder) for s in (OURS if ours else FASTAI))
            runs = [
                measure(lab, browser, cells, "ours" if ours else "fastai", n)
                for _ in range(options.repeats)
            ]
            figures = {key: np.median([run[key] for run in runs]) for key in runs[0]}
            who = "o2u_nb" if ours else "fastai ImagesCleaner"
            rows.append({"grid": f"{who}, {n:,} pictures", **_rounded(figures)})
            print(rows[-1], flush=True)
        lab.stop()
    notes = (
        f"Median of {options.repeats} runs, pictures of {SIDE} pixels, page of 1400 x 900. "
        "fastai's ImageClassifierCleaner is an ImagesCleaner for one class and split, and shows 30 "
        "pictures by default; here it may show all 300."
    )
    table = pd.DataFrame(rows).set_index("grid")
    print(write_table("grid", "The suspect grid", table, notes).read_text())


def _rounded(figures: dict) -> dict:
    return {
        key: f"{value:.2f}" if key.endswith(", s") else f"{value:,.0f}"
        for key, value in figures.items()
    }


if __name__ == "__main__":
    main()
