"""What mkdocs calls while it builds the site: adds pages, leads links, draws formulas and outputs.

Comes in through `hooks` in mkdocs.yml, with the root of the repository as the current folder and
mkdocs called as a module (`python -m mkdocs build`), so that `website` can be imported. Pages from
outside of docs are made in memory; no file of the repository is changed.
"""

import json
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from plotly.offline import get_plotlyjs

from website import executed, formulas, markdown, notebooks, places, reference

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = "benchmarks/README.md"
PLOTLY = "site/plotly.min.js"  # loaded by docs/site/figures.js, on pages that have a figure
METHODS = "<!-- table of methods -->"
OUTPUTS: dict[str, list[str]] = {}  # the outputs of each page that was a notebook
OUTSIDE: set[str] = set()  # pages and files from outside of docs
MADE: set[str] = set()  # pages that no file of the repository holds


def on_config(config: Any) -> Any:
    """Fill in the parts of the navigation that follow from the files."""
    parts = {"REFERENCE": _reference(), "BENCHMARKS": _benchmarks()}
    config.nav = [
        {title: parts.get(part, part) if isinstance(part, str) else part}
        for entry in config.nav
        for title, part in entry.items()
    ]
    return config


def _reference() -> list:
    rooms = [
        f"{reference.FOLDER}/{room}.md" for room in (reference.TOP, *sorted(reference.OWN_PAGE))
    ]
    return [{"Names": f"{reference.FOLDER}/index.md"}, *rooms]


def _benchmarks() -> list:
    names = [name for name in places.outside_docs(ROOT) if name.startswith("benchmarks/")]
    pages = [name for name in names if name.endswith(".md") and name != BENCHMARKS]
    return [BENCHMARKS, *({_title(name): name} for name in pages)]


def _title(name: str) -> str:
    """Return a title for the navigation that tells a page from those with the same heading."""
    heading = (ROOT / name).read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
    preset = name.rpartition("_")[2].removesuffix(".md")
    return f"{heading} ({preset})" if preset in ("instant", "quick", "standard") else heading


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that do not lie in docs."""
    OUTSIDE.update(places.outside_docs(ROOT))
    for name in OUTSIDE:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    files.append(File.generated(config, PLOTLY, content=get_plotlyjs()))
    runs = executed.wanted(ROOT)
    for path in sorted((ROOT / executed.NOTEBOOKS).glob("*.ipynb")):
        run = runs[path.stem][1]
        text, shown = notebooks.page(
            json.loads(path.read_text(encoding="utf-8")),
            json.loads(run.read_text(encoding="utf-8")) if run.is_file() else None,
            str(ROOT),
        )
        uri = f"{executed.NOTEBOOKS}/{path.stem}.md"
        OUTPUTS[uri] = shown
        OUTSIDE.add(uri)
        files.append(File.generated(config, uri, content=text))
    made = {**reference.pages(ROOT), "howto/command-line.md": reference.command_line()}
    for uri, text in made.items():
        MADE.add(uri)
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(text: str, page: Any, config: Any, files: Files) -> str:
    """Include sections, lead links to pages, and write Markdown as Python-Markdown reads it."""
    uri = page.file.src_uri
    if uri in MADE:
        return text
    name = places.source(uri, OUTSIDE)
    text = places.with_sections(text, ROOT, name)
    text = text.replace(METHODS, reference.methods_table(ROOT))
    return markdown.spaced(places.linked(text, ROOT, name, set(files.src_uris)))


def on_page_content(html: str, page: Any, config: Any, files: Files) -> str:
    """Draw formulas, and put outputs in their places."""
    html = formulas.drawn(html)
    return notebooks.with_outputs(html, OUTPUTS.get(page.file.src_uri, []))
