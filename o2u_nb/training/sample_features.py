"""Features of the training samples, for methods that compare samples before they train on.

In comes a Learner; out goes a row for each training sample. A head has the features that it is
trained on. Any other network must first have learnt something: then its own features are taken.
"""

import numpy as np
from fastai.basics import Learner

from o2u_nb.training.probe.embed import embed

# Share of the epochs after which a network has features of its own. Our choice: as long as
# O2U-Net's warm-up is here.
FIRST_SHARE = 0.3


def is_head(learn: Learner) -> bool:
    """Return whether the Learner trains on the features of a frozen network."""
    return getattr(learn.dls.train.dataset, "frozen", False)


def first_epochs(learn: Learner, n_epochs: int, first: int | None) -> int:
    """Return how many of `n_epochs` are plain training, before the features are taken.

    It is `first` if that is given, else none for a head, and for other networks three in ten, at
    least 1; at least one epoch follows. Raises `ValueError` for a `first` that does not fit.
    """
    if first is None:
        wanted = 0 if is_head(learn) else max(1, round(FIRST_SHARE * n_epochs))
        return max(0, min(n_epochs - 1, wanted))
    if not 0 <= first < n_epochs:
        raise ValueError(
            f"Expected first from 0 to {n_epochs - 1}, fewer than the {n_epochs} epochs; found "
            f"{first}."
        )
    return first


def sample_features(learn: Learner) -> np.ndarray:
    """Return features of the training samples, float32 (n_samples, d), in the items' order.

    Those of a head are centred; all rows have the length 1. Raises `RecordingError` as `embed`
    does for a network that does not end in a linear layer.
    """
    if not is_head(learn):
        return embed(learn).astype(np.float32)
    rows = learn.dls.train.dataset.inputs.cpu().numpy().astype(np.float32)
    rows = rows - rows.mean(0)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)
