"""The file of embeddings: what the trained network makes of each sample, a row of numbers each.

In comes an array made after training; out goes a `.npy` file of unit rows that opens memory-mapped,
without torch.
"""

from pathlib import Path

import numpy as np

from o2u_nb.data import array_file
from o2u_nb.data.array_file import Damage
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


def packed(embeddings: np.ndarray) -> np.ndarray:
    """Return embeddings (n, d) as they are kept: float16, scaled to rows of length 1.

    What is float16 already comes from a file, and stays as it is, so that keeping it again changes
    nothing. Rows of zeros stay. Scores are computed from this, so that an audit that is opened
    again gives the same ones. Raises `O2UError` for NaN or infinite numbers.
    """
    rows = np.asarray(embeddings, dtype=np.float32)
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows).all(1))[0])
        raise O2UError(
            f"Expected finite embeddings, found NaN or infinity in row {bad} of {len(rows)}: set "
            "such rows to zero, and they count as similar to nothing."
        )
    if embeddings.dtype == DTYPE:
        return np.asarray(embeddings)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(DTYPE)


def write(path: Path, embeddings: np.ndarray) -> None:
    """Write embeddings (n, d), `packed`, whole or not at all.

    Raises `O2UError` for NaN or infinite numbers, `OutputError` when the file cannot be written.
    """
    array_file.write(path, packed(embeddings))


def read(path: Path, n_samples: int, *, whole: bool = False) -> np.ndarray | None:
    """Open embeddings (n_samples, d) memory-mapped; None when there is no such file.

    Small ones are compared with their checksum and searched for NaN, and others with `whole`.
    Raises `TraceError` when the file is damaged or of other samples.
    """
    try:
        found = array_file.read(path, whole=whole)
        check(found, n_samples, where=f"those in {path}")
        if (whole or found.nbytes <= array_file.AT_ONCE) and not np.isfinite(found).all():
            raise Damage("expected finite numbers, found NaN or infinity")
    except FileNotFoundError:
        return None
    except (OSError, Damage) as error:
        raise TraceError(
            f"The embeddings in {path} are damaged ({error}): restore a copy, delete the file and "
            "call Audit.rebuild to go on without look-alikes, or audit again."
        ) from error
    return found
