"""Influence: which training samples a trained network owes its losses to.

In comes a trained Learner; out come columns for `Evidence.measured`. The mathematics, and the
papers, are in `detect.influence`.
"""

import numpy as np
import torch
from fastai.basics import Learner

from o2u_nb.detect.influence import LastLayer, influence_on, influence_on_itself
from o2u_nb.training.items import loaders_of
from o2u_nb.training.probe.embed import last_calls


def influences(learn: Learner, *, damping: float | None = None) -> dict[str, np.ndarray]:
    """Return what each training sample does to losses, by the last layer's exact Hessian.

    The arrays are float (n_samples,), nats, higher = more suspicious, in the order of a trace of
    the training samples, and go into `score_table(..., measured=influences(learn))`:

    * `self_influence`: by how much the sample's own loss would rise, had it been left out;
    * `valid_influence`, if the Learner has validation samples: by how much their mean loss would
      fall. Their labels are taken to be right.

    `damping` is added to the Hessian's diagonal, see `detect.influence.influence_on_itself`. The
    layer's inputs are taken in one clean pass, and held in memory. The network is taken to have
    settled, as the formula of Koh and Liang (ICML 2017) assumes; it was trained without the L2
    penalty that the damping amounts to, and only its last layer may move. So these are ranks rather
    than amounts. Raises `RecordingError` when the model does not end in a linear layer.
    """
    train = last_layer(learn)
    found = {"self_influence": influence_on_itself(train, damping)}
    if len(loaders_of(learn.dls, valid=True)) > 1:
        valid = last_layer(learn, valid=True)
        found["valid_influence"] = influence_on(train, valid, damping)
    return found


def last_layer(learn: Learner, *, valid: bool = False) -> LastLayer:
    """Return inputs, softmax and labels at the last linear layer, in one clean pass.

    They are of the training samples, or with `valid` of the validation samples, in their order;
    the inputs and the softmax are float32. torch's global random state is left as it was, so that
    a training in which this is called goes on as if it had not been. Raises `RecordingError` as
    `influences` does.
    """
    inputs, probs, labels, bias = [], [], [], True
    with torch.random.fork_rng(devices=[]):  # a pass over a loader draws from the global state
        for call, target in last_calls(learn, valid=valid):
            bias = call.layer.bias is not None
            inputs.append(_array(call.features.float()))
            probs.append(_array(call.output.float().softmax(1)))
            labels.append(_array(target))
    return LastLayer(np.concatenate(inputs), np.concatenate(probs), np.concatenate(labels), bias)


def _array(values: torch.Tensor) -> np.ndarray:
    return values.as_subclass(torch.Tensor).cpu().numpy()
