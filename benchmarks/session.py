"""Measure the review session on a million samples: opening, threshold, filters, pages, thumbnails.

python benchmarks/session.py [--samples 1000000] [--repeats 5]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import comm
import numpy as np
import pandas as pd
from comm.base_comm import BaseComm
from common import write_table
from PIL import Image

sys.path.append(str(Path(__file__).parents[1]))
from o2u_nb.audit import Audit
from o2u_nb.review.session import ReviewSession
from o2u_nb.review.why import card
from o2u_nb.widgets.dashboard import TABS, Dashboard
from tests.audits import write_audit

OPEN = (
    "import time; t = time.perf_counter(); from o2u_nb.review.session import ReviewSession; "
    "s = ReviewSession({!r}, reviewer='a'); s.page(0, 100); print(time.perf_counter() - t)"
)
PAGE = 100
CLOCK = time.perf_counter  # or `time.process_time`, where other programs run
CLASSES = [f"class {k:03d}" for k in range(100)]


def main() -> None:
    """Time each step, median and worst of the repeats, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = list(measure(Path(folder), options.samples, options.repeats))
    table = pd.DataFrame(rows, columns=["step", "median", "worst", "allowed"]).set_index("step")
    notes = (
        f"{options.samples:,} samples in {len(CLASSES)} classes, 20 % suspects, "
        f"{options.repeats} repeats; pictures of 500 x 375 pixels. Opening is a fresh process, "
        "imports included, files in the disk cache. Load average of the last minute, "
        f"this run included: {os.getloadavg()[0]:.1f}."
    )
    print(write_table("session", "The review session", table, notes).read_text(encoding="utf-8"))


def measure(folder: Path, n: int, repeats: int):
    """Yield a row of the table per step: name, median, worst, allowed."""
    audit = write_audit(
        folder / "audit", n=n, n_wrong=n // 5, classes=CLASSES, epochs=4,
        images=folder / "images", write_images=False,
    )  # fmt: skip
    write_pictures(audit)
    yield row("open in a fresh kernel, first page of rows", opened(audit, repeats), 3.0)
    session = ReviewSession(audit, reviewer="a")
    by_var = timed(set_all, session, dict(order_by="o2u_var"))
    yield row("sort by another score, first time", [by_var], 0.15)
    for name, changes in settings(session).items():
        yield row(name, changed(session, changes, repeats), 0.15)
    ids = [found["sample_id"] for found in session.page(0, PAGE)]
    yield row("why card of one sample, first", [timed(card, session, ids[0])])
    yield row("why card of one sample", [timed(card, session, id) for id in ids[1:]])
    yield row("page of 100 rows", [timed(session.page, 0, PAGE) for _ in range(repeats)])
    yield row("100 thumbnails, first time", [timed(session.page_thumbnails, ids)], None)
    cached = [timed(session.page_thumbnails, ids) for _ in range(repeats)]
    yield row("100 thumbnails, from memory", cached, 0.1)
    session = ReviewSession(audit, reviewer="a")
    session.thumbnail(session.step(PAGE))  # the samples table is read
    yield row("100 thumbnails, from disk", [timed(session.page_thumbnails, ids)], 0.1)
    yield row("one decision, on disk", [timed(session.keep) for _ in range(20)])
    many = session.scores.index[-min(10_000, n // 2) :]
    yield row(f"{len(many):,} decisions in one command", [timed(session.drop, many)])
    yield row("undo them", [timed(session.undo)])
    yield row("one decision after that", [timed(session.keep) for _ in range(20)])
    yield row(f"open with {len(session.decisions.events):,} events", opened(audit, repeats), 3.0)
    yield ("bytes to the browser, page of 100 rows", size(session.page(0, PAGE)), "", "1 MB")
    sent = sum(map(len, session.page_thumbnails(ids)))
    yield ("bytes to the browser, 100 thumbnails", f"{sent / 1000:.0f} kB", "", "1 MB")
    yield from with_panels(audit, repeats)


class Wire(BaseComm):
    """Stand in for the connection to a browser, and count the bytes that go over it."""

    sent = 0

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        """Count one message, text and buffers."""
        Wire.sent += len(json.dumps(data, default=str)) + sum(map(len, buffers or []))


def with_panels(audit: Path, repeats: int):
    """Yield rows for the whole panel: opening, each tab, and the same changes in the slowest tab.

    The panel draws the tab that is open, so each change is timed with every tab open in turn.
    """
    comm.create_comm = Wire
    session = ReviewSession(audit, reviewer="a")
    dashboards = []
    yield row("panel, first time", [timed(lambda: dashboards.append(Dashboard(session)))])
    yield ("bytes to the browser, panel", f"{taken() / 1000:.0f} kB", "", "")
    (dashboard,) = dashboards
    threshold = session.threshold
    found: dict[str, list[tuple[str, list[float], int]]] = {}
    for number, tab in enumerate(TABS):
        if number:  # the first one is open
            opening = timed(setattr, dashboard.tabs, "selected_index", number)
            yield row(f"tab {tab}, first time", [opening])
            yield (f"bytes to the browser, tab {tab}", f"{taken() / 1000:.0f} kB", "", "")
        set_all(session, dict(position_filter=None, only_suspects=True, threshold=threshold))
        taken()
        for name, changes in settings(session).items():
            seconds, sent = [], []
            for change in changes * repeats:
                seconds += changed(session, [change], 1)
                sent.append(taken())
            found.setdefault(name, []).append((tab, seconds, max(sent)))
    for name, tabs in found.items():
        slowest, seconds, _ = max(tabs, key=lambda one: np.median(one[1]))
        yield row(f"{name}, slowest tab ({slowest})", seconds, 0.15)
        heaviest, _, most = max(tabs, key=lambda one: one[2])
        what = f"bytes to the browser, {name}, heaviest tab ({heaviest})"
        yield (what, "", f"{most / 1000:.0f} kB", "1 MB")


def taken() -> int:
    """Return the bytes that have gone over the wire since the last call."""
    sent, Wire.sent = Wire.sent, 0
    return sent


def write_pictures(audit: Path) -> None:
    """Write the pictures of the first page."""
    rng = np.random.default_rng(0)
    found = Audit.open(audit)
    for path in found.samples["path"].loc[found.scores.index[:PAGE]]:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (15, 20, 3), dtype=np.uint8))
        coarse.resize((500, 375)).save(path, format="JPEG")


def settings(session: ReviewSession) -> dict[str, list[dict]]:
    """Name the changes to time: a list of settings that are gone through in turn."""
    low, high = np.quantile(session.scores["score"], [0.75, 0.9])
    given = session.pairs().loc[[0, 1], ["given", "suggested"]].itertuples(index=False, name=None)
    tenth = np.arange(len(session.scores) // 10)
    everything = dict(only_suspects=False, threshold=low)
    return {
        "threshold": [dict(threshold=low), dict(threshold=high)],
        "all or suspects": [dict(only_suspects=False), dict(only_suspects=True)],
        "class": [dict(label_filter=label) for label in (CLASSES[3], CLASSES[4])],
        "no class": [dict(label_filter=CLASSES[3]), dict(label_filter=None)],
        "pair": [*(dict(pair_filter=pair) for pair in given), dict(pair_filter=None)],
        "decision": [dict(decision_filter="undecided"), dict(decision_filter="all")],
        "text, of all samples": [dict(**everything, text_filter=t) for t in ("0099", "77", "")],
        "sort by another score": [dict(order_by="o2u_var"), dict(order_by="score")],
        "lasso of a tenth": [dict(position_filter=tenth), dict(position_filter=tenth + 5)],
    }


def changed(session: ReviewSession, changes: list[dict], repeats: int) -> list[float]:
    """Time each change of settings; each differs from the one before."""
    return [timed(set_all, session, change) for change in changes * repeats]


def set_all(session: ReviewSession, change: dict) -> None:
    """Set several traits."""
    for name, value in change.items():
        setattr(session, name, value)


def opened(audit: Path, repeats: int) -> list[float]:
    """Time opening in fresh processes."""
    command = [sys.executable, "-c", OPEN.format(str(audit))]
    return [
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(repeats)
    ]


def timed(function, *args) -> float:
    """Return the seconds that a call takes, by `CLOCK`."""
    start = CLOCK()
    function(*args)
    return CLOCK() - start


def row(name: str, seconds: list[float], allowed: float | None = None) -> tuple:
    """Format one row of the table."""
    limit = f"{allowed:.2f} s" if allowed else ""
    return name, f"{np.median(seconds):.3f} s", f"{np.max(seconds):.3f} s", limit


def size(rows: list[dict]) -> str:
    """Return the length of rows as JSON."""
    return f"{len(json.dumps(rows)) / 1000:.0f} kB"


if __name__ == "__main__":
    main()
