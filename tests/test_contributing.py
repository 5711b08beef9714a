"""Every recipe of CONTRIBUTING.md does what it says, in a folder that holds what it names."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.audits import write_audit

RECIPES = ("a detector", "a panel", "a reader", "a training method")


@pytest.fixture(scope="module")
def guide(root) -> str:
    return (root / "CONTRIBUTING.md").read_text(encoding="utf-8")


def section(guide: str, title: str) -> str:
    """Return the text between the heading `title` and the next one of its level."""
    return re.search(rf"^## {title}$(.*?)(?=^## |\Z)", guide, re.MULTILINE | re.DOTALL)[1]


def blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def write_names(folder) -> None:
    """Write five pictures whose names tell their class, the last of which is an empty file."""
    folder.mkdir()
    for number, name in enumerate(["cat_1.png", "cat_2.png", "dog_1.png", "dog_2.png"]):
        Image.fromarray(np.full((6, 6, 3), 50 * number, np.uint8)).save(folder / name)
    (folder / "dog_3.png").touch()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_can_be_followed(guide, tmp_path, recipe):
    write_audit(tmp_path / "my_audit")
    write_names(tmp_path / "my_names")
    (block,) = blocks(section(guide, f"Add {recipe}"))
    assert "\nassert " in block  # a recipe says what comes out
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_there_is_no_other_code(guide):
    assert len(blocks(guide)) == len(RECIPES)


def test_the_files_and_goals_that_are_named_are_there(guide, root):
    makefile = (root / "Makefile").read_text()
    for goal in re.findall(r"`make ([a-z-]+)`", guide):
        assert re.search(rf"^{goal}:", makefile, re.MULTILINE), goal
    places = (root, root / "o2u_nb", root / "o2u_nb" / "data")
    for name in re.findall(r"`([\w./]+(?:\.(?:py|toml|lock|cff|md)|/))`", guide):
        assert any((place / name).exists() for place in places), name
    for target in re.findall(r"\]\(([^)]+)\)", guide):
        if target.startswith("#"):
            heading = target[1:].replace("-", " ").capitalize()
            assert f"\n## {heading}\n" in guide
        elif "://" not in target:
            assert (root / target).is_file(), target
