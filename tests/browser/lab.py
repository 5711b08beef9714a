"""A JupyterLab server of our own, and notebooks that a headless Chromium opens in it.

A `Lab` is the server, a `Desk` is one browser page with JupyterLab in it, and a `Notebook` is open
on a desk. Notebooks that come one after the other may share the desk and its kernel: each of them
finds no names and no widgets in the kernel, and its own folder as the working folder.
"""

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
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest

SETTINGS = {"@jupyterlab/apputils-extension/notification": {"fetchNews": "false"}}
PATIENCE = 120  # seconds for anything that is not training; a busy machine is slow
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
FRAMES = 12  # that many alike, one after the other, and the page is at rest
AT_REST = f"""async () => {{
  const places = () => [...document.querySelectorAll('.jp-OutputArea *:not(svg *)')].map(node => {{
    const {{ x, y, width, height }} = node.getBoundingClientRect();
    return [node.className, x, y, width, height].join();
  }}).join();
  let last = places();
  for (let alike = 0; alike < {FRAMES};) {{
    await new Promise(requestAnimationFrame);
    const now = places();
    alike = now === last ? alike + 1 : 0;
    last = now;
  }}
}}"""
# Run in a kernel that is shared, before a notebook and after it.
MOVE = "__import__('os').chdir({folder!r})"
FORGET = """
__import__('ipywidgets').Widget.close_all()
get_ipython().run_line_magic('reset', '-f')
"""


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

    def ask(self, path: str, body: dict) -> Any:
        """Post `body` to the server's own interface, and return what it answers."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/{path}",
            json.dumps(body).encode(),
            {"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

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


class Desk:
    """A browser page in which JupyterLab is loaded, and one kernel for notebooks that share it."""

    def __init__(self, lab: Lab, chromium):
        self.lab = lab
        # A workspace of its own, or JupyterLab would open what other pages have open.
        self.url = lab.url.replace("/lab?", f"/lab/workspaces/{secrets.token_hex(4)}?")
        self.page = chromium.new_page()
        self.page.set_default_timeout(PATIENCE * 1000)
        self.kernel = None
        self.notebooks: list[Notebook] = []
        self.asked_elsewhere: list[str] = []  # addresses, none of which is on this machine's server
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("websocket", lambda socket: self._note(socket.url))
        self.load()

    def load(self):
        """Load JupyterLab, or load it again: the kernels go on."""
        self.page.goto(self.url)
        self.page.wait_for_function("window.jupyterapp?.restored")
        self.wait_for("() => window.jupyterapp.restored")
        self.page.evaluate("window.jupyterapp.shell.collapseLeft()")

    def _note(self, url: str) -> None:
        found, own = urlsplit(url), urlsplit(self.lab.url)
        if found.scheme not in ("data", "blob") and found.netloc != own.netloc:
            self.asked_elsewhere.append(url)

    def shared_kernel(self) -> dict:
        """Return the kernel that notebooks here use in turn, started when first asked for."""
        if self.kernel is None:
            self.kernel = self.lab.ask("kernels", {"name": "python3"})
        return self.kernel

    def wait_for(self, function: str, argument: Any = None, *, seconds: float = PATIENCE) -> Any:
        """Call a JavaScript function that promises something, and wait for that."""
        too_late = f"new Error('not done after {seconds} seconds: ' + {json.dumps(function)})"
        return self.page.evaluate(
            f"""argument => Promise.race([
              ({function})(argument),
              new Promise((_, fail) => setTimeout(() => fail({too_late}), {seconds * 1000})),
            ])""",
            argument,
        )

    def clear(self):
        """Close all notebooks."""
        while self.notebooks:
            self.notebooks.pop().close()

    def close(self):
        self.page.close()


class Notebook:
    """A notebook open on a desk, driven through JupyterLab's own commands.

    It has a kernel of its own, started with it and stopped when it is closed, unless it `shares`
    the kernel of the desk. Its code runs in the folder of the notebook.
    """

    def __init__(self, desk: Desk, path: Path, *, shares: bool, size=(1200, 1000), theme="light"):
        self.desk, self.page, self.path, self.shares = desk, desk.page, path, shares
        self.complaints: list[str] = []
        self.dialogs: list[str] = []  # what `alert` and its like said
        self.sent: list[str | bytes] = []  # the messages to the kernel
        self.listeners = {
            "console": self._listen,
            "pageerror": self._on_exception,
            "dialog": self._answer,
            "websocket": lambda socket: socket.on("framesent", self._keep),
        }
        for event, listener in self.listeners.items():
            self.page.on(event, listener)
        desk.notebooks.append(self)
        self.page.set_viewport_size(dict(width=size[0], height=size[1]))
        self.change_theme(theme)
        self.open()

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

    def _keep(self, frame):
        self.sent.append(frame)

    def _answer(self, dialog):
        if dialog.type != "beforeunload":
            self.dialogs.append(dialog.message)
        dialog.accept()

    def open(self):
        """Open the notebook and wait for its kernel."""
        self.desk.wait_for(
            """async ([path, kernel, code]) => {
              const app = window.jupyterapp;
              const panel = await app.commands.execute(
                'docmanager:open', { path, factory: 'Notebook', ...(kernel && { kernel }) });
              await panel.context.ready;
              await panel.sessionContext.ready;
              window.notebook = panel.content;
              window.kernel = panel.sessionContext.session.kernel;
              await window.kernel.info;
              await window.kernel.requestExecute({ code }).done;
            }""",
            [
                str(self.path.relative_to(self.desk.lab.folder)),
                self.desk.shared_kernel() if self.shares else None,
                MOVE.format(folder=str(self.path.parent)) if self.shares else "",
            ],
        )

    def close(self):
        """Close the notebook unsaved; its kernel is stopped, or left as if it were new."""
        for event, listener in self.listeners.items():
            self.page.remove_listener(event, listener)
        self.desk.wait_for(
            """async code => {
              const panel = window.notebook.parent;
              if (code) await window.kernel.requestExecute({ code }).done;
              else await panel.sessionContext.shutdown();
              panel.dispose();
            }""",
            FORGET if self.shares else "",
        )

    def change_theme(self, theme: str):
        self.desk.wait_for(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
            THEMES[theme],
        )

    def execute(self, code: str):
        """Run `code` in the kernel, from no cell; an error of it is raised."""
        self.desk.wait_for(
            """async code => {
              const { content } = await window.kernel.requestExecute({ code }).done;
              if (content.status !== 'ok') throw new Error(`${content.ename}: ${content.evalue}`);
            }""",
            code,
        )

    def settle(self):
        """Wait until the kernel has answered everything, and then until nothing moves any more."""
        self.execute("")
        self.desk.wait_for(AT_REST)

    def run_all(self, *, seconds: float = PATIENCE):
        """Run all cells, and wait until they are done."""
        run = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
        self.desk.wait_for(run, seconds=seconds)

    def save(self):
        """Save the notebook as the user would."""
        self.desk.wait_for("() => window.jupyterapp.commands.execute('docmanager:save')")

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
        """Scroll to cell `index`, and return its place in the page."""
        self.desk.wait_for("i => window.notebook.scrollToItem(i, 'start')", index)
        # notebooks that other tests opened may be there too, hidden
        shown = ".jp-NotebookPanel:not(.lm-mod-hidden)"
        cell = self.page.locator(f'{shown} .jp-Cell[data-windowed-list-index="{index}"]')
        cell.wait_for(state="attached")
        return cell


def write_notebook(path: Path, sources: Sequence[str], *, first_is_text: bool = False) -> Path:
    """Write a notebook of code cells for the Python kernel; the first may be Markdown."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    if first_is_text:
        cells[0] = nbformat.v4.new_markdown_cell(sources[0])
    kernel = dict(name="python3", display_name="Python 3", language="python")
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata=dict(kernelspec=kernel)), str(path)
    )
    return path
