"""Train on a part of a training set, in which every sample keeps its position.

In come any fastai loader and which of its samples to keep; out comes a loader that draws only
those. It still has the whole data set, so that positions, ids and traces stay the same.
"""

import numpy as np
from fastai.data.load import DataLoader

from o2u_nb.errors import RecordingError
from o2u_nb.training.batches import renewed


def only(dl: DataLoader, keep: np.ndarray) -> DataLoader:
    """Return a loader like `dl` that draws only the samples with `keep` (n_samples,) bool.

    In each pass it serves the samples that `dl` would draw (shuffled, weighted or a part of them),
    without those that are not kept. Raises `RecordingError` when no batch would remain.
    """
    least = dl.bs if dl.drop_last else 1
    if keep.sum() < least:
        raise RecordingError(
            f"Expected at least {least} samples to go on with, one batch, but only {keep.sum():,} "
            f"of {len(keep):,} are kept: remove less."
        )
    part = renewed(dl)

    def get_idxs() -> list[int]:
        drawn = [i for i in dl.get_idxs() if keep[i]]
        part.n = len(drawn)  # with a weighted loader the number differs from pass to pass
        return drawn

    part.n = int(keep.sum())
    part.get_idxs = get_idxs
    return part
