"""TracIn: how strongly training on a sample pulled at the network, added up over checkpoints.

In comes a training, as a callback; out comes one number for each sample. Pruthi, Liu, Kale and
Sundararajan, "Estimating Training Data Influence by Tracing Gradient Descent", NeurIPS 2020.
"""

import numpy as np
from fastai.callback.core import Callback

from o2u_nb.detect.influence import squared_gradients
from o2u_nb.errors import RecordingError
from o2u_nb.training.probe.influence import last_layer


class TracIn(Callback):
    """Add up each training sample's self-influence at checkpoints of a training.

    Pass it to a training, such as `learn.fit_o2u(cbs=callback)`; then
    `score_table(..., measured={"tracin": callback.influence})` has its column. At every checkpoint
    each sample adds the learning rate times the squared length of its loss's gradient in the last
    linear layer, which is exact; see `detect.influence.squared_gradients`. As published there are
    few checkpoints, and the last layer stands for the network; the losses must still move between
    checkpoints.

    A checkpoint is the end of each `every`th epoch, over all the fits that the callback is passed
    to; with `every` as long as a cycle there is one in each cycle. It takes a clean pass, about a
    third of an epoch. Use a new callback for another training.

    `influence` raises `RecordingError` before the first checkpoint, and the training does when the
    model does not end in a linear layer, or has other samples than before.
    """

    run_valid = False
    remove_on_fetch = True

    def __init__(self, every: int = 1):
        super().__init__()
        if every < 1:
            raise ValueError(f"Expected a checkpoint every 1 or more epochs, found {every}.")
        self.every = every
        self.n_epochs = 0
        self.total: np.ndarray | None = None

    @property
    def influence(self) -> np.ndarray:
        """Return the self-influence of every training sample: float (n,), nats, at least 0.

        Raises `RecordingError` before the first checkpoint.
        """
        if self.total is None:
            raise RecordingError("No checkpoint yet: pass this callback to a training first.")
        return self.total

    def after_train(self):
        """Add the squared gradients of the samples, times the rate, at the end of an epoch."""
        if any(hasattr(self.learn, name) for name in ("lr_finder", "gather_preds")):
            return
        self.n_epochs += 1
        if self.n_epochs % self.every:
            return
        found = self.opt.hypers[-1]["lr"] * squared_gradients(last_layer(self.learn))
        if self.total is not None and len(self.total) != len(found):
            raise RecordingError(
                f"This callback has added up {len(self.total):,} samples, and the training set now "
                f"has {len(found):,}: use a new TracIn."
            )
        self.total = found if self.total is None else self.total + found
