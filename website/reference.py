"""The reference: every public name of the package, from its docstring, and the command line.

In comes the package as text (nothing of it is imported, but the command line for its help); out
come pages of Markdown that tell mkdocstrings what to draw.
"""

import ast
import contextlib
import io
import os
import re
import sys
from pathlib import Path
from unittest import mock

FOLDER = "reference"
PACKAGE = "o2u_nb"
TOP = "audits"  # the page of the modules that lie in no folder
OWN_PAGE = {"bulk", "course", "data", "detect", "exchange", "plots", "report", "review", "stored",
            "training", "widgets"}  # fmt: skip
HIDDEN = {"__main__", "all", "version"}  # what is run, what is listed on its own page, one constant
GROUP = re.compile(r"^\s*# (.*)$")


def pages(root: Path) -> dict[str, str]:
    """Return the pages of the reference by their places on the site."""
    found = {f"{FOLDER}/index.md": names_page(root)}
    for room in ["", *sorted(OWN_PAGE)]:
        found[f"{FOLDER}/{room or TOP}.md"] = room_page(root, room)
    return found


def names_page(root: Path) -> str:
    """Return the page of what `from o2u_nb.all import *` brings, in the groups of that file."""
    text = (root / PACKAGE / "all.py").read_text(encoding="utf-8")
    origins = _origins(ast.parse(text))
    lines = [
        "# The names of a notebook\n",
        "`from o2u_nb.all import *` brings these names. Each leads to its description; all other",
        "public names of the package are on the pages of its rooms.\n",
    ]
    for title, names in _groups(text).items():
        rows = [_row(root, name, origins.get(name, "")) for name in names]
        if any(rows):
            lines += [
                f"\n## {title[:1].upper()}{title[1:]}\n",
                "| name | what it is |",
                "|---|---|",
            ]
            lines += [row for row in rows if row]
    verbs = [f"`fit_{name}`" for name in _catalogue(root)]
    lines += [
        "\n## Verbs on the Learner\n",
        "Importing these names puts verbs on fastai's Learner:",
        f"[`learn.fit_o2u`][{PACKAGE}.training.learner.fit_o2u],",
        f"[`learn.fit_odd`][{PACKAGE}.training.learner.fit_odd],",
        f"[`learn.audit`][{PACKAGE}.learner_audit.audit], and one for each",
        f"[training method][{PACKAGE}.training.catalogue]: {', '.join(verbs)}.",
        "Their options are those of the function `fit` of the method's own module.\n",
    ]
    return "\n".join(lines)


def _origins(tree: ast.Module) -> dict[str, str]:
    """Map each name that a module imports from this package to its full name."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE)
        for alias in node.names
    }


def _groups(text: str) -> dict[str, list[str]]:
    """Return the names in `__all__`, by the comment above them."""
    groups: dict[str, list[str]] = {}
    title = ""
    for line in text.partition("__all__ = [")[2].partition("]")[0].splitlines():
        heading = GROUP.match(line)
        title = heading[1] if heading else title
        groups.setdefault(title, []).extend([] if heading else re.findall(r'"(\w+)"', line))
    return groups


def _row(root: Path, name: str, origin: str) -> str:
    """Return a line of the table for a name of this package, and nothing for one of another."""
    if not origin:
        return ""
    module, _, inner = origin.rpartition(".")
    whole = _file(root, origin)
    if whole is not None:
        return f"| [`{name}`][{origin}] | {_first(ast.parse(whole.read_text('utf-8')))} |"
    tree = ast.parse(_file(root, module).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == inner:
            return f"| [`{name}`][{origin}] | {_first(node)} |"
    return f"| [`{name}`][{module}] | {_first(tree)} |"


def _file(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split("."))
    found = [p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()]
    return found[0] if found else None


def _first(node: ast.AST) -> str:
    """Return the first sentence of a docstring, for a cell of a table."""
    paragraph = (ast.get_docstring(node) or "").partition("\n\n")[0]
    return " ".join(paragraph.split()).replace("|", "\\|")


def _catalogue(root: Path) -> list[str]:
    """Return the names of the modules of training methods, which are the names of the verbs."""
    text = (root / PACKAGE / "training/catalogue.py").read_text(encoding="utf-8")
    imported = [
        alias.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module == f"{PACKAGE}.training.methods"
        for alias in node.names
    ]
    return [name for name in imported if name not in ("o2u", "odd")]


def methods_table(root: Path) -> str:
    """Return the table of all training methods: verb, title, paper, and what each has and needs.

    The catalogue is read as text, since importing it needs torch.
    """
    text = (root / PACKAGE / "training/catalogue.py").read_text(encoding="utf-8")
    rows = ["| verb | method | paper | suspicion | verified labels |", "|---|---|---|---|---|"]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "TrainingMethod":
            name, title, paper = (ast.literal_eval(part) for part in node.args[:3])
            said = {word.arg: ast.literal_eval(word.value) for word in node.keywords}
            has = ["yes" if said.get(key) else "" for key in ("detects", "trusted")]
            where = f"{PACKAGE}.training.methods.{name}"
            rows.append(f"| [`fit_{name}`][{where}] | {title} | {paper} | {' | '.join(has)} |")
    return "\n".join(rows)


def room_page(root: Path, room: str) -> str:
    """Return the page of a folder of the package: what it is for, then each of its modules."""
    place = f"{PACKAGE}.{room}" if room else PACKAGE
    title = room.capitalize() if room else "Audits, traces and errors"
    blocks = [f"::: {module}\n" for module in modules(root, room)]
    return "\n".join([f"# {title}\n", f"What `{place}` holds.\n", *blocks])


def modules(root: Path, room: str) -> list[str]:
    """Return the public modules of a `room`, or those that lie in none, by their full names."""
    folder = root / PACKAGE / room
    files = sorted(folder.rglob("*.py") if room else folder.glob("*.py"))
    names = [file.relative_to(root).with_suffix("").parts for file in files]
    names = [name[:-1] if name[-1] == "__init__" else name for name in names]
    return sorted(
        ".".join(name)
        for name in names
        if not any(part.startswith("_") and part != "__init__" for part in name[1:])
        and (room or name[-1] not in HIDDEN)
    )


def command_line() -> str:
    """Return the page of the command line: the help of the program and of each command."""
    from o2u_nb.__main__ import COMMANDS
    from o2u_nb.__main__ import __doc__ as about

    status = " ".join(about.split("\n\n")[2].split())
    lines = ["# The command line\n", status, "\n```text", help_text(), "```\n"]
    for command in COMMANDS:
        lines += [f"## {command}\n", "```text", help_text(command), "```\n"]
    return "\n".join(lines)


def help_text(*command: str) -> str:
    """Return what `o2u-nb COMMAND --help` prints."""
    from o2u_nb.__main__ import main

    printed = io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["o2u-nb"]),
        mock.patch.dict(os.environ, {"COLUMNS": "88"}),
        contextlib.redirect_stdout(printed),
        contextlib.suppress(SystemExit),
    ):
        main([*command, "--help"])
    return printed.getvalue().strip()
