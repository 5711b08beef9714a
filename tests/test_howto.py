"""The how-to pages: their commands are understood, and their code runs or at least can be read."""

import re
import shlex

import pytest

from o2u_nb.__main__ import _parser
from o2u_nb.data import sources
from tests.audits import write_audit

PAGES = ("own-folder", "own-learner", "review", "export", "methods", "front-ends")


@pytest.fixture
def blocks(root):
    """The blocks of Python on a page."""

    def found(name: str) -> list[str]:
        text = (root / f"docs/howto/{name}.md").read_text("utf-8")
        return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)

    return found


@pytest.mark.parametrize("name", PAGES)
def test_code_can_be_read(blocks, name):
    assert blocks(name)
    for block in blocks(name):
        compile(block, name, "exec")


def test_command_lines_are_understood(root):
    lines = [
        line
        for path in sorted((root / "docs").rglob("*.md"))
        for line in re.findall(r"^(?:o2u-nb|python -m o2u_nb) (.*)$", path.read_text("utf-8"), re.M)
    ]
    assert len(lines) >= 5
    for line in lines:
        assert callable(_parser().parse_args(shlex.split(line, comments=True)).command), line


def test_code_on_review_and_export_does_what_it_says(blocks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_audit(tmp_path / "my_audit", images=tmp_path / "pictures")
    names: dict = {}
    for block in (*blocks("review"), *blocks("export")):
        exec(block, names)
    audit, exchange = names["audit"], names["exchange"]
    assert len(sources.read("cleaned").samples) == len(audit.samples) == 40
    assert exchange.revert("cleaned") == 40 and len(list((tmp_path / "pictures").rglob("*"))) >= 40
