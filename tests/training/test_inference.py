"""Both ways of computing give the same features, and one stands in for the other."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from o2u_nb import extras
from o2u_nb.errors import FeaturesError
from o2u_nb.training import inference
from o2u_nb.training.backbones import Backbone, backbone
from o2u_nb.training.inference import BATCH, runner

openvino = pytest.mark.skipif(bool(extras.missing(["openvino"])), reason="needs OpenVINO")


def pixels(n: int, size: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), np.uint8)


def small() -> Backbone:
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.SiLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
    )
    return backbone(body, size=8)


def by_hand(found: Backbone, pictures: np.ndarray) -> np.ndarray:
    mean, std = np.array(found.mean), np.array(found.std)
    x = ((pictures / 255 - mean) / std).transpose(0, 3, 1, 2)
    with torch.no_grad():
        return found.model(torch.tensor(x, dtype=torch.float32)).numpy()


@pytest.mark.parametrize("fast", [False, pytest.param(True, marks=openvino)])
@pytest.mark.parametrize("n", [BATCH, 1, 5])
def test_features_of_pixels(fast, n):
    said = []
    eye = small()
    found = runner(eye, device=torch.device("cpu"), fast=fast, say=said.append)(pixels(n))
    assert found.dtype == np.float32 and found.shape == (n, 20)
    np.testing.assert_allclose(found, by_hand(eye, pixels(n)), rtol=1e-4, atol=1e-5)
    assert said == []


@openvino
@pytest.mark.slow
def test_both_ways_agree_on_the_offline_network():
    eye = backbone("efficientnet_lite0")
    one, other = (
        runner(eye, device=torch.device("cpu"), fast=fast, say=pytest.fail)(pixels(3, 224))
        for fast in (False, True)
    )
    assert np.abs(one - other).max() < 1e-2 and np.abs(one).max() > 0.5


@openvino
def test_no_warnings_and_no_telemetry():
    """In a fresh process: nothing of OpenVINO's telemetry is loaded, nor warned about."""
    code = """
import sys, warnings
import torch
from torch import nn
from o2u_nb.training.backbones import backbone
from o2u_nb.training.inference import runner
warnings.simplefilter("error")
runner(backbone(nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten()), size=8), say=print)
assert "openvino" in sys.modules
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
from openvino.tools.ovc import telemetry_stub, telemetry_utils
assert telemetry_utils.tm is telemetry_stub
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr.count("Warning: `torch.jit")) == (0, "", 0), (
        run.stderr
    )


@openvino
def test_telemetry_that_was_loaded_before_is_put_back(monkeypatch):
    import openvino.tools.ovc.telemetry_utils as utils

    class Reports:
        def __getattr__(self, name):
            pytest.fail("reported")

    reports = Reports()
    monkeypatch.setattr(utils, "tm", reports)
    monkeypatch.setitem(sys.modules, "openvino_telemetry", reports)
    runner(small(), device=torch.device("cpu"), say=pytest.fail)
    assert utils.tm is reports and sys.modules["openvino_telemetry"] is reports


@openvino
@pytest.mark.parametrize("found", ["an error", "other features"])
def test_torch_stands_in_and_it_is_said_once(monkeypatch, found):
    import openvino

    def convert(network, **options):
        if found == "an error":
            raise RuntimeError("no such operator\nand a long trace")
        wrong = nn.Sequential(inference.FromPixels(eye), Plus())
        return real(wrong, **options)

    eye, said, real = small(), [], openvino.convert_model
    monkeypatch.setattr(openvino, "convert_model", convert)
    rows = runner(eye, device=torch.device("cpu"), say=said.append)(pixels(3))
    np.testing.assert_allclose(rows, by_hand(eye, pixels(3)), rtol=1e-4, atol=1e-5)
    (line,) = said
    why = "(no such operator)" if found == "an error" else "(its features differ from torch's by"
    assert line.startswith("OpenVINO cannot run Sequential") and why in line
    assert line.endswith("torch is used.")


class Plus(nn.Module):
    def forward(self, x):
        return x + 1


def test_without_openvino_and_for_functions_torch_computes(monkeypatch):
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    function = backbone(lambda x: x.mean((2, 3)), size=8)
    assert not inference.can_be_faster(function, cpu)
    assert not inference.can_be_faster(small(), cuda)
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert not inference.can_be_faster(small(), cpu)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = runner(function, device=cpu, say=pytest.fail)(pixels(2))
    np.testing.assert_allclose(rows, by_hand(function, pixels(2)), rtol=1e-4, atol=1e-5)


def test_a_function_that_gives_no_row_for_each_picture():
    odd = backbone(lambda x: x.mean((2, 3))[:2], size=8)
    with pytest.raises(FeaturesError, match=r"each of 5 pictures, .* shape \(2, 3\)"):
        runner(odd, device=torch.device("cpu"))(pixels(5))


def test_a_gpu_is_for_networks_and_gets_a_copy(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    eye, function = small(), backbone(lambda x: x.mean((2, 3)), size=8)
    assert inference.default_device(eye).type == "cuda"
    assert inference.default_device(function).type == "cpu"
    seen = []
    monkeypatch.setattr(inference, "by_torch", lambda network, device: seen.append(network))
    runner(eye, device=torch.device("meta"))  # as a GPU, a device of its own
    assert next(seen[0].parameters()).device.type == "meta"
    assert next(eye.model.parameters()).device.type == "cpu"
