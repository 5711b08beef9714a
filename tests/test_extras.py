"""Where torch is not installed, what needs it says so before it changes anything."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from o2u_nb import extras
from o2u_nb.__main__ import main
from o2u_nb.errors import MissingExtraError, O2UError

WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; "  # from then on, importing it fails
INSTALL = "pip install 'o2u_nb[train]'"


def python(code: str, *arguments: str, cwd) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", WITHOUT_TORCH + code, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_the_error_is_both_ours_and_an_import_error():
    assert issubclass(MissingExtraError, O2UError) and issubclass(MissingExtraError, ImportError)


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        (["torch"], "torch is not installed"),
        (["torch", "fastai"], "torch, fastai are not installed"),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_brings_it(monkeypatch, lacking, words):
    for name in lacking:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError) as raised:
        extras.require_training()
    assert words in str(raised.value)
    assert str(raised.value).endswith(INSTALL)


def test_nothing_is_missing_here():
    extras.require_training()
    assert extras.missing(extras.TRAINING) == []


def test_only_installed_packages_have_a_version():
    assert extras.versions(["numpy", "no-such-package"]) == {"numpy": np.__version__}


COMMANDS = [("audit", "images", "--out", "audit"), ("demo", "--out", "audit")]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_commands_that_train_end_with_one_line_and_write_nothing(tmp_path, command):
    for number in range(4):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(path)
    done = python("from o2u_nb.__main__ import main; sys.exit(main())", *command, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr == f"o2u_nb: torch is not installed, which training needs: {INSTALL}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


@pytest.mark.parametrize("module", ["o2u_nb.all", "o2u_nb.training.learner"])
def test_importing_what_trains_says_how_to_install_it(tmp_path, module):
    done = python(f"from {module} import *", cwd=tmp_path)
    *_, last = done.stderr.splitlines()
    assert last.startswith("o2u_nb.errors.MissingExtraError: torch is not installed")
    assert last.endswith(INSTALL)


@pytest.mark.parametrize(
    ("called", "named"),
    [("/env/bin/o2u-nb", "o2u-nb"), ("/env/lib/o2u_nb/__main__.py", "python -m o2u_nb")],
)
def test_the_help_names_the_program_as_it_was_called(monkeypatch, capsys, called, named):
    monkeypatch.setattr(sys, "argv", [called])
    with pytest.raises(SystemExit) as stopped:
        main(["audit", "pictures"])
    assert stopped.value.code == 2
    assert f"see {named} audit --help" in capsys.readouterr().err
