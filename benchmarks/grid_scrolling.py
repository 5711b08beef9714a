"""Measure what the suspect grid asks for while a reviewer scrolls, and what a page costs.

    python benchmarks/grid_scrolling.py [--samples 10000] [--pages 20]

Requests are read from the page's web sockets in a real JupyterLab. The kernel's time is measured in
this process: it is the time of the grid's answer to one request for 100 rows with 100 pictures,
which are in memory.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from common import write_table
from grid import OURS, READY, run_cell, write_pictures

sys.path.insert(0, str(Path(__file__).parents[1]))
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.grid import SuspectGrid
from tests.audits import write_audit
from tests.browser.lab import Desk, Lab, Notebook, write_notebook
from tests.chromium import headless

PAGE = 100
REQUEST = re.compile(rb'\{"kind": ?"page".*?\}')
TILES_ON_SCREEN = """() => {
  const list = document.querySelector('.o2u-list').getBoundingClientRect();
  const boxes = [...document.querySelectorAll('.o2u-tile')].map(t => t.getBoundingClientRect());
  return boxes.filter(b => b.bottom > list.top && b.top < list.bottom).length;
}"""


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--pages", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        n = options.samples
        (root / "lab").mkdir()
        classes = write_pictures(root / "images", n)
        audit = write_audit(
            root / "lab" / "audit", n=n, n_wrong=n, classes=classes, images=root / "images",
            write_images=False,
        )  # fmt: skip
        rows = [*kernel(audit), *scrolling(root, options.pages)]
    table = pd.DataFrame(rows, columns=["figure", "median", "most"]).set_index("figure")
    notes = f"{n:,} suspects, {options.pages} times Page Down at reading pace, page of 1400 x 900."
    print(write_table("grid_scrolling", "The suspect grid, scrolled", table, notes).read_text())


def kernel(audit: Path, repeats: int = 9):
    """Yield the time of a page whose pictures are in memory, in ms."""
    grid = SuspectGrid(ReviewSession(audit, reviewer="a"))
    places = list(range(PAGE))
    message = dict(kind="page", order=grid.order, start=0, stop=PAGE, size=128, pictures=places)
    times = [timed(lambda: grid._handle_custom_msg(message, [])) for _ in range(repeats + 1)]
    median = np.median(times[1:])  # the first one has filled the memory
    most = np.max(times[1:])
    yield f"kernel, page of {PAGE} from memory", f"{1000 * median:.0f} ms", f"{1000 * most:.0f} ms"
    grid.close()


def scrolling(root: Path, pages: int):
    """Yield requests, rows and pictures per page scrolled, and how many tiles are on screen."""
    lab = Lab(root / "lab", root / "home")
    lab.start()
    with headless() as browser:
        page, asked = opened(browser, lab)
        shown = page.evaluate(TILES_ON_SCREEN)
        per_page = []
        for _ in range(pages):
            before = len(asked)
            page.keyboard.press("PageDown")
            page.wait_for_timeout(1000)
            page.wait_for_function(READY["ours"])
            per_page.append(asked[before:])
    lab.stop()
    yield "tiles on screen, cut ones too", shown, ""
    yield row("requests per page scrolled", [len(requests) for requests in per_page])
    pictures = [sum(len(request["pictures"]) for request in requests) for requests in per_page]
    yield row("pictures asked for per page scrolled", pictures)
    yield "pictures asked for twice", repeated(asked), ""


def opened(browser, lab: Lab):
    """Open the grid; return its page, focused, and the list to which requests will be added."""
    path = lab.folder / "grid.ipynb"
    write_notebook(path, [source.format(folder="audit") for source in OURS])
    desk = Desk(lab, browser)
    page = desk.page
    asked: list[dict] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda sent: keep(sent, asked)))
    Notebook(desk, path, shares=False, size=(1400, 900))
    run_cell(page, 0)
    run_cell(page, 1)
    page.wait_for_function(READY["ours"])
    page.locator(".o2u-tile").first.click()
    page.wait_for_timeout(1000)
    return page, asked


def keep(sent: bytes | str, asked: list[dict]) -> None:
    """Add to `asked` the request for a page that a frame may hold."""
    found = REQUEST.search(sent if isinstance(sent, bytes) else sent.encode())
    if found:
        asked.append(json.loads(found[0]))


def repeated(asked: list[dict]) -> int:
    """Count the pictures that were asked for more than once."""
    places = [place for request in asked for place in request["pictures"]]
    return len(places) - len(set(places))


def row(name: str, counts: list[int]) -> tuple:
    """Make one row of the table."""
    return name, f"{np.median(counts):.0f}", max(counts)


def timed(function) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
