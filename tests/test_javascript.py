"""The JavaScript of the widgets: its types, its tests without a page, and what Python has as well.

Needs Node.js 18 or later, and TypeScript from `tests/js`; `make test` brings both.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from o2u_nb.review.words import BUTTONS
from o2u_nb.text import likely, percent
from o2u_nb.widgets.grid import SuspectGrid
from o2u_nb.widgets.parts.plot import Plot
from o2u_nb.widgets.parts.slider import CutSlider
from o2u_nb.widgets.player import PlayerView

TESTS = Path(__file__).with_name("js")
INSTALL = (
    "The tests of the widgets' JavaScript need {what}: run `make test`, which installs it, or "
    "install the Debian packages nodejs and npm and run `npm ci --prefix tests/js`."
)


@pytest.fixture(scope="module")
def node() -> str:
    """The path of Node.js."""
    found = shutil.which("node")
    if found is None:
        pytest.fail(INSTALL.format(what="Node.js, which is not installed"))
    version = run(found, "--version").removeprefix("v")
    if int(version.split(".")[0]) < 18:
        pytest.fail(INSTALL.format(what=f"Node.js 18 or later, and {found} is {version}"))
    return found


def run(*command: str | Path, **options) -> str:
    """Return what a command prints, and fail with all that it printed if it does."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", **options
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("name", [path.name for path in sorted(TESTS.glob("*.test.js"))])
def test_in_node(node, name):
    printed = run(node, "--test", "--test-reporter=tap", TESTS / name)
    assert int(re.search(r"^# pass (\d+)$", printed, re.MULTILINE)[1]) > 0


@pytest.mark.parametrize("widget", [SuspectGrid, Plot, CutSlider, PlayerView])
def test_each_widget_is_one_valid_module(node, tmp_path, widget):
    module = tmp_path / "widget.mjs"
    module.write_text(widget._esm, encoding="utf-8")
    run(node, "--check", module)


def test_types(node, root):
    """Each JavaScript file of the package is checked, and nothing in it is excepted."""
    checker = TESTS / "node_modules" / "typescript" / "bin" / "tsc"
    if not checker.is_file():
        pytest.fail(INSTALL.format(what="TypeScript, which is not in tests/js/node_modules"))
    files = {path.resolve() for path in (root / "o2u_nb").rglob("*.js")}
    printed = run(node, checker, "--project", TESTS, "--listFiles")
    assert files <= {Path(line).resolve() for line in printed.splitlines()}
    excepted = re.compile(r"@ts-(ignore|nocheck|expect-error)")
    assert [path.name for path in files if excepted.search(path.read_text("utf-8"))] == []


def test_the_lock_names_no_registry_and_one_version():
    lock = (TESTS / "package-lock.json").read_text()
    assert "://" not in lock and "resolved" not in lock
    packages = json.loads(lock)["packages"]
    asked = json.loads((TESTS / "package.json").read_text())["devDependencies"]
    assert packages[""]["devDependencies"] == asked
    assert packages["node_modules/typescript"]["version"] == asked["typescript"]


def shares() -> list[float]:
    """Return shares in [0, 1]: the limits between two ways of writing, ties, and many others."""
    limits = [0, 1e-9, 0.0005, 0.0995, 0.1, 0.99, 0.999, 0.9995, 0.9996, 1]
    near = [np.nextafter(limit, to) for limit in limits for to in (0, 1)]
    ties = np.arange(8001) / 8000  # 12.5 % and 6.25 % are as near to one text as to the other
    steps = np.arange(20_001) / 20_000  # 9.95 % is not, since no binary number is exactly that
    rng = np.random.default_rng(0)
    drawn = np.concatenate([rng.random(3000), rng.random(3000) / 10, 1 - rng.random(3000) / 100])
    return [*limits, *near, 0.09949, *ties, *steps, *drawn]


def in_javascript(node: str, root: Path, name: str, expression: str, values: list = ()) -> list:
    """Return the value of `expression`, of `values` and of what the module `name` exports."""
    module = (root / "o2u_nb" / "widgets" / "js" / name).as_uri()
    script = (
        f"import * as module from {json.dumps(module)};\n"
        'import { readFileSync } from "node:fs";\n'
        "const values = JSON.parse(readFileSync(0));\n"
        f"console.log(JSON.stringify({expression}));\n"
    )
    command = [node, "--input-type=module", "--eval", script]
    return json.loads(run(*command, input=json.dumps(values)))


def test_the_buttons_that_python_has_words_for_are_those_of_the_grid(node, root):
    assert in_javascript(node, root, "actions.js", "module.NAMES") == list(BUTTONS)


WRITERS = {"percent": percent, "certainty": likely}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_percentage_is_written_the_same_in_python_and_javascript(node, root, dtype, name):
    values = np.array(shares() + [1 - 10**-power for power in np.arange(2, 6, 0.07)], dtype=dtype)
    written = [WRITERS[name](value) for value in values]
    sent = [float(value) for value in values]
    shown = in_javascript(node, root, "text.js", f"values.map(module.{name})", sent)
    differing = [(v, *texts) for v, *texts in zip(values, written, shown, strict=True)
                 if texts[0] != texts[1]]  # fmt: skip
    assert differing == []
    known = {"percent": {"0.0 %", "99.9 %"}, "certainty": {"under 0.1 %", "99.95 %"}}[name]
    assert {"0 %", "6.2 %", "9.9 %", "10 %", "12 %", "99 %"} | known <= set(written)
