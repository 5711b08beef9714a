"""The documentation site: no warning, no link that leads nowhere, nothing from another host."""

import ast
import doctest
import importlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tests import site as sites
from website import executed, markdown, notebooks, places, reference
from website.formulas import mathml

LOADED = {"src", "srcset", "poster", "data", "action", "background"}  # what a page fetches
READ_BY_PEOPLE = {"canonical", "next", "prev", "author", "license"}  # relations that fetch nothing
ELSEWHERE = re.compile(r"""(?:url\(\s*['"]?|@import\s+['"])\s*((?:https?:)?//[^'")\s]+)""")


class Page(HTMLParser):
    """What a page loads, where its links lead, and the places in it."""

    def __init__(self, text: str):
        super().__init__()
        self.loads, self.links, self.ids, self.texts = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        self.loads += [found[name] for name in LOADED & set(found)]
        self.loads += ELSEWHERE.findall(found.get("style", ""))
        if tag == "link" and not READ_BY_PEOPLE & set(found.get("rel", "").split()):
            self.loads.append(found.get("href", ""))
        elif "href" in found:
            self.links.append(found["href"])

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def site(root) -> sites.Site:
    return sites.built(root)


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    return {path: Page(path.read_text("utf-8")) for path in sorted(site.folder.rglob("*.html"))}


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(site):
    assert site.status == 0, site.said
    assert "WARNING" not in site.said and "ERROR" not in site.said


@pytest.mark.slow
def test_nothing_is_loaded_from_another_host(site, pages):
    assert len(pages) > 60
    elsewhere = {
        (path.name, address)
        for path, page in pages.items()
        for address in page.loads
        if urlsplit(address).netloc
    }
    assert elsewhere == set()
    for path in site.folder.rglob("*.css"):
        assert ELSEWHERE.findall(path.read_text("utf-8")) == [], path


def test_a_load_from_another_host_is_noticed():
    """The check above can fail, for each way in which a page loads something."""
    text = """<img src="//a.org/1"><link rel="stylesheet" href="https://b.org/2"><p style="color:
    red; background: url('http://c.org/3')"></p><a href="https://d.org/read">a link</a>"""
    hosts = [urlsplit(address).netloc for address in Page(text).loads]
    assert hosts == ["a.org", "b.org", "c.org"]
    assert ELSEWHERE.findall('@import "https://e.org/4.css";') == ["https://e.org/4.css"]


@pytest.mark.slow
def test_every_link_leads_to_a_place_on_the_site(site, pages):
    wrong = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links are those of the root of a server
            continue
        for link in (*page.links, *page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or not link:
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            file = file / "index.html" if file.is_dir() else file
            place = unquote(parts.fragment)
            known = pages[file].ids if file in pages else set()
            if not file.is_file() or (place and place not in known | {"__search"}):
                wrong.append((path.relative_to(site.folder).as_posix(), link))
    assert wrong == []


@pytest.mark.slow
def test_every_public_name_of_the_package_is_in_the_reference(root, pages):
    """All functions and classes with a docstring, of all modules but the command line's."""
    described = {
        name for path, page in pages.items() if "reference" in path.parts for name in page.ids
    }
    missing = []
    for room in ("", *reference.OWN_PAGE):
        for module in reference.modules(root, room):
            file = reference._file(root, module)
            for node in ast.parse(file.read_text("utf-8")).body:
                public = isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"
                if public and ast.get_docstring(node) and f"{module}.{node.name}" not in described:
                    missing.append(f"{module}.{node.name}")
    assert missing == []
    assert {"o2u_nb.audit.Audit.run", "o2u_nb.exchange.tree.revert"} <= described


def test_every_room_of_the_package_has_a_page_or_a_reason(root):
    rooms = {path.parent.name for path in (root / "o2u_nb").glob("*/__init__.py")}
    assert rooms - reference.OWN_PAGE == {"commands"}  # described by the help of the command line


@pytest.mark.slow
def test_an_executed_lesson_shows_outputs_and_no_answers(root, site):
    text = (site.folder / "notebooks" / f"{sites.LESSON}.html").read_text("utf-8")
    body = "".join(Page(text).texts)
    notebook = json.loads((root / f"notebooks/{sites.LESSON}.ipynb").read_text("utf-8"))
    ids = [cell["id"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    given = [name for name in ids if name.startswith("answer-")]
    assert given and len(ids) > len(given)
    for name in ids:
        assert (f"printed by {name} <&>" in body) == (name not in given), name
    assert "<b>shown</b>" in text and "alert(1)" not in text and "the verdict" not in text
    assert "Without outputs" not in body
    other = (site.folder / "notebooks" / "07_out_of_sample.html").read_text("utf-8")
    assert "Without outputs" in other


@pytest.mark.slow
def test_no_formula_is_left_as_tex(pages):
    text = {path.name: "".join(page.texts) for path, page in pages.items()}
    for name in ("o2u-net.html", "odd.html", "scores.html", "03_memorising.html"):
        assert "\\(" not in text[name] and "\\[" not in text[name] and "\\frac" not in text[name]
    for path in pages:
        if path.parent.name == "theory":
            assert path.read_text("utf-8").count("<math ") > 10


@pytest.mark.slow
def test_broken_links_are_errors(root, tmp_path):
    """With the settings of the site, links that lead nowhere end the build, each with a warning."""
    settings = yaml.safe_load((root / "mkdocs.yml").read_text("utf-8"))
    own = {key: settings[key] for key in ("strict", "validation", "use_directory_urls")}
    (tmp_path / "docs").mkdir()
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump({**own, "site_name": "a", "plugins": []}))
    broken = "[a](nowhere.md) [b](index.md#nowhere) [c](/index.md) ![d](nowhere.png)"
    for content, said in ((broken, "Aborted with 4 warnings"), ("[x](index.md)", "built in")):
        (tmp_path / "docs" / "index.md").write_text(f"# Title\n\n{content}\n")
        command = [sys.executable, "-m", "mkdocs", "build"]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert said in run.stdout + run.stderr
        assert (run.returncode == 0) == (content != broken)


def test_links_lead_to_pages_to_text_or_stay(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "run.py").touch()
    pages = {"index.md", "a.md", "howto/b.md", "notebooks/00_x.md"}
    text = (
        "[a](../a.md#part) [x](../../notebooks/00_x.ipynb) [r](../../README.md) [u](http://u.org)"
    )
    assert places.linked(text, tmp_path, "docs/howto/b.md", pages) == (
        "[a](../a.md#part) [x](../notebooks/00_x.md) [r](../index.md) [u](http://u.org)"
    )
    text = "[run](../benchmarks/run.py) [gone](../gone.md)\n```\n[a](../benchmarks/run.py)\n```"
    assert places.linked(text, tmp_path, "docs/a.md", pages) == (
        "run [gone](../gone.md)\n```\n[a](../benchmarks/run.py)\n```"
    )


def test_a_section_is_included_with_its_links(tmp_path):
    (tmp_path / "README.md").write_text(
        "# T\n\nHello.\n\n## One\n\n[x](docs/a.md)\n\n## Two\n\nmore\n"
    )
    page = "<!-- README.md: (beginning) -->\n\n<!-- README.md: One -->"
    found = places.with_sections(page, tmp_path, "docs/howto/b.md")
    assert found == "Hello.\n\n[x](../a.md)"
    with pytest.raises(ValueError, match="'## Three'"):
        places.with_sections("<!-- README.md: Three -->", tmp_path, "docs/a.md")


def test_executed_notebooks_are_kept_until_something_changes(root, tmp_path, monkeypatch):
    monkeypatch.setenv(executed.KEPT_ELSEWHERE, str(tmp_path / "kept"))
    notebook, path = executed.wanted(root)[sites.LESSON]
    run = tmp_path / "run"
    run.mkdir()
    file = run / f"{sites.LESSON}.ipynb"
    file.write_text(json.dumps(notebook))
    assert executed.keep_from(root, run) == []  # it has not been executed
    for cell in notebook["cells"]:
        cell["execution_count"] = 1
    file.write_text(json.dumps(notebook))
    assert executed.keep_from(root, run) == [sites.LESSON] and path.is_file()
    notebook["cells"][-1]["source"] = "changed"
    file.write_text(json.dumps(notebook))
    path.unlink()
    assert executed.keep_from(root, run) == []
    monkeypatch.setattr(executed, "package_digest", lambda root: "another package")
    assert executed.wanted(root)[sites.LESSON][1] != path


def test_outputs_are_still_pictures_and_printed_text_is_whole():
    cell = {
        "cell_type": "code",
        "id": "a",
        "source": "f()",
        "outputs": [
            {"output_type": "stream", "name": "stdout", "text": ["one\n"]},
            {
                "output_type": "display_data",
                "data": {"application/vnd.jupyter.widget-view+json": {}},
            },
            {"output_type": "stream", "name": "stdout", "text": ["two\n"]},
            {"output_type": "stream", "name": "stderr", "text": ["/home/me/x: a warning\n"]},
            {"output_type": "display_data", "data": {"image/png": "iVBO\n"}},
            {
                "output_type": "display_data",
                "data": {
                    "application/vnd.plotly.v1+json": {
                        "data": [
                            {"type": "bar", "x": ["a", "b"], "y": {"dtype": "i1", "bdata": "AQI="}}
                        ],
                        "layout": {"title": {"text": "two bars"}, "meta": "</b>"},
                    }
                },
            },
        ],
    }
    title = {"cell_type": "markdown", "id": "t", "source": "# Title"}
    text, shown = notebooks.page({"cells": [title, cell]}, {"cells": [title, cell]}, "/home/me")
    assert text.startswith("# Title\n\n```python\nf()\n```\n\n<div data-output")
    assert shown[0] == "<pre>one\ntwo</pre>"
    assert 'src="data:image/png;base64,iVBO"' in shown[1]
    assert "<svg" in shown[2] and '"two bars"' in shown[2] and len(shown) == 3
    assert "</b>" not in shown[2].partition("application/json")[2]
    html = notebooks.with_outputs(text, shown)
    assert "data-output" not in html and html.count('<div class="output">') == 3


def test_conditions_stand_below_their_operators_in_formulas_of_their_own():
    assert "<munder><mo>max</mo>" in mathml(r"\max_{k} x", display=True)
    assert "<msub><mo>max</mo>" in mathml(r"\max_{k} x", display=False)
    assert mathml(r"a \le b", display=False).count("≤") == 1


@pytest.mark.parametrize("name", ["formulas", "markdown", "docstrings"])
def test_examples_of_the_tools_are_true(name):
    found = doctest.testmod(importlib.import_module(f"website.{name}"))
    assert found.attempted and not found.failed


def test_markdown_in_code_is_left_alone():
    text = "Some code:\n\n```\nx\n* y\n| z\n```\n\nText\n| a |\n|---|\n| b |"
    assert markdown.spaced(text) == text.replace("Text\n|", "Text\n\n|")
