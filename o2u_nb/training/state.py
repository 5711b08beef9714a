"""The state of what a training changes, as values that a checkpoint can hold, and back.

In come networks, optimisers, random generators, arrays, tensors, and objects that name in `kept`
which of their attributes are their state. Out come tensors, numbers, text, lists and dicts.
"""

from collections import deque
from typing import Any

import numpy as np
import torch
from fastai.basics import L
from fastai.optimizer import Optimizer, OptimWrapper
from fastai.torch_core import to_device
from torch import nn


def state_of(value: Any) -> Any:
    """Return the state of `value`, for `restored`; numbers, text and tensors are their own."""
    if isinstance(value, np.ndarray):
        return {"array": torch.from_numpy(np.ascontiguousarray(value))}
    if isinstance(value, torch.Generator):
        return {"generator": value.get_state()}
    if isinstance(value, nn.Module):
        return {"weights": value.state_dict(), "generators": generators(value)}
    if isinstance(value, Optimizer | OptimWrapper | torch.optim.Optimizer):
        return {"optimiser": value.state_dict()}
    if isinstance(value, list | deque):
        return {"list": [state_of(part) for part in value]}
    if isinstance(value, dict):
        return {"dict": {name: state_of(part) for name, part in value.items()}}
    if hasattr(value, "kept"):
        return {"parts": {name: state_of(getattr(value, name, None)) for name in value.kept}}
    return value


def restored(value: Any, state: Any, device: torch.device) -> Any:
    """Return what has the `state` that `state_of` returned; its tensors are on `device`.

    Networks, optimisers, queues and objects are changed: they are the `value` that the training
    begins with. Generators may be None before their first use.
    """
    if isinstance(state, torch.Tensor):
        return state.to(device)
    if not isinstance(state, dict):
        return state
    ((kind, held), *more) = state.items()
    if kind == "array":
        return held.numpy()
    if kind == "generator":
        value = torch.Generator(device) if value is None else value
        value.set_state(held)
    elif kind == "weights":
        value.load_state_dict(held)
        restore_generators(value, dict(more)["generators"])
    elif kind == "optimiser":
        restore_optimiser(value, held)
    elif kind == "list":
        parts = [restored(None, part, device) for part in held]
        return parts if value is None else type(value)(parts, *_length(value))
    elif kind == "dict":
        return {name: restored(None, part, device) for name, part in held.items()}
    else:
        for name, part in held.items():
            setattr(value, name, restored(getattr(value, name, None), part, device))
    return value


def _length(value: list | deque) -> list[int | None]:
    return [value.maxlen] if isinstance(value, deque) else []


def restore_optimiser(opt: Any, state: dict) -> None:
    """Give an optimiser of fastai or torch the `state` that its `state_dict` had returned."""
    if not isinstance(opt, Optimizer):
        opt.load_state_dict(state)
        return
    devices = [parameter.device for parameter, *_ in opt.all_params()]
    moved = [to_device(part, device) for part, device in zip(state["state"], devices, strict=True)]
    opt.load_state_dict(dict(state=moved, hypers=L(state["hypers"])))


def generators(model: nn.Module) -> dict[str, dict[str, torch.Tensor]]:
    """Return the states of torch's generators that the layers of `model` hold, by their names."""
    held = {
        name: {key: own.get_state() for key, own in vars(layer).items() if _draws(own)}
        for name, layer in model.named_modules()
    }
    return {name: states for name, states in held.items() if states}


def _draws(value: Any) -> bool:
    return isinstance(value, torch.Generator)


def restore_generators(model: nn.Module, held: dict) -> None:
    """Give the layers of `model` the generators whose states `generators` had returned."""
    device = next(model.parameters()).device
    for name, states in held.items():
        for key, state in states.items():
            own = torch.Generator(device)
            own.set_state(state)
            setattr(model.get_submodule(name), key, own)
