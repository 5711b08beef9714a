"""The file of embeddings: what the trained network makes of each sample, a row of numbers each.

In comes an array made after training; out goes a `.npy` file of unit rows that opens memory-mapped,
without torch.
"""

from pathlib import Path

import numpy as np

from o2u_nb.data import atomic
from o2u_nb.errors import O2UError, TraceError

DTYPE = np.float16  # has three decimal digits, which is enough to rank neighbours by cosine
# An audit keeps no embeddings that are larger, in bytes. The limit is a choice, so that folders
# stay small: it is enough for 390,000 samples of the standard preset, which have 128 features.
MAX_BYTES = 100_000_000


def n_bytes(n_samples: int, n_features: int) -> int:
    """Return how large the embeddings of `n_samples` are on disk, in bytes.

    >>> n_bytes(100_000, 128)
    25600000
    """
    return n_samples * n_features * np.dtype(DTYPE).itemsize


def check(embeddings: np.ndarray, n_samples: int, *, where: str = "the embeddings passed") -> None:
    """Raise `TraceError` unless there is a row of numbers for each of `n_samples`."""
    shape = np.shape(embeddings)
    if len(shape) != 2 or shape[0] != n_samples or embeddings.dtype.kind != "f":
        raise TraceError(
            f"Expected embeddings of shape ({n_samples}, d), a row of floats for each sample of "
            f"the trace; {where} have shape {shape} and type {embeddings.dtype}. Make them with "
            "`embeddings(learn)` from the Learner that made the trace, or audit again."
        )


def write(path: Path, embeddings: np.ndarray) -> None:
    """Write embeddings (n, d), scaled to rows of length 1, whole or not at all.

    Rows of zeros stay. Raises `O2UError` for NaN or infinite numbers, `OutputError` when the file
    cannot be written.
    """
    rows = np.asarray(embeddings, dtype=np.float32)
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows).all(1))[0])
        raise O2UError(
            f"Expected finite embeddings, found NaN or infinity in row {bad} of {len(rows)}: set "
            "such rows to zero, and they count as similar to nothing."
        )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    with atomic.replacing(path) as file:
        np.save(file, (rows / np.where(lengths > 0, lengths, 1)).astype(DTYPE))


def read(path: Path, n_samples: int) -> np.ndarray | None:
    """Open embeddings (n_samples, d) memory-mapped; None when there is no such file.

    Raises `TraceError` when the file is damaged or of other samples.
    """
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise TraceError(
            f"The embeddings in {path} are damaged ({error}): restore a copy, delete the file to "
            "go on without look-alikes, or audit again."
        ) from error
    check(found, n_samples, where=f"those in {path}")
    return found
