"""Building the wheel and the source distribution, and environments that hold nothing else."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def run(*command: str | Path, **options) -> subprocess.CompletedProcess:
    """Run `command` as a person would who knows nothing of this checkout."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PIP_CONSTRAINT"))}
    return subprocess.run(command, env=clean, capture_output=True, text=True, **options)


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of `source`, a checkout or a source distribution, into an empty `folder`."""
    build = ["wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, source]
    done = run(*PIP, *build)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("o2u_nb-*-py3-none-any.whl")
    return built


def build_sdist(root: Path, folder: Path) -> Path:
    """Build the source distribution of the checkout `root` into an empty `folder`."""
    build = ["-m", "hatchling", "build", "-t", "sdist", "-d", folder]
    done = run(sys.executable, *build, cwd=root)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("o2u_nb-*.tar.gz")
    return built


def install(wheel: Path, folder: Path, *options: str) -> Path:
    """Install `wheel` into a new environment in `folder`; return where its programs lie."""
    venv.create(folder, symlinks=True)
    programs = folder / "bin"
    into = ["--python", programs / "python", "install", "-q", "--no-compile"]
    done = run(*PIP, *into, wheel, *options)
    assert done.returncode == 0, f"pip could not install the wheel: {done.stderr}"
    return programs


def beside(folder: Path, root: Path, *wanted: str) -> Path:
    """Install `wanted` from PyPI into a new environment in `folder`; return its Python.

    It also sees the packages of this environment, and the checkout `root` as it is.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    (own,) = (folder / "lib").glob("python*/site-packages")
    (own / "ours.pth").write_text(f"{sysconfig.get_path('purelib')}\n{root}\n")
    done = run(*PIP, "--python", python, "install", "-q", "--no-compile", *wanted)
    assert done.returncode == 0, f"pip could not install {' '.join(wanted)}: {done.stderr}"
    return python
