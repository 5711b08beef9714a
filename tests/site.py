"""The documentation site, built once for the same content, for the tests that look at it."""

import hashlib
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from website import executed

LESSON = "06_dynamics"  # has answers, a verdict, a table and a panel
FIGURE = {"data": [{"type": "histogram", "x": [1, 2, 2]}], "layout": {}}
LINK = '<a target="_blank" href="../data/report.html">a file</a>'
INPUTS = ("docs", "website", "o2u_nb", "notebooks", "benchmarks")
TOOLS = ("mkdocs", "mkdocs-material", "mkdocstrings", "mkdocstrings-python", "latex2mathml")


class Site(NamedTuple):
    """A built site: its `folder`, the `status` of the build, and what the build said."""

    folder: Path
    status: int
    said: str


def built(root: Path) -> Site:
    """Build the site of this content, or return the one that was built before.

    One lesson has outputs, which are written here; the others are shown without.
    """
    place = root / "build" / "test-site"
    stamp = place / "stamp.json"
    key = _key(root)
    known = json.loads(stamp.read_text()) if stamp.is_file() else {}
    if known.get("key") != key:
        outputs = place / "executed"
        with_outputs(root, outputs)
        run = subprocess.run(
            [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(place / "site")],
            cwd=root,
            env=os.environ | {"NO_MKDOCS_2_WARNING": "1", executed.KEPT_ELSEWHERE: str(outputs)},
            capture_output=True,
            text=True,
            check=False,
        )
        known = {"key": key, "status": run.returncode, "said": run.stdout + run.stderr}
        stamp.write_text(json.dumps(known))
    return Site(place / "site", known["status"], known["said"])


def with_outputs(root: Path, folder: Path) -> None:
    """Write an execution of `LESSON` to `folder`: each cell shows its number and a verdict."""
    notebook, path = executed.wanted(root)[LESSON]
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
            cell["outputs"] = [
                {"output_type": "stream", "name": "stdout", "text": f"printed by {cell['id']} <&>"},
                _data({"text/html": '<div role="status">the verdict</div>'}),
                _data({"application/vnd.plotly.v1+json": FIGURE}),
                _data({"text/html": "<b>shown</b><script>alert(1)</script>" + LINK}),
            ]
    executed.keep(notebook, folder / path.name)


def _data(data: dict) -> dict:
    return {"output_type": "display_data", "data": data, "metadata": {}}


def _key(root: Path) -> str:
    """Return a digest of what the site is made from, and with."""
    digest = hashlib.sha256(str([metadata.version(tool) for tool in TOOLS]).encode())
    files = [*root.glob("*.md"), root / "mkdocs.yml", Path(__file__)]
    files += [path for name in INPUTS for path in (root / name).rglob("*")]
    hidden = ("__pycache__", "cache")
    for path in sorted(files):
        if path.is_file() and not any(part in hidden for part in path.relative_to(root).parts):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
