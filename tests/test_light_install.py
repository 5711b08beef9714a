"""The wheel alone, in a clean environment without torch: once with the newest versions of what it
requires, and once with the lowest that `pyproject.toml` allows."""

import json
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.audits import write_audit
from tests.packages import build_wheel, install, run

pytestmark = [pytest.mark.slow, pytest.mark.network]


def lowest(root: Path) -> list[str]:
    """Turn each range of the core into its lowest version."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    core = map(Requirement, project["dependencies"])
    return [
        f"{wanted.name}=={part.version}"
        for wanted in core
        for part in wanted.specifier
        if part.operator == ">="
    ]


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory) -> Path:
    return build_wheel(root, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module", params=["newest", "lowest"])
def programs(request, root, wheel, tmp_path_factory) -> Path:
    """Install the wheel, with what it requires from PyPI; return where its programs lie."""
    pins = lowest(root) if request.param == "lowest" else []
    return install(wheel, tmp_path_factory.mktemp(request.param) / "env", *pins)


def test_an_audit_is_opened_drawn_exported_and_reported(programs, root, tmp_path):
    audit = write_audit(tmp_path / "audit", images=tmp_path / "images")
    script = root / "tests" / "light_session.py"
    (tmp_path / "out").mkdir()
    done = run(programs / "python", script, audit, tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert Path(said["package"]).is_relative_to(programs.parent)
    assert {"Dashboard", "TrajectoriesPanel", "HistogramsPanel", "WhyCard"} <= set(said["panels"])


def test_training_is_refused_in_one_line(programs, tmp_path):
    (tmp_path / "images" / "cat").mkdir(parents=True)
    done = run(programs / "o2u-nb", "audit", "images", "--out", "audit", cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("o2u_nb: torch, torchvision, fastai, timm are not installed")
    assert line.endswith("pip install 'o2u_nb[train]'")
    assert not (tmp_path / "audit").exists()


def test_the_doctor_finds_nothing_wrong(programs, tmp_path):
    done = run(programs / "o2u-nb", "doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "pip install 'o2u_nb[train]'" in done.stdout
    assert "pip install 'o2u_nb[lab]'" in done.stdout
