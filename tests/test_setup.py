"""The set-up files agree with each other, with what is installed, and with what they promise."""

import os
import re
import shutil
import subprocess
import tomllib
from importlib import import_module, metadata

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from o2u_nb import doctor, extras
from o2u_nb.__main__ import main
from o2u_nb.offline_weights import INSTALLED

LOCKS = ("requirements.lock", "hashes.lock")


@pytest.fixture(scope="module")
def project(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def lock_lines(root) -> list[str]:
    lines = (root / "requirements.lock").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def pins(lock_lines) -> dict[str, str]:
    """Package name -> locked version."""
    locked = map(Requirement, (line.partition("  #")[0] for line in lock_lines))
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in locked}


def asked_for(project) -> list[Requirement]:
    extras = project["optional-dependencies"].values()
    return [Requirement(line) for lines in (project["dependencies"], *extras) for line in lines]


def unmet(requirements: list[Requirement], pins: dict[str, str], extra: str = "") -> list[str]:
    """Name the requirements that apply here and that no pin satisfies."""
    return [
        str(r)
        for r in requirements
        if (r.marker is None or r.marker.evaluate({"extra": extra}))
        and not r.specifier.contains(pins.get(canonicalize_name(r.name), "0"), prereleases=True)
    ]


def test_the_lock_satisfies_pyproject(project, pins):
    assert unmet(asked_for(project), pins) == []


def test_an_unmet_requirement_is_seen():
    wanted = [Requirement("a>=2"), Requirement("b==1"), Requirement('c==1; extra == "x"')]
    assert unmet(wanted, {"a": "1.9", "b": "1"}) == ["a>=2"]


def test_every_line_of_the_lock_is_one_exact_pin_and_says_who_asked(lock_lines):
    line = re.compile(r'[a-z0-9-]+==[\w.]+( ; sys_platform [!=]= "\w+")?  # \S.*')
    assert [text for text in lock_lines if not line.fullmatch(text)] == []
    assert len({text.partition("==")[0] for text in lock_lines}) == len(lock_lines)


def test_the_lock_is_what_is_installed(pins):
    assert {name: metadata.version(name) for name in pins} == pins


def test_the_lock_is_complete(pins):
    """What each locked package asks for, is locked too, at a version that fits."""
    missing = {
        name: wanted
        for name in pins
        if (wanted := unmet(list(map(Requirement, metadata.requires(name) or [])), pins))
    }
    assert missing == {}


@pytest.mark.parametrize("name", ["triton", "nvidia-cudnn-cu13", "cuda-toolkit"])
def test_what_only_linux_has_is_marked(lock_lines, name):
    (line,) = [line for line in lock_lines if line.startswith(f"{name}==")]
    assert ' ; sys_platform == "linux"  #' in line


def test_the_pair_that_the_doctor_names_is_the_locked_one(pins):
    assert doctor.PAIR == (f"torch=={pins['torch']}", f"torchvision=={pins['torchvision']}")


def test_only_the_extra_brings_training(project):
    """The light core may name none of what training needs, and the extra names all of it."""
    core, train = (
        {Requirement(line).name for line in lines}
        for lines in (project["dependencies"], project["optional-dependencies"]["train"])
    )
    weights = {known.package for known in INSTALLED.values()}
    assert train == {*extras.TRAINING, *weights}
    assert not core & (train | {"jupyterlab", "ipykernel"})
    for command, extra in ((extras.INSTALL_TRAINING, "train"), (extras.INSTALL_LAB, "lab")):
        wanted = Requirement(command.removeprefix("pip install ").strip("'"))
        assert (wanted.name, wanted.extras) == (project["name"], {extra})
        assert extra in project["optional-dependencies"]


def test_every_requirement_of_users_is_a_range_with_a_lowest_version(project):
    """Existing environments, Colab among them, can take ranges; the lock has the exact versions.

    Weights are the exception: they are known by their checksum, so that only one version is right.
    """
    optional = project["optional-dependencies"]
    lines = [
        *project["dependencies"],
        *(line for extra in ("train", "fast", "lab") for line in optional[extra]),
    ]
    weights = {known.package for known in INSTALLED.values()}
    for line in lines:
        if Requirement(line).name in weights:
            continue
        operators = [part.operator for part in Requirement(line).specifier]
        assert operators.count(">=") == 1 and "==" not in operators, line


def test_the_command_is_the_module(project):
    module, _, function = project["scripts"]["o2u-nb"].partition(":")
    assert getattr(import_module(module), function) is main


def test_conda_brings_python_and_the_lock_brings_the_rest(root, project):
    environment = yaml.safe_load((root / "environment.yml").read_text())
    *by_conda, by_pip = environment["dependencies"]
    assert by_pip == {"pip": ["-r requirements.lock", "-e ."]}
    assert by_conda == ["python=3.11", "pip"]
    assert "3.11" in SpecifierSet(project["requires-python"])
    assert environment["name"] == project["name"]


def test_the_installed_package_is_the_one_described(project):
    assert metadata.version("o2u_nb") == project["version"]
    described = {str(Requirement(line)) for line in project["dependencies"]}
    installed = map(Requirement, metadata.requires("o2u_nb"))
    assert {str(r) for r in installed if r.marker is None} == described


def test_the_licence_is_the_declared_one(root, project):
    text = (root / "LICENSE").read_text()
    assert project["license"] == "MIT" and text.startswith("MIT License")
    assert project["authors"][0]["name"] in text


def make(folder, *arguments) -> str:
    """Return what make prints, run as from a fresh shell also when make started these tests."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    run = subprocess.run(
        ["make", *arguments], cwd=folder, env=clean, capture_output=True, text=True, check=True
    )
    return run.stdout


def test_make_alone_lists_what_it_can_do(root):
    listed = make(root)
    for goal in ("demo", "lab", "test", "doctor"):
        assert f"make {goal} " in listed


@pytest.fixture
def built(root, tmp_path):
    """Imitate a clone in which make has built the environment."""
    for name in ("Makefile", *LOCKS, "pyproject.toml"):
        shutil.copy(root / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    plan = make(tmp_path, "--dry-run", "demo")
    for stamp in re.findall(r"touch (\S+)", plan):
        (tmp_path / stamp).touch()
    return tmp_path


DEMO = ".venv/bin/python -m o2u_nb demo"
INSTALL = "install -q --require-hashes -r hashes.lock"


def test_a_second_call_only_runs_what_was_asked(built):
    for name in LOCKS:
        (built / name).touch()  # a new date alone, as after a checkout
    assert make(built, "--dry-run", "demo").splitlines() == [DEMO]


@pytest.mark.parametrize("changed", LOCKS)
def test_a_changed_lock_rebuilds_the_environment(built, changed):
    with (built / changed).open("a") as lock:
        lock.write("# changed\n")
    plan = make(built, "--dry-run", "demo")
    steps = [plan.index(s) for s in ("-m venv --clear .venv", INSTALL, "-e .", DEMO)]
    assert steps == sorted(steps)


def fake_python(folder, answer: str):
    """Write a program that is no Python 3.11 and gives `answer` when it is asked what it is."""
    path = folder / "python"
    path.write_text(f'#!/bin/sh\ncase "$2" in *print*) echo "{answer}" ;; *) exit 1 ;; esac\n')
    path.chmod(0o755)
    return path


def test_a_wrong_python_gives_one_clear_sentence(root, tmp_path):
    python = fake_python(tmp_path, "is Python 3.9")
    run = subprocess.run(
        ["sh", root / ".ci/find-python"],
        env={**os.environ, "PYTHON": str(python)},
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.count("\n") == 1
    assert f"needs Python 3.11 with its venv module, but {python} is Python 3.9" in run.stderr


def test_no_python_at_all_gives_the_same_sentence(root, tmp_path):
    environment = {"PATH": str(tmp_path)}
    run = subprocess.run(
        ["/bin/sh", root / ".ci/find-python"], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert "but python3 does not run" in run.stderr


def system_packages(root, programs) -> subprocess.CompletedProcess:
    """Run the script where only `programs` are found, so chromium is missing."""
    script = ["/bin/sh", root / ".ci/system-packages"]
    return subprocess.run(script, env={"PATH": str(programs)}, capture_output=True, text=True)


def test_packages_that_apt_cannot_bring_are_named(root, tmp_path):
    run = system_packages(root, tmp_path)
    assert run.returncode == 1
    assert "The tests need chromium" in run.stderr and "make test again" in run.stderr


@pytest.mark.parametrize(("user", "first"), [("0", "apt-get"), ("1000", "sudo -n apt-get")])
def test_missing_packages_are_installed_without_a_question(root, tmp_path, user, first):
    log = tmp_path / "log"
    fakes = {
        "id": f"echo {user}",
        "sudo": f'echo "sudo $*" >> {log}',
        "env": f'echo "env $*" >> {log}',
        "apt-get": f'echo "apt-get $*" >> {log}',
    }
    for name, body in fakes.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    assert system_packages(root, tmp_path).returncode == 0
    update, install = log.read_text().splitlines()
    assert update == f"{first} update -q"
    assert "DEBIAN_FRONTEND=noninteractive apt-get install -q -y" in install
    assert install.startswith(first.removesuffix("apt-get")) and "chromium" in install


def test_continuous_integration_runs_make_test(root):
    script = root / ".ci/run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec make test"


def test_make_test_checks_style_types_and_everything_else(root):
    plan = make(root, "--dry-run", "test").replace(".venv/bin/python -m ", "")
    for step in ("ruff check .", "ruff format --check .", "mypy"):
        assert step in plan
    runs = [line for line in plan.splitlines() if "pytest " in line]
    # what is not in a browser, what is, and the notebooks: together everything
    assert [("browser" in run, "not browser" in run, "--nbmake" in run) for run in runs] == [
        (True, True, False),
        (True, False, False),
        (False, False, True),
    ]


def test_hooks_check_what_make_test_checks_and_download_nothing(root):
    config = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())
    (repository,) = config["repos"]
    hooks = {hook["id"]: hook for hook in repository["hooks"]}
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in hooks.values()} == {"system"}
    style = make(root, "--dry-run", "check") + make(root, "--dry-run", "types")
    for name in ("ruff-check", "ruff-format", "mypy"):
        assert hooks[name]["entry"].replace(" --force-exclude", "") in style
    assert hooks["test-quick"]["entry"] == "make test-quick"
    assert hooks["test-quick"]["stages"] == ["pre-push"]


def test_quick_tests_leave_out_every_other_tier(root):
    (line,) = [
        line for line in make(root, "--dry-run", "test-quick").splitlines() if "-m pytest" in line
    ]
    options = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    tiers = [marker.partition(":")[0] for marker in options["markers"]]
    assert set(re.findall(r"not (\w+)", line)) == set(tiers)
