"""A JupyterLab of our own and a headless Chromium that drives it."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest

SETTINGS = {"@jupyterlab/apputils-extension/notification": {"fetchNews": "false"}}
PATIENCE = 120  # seconds for anything that is not training
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


class Lab:
    """A JupyterLab server whose root is `folder`, on a free port, with nobody's settings."""

    def __init__(self, folder: Path, home: Path):
        self.folder, self.home, self.token = folder, home, secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/lab?token={self.token}"
        self.process = None

    def start(self):
        for name, values in SETTINGS.items():
            path = self.home / "settings" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        self.home.joinpath("log").touch()
        with open(self.home / "log", "w") as log:
            self.process = subprocess.Popen(
                self._command(), cwd=self.folder, env=self._environment(), stdout=log, stderr=log
            )
        self._wait()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _command(self) -> list[str]:
        options = {
            "ServerApp.root_dir": self.folder,
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.open_browser": False,
            "ServerApp.allow_root": True,
            "IdentityProvider.token": self.token,
            "LabApp.expose_app_in_browser": True,
            "LabApp.news_url": "",
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        }
        return [sys.executable, "-m", "jupyterlab", *(f"--{k}={v}" for k, v in options.items())]

    def _environment(self) -> dict[str, str]:
        folders = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "share",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        own = {name: str(self.home / folder) for name, folder in folders.items()}
        return {**os.environ, **own, "JUPYTER_PREFER_ENV_PATH": "1", "JUPYTER_PATH": ""}

    def _wait(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(self.url.replace("/lab?", "/api/status?"), timeout=5)
                return
            except OSError:
                time.sleep(0.3)
        log = (self.home / "log").read_text()
        pytest.fail(f"JupyterLab did not start on port {self.port}:\n{log[-3000:]}")


def write_notebook(path: Path, sources: Sequence[str], *, first_is_text: bool = False) -> None:
    """Write a notebook of code cells for the Python kernel; the first may be Markdown."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    if first_is_text:
        cells[0] = nbformat.v4.new_markdown_cell(sources[0])
    kernel = dict(name="python3", display_name="Python 3", language="python")
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata=dict(kernelspec=kernel)), str(path)
    )


class Notebook:
    """A notebook open in a browser page, driven through JupyterLab's own commands."""

    def __init__(self, page, path: str):
        self.page, self.path, self.complaints = page, path, []
        page.on("console", self._listen)
        page.on("pageerror", self._on_exception)

    @property
    def ours(self) -> list[str]:
        """List what our widgets complained of: their code comes from blobs, JupyterLab's does not.

        JupyterLab has complaints of its own, when a page is resized or a kernel restarts.
        """
        marks = ("blob:", "anywidget", "o2u")
        return [line for line in self.complaints if any(mark in line for mark in marks)]

    def _on_exception(self, error):
        self.complaints.append(f"exception: {error.message}\n{error.stack}")

    def _listen(self, message):
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def open(self, url: str, *, theme: str):
        self.page.goto(url)
        self.page.wait_for_function("window.jupyterapp?.restored", timeout=PATIENCE * 1000)
        self.page.evaluate(
            """async ([path, theme]) => {
              const app = window.jupyterapp;
              await app.restored;
              await app.commands.execute('apputils:change-theme', { theme });
              const panel = await app.commands.execute(
                'docmanager:open', { path, factory: 'Notebook' });
              await panel.context.ready;
              await panel.sessionContext.ready;
              const kernel = panel.sessionContext.session.kernel;
              await kernel.info;
              await kernel.requestExecute({ code: '' }).done;
              window.notebook = panel.content;
              app.commands.execute('application:toggle-left-area');
            }""",
            [self.path, THEMES[theme]],
        )

    def run_all(self):
        """Start running all cells; `finished` tells when they are done."""
        self.page.evaluate(
            """() => {
              window.finished = false;
              window.jupyterapp.commands.execute('notebook:run-all-cells')
                .finally(() => { window.finished = true; });
            }"""
        )

    @property
    def finished(self) -> bool:
        return self.page.evaluate("window.finished")

    def wait(self, seconds: float):
        self.page.wait_for_function("window.finished", timeout=seconds * 1000)

    def cells(self) -> list[dict]:
        """Return all cells with their outputs, as they would be saved."""
        return self.page.evaluate("window.notebook.model.toJSON().cells")

    def errors(self) -> list[str]:
        """List the errors of cells, in the order of the notebook."""
        outputs = [output for cell in self.cells() for output in cell.get("outputs", [])]
        return [
            f"{output['ename']}: {output['evalue']}"
            for output in outputs
            if output["output_type"] == "error"
        ]

    def not_run(self) -> list[str]:
        code = [cell for cell in self.cells() if cell["cell_type"] == "code"]
        return [cell["source"] for cell in code if cell["execution_count"] is None]

    def show(self, index: int):
        """Scroll to cell `index`, and return its place in the page once it has been drawn."""
        self.page.evaluate("async i => { await window.notebook.scrollToItem(i, 'start'); }", index)
        # notebooks that other tests opened may be there too, hidden
        shown = ".jp-NotebookPanel:not(.lm-mod-hidden)"
        cell = self.page.locator(f'{shown} .jp-Cell[data-windowed-list-index="{index}"]')
        cell.wait_for(state="attached")
        self.page.wait_for_timeout(400)  # outputs are drawn after the cell is attached
        return cell


@pytest.fixture
def lab(tmp_path):
    folder = tmp_path / "lab"
    folder.mkdir()
    server = Lab(folder, tmp_path / "home")
    server.start()
    yield server
    server.stop()
