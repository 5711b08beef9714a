"""The house rules on who may import whom, read from the source and seen in a fresh process.

All rooms but training, widgets and the notebook surface load without torch, fastai or widgets;
training knows nothing of review, plots or widgets; widgets know nothing of training; nothing needs
widgets.
"""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "o2u_nb"
HEAVY = {"torch", "torchvision", "fastai", "ipywidgets", "anywidget"}
HEAVY_ROOMS = {"training", "widgets", "all", "learner_audit", "explorer"}
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def room(module: str) -> str:
    """Name the room that a module of the package belongs to: the part after `o2u_nb.`."""
    return module.split(".")[1] if "." in module else ""


def imports(module: str, *, inside_functions: bool) -> set[str]:
    """List the absolute names that `module` imports when it loads, or also when it is used."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return read_imports(path.read_text(encoding="utf-8"), package, inside_functions)


def read_imports(source: str, package: str, inside_functions: bool) -> set[str]:
    """List what `source`, a module of `package`, imports, but for what only type checkers see."""
    found, todo = set(), [ast.parse(source)]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level]
            base = ".".join([*(parents if node.level else []), *filter(None, [node.module])])
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            todo += node.orelse
        elif inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            todo += ast.iter_child_nodes(node)
    return found


def reached(names: set[str]) -> set[str]:
    """Reduce imported names to packages (`torch`) and, for our own, to rooms (`o2u_nb.data`)."""
    return {
        ".".join(n.split(".")[:2]) if n.startswith("o2u_nb.") else n.split(".")[0] for n in names
    }


def modules(of: str) -> list[str]:
    """List the modules of a room."""
    return [module for module in MODULES if room(module) == of]


def test_the_reader_of_imports_tells_loading_from_using():
    source = """
import numpy as np
from typing import TYPE_CHECKING
from . import thumbs
from ..trace import Trace
if TYPE_CHECKING:
    import torch
try:
    import fastai.basics
except ImportError:
    pass
def draw():
    from o2u_nb.widgets import grid
"""
    loading = read_imports(source, "o2u_nb.data", False)
    assert {"numpy", "o2u_nb.data.thumbs", "o2u_nb.trace.Trace", "fastai.basics"} <= loading
    assert reached(loading) == {"numpy", "typing", "o2u_nb.data", "o2u_nb.trace", "fastai"}
    using = read_imports(source, "o2u_nb.data", True)
    assert reached(using) - reached(loading) == {"o2u_nb.widgets"}


def own_modules(names: set[str]) -> set[str]:
    """Reduce imported names to modules of the package: `o2u_nb.trace.Trace` to `o2u_nb.trace`."""
    found = set()
    for name in names:
        while name and name not in MODULES:
            name = name.rpartition(".")[0]
        found.add(name)
    return found - {""}


def direct(names: set[str]) -> set[str]:
    """Leave out the packages of which only a module is imported, as `a` in `from a import b`."""
    modules = own_modules(names)
    parents = {name for name in names if own_modules({name}) == {name}}
    inner = {name for name in parents if any(m.startswith(f"{name}.") for m in modules)}
    return modules - {name for name in inner if not _is_used(name, names)}


def _is_used(package: str, names: set[str]) -> bool:
    """Tell whether more of a package is imported than modules in it."""
    of_it = {name for name in names if name.rpartition(".")[0] == package}
    return any(name not in MODULES for name in of_it)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """List the groups of modules that import each other, directly or through others."""
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError as error:
        return [error.args[1]]
    return []


def test_a_circle_is_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    (circle,) = circles({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert set(circle) == {"a", "b", "c"}
    names = {"o2u_nb.data", "o2u_nb.data.samples", "o2u_nb.data.samples.Checked"}
    assert direct(names) == {"o2u_nb.data.samples"}
    assert direct({"o2u_nb", "o2u_nb.Audit", "o2u_nb.trace"}) == {"o2u_nb", "o2u_nb.trace"}


def test_no_modules_import_each_other_in_a_circle_not_even_inside_functions():
    graph = {
        module: direct(imports(module, inside_functions=True)) - {module} for module in MODULES
    }
    assert circles(graph) == []


LIGHT = [module for module in MODULES if room(module) not in HEAVY_ROOMS]


@pytest.mark.parametrize("module", LIGHT)
def test_light_rooms_load_nothing_heavy(module):
    banned = HEAVY | {"o2u_nb.training", "o2u_nb.widgets", "o2u_nb.all"}
    assert not reached(imports(module, inside_functions=False)) & banned


@pytest.mark.parametrize("module", modules("training"))
def test_training_knows_nothing_of_what_comes_after(module):
    banned = {"o2u_nb.review", "o2u_nb.plots", "o2u_nb.widgets", "o2u_nb.report"}
    assert not reached(imports(module, inside_functions=True)) & banned


@pytest.mark.parametrize("module", modules("widgets"))
def test_widgets_know_nothing_of_training(module):
    banned = {"o2u_nb.training", "torch", "torchvision", "fastai"}
    assert not reached(imports(module, inside_functions=True)) & banned


@pytest.mark.parametrize("module", MODULES)
def test_nothing_needs_widgets(module):
    # `all` is the notebook surface and shows everything; `explorer` joins a panel and trainings
    if room(module) in {"widgets", "all", "explorer"}:
        return
    lazily = room(module) == "audit"
    assert "o2u_nb.widgets" not in reached(imports(module, inside_functions=not lazily))


def test_helpers_come_from_helper_modules_that_are_there(root):
    """A test file that another one imports cannot change or go by itself."""
    wrong = []
    for path in [*root.glob("tests/**/*.py"), *root.glob("benchmarks/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or f"{node.module}.".split(".")[0] != "tests":
                continue
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            module = names[0] if node.module == "tests" else node.module
            file = root.joinpath(*module.split(".")).with_suffix(".py")
            if not file.is_file() or file.stem.startswith(("test_", "conftest")):
                wrong.append(f"{path.name}: {module}")
    assert wrong == []


def test_light_rooms_load_in_a_process_without_heavy_packages():
    # A package that is not there is not found; `sys.modules[name] = None` would be another thing,
    # which scipy takes for a module.
    code = f"""
import sys

class Missing:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {sorted(HEAVY)}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing)
import {", ".join(LIGHT)}
assert not set(sys.modules) & set({sorted(HEAVY)})
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


# Written so that this file does not contain what it looks for.
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(work|root|opt)\b/")
REGISTRY = re.compile(
    r"--(extra-)?index[-]url|--find[-]links|file:/[/]/|pypi[.]org/simple|pythonhosted[.]"
)


def test_no_tracked_file_names_a_machine_or_a_registry(root):
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
    found = []
    for name in filter(None, listing.stdout.decode().split("\0")):
        path = root / name
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        matches = [*MACHINE_PATH.finditer(text), *REGISTRY.finditer(text)]
        found += [f"{name}: {match.group()}" for match in matches]
    assert found == []


@pytest.mark.parametrize("path", ["work/x.png", "root/.cache/torch", "opt/models"])
def test_a_machine_path_is_seen(path):
    assert MACHINE_PATH.search(f"open('/{path}')")


@pytest.mark.parametrize("text", ["https://a.org/{}/x", "a/{}/b", "/{}ing/", "data/root/x"])
def test_other_paths_are_not(text):
    assert not MACHINE_PATH.search(text.format("work"))
