"""Several JavaScript modules as one text, which is what anywidget takes as a widget's `_esm`.

In comes the path of the entry module; out goes its text, preceded by the modules that it imports,
each once and before those that need it, without the words `import` and `export`. Only the forms
that our modules use are understood; any other one is an error rather than a broken widget.
"""

import re
from pathlib import Path

IMPORT = re.compile(r'^import \{([^{}]+)\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?function\b|class\b|const\b|let\b)", re.MULTILINE)
DEFAULT = "export default "
DECLARED = re.compile(r"^(export )?(?:async function|function|class|const|let) (\w+)", re.MULTILINE)
UNKNOWN = re.compile(r"^(?:import|export)\b.*|^(?:const|let) [^\w].*|^var\b.*", re.MULTILINE)


def joined(entry: Path) -> str:
    """Return the module at `entry` with all that it imports as the text of one module.

    Raises ValueError for forms that are not understood, for a name that the other module does not
    export, for modules that import each other, and for a name that two modules declare.
    """
    texts = {path: path.read_text(encoding="utf-8") for path in _ordered(entry, ())}
    for path in texts:
        _check(path, texts, is_entry=path == entry)
    _check_names(texts)
    return "\n".join(EXPORT.sub("", IMPORT.sub("", text)) for text in texts.values())


def _ordered(path: Path, importing: tuple[Path, ...]) -> list[Path]:
    """List the modules that `path` needs, each before those that need it, and `path` last."""
    if path in importing:
        circle = " -> ".join(module.name for module in (*importing, path))
        raise ValueError(f"These JavaScript modules import each other: {circle}.")
    if importing and not path.is_file():
        raise ValueError(f"{importing[-1].name} imports {path.name}, which is not in its folder.")
    needed = [
        module
        for _, name in IMPORT.findall(path.read_text(encoding="utf-8"))
        for module in _ordered(path.with_name(name), (*importing, path))
    ]
    return list(dict.fromkeys([*needed, path]))


def _check(path: Path, texts: dict[Path, str], *, is_entry: bool) -> None:
    """Raise ValueError for imports and exports that `joined` does not understand."""
    text = texts[path]
    for names, module in IMPORT.findall(text):
        exported = {
            name for export, name in DECLARED.findall(texts[path.with_name(module)]) if export
        }
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        if missing := [name for name in wanted if name not in exported]:
            raise ValueError(f"{path.name} imports {missing[0]!r}, which {module} does not export.")
    left = EXPORT.sub("", IMPORT.sub("", text))
    for line in UNKNOWN.findall(left):
        if not (is_entry and line.startswith(DEFAULT)):
            raise ValueError(
                f'{path.name}: "{line}" is not understood here. Write import {{ a, b }} from '
                '"./other.js"; and export a function, class, const or let where it is declared; '
                "only the entry module has an export default."
            )


def _check_names(texts: dict[Path, str]) -> None:
    """Raise ValueError for a name that two modules declare: one text can declare it only once."""
    declared = {}
    for path, text in texts.items():
        for _, name in DECLARED.findall(text):
            if name in declared:
                raise ValueError(
                    f"{name!r} is declared in {declared[name]} and in {path.name}: "
                    "rename one of them, since both become part of one module."
                )
            declared[name] = path.name
