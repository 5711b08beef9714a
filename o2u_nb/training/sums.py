"""Sums over one epoch, and means over a phase, of what training shows of each sample.

In come batches of logits with the positions of their samples; out go an epoch's rows of the trace,
and each sample's mean softmax.
"""

import numpy as np
import torch

HELD = 4_000_000  # logits that wait to be added up together, 16 MB in float32


class EpochSums:
    """Add up what one epoch shows of each sample, on the device that trains.

    `given` (n_samples,) int are the given labels. A sample drawn several times in an epoch
    (weighted loaders) gets the mean of its losses and margins and its last prediction; one not
    drawn gets NaN, NaN and -1. Batches wait and are added up many at a time, which costs a tenth of
    adding each: call `settle` before reading. `misfiled` counts targets that are not the label
    given to the sample they were filed under.
    """

    def __init__(self, given: torch.Tensor, n_classes: int, *, keep_probs: bool):
        n_samples = len(given)
        device = given.device
        self.given = given.long()
        self.waiting: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self.held = 0  # logits in the batches that wait
        self.loss = torch.zeros(n_samples, device=device)
        self.margin = torch.zeros_like(self.loss)
        self.count = torch.zeros_like(self.loss)
        self.pred = torch.full((n_samples,), -1, dtype=torch.int32, device=device)
        self.probs = torch.zeros(n_samples, n_classes, device=device) if keep_probs else None
        self.misfiled = torch.zeros((), device=device)

    def add(self, rows: torch.Tensor, logits: torch.Tensor, target: torch.Tensor) -> None:
        """Take one batch: `rows` (n,) int, `logits` (n, n_classes) float, `target` (n,) int."""
        # a copy: nothing may change it while it waits
        self.waiting.append((rows, logits.to(torch.float32, copy=True), target))
        self.held += logits.numel()
        if self.held >= HELD:
            self.settle()

    def settle(self) -> None:
        """Add up the batches that wait."""
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
        last = torch.full_like(self.given, -1)  # where each sample was drawn last
        last.scatter_reduce_(0, rows, torch.arange(len(rows), device=rows.device), "amax")
        drawn = last >= 0
        self.pred[drawn] = logits.argmax(1).int()[last[drawn]]
        if self.probs is not None:
            self.probs.index_add_(0, rows, log_probs.exp())

    def rows(self) -> dict[str, np.ndarray]:
        """Give the epoch's row of each trace array; 0 / 0 makes the NaN of a sample not seen."""
        return dict(
            loss=(self.loss / self.count).cpu().numpy(),
            margin=(self.margin / self.count).cpu().numpy(),
            pred=self.pred.cpu().numpy(),
        )


class MeanProbs:
    """Average each sample's softmax over the finished epochs of one phase."""

    def __init__(self):
        self.sum = 0.0
        self.count = 0.0

    def add(self, epoch: EpochSums) -> None:
        """Add a finished epoch."""
        self.sum = self.sum + epoch.probs
        self.count = self.count + epoch.count

    def mean(self) -> np.ndarray:
        """Give the mean so far, float32 (n_samples, n_classes), NaN where never seen."""
        return (self.sum / self.count[:, None]).cpu().numpy()
