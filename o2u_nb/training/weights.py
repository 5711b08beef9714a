"""Weights of networks: read from files without running code in them, put in place, told apart.

In come files and models; out go state dicts, models with these weights, and checksums. A file that
is damaged or of another network is a `WeightsError`.
"""

import hashlib
import logging
import os
import pickle
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

import torch
from torch import nn

from o2u_nb.errors import WeightsError
from o2u_nb.text import first_line

# Seconds without an answer after which a download is given up; torch itself has no limit. Our
# choice.
DOWNLOAD_TIMEOUT = 20
# Names under which checkpoints of common tools keep the weights, beside other things.
INNER = ("state_dict", "model", "model_state_dict")

State = dict[str, torch.Tensor]


@contextmanager
def patience(seconds: float = DOWNLOAD_TIMEOUT) -> Iterator[None]:
    """Let network connections fail when nothing arrives for this many seconds."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextmanager
def quiet(name: str) -> Iterator[None]:
    """Let the logger `name` be silent: what it would say is in the error that follows."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def read(path: str | os.PathLike) -> State:
    """Read a state dict from a safetensors file, or one that `torch.save` has written.

    No code in the file is executed. A state dict inside a checkpoint, under a usual name, is found.
    Raises `WeightsError` when the file is missing, damaged, or holds something else.
    """
    if not Path(path).is_file():
        raise WeightsError(f"Expected a file of weights at {path}, found no such file.")
    try:
        found = _read(Path(path))
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise WeightsError(
            f"The weights in {path} cannot be read; the file is damaged, or holds more than "
            f"tensors ({first_line(error)}). Save a state dict by torch.save or as safetensors."
        ) from error
    for name in INNER:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not (isinstance(found, dict) and found and all(map(torch.is_tensor, found.values()))):
        raise WeightsError(
            f"Expected a state dict in {path}, which maps names to tensors; found "
            f"{type(found).__name__}. Save `model.state_dict()`."
        )
    return found


def _read(path: Path) -> object:
    if path.suffix != ".safetensors":
        return torch.load(path, map_location="cpu", weights_only=True)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


@contextmanager
def fitting(path: str | os.PathLike) -> Iterator[None]:
    """Turn errors about weights from `path` that do not fit the network into `WeightsError`."""
    try:
        yield
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, AssertionError) as error:
        lines = [line.strip() for line in str(error).splitlines()]
        raise WeightsError(
            f"The weights in {path} are those of another network: {' '.join(lines)[:300]}"
        ) from error


def put_in_order(model: nn.Module, state: State, *, where: str) -> None:
    """Load `state`, whose tensors have other names but the order and shapes of `model`'s own.

    Raises `WeightsError`, which names the first tensor that does not fit.
    """
    own = model.state_dict()
    for (name, wanted), (theirs, found) in zip_longest(
        own.items(), state.items(), fillvalue=("none", None)
    ):
        if wanted is None or found is None or wanted.shape != found.shape:
            raise WeightsError(
                f"The weights in {where} are those of another network: expected {name} "
                f"{_shape(wanted)}, found {theirs} {_shape(found)}."
            )
    model.load_state_dict(dict(zip(own, state.values(), strict=True)))


def _shape(tensor: torch.Tensor | None) -> str:
    return "" if tensor is None else f"of shape {tuple(tensor.shape)}"


def checksum(model: nn.Module, *settings: object) -> str:
    """Return 16 hex digits that show whether two networks compute the same from their input.

    They are from the SHA-256 of the layers, the code of their `forward`, all weights and buffers,
    and of `settings`.
    """
    digest = hashlib.sha256(repr((str(model), settings)).encode())
    for kind in sorted({type(module) for module in model.modules()}, key=lambda k: k.__qualname__):
        code = getattr(kind.forward, "__code__", None)
        digest.update(kind.__qualname__.encode() + (code.co_code if code else b""))
    for name, tensor in model.state_dict().items():
        values = tensor.detach().cpu().contiguous()
        digest.update(repr((name, tuple(values.shape), values.dtype)).encode())
        digest.update(values.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


@contextmanager
def reachable_hub() -> Iterator[None]:
    """Let loading from the Hugging Face Hub use its cache at once where the hub cannot be reached.

    It would try for most of a minute otherwise, and print lines about it.
    """
    import huggingface_hub.constants as constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _answers(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _answers(address: str) -> bool:
    from huggingface_hub.utils import get_session

    try:
        get_session().head(address, timeout=DOWNLOAD_TIMEOUT)
    except Exception:  # which errors there are depends on the version of the hub's library
        return False
    return True
