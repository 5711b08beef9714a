"""The file of a head: the linear classifier that was trained on the features of a frozen network.

In come the numbers of a trained head; out goes a plain `.npy` file with a checksum, which holds no
code. In comes such a file; out comes a `Head`, which needs no torch.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from o2u_nb.data import array_file
from o2u_nb.data.array_file import Damage
from o2u_nb.errors import TraceError

NAME = "head.npy"


class Head(NamedTuple):
    """A linear classifier: `weight` (n_classes, d), `bias` (n_classes,), `mean` (d,), all float32.

    `mean` is that of the features that it was trained on.
    """

    weight: np.ndarray
    bias: np.ndarray
    mean: np.ndarray


def write(path: Path, head: Head) -> None:
    """Write a head, whole or not at all: float32 (n_classes + 1, d + 1).

    A row for each class holds its weights and its bias, and the last row the mean of the features,
    followed by a zero. Raises `OutputError` when the file cannot be written.
    """
    classes = np.column_stack([head.weight, head.bias])
    array_file.write(path, np.vstack([classes, np.append(head.mean, 0)]).astype(np.float32))


def read(path: Path, n_classes: int) -> Head | None:
    """Read the head in `path`; None when there is no such file.

    Raises `TraceError` when the file is damaged or of another number of classes.
    """
    try:
        found = np.array(array_file.read(path, whole=True))
        array_file.expect(found, [np.float32], (n_classes + 1, None))
        if found.shape[1] < 2 or not np.isfinite(found).all():
            raise Damage("expected finite numbers, a column for each feature and one for the bias")
    except FileNotFoundError:
        return None
    except (OSError, Damage) as error:
        raise TraceError(
            f"The head in {path} is damaged ({error}): restore a copy, or audit again."
        ) from error
    return Head(found[:-1, :-1], found[:-1, -1], found[-1, :-1])
