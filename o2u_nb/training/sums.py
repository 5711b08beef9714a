"""Losses, margins and predictions of an epoch, and the mean softmax of a phase, for each sample.

In come batches of logits with the positions of their samples; out go the rows of one epoch for the
trace, and each sample's mean softmax.
"""

import numpy as np
import torch

from o2u_nb.training.processes import Group

# Number of logits that are collected before they are added up: 16 MB in float32. Our choice.
HELD = 4_000_000


class EpochSums:
    """Add up loss, margin, prediction and softmax of each sample, on the device that trains.

    `given` (n_samples,) int are the given labels; `keep_probs` says whether to add up the softmax.
    A sample that is drawn several times in an epoch, by a weighted loader, gets the mean of its
    losses and margins, and its last prediction. A sample that is not drawn gets NaN, NaN and -1.
    Batches are collected and added up many at a time, which takes a tenth of the time of adding up
    each; call `settle` or `combine` before you read the sums. `misfiled` counts the targets that
    differ from the given label of the sample under which they were recorded.
    """

    def __init__(self, given: torch.Tensor, n_classes: int, *, keep_probs: bool):
        n_samples = len(given)
        device = given.device
        self.given = given.long()
        self.waiting: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self.held = 0  # number of logits in the waiting batches
        self.loss = torch.zeros(n_samples, device=device)
        self.margin = torch.zeros_like(self.loss)
        self.count = torch.zeros_like(self.loss)
        self.pred = torch.full((n_samples,), -1, dtype=torch.int32, device=device)
        # The last place in the present batches at which each sample was drawn, -1 if it was not.
        self.last = torch.full_like(self.given, -1)
        self.probs = torch.zeros(n_samples, n_classes, device=device) if keep_probs else None
        self.misfiled = torch.zeros((), device=device)

    def add(self, rows: torch.Tensor, logits: torch.Tensor, target: torch.Tensor) -> None:
        """Add one batch.

        `rows` (n,) int are the positions of its samples, `logits` is (n, n_classes) float, and
        `target` (n,) int.
        """
        # The logits are copied, because the training may change them before they are added up.
        self.waiting.append((rows, logits.to(torch.float32, copy=True), target))
        self.held += logits.numel()
        if self.held >= HELD:
            self.settle()

    def settle(self) -> None:
        """Add up the waiting batches."""
        if not self.waiting:
            return
        rows, logits, target = map(torch.cat, zip(*self.waiting, strict=True))
        self.waiting = []
        self.held = 0
        labels = self.given[rows]
        log_probs = logits.log_softmax(1)
        given = labels[:, None]
        others = logits.scatter(1, given, -torch.inf).amax(1)
        self.misfiled += (labels != target).sum()
        self.loss.index_add_(0, rows, -log_probs.gather(1, given)[:, 0])
        self.margin.index_add_(0, rows, logits.gather(1, given)[:, 0] - others)
        self.count.index_add_(0, rows, torch.ones_like(others))
        places = torch.arange(len(rows), device=rows.device)
        self.last.scatter_reduce_(0, rows, places, "amax")
        self.pred[rows] = logits.argmax(1).int()[self.last[rows]]
        self.last[rows] = -1  # only these, so that the time does not grow with all samples
        if self.probs is not None:
            self.probs.index_add_(0, rows, log_probs.exp())

    def combine(self, group: Group) -> None:
        """Add up what the processes of `group` have, each of which has seen other samples.

        The prediction of a sample that several of them have drawn is the largest class number.
        """
        self.settle()
        group.add(self.loss, self.margin, self.count, self.misfiled)
        group.largest(self.pred)
        if self.probs is not None:
            group.add(self.probs)

    def rows(self) -> dict[str, np.ndarray]:
        """Return the epoch's row of each array of the trace: (n_samples,) each.

        For a sample that was not seen, 0 / 0 gives NaN.
        """
        return dict(
            loss=(self.loss / self.count).cpu().numpy(),
            margin=(self.margin / self.count).cpu().numpy(),
            pred=self.pred.cpu().numpy(),
        )


class MeanProbs:
    """Average each sample's softmax over the finished epochs of one phase.

    `sum` (n_samples, n_classes) and `count` (n_samples,) are what was added up before.
    """

    def __init__(self, sum: torch.Tensor | float = 0.0, count: torch.Tensor | float = 0.0):
        self.sum = sum
        self.count = count

    def add(self, epoch: EpochSums) -> None:
        """Add a finished epoch."""
        assert epoch.probs is not None
        self.sum = _on(self.sum, epoch.probs.device) + epoch.probs
        self.count = _on(self.count, epoch.count.device) + epoch.count

    def mean(self) -> np.ndarray:
        """Return the mean so far: float32 (n_samples, n_classes), NaN for samples not seen."""
        return (self.sum / self.count[:, None]).cpu().numpy()


def _on(numbers: torch.Tensor | float, device: torch.device) -> torch.Tensor | float:
    return numbers.to(device) if isinstance(numbers, torch.Tensor) else numbers
