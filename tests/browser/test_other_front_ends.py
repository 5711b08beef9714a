"""Panels in other front ends than JupyterLab: as one anywidget, in marimo, and in Notebook 7.

marimo and Notebook are installed from PyPI into an environment that also sees our packages. Their
servers run here, and the same Chromium opens them.
"""

import json
import os
import shutil
import socket
import subprocess
import sysconfig
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.audits import write_audit
from tests.browser.lab import PATIENCE, Notebook, write_notebook
from tests.packages import beside

pytestmark = pytest.mark.browser
TOOLS = ("marimo==0.25.2", "notebook==7.6.5")
PANELS = (
    "threshold.ThresholdPanel", "trajectories.TrajectoriesPanel", "histograms.HistogramsPanel",
    "scatter.ScatterPanel", "confusion.ConfusionPanel", "why.WhyCard", "learning.LearningPanel",
    "map.MapPanel", "player.PlayerPanel", "certify.CertifyDesk", "finish.FinishCard",
    "grid.SuspectGrid",
)  # fmt: skip
BARE = "from o2u_nb import Audit\nfrom o2u_nb.widgets.bare import Bare"
WHOLE = 'Bare(Audit.open("audit").panel(reviewer="ann"))'


def decided(folder) -> list[str]:
    """Return what the log of the audit records, in its order."""
    log = folder / "audit" / "decisions.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [json.loads(line)["action"] for line in lines]


def wait_until(holds) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def review(page, folder) -> None:
    """Decide with a key and with a button of the panel that `page` shows, and look at its parts."""
    page.locator(".o2u-tile img[src^=blob]").first.wait_for()
    page.get_by_role("button", name="Keep").first.click()
    wait_until(lambda: decided(folder) == ["keep"])
    page.locator(".o2u-tile").nth(1).click()
    page.keyboard.press("d")
    wait_until(lambda: decided(folder) == ["keep", "drop"])
    expect(page.get_by_text("1 dropped, 1 kept as they are").first).to_be_visible()
    tab = page.get_by_role("tab", name="Confusion")
    tab.click()
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("suggested label").locator("visible=true").first).to_be_visible()
    export = page.get_by_role("button", name="Export ...")
    export.click()
    path = page.locator("input[type=text]").last
    expect(path).to_have_value("audit-labels.csv")
    path.fill(str(folder / "mine.csv"))
    path.press("Tab")
    page.get_by_role("button", name="Write", exact=True).click()
    wait_until(lambda: (folder / "mine.csv").exists())


def test_a_panel_is_one_anywidget_in_jupyterlab(desk, folder):
    write_audit(folder / "audit", n=120, n_wrong=30, images=folder / "images")
    path = write_notebook(folder / "bare.ipynb", [f"{BARE}\n{WHOLE}"])
    notebook = Notebook(desk, path, shares=True, size=(1400, 1900))
    notebook.run_all()
    review(notebook.page, folder)
    assert notebook.ours == []


# With packages that are installed for it


def on_the_web(test):
    return pytest.mark.slow(pytest.mark.network(test))


@pytest.fixture(scope="module")
def python(root, tmp_path_factory):
    """The Python of an environment with the other front ends beside our packages."""
    python = beside(tmp_path_factory.mktemp("front") / "env", root, *TOOLS)
    # Notebook reads the files of JupyterLab, and those of ipywidgets, below its own environment.
    shared = Path(sysconfig.get_path("data"), "share", "jupyter")
    shutil.copytree(shared, python.parents[1] / "share" / "jupyter", dirs_exist_ok=True)
    return python


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def served(folder, address: str, *command):
    """Run a server in `folder` until the block ends; it answers at `address` when that begins."""
    own = dict.fromkeys(["HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR"], str(folder / "home"))
    environment = {**os.environ, **own, "JUPYTER_PREFER_ENV_PATH": "1", "PYTHONPATH": ""}
    (folder / "home").mkdir()
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )

    def answers() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            return False
        return True

    try:
        wait_until(answers)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def opened(chromium, address: str):
    """Show a page; what is asked of other hosts, and what our code complains of, is an error."""
    page = chromium.new_page(viewport=dict(width=1400, height=1900))
    page.set_default_timeout(PATIENCE * 1000)
    elsewhere, complaints = [], []

    def note(request) -> None:
        found = urlsplit(request.url)
        if found.scheme not in ("data", "blob") and found.hostname != "127.0.0.1":
            elsewhere.append(request.url)

    def complain(error) -> None:
        """Keep what our widgets complain of, whose code comes from these places."""
        if any(mark in (error.stack or "") for mark in ("blob:", "/@file/", "anywidget", "o2u")):
            complaints.append(f"{error.message}\n{error.stack}")

    page.on("request", note)
    page.on("pageerror", complain)
    page.goto(address)
    yield page
    assert elsewhere == [] and complaints == []
    page.close()


def app(cells: str) -> str:
    """Return a marimo notebook of one cell that shows the last line of `cells`."""
    body = "\n".join(f"    {line}" for line in cells.splitlines())
    return f"import marimo\napp = marimo.App()\n\n\n@app.cell\ndef _():\n{body}\n    return\n"


@contextmanager
def in_marimo(python, chromium, folder, cells: str):
    (folder / "app.py").write_text(app(f"import marimo as mo\n{cells}"))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    options = ["--headless", "--no-token", "--port", str(port)]
    command = [python, "-m", "marimo", "run", folder / "app.py", *options]
    with served(folder, f"{address}/health", *command), opened(chromium, address) as page:
        yield page


@on_the_web
def test_the_whole_review_in_marimo(python, chromium, tmp_path):
    write_audit(tmp_path / "audit", n=120, n_wrong=30, images=tmp_path / "images")
    with in_marimo(python, chromium, tmp_path, f"{BARE}\nmo.ui.anywidget({WHOLE})") as page:
        review(page, tmp_path)


@on_the_web
def test_each_panel_in_marimo(python, chromium, tmp_path):
    write_audit(tmp_path / "audit", n=120, n_wrong=30, images=tmp_path / "images")
    lines = [BARE, "from importlib import import_module",
             'session = Audit.open("audit").session(reviewer="ann")', "shown = []"]  # fmt: skip
    for name in PANELS:
        module, _, kind = name.partition(".")
        lines += [f'shown.append(import_module("o2u_nb.widgets.{module}").{kind}(session))']
    lines += ["mo.vstack([mo.ui.anywidget(Bare(panel)) for panel in shown])"]
    with in_marimo(python, chromium, tmp_path, "\n".join(lines)) as page:
        hosts = page.locator("marimo-anywidget")
        expect(hosts).to_have_count(len(PANELS))
        for k, name in enumerate(PANELS):
            drawn = hosts.nth(k).locator("svg, select, button, p, b, img, div div")
            drawn.first.wait_for(state="attached")
            assert "is not shown here" not in hosts.nth(k).inner_text(), name


@on_the_web
def test_the_whole_review_in_notebook_7(python, chromium, tmp_path):
    write_audit(tmp_path / "audit", n=120, n_wrong=30, images=tmp_path / "images")
    show = 'from o2u_nb import Audit\nAudit.open("audit").panel(reviewer="ann")'
    write_notebook(tmp_path / "review.ipynb", [show])
    port = free_port()
    options = ["--no-browser", "--allow-root", "--IdentityProvider.token="]
    command = [python, "-m", "notebook", f"--port={port}", *options]
    address = f"http://127.0.0.1:{port}"
    served_there = served(tmp_path, f"{address}/api/status", *command)
    with served_there, opened(chromium, f"{address}/notebooks/review.ipynb") as page:
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        page.locator(".o2u-tile img[src^=blob]").first.wait_for()
        page.get_by_role("button", name="Keep").first.click()
        wait_until(lambda: decided(tmp_path) == ["keep"])
