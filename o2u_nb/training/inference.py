"""Run a frozen network fast: by OpenVINO on a processor, where it is installed, else by torch.

In comes a `Backbone`; out goes a function from pixels to features. Both ways compute in float32, so
that features do not depend on the way.
"""

import copy
import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from o2u_nb.errors import FeaturesError
from o2u_nb.extras import missing
from o2u_nb.text import first_line
from o2u_nb.training.backbones import Backbone

# Pictures in a batch, for which OpenVINO prepares the network. Our choice.
BATCH = 32
# Largest difference between the two ways, divided by the largest feature. Our choice: features are
# kept with three decimal digits.
AGREES = 1e-2

Run = Callable[[np.ndarray], np.ndarray]


class FromPixels(nn.Module):
    """Take uint8 pixels (n, size, size, 3), normalise them, and give features float32 (n, d)."""

    def __init__(self, backbone: Backbone):
        super().__init__()
        self.model = backbone.model
        for name, values in (("mean", backbone.mean), ("std", backbone.std)):
            self.register_buffer(name, 255 * torch.tensor(values).view(1, 3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the features of `pixels`."""
        # The view that `permute` gives is in channels-last layout, which is the fast one.
        x = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        return self.model(x).float()


def runner(
    backbone: Backbone,
    *,
    device: torch.device | None = None,
    fast: bool = True,
    threads: int | None = None,
    say: Callable[[str], None] = print,
) -> Run:
    """Return a function from pixels, uint8 (n, size, size, 3), to features, float32 (n, d).

    `device` is by default a GPU, if there is one, for a network, and the processor for a function.
    On a processor OpenVINO computes, if `fast`, it is installed and can run the network;
    preparing it takes some seconds; `threads` is with how many of them, by default as many as
    there are cores. If it cannot, `say` is called with the reason, and torch computes. The
    function raises `FeaturesError` when the network does not give a row for each picture.
    """
    device = device or default_device(backbone)
    if fast and can_be_faster(backbone, device):
        try:
            return _by_openvino(backbone, threads)
        except Exception as error:  # conversion fails in many ways, and torch can do the same work
            say(f"OpenVINO cannot run {backbone.name} ({first_line(error)}): torch is used.")
    network = FromPixels(backbone)
    if device.type != "cpu":
        network = copy.deepcopy(network)  # the backbone's own stays where it is
    return by_torch(network.to(device), device)


def default_device(backbone: Backbone) -> torch.device:
    """Return the GPU for a network if there is one, and the processor for anything else."""
    on_gpu = torch.cuda.is_available() and isinstance(backbone.model, nn.Module)
    return torch.device("cuda" if on_gpu else "cpu")


def can_be_faster(backbone: Backbone, device: torch.device) -> bool:
    """Tell whether OpenVINO may compute: it is installed, and runs networks on a processor."""
    is_network = isinstance(backbone.model, nn.Module)
    return device.type == "cpu" and is_network and not missing(["openvino"])


def by_torch(network: nn.Module, device: torch.device) -> Run:
    """Return a function that runs `network` on `device` by torch, without gradients."""

    def run(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            rows = network(torch.from_numpy(pixels).to(device))
        return _checked(rows.cpu().numpy(), len(pixels))

    return run


def _by_openvino(backbone: Backbone, threads: int | None) -> Run:
    """Return a function that runs the network by OpenVINO, in batches of `BATCH` pictures."""
    network = FromPixels(backbone)
    shape = (BATCH, backbone.size, backbone.size, 3)
    # OpenVINO traces two pictures in a quarter of the time of a whole batch.
    example = np.random.default_rng(0).integers(0, 256, (2, *shape[1:]), np.uint8)
    with warnings.catch_warnings(), _without_telemetry():
        # torch says that its tracer, which OpenVINO uses, is deprecated and records one path.
        warnings.simplefilter("ignore")
        openvino = importlib.import_module("openvino")
        with torch.no_grad():
            model = openvino.convert_model(
                network, example_input=torch.from_numpy(example), input=list(shape)
            )
        settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            # Pinned threads of several processes would all be on the first cores.
            settings |= {"INFERENCE_NUM_THREADS": str(threads), "ENABLE_CPU_PINNING": "NO"}
        compiled = openvino.compile_model(model, "CPU", settings)

    def run(pixels: np.ndarray) -> np.ndarray:
        filled = np.resize(pixels, shape) if len(pixels) < BATCH else pixels
        return _checked(compiled(filled)[0], BATCH)[: len(pixels)].copy()

    _require_agreement(run(example), by_torch(network, torch.device("cpu"))(example))
    return run


def _require_agreement(found: np.ndarray, expected: np.ndarray) -> None:
    worst = np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-9)
    if not worst <= AGREES:
        raise FeaturesError(f"its features differ from torch's by {worst:.2g} of the largest")


def _checked(rows: np.ndarray, n: int) -> np.ndarray:
    if rows.ndim != 2 or len(rows) != n:
        raise FeaturesError(
            f"Expected a row of features for each of {n} pictures, found an array of shape "
            f"{rows.shape}: let the network end in pooling and flattening."
        )
    return rows


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Let OpenVINO report nothing about its use to its makers, as it does when it is imported.

    Without the package `openvino_telemetry` it uses a stub that does nothing. The package is hidden
    while OpenVINO is imported, and its modules use the stub if it was imported before.
    """
    name = "openvino_telemetry"
    before = {key: value for key, value in sys.modules.items() if key.split(".")[0] == name}
    for key in before:
        del sys.modules[key]
    sys.modules[name] = None  # from now on, importing it fails
    reporting: list = []
    try:
        stub = importlib.import_module("openvino.tools.ovc.telemetry_stub")
        users = [m for k, m in sys.modules.items() if k.startswith("openvino.tools.ovc")]
        reporting = [(m, m.tm) for m in users if getattr(m, "tm", stub) is not stub]
        for module, _ in reporting:
            module.tm = stub
        yield
    finally:
        for module, telemetry in reporting:
            module.tm = telemetry
        del sys.modules[name]
        sys.modules.update(before)
