"""The types that the package promises are checked, and a user's type checker sees them."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

USES = """
from o2u_nb import Audit
from o2u_nb.text import percent
from o2u_nb.trace import Trace

audit = Audit.open("my_audit")
good: str = percent(0.2)
trace: Trace = audit.trace
bad: int = audit.report
Trace.open(3)
"""


def test_wrong_uses_of_the_public_surface_are_found(root, tmp_path):
    (tmp_path / "uses.py").write_text(USES)
    command = [sys.executable, "-m", "mypy", "--config-file", root / "pyproject.toml"]
    run = subprocess.run(
        [*command, "--cache-dir", tmp_path / "cache", tmp_path / "uses.py"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    lines = [line.partition(": error: ")[0].rpartition(":")[2] for line in run.stdout.splitlines()]
    assert (run.returncode, lines[:2]) == (1, ["9", "10"]), run.stdout


def test_a_wrong_annotation_is_found(root, tmp_path):
    """Change one annotation in a copy of the package, and the check of `make test` fails."""
    source = (root / "o2u_nb" / "text.py").read_text(encoding="utf-8")
    annotated = "def percent(share: float) -> str:"
    assert annotated in source
    wrong = tmp_path / "text.py"
    wrong.write_text(source.replace(annotated, annotated.replace("str", "int")), encoding="utf-8")
    shadow = ["--shadow-file", root / "o2u_nb" / "text.py", wrong]
    command = [sys.executable, "-m", "mypy", "--cache-dir", tmp_path / "cache", *shadow]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert run.returncode == 1
    assert "o2u_nb/text.py" in run.stdout and 'expected "int"' in run.stdout
