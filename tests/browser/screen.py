"""A grid in a notebook in JupyterLab, as the reviewer sees it."""

import json
import re
import time

from playwright.sync_api import expect

from o2u_nb.review.session import ReviewSession
from tests.audits import write_audit
from tests.browser.lab import Desk, Notebook, write_notebook

N, N_WRONG = 300, 160
CELLS = [
    "from o2u_nb.review.session import ReviewSession\n"
    "from o2u_nb.widgets.grid import SuspectGrid\n"
    "session = ReviewSession('audit', reviewer='ann')\n"
    "SuspectGrid(session)",
    "'an empty one'",
]


class Screen:
    """A grid in a notebook, as the reviewer sees it."""

    def __init__(self, desk: Desk, folder, *, shares: bool, theme="light", run=True, **audit):
        self.folder, self.page = folder / "audit", desk.page
        options = dict(n=N, n_wrong=N_WRONG, images=folder / "images") | audit
        write_audit(self.folder, **options)
        path = write_notebook(folder / "review.ipynb", CELLS)
        self.notebook = Notebook(desk, path, shares=shares, size=(1400, 950), theme=theme)
        self.sources = [cell["source"] for cell in self.notebook.cells()]
        if run:
            self.run()

    @property
    def asked(self) -> list[dict]:
        """List what the grid has asked the kernel for."""
        pattern = rb'"content": ?(\{"kind": ?"page".*?\})\}'
        found = (re.search(pattern, as_bytes(frame)) for frame in self.notebook.sent)
        return [json.loads(match[1]) for match in found if match]

    def run(self):
        self.notebook.run_all()
        assert self.notebook.errors() == []
        self.settle()

    def settle(self):
        """Wait until each tile on screen has its picture."""
        expect(self.page.locator(".o2u-tile img[src^=blob]").first).to_be_visible()
        expect(self.page.locator(".o2u-tile img[hidden]")).to_have_count(0)

    def tile(self, place: int):
        return self.page.locator(f'.o2u-tile[data-place="{place}"]')

    def press(self, *keys: str):
        for key in keys:
            self.page.keyboard.press(key)

    def expect_said(self, text: str):
        expect(self.page.locator(".o2u-said")).to_contain_text(text)

    def expect_counts(self, text: str):
        expect(self.page.locator(".o2u-counts")).to_contain_text(text)

    def expect_current(self, place: int):
        expect(self.page.locator(".o2u-current")).to_have_attribute("data-place", str(place))

    def decisions(self) -> dict:
        """Read the log from disk: sample id to what holds now."""
        table = ReviewSession(self.folder, reviewer="ann").decisions.table()
        return dict(zip(table.index, table["action"], strict=True))

    def expect_decisions(self, expected: dict, seconds: float = 60):
        """Wait until the log holds this: the next picture may be shown before the disk answers."""
        deadline = time.monotonic() + seconds
        while self.decisions() != expected and time.monotonic() < deadline:
            self.page.wait_for_timeout(100)
        assert self.decisions() == expected

    def suspects(self, *places: int) -> list[str]:
        session = ReviewSession(self.folder, reviewer="ann")
        return [session.columns.ids[place] for place in places]

    def expect_clean(self):
        """Nothing was touched, and nothing complained."""
        self.expect_untouched()
        assert self.notebook.ours == []

    def expect_untouched(self):
        """No cell was added, lost or changed, and nobody's script has run."""
        assert [cell["source"] for cell in self.notebook.cells()] == self.sources
        assert self.notebook.dialogs == []

    def shoot(self, artefacts, name: str):
        self.page.mouse.move(0, 0)
        self.page.screenshot(path=artefacts / f"grid-{name}.png")


def as_bytes(frame) -> bytes:
    return frame if isinstance(frame, bytes) else frame.encode()
