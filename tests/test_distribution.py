"""The wheel and the source distribution: what is in them, and that what they install works.

The environment here is clean but for the dependencies, which are those of the one that runs the
tests; `test_light_install` asks PyPI for them.
"""

import json
import subprocess
import sysconfig
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

from tests.audits import write_audit
from tests.packages import build_sdist, build_wheel, install, run

pytestmark = pytest.mark.slow

DOCUMENTS = {"CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "SECURITY.md"}
MADE_BY_HATCH = {".gitignore", "PKG-INFO"}  # it adds them to every source distribution


@pytest.fixture(scope="module")
def sdist(root, tmp_path_factory) -> Path:
    return build_sdist(root, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory) -> Path:
    """The wheel that is built from the source distribution, as PyPI's users get it."""
    return build_wheel(sdist, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def listed(root) -> set[str]:
    """The files of the package that git knows, or would add."""
    listing = ["git", "ls-files", "-co", "--exclude-standard", "o2u_nb"]
    files = subprocess.run(listing, cwd=root, capture_output=True, text=True, check=True).stdout
    return {name for name in files.splitlines() if (root / name).is_file()}


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    """Install the wheel alone, and lend its environment the packages of this one."""
    programs = install(wheel, tmp_path_factory.mktemp("clean") / "env", "--no-deps")
    (packages,) = (programs.parent / "lib").glob("python3.*/site-packages")
    # A path in a .pth file is added to the end of the module search path, and the .pth files that
    # lie there are not read: the editable install of this checkout is not seen.
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return programs


def in_sdist(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as packed:
        names = [PurePosixPath(member.name) for member in packed if member.isfile()]
    assert {name.parts[0] for name in names} == {sdist.name.removesuffix(".tar.gz")}
    return {str(PurePosixPath(*name.parts[1:])) for name in names}


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def described(wheel: Path) -> Message:
    (text,) = [v for k, v in contents(wheel).items() if k.endswith(".dist-info/METADATA")]
    return HeaderParser().parsestr(text.decode("utf-8"))


def test_the_wheel_holds_every_file_of_the_package_and_the_licence(wheel, listed):
    """So it has no tests, no notebooks and no caches, and all scripts and styles of the panels."""
    packed = contents(wheel)
    rest = {name for name in packed if ".dist-info/" not in name}
    assert rest == listed
    assert {"o2u_nb/widgets/js/grid.js", "o2u_nb/report/template.html.j2", "o2u_nb/py.typed"} < rest
    info = {name.partition(".dist-info/")[2] for name in packed.keys() - rest}
    assert info == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def test_the_source_distribution_holds_the_package_and_its_documents(sdist, listed):
    """What runs the tests, the notebooks and the site is in a clone only."""
    assert in_sdist(sdist) == listed | DOCUMENTS | MADE_BY_HATCH | {"pyproject.toml"}


def test_the_checkout_gives_the_same_wheel_as_the_source_distribution(root, wheel, tmp_path):
    assert contents(build_wheel(root, tmp_path)) == contents(wheel)


def test_the_wheel_says_what_pyproject_says(wheel, root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    said = described(wheel)
    assert (said["Name"], said["Version"]) == (project["name"], project["version"])
    assert said["License-Expression"] == project["license"]
    assert said["Requires-Python"] == project["requires-python"]
    assert set(said.get_all("Provides-Extra")) == set(project["optional-dependencies"])
    asked = [Requirement(text) for text in said.get_all("Requires-Dist")]
    light = {str(wanted) for wanted in asked if wanted.marker is None}
    assert light == {str(Requirement(text)) for text in project["dependencies"]}


def test_the_installed_command_knows_its_version(programs, wheel, tmp_path):
    done = run(programs / "o2u-nb", "--version", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == described(wheel)["Version"]


WRITES_AND_DRAWS = """
import json, o2u_nb
from o2u_nb.widgets.grid import SuspectGrid

given = o2u_nb.Audit.open("given")
again = o2u_nb.Audit.save("again", given.samples, given.trace)
assert "application/vnd.jupyter.widget-view+json" in again.panel()._repr_mimebundle_()
print(json.dumps([o2u_nb.__file__, str(SuspectGrid._esm)]))
"""


def test_the_installed_package_writes_an_audit_and_draws_it(programs, tmp_path):
    """The template of the report and the scripts of the panel are found outside of the checkout."""
    write_audit(tmp_path / "given", images=tmp_path / "images")
    done = run(programs / "python", "-c", WRITES_AND_DRAWS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    place, script = json.loads(done.stdout.splitlines()[-1])
    assert Path(place).is_relative_to(programs.parent)
    assert len(script) > 10_000
    assert (tmp_path / "again/report.html").stat().st_size > 1_000_000  # plotly's code is in it
    done = run(programs / "o2u-nb", "verify", "again", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
