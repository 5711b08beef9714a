"""Every command and every example of the README does what it says."""

import re
import shlex
import subprocess
import sys
import tomllib

import pytest

from o2u_nb.__main__ import _parser
from tests.sources import write_source


@pytest.fixture
def readme(root) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def blocks(readme: str, language: str = "") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)


def test_make_goals_exist(readme, root):
    goals = re.findall(r"^make (\w+)", readme, re.MULTILINE)
    makefile = (root / "Makefile").read_text()
    assert {"demo", "lab", "test"} <= set(goals)
    assert all(re.search(rf"^{goal}:", makefile, re.MULTILINE) for goal in goals)


def test_command_lines_are_understood(readme):
    lines = re.findall(r"(?:-m o2u_nb|\bo2u-nb) (.*?)(?:`|\n)", readme)
    assert len(lines) >= 3
    for line in lines:
        assert callable(_parser().parse_args(shlex.split(line)).command)


def test_what_is_installed_exists(readme, root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    asked = re.findall(r"^pip install '?(\w+)(?:\[(.*?)\])?", readme, re.MULTILINE)
    assert [name for name, _ in asked] == [project["name"]] * 6
    extras = {extra for _, listed in asked for extra in filter(None, listed.split(","))}
    known = project["optional-dependencies"].keys()
    assert extras == {"train", "lab", "fast", "similar", "map"} <= known


@pytest.mark.slow
def test_python_blocks_run_one_after_the_other(readme, tmp_path):
    write_source(tmp_path / "my_pictures")
    check = "assert len(scores) == 60 == len(clean) + len(odd.ids) and 20 <= trace.n_epochs <= 26"
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*blocks(readme, "python"), check])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_links_and_pictures_are_there(readme, root):
    targets = [t for t in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in t]
    assert targets and all((root / target.partition("#")[0]).is_file() for target in targets)


def test_files_of_an_audit_are_those_promised(readme):
    from o2u_nb import folder as layout

    for name in layout.MADE_BY_AUDIT:
        assert f"`{name}" in readme
