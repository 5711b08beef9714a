"""JavaScript modules joined into the one text that a widget takes."""

import pytest

from o2u_nb.widgets.bare import Bare
from o2u_nb.widgets.course.trial import TrialView
from o2u_nb.widgets.esm import joined
from o2u_nb.widgets.grid import SuspectGrid
from o2u_nb.widgets.parts.plot import Plot
from o2u_nb.widgets.parts.slider import CutSlider
from o2u_nb.widgets.player import PlayerView

SHAPES = """\
// Shapes.

import { two } from "./numbers.js";

export const area = (side) => side ** two;

export class Square {}
"""
NUMBERS = """\
// Numbers.

export const two = 2;
export async function later() {}
const hidden = "import and export are words here";
"""
ENTRY = """\
// The entry.

import {
  Square, area,
} from "./shapes.js";
import { two } from "./numbers.js";

/** @import { Square } from "./shapes.js" */

export function render() {
  return area(two);
}

export default { render };
"""
JOINED = """\
// Numbers.

const two = 2;
async function later() {}
const hidden = "import and export are words here";

// Shapes.


const area = (side) => side ** two;

class Square {}

// The entry.


/** @import { Square } from "./shapes.js" */

function render() {
  return area(two);
}

export default { render };
"""


@pytest.fixture
def write(tmp_path):
    """Write modules, of which `entry` is the entry, and return its path."""

    def written(entry=ENTRY, shapes=SHAPES, numbers=NUMBERS):
        texts = {"entry.js": entry, "shapes.js": shapes, "numbers.js": numbers}
        for name, text in texts.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / "entry.js"

    return written


def test_each_module_comes_once_and_after_those_that_it_needs(write):
    assert joined(write()) == JOINED


@pytest.mark.parametrize(
    "line",
    [
        'import numbers from "./numbers.js";',
        'import * as numbers from "./numbers.js";',
        'import "./numbers.js";',
        "import { two } from './numbers.js';",
        'import { two } from "../numbers.js";',
        'import { two } from "numbers";',
        'import { two } from "./numbers.js"; // with a comment',
        "export { area };",
        'export * from "./numbers.js";',
        "export default area;",
        "export var five = 5;",
        "const { a, b } = area;",
        "let [a, b] = area;",
        "var a = 1;",
    ],
)
def test_what_is_not_understood_is_refused(write, line):
    entry = write(shapes=f"{SHAPES}{line}\n")
    with pytest.raises(ValueError, match=r"shapes\.js: .* is not understood here") as raised:
        joined(entry)
    assert f'"{line}"' in str(raised.value)


@pytest.mark.parametrize("name", ["hidden", "nothing", "two as deux"])
def test_only_what_is_exported_can_be_imported(write, name):
    entry = write(shapes=SHAPES.replace("{ two }", f"{{ {name} }}"))
    expected = rf"shapes\.js imports '{name}', which numbers\.js does not export"
    with pytest.raises(ValueError, match=expected):
        joined(entry)


@pytest.mark.parametrize("line", ["const hidden = 1;", "export function hidden() {}"])
def test_a_name_that_two_modules_declare_is_refused(write, line):
    entry = write(shapes=f"{SHAPES}{line}\n")
    with pytest.raises(ValueError, match=r"'hidden' is declared in numbers\.js and in shapes\.js"):
        joined(entry)


def test_a_name_declared_twice_inside_functions_is_fine(write):
    inner = "export function f() {\n  const inner = 1;\n}\n"
    text = joined(write(shapes=SHAPES + inner, numbers=NUMBERS + inner.replace("f()", "g()")))
    assert text.count("const inner") == 2


def test_modules_that_import_each_other_are_refused(write):
    entry = write(numbers='import { area } from "./shapes.js";\n' + NUMBERS)
    circle = r"entry\.js -> shapes\.js -> numbers\.js -> shapes\.js"
    with pytest.raises(ValueError, match=f"import each other: {circle}"):
        joined(entry)


def test_a_module_that_is_not_there_is_named(write):
    entry = write(numbers='import { pi } from "./circles.js";\n' + NUMBERS)
    with pytest.raises(ValueError, match=r"numbers\.js imports circles\.js, which is not in its"):
        joined(entry)


def test_widgets_have_the_text_of_all_modules(root):
    """All but the shapes that only the type checker reads, and the guard's own entry module."""
    kinds = SuspectGrid, Plot, CutSlider, PlayerView, TrialView, Bare
    widgets = "".join(kind._esm for kind in kinds)
    modules = {path.name: path for path in (root / "o2u_nb/widgets/js").glob("*.js")}
    for other in ("types.js", "panel.js"):
        modules.pop(other)
    missing = [
        name
        for name, path in modules.items()
        if path.read_text("utf-8").partition("\n")[0] not in widgets
    ]
    assert len(modules) > 10 and missing == []
    assert SuspectGrid._esm.endswith("export default { render };\n")
