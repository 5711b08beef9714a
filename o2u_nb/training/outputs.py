"""The outputs of a model: which of several holds the logits, and which layer computed them.

In comes what a forward pass returned; out go logits (n_samples, n_classes), or the linear layer
that computed them and its inputs. A `RecordingError` says what to change in the model.
"""

from typing import Any, NamedTuple

import torch
from torch import nn

from o2u_nb.errors import RecordingError

# Largest rounding error that is allowed in the sum of a row of a softmax, by type. Our choice.
ROUNDING = {torch.float32: 1e-3, torch.float64: 1e-3}
HALF_ROUNDING = 1e-2  # the same for 16-bit types, whose numbers have 8 or 11 significant bits
# Operations that do not change the values of a tensor: the first parts of their names in torch's
# graph of a forward pass.
HANDED_ON = ("Alias", "Clone", "Reshape", "Slice", "Squeeze", "ToCopy", "UnsafeView", "View")


def main_output(outputs: Any, n_samples: int, n_classes: int) -> torch.Tensor:
    """Return the main output of a forward pass over `n_samples` samples.

    If `outputs` is a tensor, it is returned. Some networks return several outputs, such as those
    with auxiliary heads during training. Of these, the one called `logits` is returned, as
    torchvision and transformers name it, or else the first of shape (n_samples, n_classes). Raises
    `RecordingError` when there is none.
    """
    if isinstance(outputs, torch.Tensor):
        return outputs
    named = outputs.get("logits") if isinstance(outputs, dict) else getattr(outputs, "logits", None)
    if isinstance(named, torch.Tensor):
        return named
    several = list(outputs.values()) if isinstance(outputs, dict) else _listed(outputs)
    fitting = [output for output in several if _fits(output, n_samples, n_classes)]
    if fitting:
        return fitting[0]
    shapes = [tuple(getattr(output, "shape", ())) for output in several]
    raise RecordingError(
        f"Expected the model to give logits of shape ({n_samples}, {n_classes}), or "
        f"several outputs with such among them; found {type(outputs).__name__} with outputs of "
        f"shapes {shapes}. Return the logits first, or pass "
        'record="eval" if the model gives nothing but logits in evaluation mode.'
    )


def _listed(outputs: Any) -> list:
    return list(outputs) if isinstance(outputs, tuple | list) else []


def _fits(output: Any, n_samples: int, n_classes: int) -> bool:
    return isinstance(output, torch.Tensor) and output.shape == (n_samples, n_classes)


def require_logits(output: torch.Tensor) -> None:
    """Raise `RecordingError` when `output` (n_samples, n_classes) holds probabilities.

    The recorded loss is plain cross entropy, which is computed from logits. Logarithms of
    probabilities, which `nn.LogSoftmax` returns, are logits too and give the same loss. A softmax
    is recognised by its rows, which add up to 1, and a sigmoid by torch's graph of the forward
    pass, which exists only while gradients are computed.
    """
    if _adds_up_to_one(output.detach()):
        found = "probabilities already: each row adds up to 1"
        cause = "softmax"
    elif _ends_in_sigmoid(output):
        found = "probabilities already, one for each class: they come from a sigmoid"
        cause = "it"
    else:
        return
    raise RecordingError(
        f"Expected logits from the model, found {found}. The recorded loss is plain cross entropy "
        f"of logits, and would be another than the one that trains. Leave {cause} out at the end "
        "of the model and train with fastai's CrossEntropyLossFlat() (for a loss that wants "
        "logarithms of probabilities, end the model in torch.nn.LogSoftmax)."
    )


def _adds_up_to_one(output: torch.Tensor) -> bool:
    rounding = ROUNDING.get(output.dtype, HALF_ROUNDING)
    values = output.as_subclass(torch.Tensor).float()
    in_range = (values >= 0).all() & (values <= 1 + rounding).all()
    return bool(in_range & ((values.sum(1) - 1).abs() < rounding).all())


def _ends_in_sigmoid(output: torch.Tensor) -> bool:
    step = output.grad_fn
    while step is not None and step.name().startswith(HANDED_ON) and step.next_functions:
        step = step.next_functions[0][0]
    return step is not None and step.name().startswith(("Sigmoid", "Hardsigmoid"))


class LinearCall(NamedTuple):
    """One call of a linear layer: its input `features` (n, d) and its `output` (n, k)."""

    layer: nn.Linear
    features: torch.Tensor
    output: torch.Tensor


class LinearCalls:
    """Watch the linear layers of a model, to find the one that computes the model's output.

    The order in which a model lists its layers does not show which one is used last, or whether
    anything follows it. Therefore the output of each linear layer is compared with the model's
    output.
    """

    def __init__(self, model: nn.Module):
        self.calls: list[LinearCall] = []
        linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
        self._handles = [layer.register_forward_hook(self._note) for layer in linear]

    def _note(self, layer: nn.Linear, inputs: tuple, output: torch.Tensor) -> None:
        if inputs and output.ndim == 2:
            # The output is copied, because an operation after the layer may change it in place.
            self.calls.append(LinearCall(layer, inputs[0].detach(), output.detach().clone()))

    def last(self, output: torch.Tensor) -> LinearCall | None:
        """Return the call that computed `output`, the model's output, or None; then forget all.

        Two outputs count as equal when their softmax is equal, because `nn.LogSoftmax` may follow
        the layer.
        """
        fitting = [call for call in self.calls if _same_softmax(call.output, output.detach())]
        self.calls.clear()
        return fitting[-1] if fitting else None

    def close(self) -> None:
        """Stop watching."""
        self.calls.clear()
        for handle in self._handles:
            handle.remove()


def _same_softmax(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape:
        return False
    one, other = (t.as_subclass(torch.Tensor).float().log_softmax(1) for t in (one, other))
    return torch.allclose(one, other, rtol=HALF_ROUNDING, atol=HALF_ROUNDING, equal_nan=True)
