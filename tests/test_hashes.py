"""hashes.lock holds what requirements.lock holds, and pip installs nothing that differs from it."""

import hashlib
import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

WHEEL = "tiny_o2u-1.0-py3-none-any.whl"
DIGEST = re.compile(r"[0-9a-f]{64}")


@pytest.fixture(scope="module")
def hashes(root):
    """The script that writes hashes.lock."""
    spec = importlib.util.spec_from_file_location("hashes", root / ".ci/hashes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_both_locks_hold_the_same_pins_each_with_a_hash(root, hashes):
    pins = hashes.read_pins((root / "requirements.lock").read_text())
    held = hashes.read_hashes((root / "hashes.lock").read_text())
    assert list(held) == list(map(str, pins))
    assert all(found and all(map(DIGEST.fullmatch, found)) for found in held.values())
    assert not any("://" in text or "--" in text for text in held)


def test_what_differs_by_platform_has_a_hash_for_each(root, hashes):
    held = hashes.read_hashes((root / "hashes.lock").read_text())
    for name in ("numpy", "torch", "pillow", "pyarrow"):
        (found,) = [held[pin] for pin in held if pin.startswith(f"{name}==")]
        assert len(found) == len(hashes.PLATFORMS), name


def test_only_new_pins_are_asked_for_and_the_hashes_of_others_stay(
    hashes, tmp_path, monkeypatch, capsys
):
    (tmp_path / "requirements.lock").write_text(
        '# pins\na==1  # o2u_nb\nb==2.1 ; sys_platform == "linux"  # a\nc==3 ; '
        'sys_platform != "win32"  # a\n'
    )
    (tmp_path / "hashes.lock").write_text(f"# old\na==1 \\\n    --hash=sha256:{'a' * 64}\nb==2\n")
    monkeypatch.chdir(tmp_path)
    asked = []

    def index(pins, tag):
        asked.append(([pin.name for pin in pins], tag))
        return {str(pin): {str(len(asked)) * 64} for pin in pins}

    monkeypatch.setattr(hashes, "asked_of_index", index)
    hashes.main()
    assert asked == [(["b", "c"], None), (["c"], "macosx_15_0_arm64"), ([], "win_amd64")]
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("#")]
    assert lines == [
        "",
        "a==1 \\",
        f"    --hash=sha256:{'a' * 64}",
        'b==2.1; sys_platform == "linux" \\',
        f"    --hash=sha256:{'1' * 64}",
        'c==3; sys_platform != "win32" \\',
        f"    --hash=sha256:{'1' * 64} \\",
        f"    --hash=sha256:{'2' * 64}",
    ]


def wheel(folder: Path, text: str) -> Path:
    """Write the wheel of a package with one module."""
    info = "tiny_o2u-1.0.dist-info"
    path = folder / WHEEL
    files = {
        "tiny_o2u.py": text,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny-o2u\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def pip(folder: Path, digest: str | None) -> subprocess.CompletedProcess:
    """Install the wheel in `folder`, in the way of the Makefile, into a folder there."""
    locked = f" --hash=sha256:{digest}" if digest else ""
    (folder / "hashes.lock").write_text(f"./{WHEEL}{locked}\n")
    options = ["--require-hashes", "-r", "hashes.lock", "--target", "site"]
    command = [sys.executable, "-m", "pip", "--isolated", "install", "-q", "--no-index", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_pip_installs_what_was_locked_and_refuses_what_was_replaced_later(tmp_path):
    digest = hashlib.sha256(wheel(tmp_path, "kind = 'right'\n").read_bytes()).hexdigest()
    found = pip(tmp_path, digest)
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "site/tiny_o2u.py").read_text() == "kind = 'right'\n"
    wheel(tmp_path, "kind = 'wrong'\n")
    found = pip(tmp_path, digest)
    assert found.returncode != 0 and "DO NOT MATCH THE HASHES" in found.stderr
    assert (tmp_path / "site/tiny_o2u.py").read_text() == "kind = 'right'\n"


def test_pip_refuses_a_pin_without_a_hash(tmp_path):
    wheel(tmp_path, "")
    found = pip(tmp_path, None)
    assert found.returncode != 0 and "Hashes are required" in found.stderr
