"""The mean over a training of a number that a method gives to each sample in each batch.

In come batches of numbers with the positions of their samples; out goes one mean for each sample.
"""

import numpy as np
import torch


class SampleMeans:
    """Average the numbers of each sample, on the device that trains.

    A sample that is served once in each epoch has as many numbers as there are epochs.
    """

    kept = ("sum", "count")

    def __init__(self, n_samples: int, device: torch.device):
        self.sum = torch.zeros(n_samples, device=device)
        self.count = torch.zeros(n_samples, device=device)

    def add(self, rows: torch.Tensor, values: torch.Tensor) -> None:
        """Add `values` (n,), numbers or bool, for the samples at the positions `rows` (n,) int."""
        values = values.detach().to(self.sum.dtype)
        self.sum.index_add_(0, rows, values)
        self.count.index_add_(0, rows, torch.ones_like(values))

    def mean(self) -> np.ndarray:
        """Return the means so far: float32 (n_samples,), NaN for samples without a number."""
        return (self.sum / self.count).cpu().numpy()
