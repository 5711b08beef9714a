"""Which file of the repository is which page of the site, and links between them.

A document links to files beside it, so that its links work where the repository is read. On the
site, these links lead to the pages; what has no page becomes plain text.
"""

import re
from pathlib import Path
from posixpath import dirname, normpath, relpath

DOCS = "docs/"
SINGLE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "notebooks/LECTURER.md")
ON_START_PAGE = "README.md"  # its sections are included where a page asks for them
FENCE = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
INCLUDE = re.compile(r"^<!-- (\S+\.md): (.*?) -->$", re.MULTILINE)


def outside_docs(root: Path) -> list[str]:
    """Return the files outside of `docs` that become pages, or pictures and tables of pages."""
    results = [path for end in ("md", "png", "csv") for path in root.glob(f"benchmarks/**/*.{end}")]
    found = [path.relative_to(root).as_posix() for path in results]
    return [*SINGLE, *sorted(name for name in found if not name.startswith("benchmarks/cache/"))]


def place(name: str) -> str:
    """Return where the repository's file `name` lies on the site, as mkdocs names its sources."""
    if name == ON_START_PAGE:
        return "index.md"
    if name.endswith(".ipynb"):
        return f"{name.removesuffix('.ipynb')}.md"
    return name.removeprefix(DOCS)


def source(uri: str, outside: set[str]) -> str:
    """Return the repository's file of the page `uri`; the opposite of `place`."""
    return uri if uri in outside else f"{DOCS}{uri}"


def with_sections(text: str, root: Path, name: str) -> str:
    """Put the sections that the page of file `name` asks for into its `text`.

    A line `<!-- README.md: Install -->` asks for that section of that file, without its heading;
    `(beginning)` is what stands between the title and the first section.

    Raises `ValueError` when there is no such section.
    """

    def asked(match: re.Match) -> str:
        other, heading = match.groups()
        body = section((root / other).read_text(encoding="utf-8"), heading)
        return _moved(body, other, name)

    return INCLUDE.sub(asked, text)


def section(text: str, heading: str) -> str:
    """Return what stands under the second-level `heading` of a Markdown `text`."""
    beginning, *parts = re.split(r"^## +", text, flags=re.MULTILINE)
    if heading == "(beginning)":
        return re.sub(r"\A# .*\n", "", beginning).strip()
    for part in parts:
        title, _, body = part.partition("\n")
        if title.strip() == heading:
            return body.strip()
    raise ValueError(f"Expected a section '## {heading}'; the text has none of that name")


def _moved(text: str, old: str, new: str) -> str:
    """Let the links of a `text` from file `old` lead to the same files from file `new`."""

    def link(match: re.Match) -> str:
        shown, target = match.groups()
        if _elsewhere(target):
            return match[0]
        path = relpath(normpath(f"{dirname(old)}/{target}".lstrip("/")), dirname(new) or ".")
        return f"[{shown}]({path})"

    return _outside_code(LINK, link, text)


def linked(text: str, root: Path, name: str, pages: set[str]) -> str:
    """Let the links of a `text` from file `name` lead to `pages`, all pages and files of the site.

    What is a file of the repository without a page becomes plain text. What is neither is left as
    it is, and mkdocs says that it leads nowhere.
    """

    def link(match: re.Match) -> str:
        shown, target = match.groups()
        if _elsewhere(target):
            return match[0]
        path, mark, part = target.partition("#")
        file = normpath(f"{dirname(name)}/{path}".lstrip("/"))
        if place(file) in pages:
            to = relpath(place(file), dirname(place(name)) or ".")
            return f"[{shown}]({to}{mark}{part})"
        return shown if (root / file).exists() else match[0]

    return _outside_code(LINK, link, text)


def _elsewhere(target: str) -> bool:
    return "://" in target or target.startswith(("#", "mailto:"))


def _outside_code(pattern: re.Pattern, replacement, text: str) -> str:
    """Replace `pattern` in `text`, but not in blocks of code."""
    parts = FENCE.split(text)
    parts[::2] = [pattern.sub(replacement, part) for part in parts[::2]]
    return "".join(parts)
