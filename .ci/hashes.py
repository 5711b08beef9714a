"""Write hashes.lock: the pins of requirements.lock, with the SHA-256 of the files they stand for.

Comes in: requirements.lock, and hashes.lock as it was. Goes out, on standard output: each pin with
the hashes of its wheels for Linux, macOS and Windows, which `pip install --require-hashes` takes.
pip asks the package index about new pins only. The hashes of the others stay, so that a file that
is replaced on the index is refused. Run it through `make lock`.
"""

import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEADER = """\
# The pins of requirements.lock with the SHA-256 of their wheels, for Python 3.11 on Linux x86-64,
# macOS on Apple silicon, and Windows x86-64.
# Made by `make lock`; not edited by hand. `make` installs from this file.
"""
# Platforms, by the name that markers know, and the tag of the wheels that pip takes there; None
# stands for this machine, whose own tags are more than can be named.
PLATFORMS = {"linux": None, "darwin": "macosx_15_0_arm64", "win32": "win_amd64"}

Hashes = dict[str, set[str]]  # pin -> SHA-256 of its files


def main() -> None:
    """Print the pins with their hashes."""
    pins = read_pins(Path("requirements.lock").read_text())
    before = read_hashes(Path("hashes.lock").read_text() if Path("hashes.lock").exists() else "")
    found = {pin: before[pin] for pin in map(str, pins) if pin in before}
    new = [pin for pin in pins if str(pin) not in found]
    for name, tag in PLATFORMS.items():
        wanted = [pin for pin in new if applies(pin, name)]
        for pin, hashes in asked_of_index(wanted, tag).items():
            found.setdefault(pin, set()).update(hashes)
    print(HEADER)
    for pin in map(str, pins):
        print(pin, *(f"    --hash=sha256:{one}" for one in sorted(found[pin])), sep=" \\\n")


def read_pins(lock: str) -> list[Requirement]:
    """Return the pins in the text of requirements.lock, in their order."""
    lines = (line.partition("#")[0].strip() for line in lock.splitlines())
    return [Requirement(line) for line in lines if line]


def read_hashes(lock: str) -> Hashes:
    """Return what the text of hashes.lock holds.

    >>> read_hashes("a==1 \\\\\\n    --hash=sha256:0f")
    {'a==1': {'0f'}}
    """
    lines = lock.replace("\\\n", " ").splitlines()
    split = [line.split("--hash=sha256:") for line in lines if line and line[0] != "#"]
    return {pin.strip(): {one.strip() for one in hashes} for pin, *hashes in split}


def applies(pin: Requirement, name: str) -> bool:
    """Say whether `pin` is installed on the platform that markers know by this name."""
    return pin.marker is None or pin.marker.evaluate({"sys_platform": name})


def asked_of_index(pins: Sequence[Requirement], tag: str | None) -> Hashes:
    """Ask pip which files it would install for `pins`, and return their hashes; none is kept."""
    if not pins:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        wanted, report = Path(folder, "wanted.txt"), Path(folder, "report.json")
        wanted.write_text("".join(f"{pin.name}{pin.specifier}\n" for pin in pins))
        options = ["--dry-run", "--ignore-installed", "--no-deps", "--only-binary=:all:"]
        if tag is not None:
            version = platform.python_version()
            options += ["--platform", tag, "--python-version", version, "--target", folder]
        pip = [sys.executable, "-m", "pip", "install", "-q", *options]
        subprocess.run([*pip, "--report", report, "-r", wanted], stdout=sys.stderr, check=True)
        installed = json.loads(report.read_text())["install"]
    by_name = {canonicalize_name(one["metadata"]["name"]): one for one in installed}
    return {str(pin): {_hash(by_name[canonicalize_name(pin.name)])} for pin in pins}


def _hash(installed: dict) -> str:
    return installed["download_info"]["archive_info"]["hashes"]["sha256"]


if __name__ == "__main__":
    main()
