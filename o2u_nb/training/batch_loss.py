"""A callback that trains with another loss: what methods that change the loss have in common.

In come the logits and labels of a batch, and which samples they are of; out goes the batch's loss.
"""

import torch
from fastai.callback.core import Callback

from o2u_nb.training.outputs import main_output
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.state import restored, state_of


class BatchLoss(Callback):
    """Train with the loss that `loss_of` returns; subclasses define it.

    `recorder` is the recorder of the same fit, which runs before this callback and must record
    every epoch. The loss of validation batches stays that of the Learner. `kept` are the names of
    the attributes that hold what the callback knows from earlier epochs; checkpoints have them.
    """

    order = DynamicsRecorder.order + 1
    run_valid = False
    kept: tuple[str, ...] = ()

    def __init__(self, recorder: DynamicsRecorder):
        self.recorder = recorder

    def loss_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the loss of one training batch, a scalar with a gradient.

        `logits` is float (n, n_classes), `labels` int (n,), and `rows` int (n,) are the positions
        of the samples in the trace. They are plain tensors, without fastai's subclasses.
        """
        raise NotImplementedError

    def after_loss(self):
        """Put the method's loss in the place of the Learner's."""
        if not self.training:
            return
        rows = self.recorder.rows
        logits = main_output(self.pred, len(rows), self.n_classes).as_subclass(torch.Tensor)
        labels = self.yb[0].as_subclass(torch.Tensor)
        self.learn.loss_grad = self.loss_of(logits, labels, rows)
        self.learn.loss = self.learn.loss_grad.clone()

    def state_dict(self) -> dict:
        """Return what is known from earlier epochs, for a checkpoint."""
        return state_of(self)

    def load_state_dict(self, state: dict) -> None:
        """Go on with what a checkpoint holds; `before_fit` was called before."""
        restored(self, state, self.recorder.labels.device)

    @property
    def n_classes(self) -> int:
        """Return the number of classes."""
        return len(self.recorder.who.classes)

    @property
    def n_samples(self) -> int:
        """Return the number of training samples."""
        return self.recorder.n_train
