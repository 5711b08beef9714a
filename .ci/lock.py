"""Write requirements.lock: the exact versions in this environment of all that o2u_nb needs.

Comes in: the requirements in pyproject.toml and the metadata of the installed packages. Goes out,
on standard output: one pin per package with who asked for it, and a marker where a platform has no
use for the package. Run it through `make lock`.
"""

import tomllib
from collections import defaultdict
from importlib.metadata import distribution, version
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEADER = """\
# Exact versions of everything o2u_nb uses, for Python 3.11 on Linux x86-64, CPU or CUDA.
# Made by `make lock` from what .venv holds; not edited by hand.
"""
PLATFORMS = {
    "linux": {"platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"},
    "darwin": {"platform_system": "Darwin", "platform_machine": "arm64", "os_name": "posix"},
    "win32": {"platform_system": "Windows", "platform_machine": "AMD64", "os_name": "nt"},
}
MARKERS = {  # platforms that need a package besides Linux -> its marker in the lock
    frozenset(): ' ; sys_platform == "linux"',
    frozenset({"darwin"}): ' ; sys_platform != "win32"',
    frozenset({"win32"}): ' ; sys_platform != "darwin"',
    frozenset({"darwin", "win32"}): "",
}


def applies(requirement: Requirement, platform: str, extra: str = "") -> bool:
    """Say whether `requirement` holds on `platform` when `extra` was asked for."""
    environment = {**default_environment(), "sys_platform": platform, **PLATFORMS[platform]}
    return requirement.marker is None or requirement.marker.evaluate(
        {**environment, "extra": extra}
    )


def askers(roots: dict[str, list[str]], platform: str) -> dict[str, set[str]]:
    """Map each package that `roots` (asker -> requirements) need on `platform` to its askers."""
    asked = defaultdict(set)
    todo = [(asker, "", Requirement(line)) for asker, lines in roots.items() for line in lines]
    seen = set()
    while todo:
        asker, extra, requirement = todo.pop()
        if not applies(requirement, platform, extra):
            continue
        name = canonicalize_name(requirement.name)
        asked[name].add(asker)
        for wanted in {"", *requirement.extras} - {e for n, e in seen if n == name}:
            seen.add((name, wanted))
            todo += [(name, wanted, Requirement(line)) for line in requires(name, platform)]
    return asked


def requires(name: str, platform: str) -> list[str]:
    """List what the installed `name` requires; nothing for what only another platform installs."""
    try:
        return distribution(name).requires or []
    except ModuleNotFoundError:
        if platform == "linux":
            raise
        return []


def pins(asked: dict[str, dict[str, set[str]]], roots: dict, *, direct: bool) -> list[str]:
    """Write a line for each package that pyproject.toml names (`direct`), or for each other one."""
    lines = []
    for name, by in sorted(asked["linux"].items()):
        if bool(by & roots.keys()) == direct:
            marker = MARKERS[frozenset(p for p in ("darwin", "win32") if name in asked[p])]
            who = ", ".join(sorted(by & roots.keys() if direct else by))
            lines.append(f"{name}=={version(name)}{marker}  # {who}")
    return lines


def main() -> None:
    """Print the lock: what the project asks for by name first, then what that brings along."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    roots = {"o2u_nb": project["dependencies"]}
    roots |= {f"o2u_nb[{extra}]": lines for extra, lines in extras.items()}
    asked = {platform: askers(roots, platform) for platform in PLATFORMS}
    print(HEADER)
    print("# Asked for in pyproject.toml", *pins(asked, roots, direct=True), sep="\n")
    print("\n# Brought along, and by whom", *pins(asked, roots, direct=False), sep="\n")


if __name__ == "__main__":
    main()
