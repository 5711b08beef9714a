"""What a training method leaves behind, beside the trained Learner: a trace, and what it found.

In come the arrays of a method; out goes a `Trained`. All arrays are in the order of `trace.ids`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import numpy as np

from o2u_nb.trace import Trace


@dataclass(frozen=True, eq=False)
class Trained:
    """Hold the `trace` of a training, and what its method says of each sample.

    `suspicion`, float (n_samples,), is the method's own opinion of each label, higher = more
    suspicious, NaN where it has none; None for a method that is not a detector. `probs`, float
    (n_samples, n_classes), 0 to 1, is what the method takes for the right labels, such as corrected
    or soft ones, or None. `transition`, float (n_classes, n_classes), is the probability of each
    given label (columns) for each right label (rows), where the method estimates it, or None.
    `embeddings`, float (n_samples, d), are those of the network that left the trace, where it is
    not the one that the Learner has in the end.
    """

    trace: Trace
    suspicion: np.ndarray | None = None
    probs: np.ndarray | None = None
    transition: np.ndarray | None = None
    embeddings: np.ndarray | None = None


def traced(fit: Callable[..., Trained]) -> Callable[..., Trace]:
    """Return a method's `train` function: `fit`, of whose result only the trace is returned.

    It has the arguments of `fit`, which `inspect.signature` shows.
    """

    @wraps(fit)
    def train(*args, **options) -> Trace:
        return fit(*args, **options).trace

    return train
