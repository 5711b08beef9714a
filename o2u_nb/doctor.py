"""Say what works on this machine, and name the cure for what does not.

In come the installed packages, the hardware and the working folder. Out goes one `Check` for each
question, which `python -m o2u_nb doctor` prints as a row. A check that raises an error becomes a
row as well, so that the doctor works in a broken environment. For the same reason it imports
everything outside the standard library late, and tries torch in a process of its own.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from o2u_nb import extras

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

# Packages whose versions are shown: of the core, and of the extras that are installed.
CORE = ("numpy", "pandas", "plotly", "ipywidgets", "anywidget")
LAB = ("jupyterlab", "ipykernel")
# The versions in requirements.lock, which match: what to install where another pair does not.
PAIR = ("torch==2.15.0", "torchvision==0.29.2")
LAB_EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "anywidget")
ENOUGH_MEMORY = 4 << 30  # bytes; a rule of thumb for the preset standard
ENOUGH_DISK = 1 << 30  # bytes; a rule of thumb for a few audits
MARKS = {True: "✓", None: "!", False: "✗"}
ASCII_MARKS = {True: "ok", None: "!", False: "X"}


class Check(NamedTuple):
    """One row: `ok` is None for a warning; `cure` is empty where nothing is wrong."""

    name: str
    ok: bool | None
    found: str
    cure: str = ""


def main() -> int:
    """Print the table of checks; return 0 if nothing is wrong (warnings are fine), else 1."""
    rows = checks()
    print(table(rows, sys.stdout.encoding or "ascii"))
    return int(any(row.ok is False for row in rows))


def checks(folder: str | Path = ".") -> list[Check]:
    """Examine this environment and the working `folder`, one row per question; takes seconds."""
    return [
        *_guarded("versions", versions),
        *_guarded("training", training),
        *_guarded("memory", memory),
        *_guarded("JupyterLab", lab),
        *_guarded("working folder", lambda: working_folder(Path(folder))),
    ]


def table(rows: list[Check], encoding: str = "utf-8") -> str:
    """Lay out `rows` as aligned text that `encoding` can print, each wrong row with its cure.

    >>> print(table([Check("disk", False, "0.1 GiB free", "free some space")], "ascii"))
    X   disk  0.1 GiB free
              fix: free some space
    <BLANKLINE>
    1 thing to fix.
    """
    marks = MARKS if _prints("".join(MARKS.values()), encoding) else ASCII_MARKS
    mark_width = max(map(len, marks.values()))
    width = max(len(row.name) for row in rows)
    lines = []
    for row in rows:
        lines.append(f"{marks[row.ok]:<{mark_width}}  {row.name:<{width}}  {row.found}")
        if row.cure:
            lines.append(" " * (mark_width + width + 4) + f"fix: {row.cure}")
    wrong = sum(row.ok is False for row in rows)
    lines += ["", f"{wrong} thing{'s' * (wrong > 1)} to fix." if wrong else "Everything works."]
    return "\n".join(lines).encode(encoding, "backslashreplace").decode(encoding)


def versions() -> list[Check]:
    """Compare Python and the main packages with what o2u_nb's own metadata asks for."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    wanted = {r.name: r for r in map(Requirement, metadata.requires("o2u_nb") or [])}
    pythons = SpecifierSet(metadata.metadata("o2u_nb")["Requires-Python"])
    python = "{}.{}.{}".format(*sys.version_info[:3])
    fits = python in pythons
    row = Check("Python", fits, _found(python, pythons), "" if fits else _other_python())
    return [row, *(_version(name, wanted[name]) for name in _shown())]


def _shown() -> list[str]:
    """List the packages to look at; an extra that is not installed has a row of its own instead."""
    names = list(CORE)
    if not extras.missing(extras.TRAINING):
        names += extras.TRAINING
    if not extras.missing(LAB[:1]):
        names += LAB
    return names


def _version(name: str, wanted: "Requirement") -> Check:
    cure = f'python -m pip install "{wanted.name}{wanted.specifier}"'
    version = extras.versions([name]).get(name)
    if version is None:
        return Check(name, False, f"not installed (needs {wanted.specifier})", cure)
    fits = wanted.specifier.contains(version, prereleases=True)
    return Check(name, fits, _found(version, wanted.specifier), "" if fits else cure)


def _found(version: str, specifier: "SpecifierSet") -> str:
    return version if version in specifier else f"{version} (needs {specifier})"


def training() -> list[Check]:
    """Try torch and torchvision, or say that the extra which brings them is not installed."""
    lacking = extras.missing(extras.TRAINING)
    if not lacking:
        return [*_guarded("torch, torchvision", torch_rows), *_guarded("pretrained networks", eyes)]
    found = f"not installed (no {', '.join(lacking)}): audits can be reviewed, but not made"
    return [Check("training", None, found, f"python -m {extras.INSTALL_TRAINING}")]


def torch_rows() -> list[Check]:
    """Load torch and call a compiled operator of torchvision, in a process that may crash."""
    code = "from o2u_nb.doctor import probe; probe()"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=300,
    )
    words = run.stderr.strip().splitlines() or [f"stopped with exit status {run.returncode}"]
    torch, _, kept = run.stdout.partition("\n")
    if not torch:
        return [Check("torch, torchvision", False, f"torch does not load: {words[-1]}", install())]
    report = json.loads(torch)
    return [_pair(kept.strip(), words[-1]), _gpu(report), _threads(report), _weights(report)]


def eyes() -> list[Check]:
    """Say which pretrained networks can be had, and what computes with them on a processor."""
    from o2u_nb import offline_weights
    from o2u_nb.errors import WeightsError

    found = extras.versions(["timm", "openvino"])
    rows = []
    for name, known in offline_weights.INSTALLED.items():
        try:
            path = offline_weights.require(name)
            rows.append(Check("offline network", True, f"{known.title}, intact: {path.name}"))
        except WeightsError as error:
            reason, _, cure = error.message.rpartition(": ")
            rows.append(Check("offline network", False, reason, f"python -m {cure}"))
    if "timm" in found:
        rows.append(Check("more networks", True, f"by name, from timm {found['timm']}"))
    else:
        cure = f"python -m {extras.INSTALL_TRAINING}"
        rows.append(
            Check("more networks", False, "no timm: audits have no pretrained network", cure)
        )
    if "openvino" in found:
        rows.append(Check("OpenVINO", True, f"{found['openvino']}: fast features on a processor"))
    else:
        slow = "not installed: without a GPU, features take several times longer"
        rows.append(Check("OpenVINO", None, slow, f"python -m {extras.INSTALL_FAST}"))
    return rows


def probe() -> None:
    """Print what torch finds here (one JSON line), then the boxes that torchvision's nms keeps."""
    import torch

    cards = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    report = {
        "gpus": [[card.name, card.total_memory] for card in cards],
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "hub": torch.hub.get_dir(),
    }
    print(json.dumps(report), flush=True)  # before torchvision, whose import can fail

    from torchvision.ops import nms

    boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 1.9], [5, 5, 6, 6]])
    print(nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5).tolist())


def _pair(kept: str, error: str) -> Check:
    if kept == "[0, 2]":
        return Check("torch, torchvision", True, "torch and torchvision work together")
    cure = f"python -m pip install --force-reinstall {' '.join(PAIR)}"
    if "operator torchvision::nms does not exist" in error:
        error = f"torch and torchvision are builds that do not match ({error})"
    return Check("torch, torchvision", False, error, cure)


def _gpu(report: dict) -> Check:
    cards = [f"{name}, {_gib(size)}" for name, size in report["gpus"]]
    if cards:
        return Check("GPU", True, "; ".join(cards))
    if not shutil.which("nvidia-smi"):
        return Check("GPU", True, "none: training runs on the CPU")
    needs = f"CUDA {report['cuda']}" if report["cuda"] else "CUDA, and this torch is a CPU build"
    cure = (
        f"torch needs {needs}: compare with what nvidia-smi shows, and update the driver or torch"
    )
    return Check("GPU", None, "an NVIDIA driver, but torch sees no GPU: the CPU is used", cure)


def _threads(report: dict) -> Check:
    return Check("CPU", True, f"{os.cpu_count()} cores, torch uses {report['threads']} threads")


def _weights(report: dict) -> Check:
    files = sorted(path.name for path in Path(report["hub"], "checkpoints").glob("*.pth"))
    none = "none downloaded yet: they are fetched when first needed; small networks need none"
    return Check("pretrained weights", True, ", ".join(files) or none)


def memory() -> list[Check]:
    """Compare the memory that is free now with what is enough for the standard preset."""
    import psutil

    now = psutil.virtual_memory()
    found = f"{_gib(now.available)} free of {_gib(now.total)}"
    if now.available >= ENOUGH_MEMORY:
        return [Check("memory", True, found)]
    return [Check("memory", None, found, "close other programs, or begin with --preset quick")]


def lab() -> list[Check]:
    """Look at JupyterLab's widgets and kernel, or say that JupyterLab is not installed here."""
    if not extras.missing(LAB[:1]):
        return [*_guarded("widgets front end", front_end), *_guarded("kernel", kernel)]
    found = "not installed: the panels need it, or another notebook such as Colab or VS Code"
    return [Check("JupyterLab", None, found, f"python -m {extras.INSTALL_LAB}")]


def front_end() -> list[Check]:
    """Look for the widgets' JavaScript in the folders where this environment's JupyterLab looks."""
    from jupyter_core.paths import jupyter_path

    places = [Path(place) for place in jupyter_path("labextensions")]
    missing = [
        name
        for name in LAB_EXTENSIONS
        if not any((place / name / "package.json").is_file() for place in places)
    ]
    if not missing:
        return [Check("widgets front end", True, "JupyterLab finds ipywidgets and anywidget")]
    cure = "python -m pip install --force-reinstall --no-deps jupyterlab_widgets anywidget"
    found = f"JupyterLab finds no {', no '.join(missing)}: panels would stay blank"
    return [Check("widgets front end", False, found, f"{cure}, then reload the page")]


def kernel() -> list[Check]:
    """Say whether the kernel `python3` that JupyterLab offers runs in this environment."""
    from jupyter_client.kernelspec import KernelSpecManager

    spec = KernelSpecManager().get_kernel_spec("python3")
    # Jupyter replaces a bare "python" by its own interpreter. Links are not followed: the
    # interpreters of two environments often are links to the same file.
    command = Path(spec.argv[0] if os.sep in spec.argv[0] else sys.executable)
    if command.parent == Path(sys.executable).parent:
        return [Check("kernel", True, f"python3 runs {command}")]
    cure = f"start JupyterLab by make lab, or remove the kernel in {spec.resource_dir}"
    return [Check("kernel", False, f"python3 runs another environment: {command}", cure)]


def working_folder(folder: Path) -> list[Check]:
    """Try to write a temporary file into `folder`, and ask how much space is free there."""
    place = folder.resolve()
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"o2u_nb")
        free = shutil.disk_usage(place).free
    except OSError as error:
        reason = f"{place}: {error.strerror}"
        return [Check("working folder", False, reason, "go to a folder you may write to")]
    if free < ENOUGH_DISK:
        cure = "free some space, or go to another disk"
        return [Check("working folder", False, f"{place}: only {_gib(free)} free", cure)]
    return [Check("working folder", True, f"{place}: can be written, {_gib(free)} free")]


def install() -> str:
    """Name the command that installs everything again: in a clone of the project, or from PyPI."""
    if _in_a_clone():
        return "python -m pip install -r requirements.lock && python -m pip install --no-deps -e ."
    return "python -m pip install --force-reinstall 'o2u_nb[train,lab]'"


def _other_python() -> str:
    if _in_a_clone():
        return "make demo PYTHON=/path/to/python3.11 builds a new .venv"
    return "install o2u_nb into an environment of such a Python"


def _in_a_clone() -> bool:
    return (Path(__file__).parents[1] / "requirements.lock").is_file()


def _guarded(name: str, check: Callable[[], list[Check]]) -> list[Check]:
    try:
        return check()
    except Exception as error:  # of any kind: the doctor reports it instead of stopping
        return [Check(name, False, f"{type(error).__name__}: {error}", install())]


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _prints(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
