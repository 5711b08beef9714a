"""Samples as points in a plane, so that similar samples lie near each other.

In comes a `Search`; out come coordinates (n, 2). Principal components are there at once. UMAP, the
extra `map`, takes minutes for many samples, so that it runs in a process of its own, which can be
stopped (McInnes, Healy and Melville, "UMAP: Uniform Manifold Approximation and Projection for
Dimension Reduction", 2018).
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from o2u_nb.detect import umap_process
from o2u_nb.detect.similar import Search
from o2u_nb.errors import MissingExtraError, O2UError
from o2u_nb.extras import INSTALL_MAP, missing

COMPONENTS = 50  # that UMAP gets of each row; usual, and much faster than all of them
FEWEST = 10  # samples from which UMAP can be asked

Tell = Callable[[str, int, int], None]  # the stage, how much of it is done, and all of it


def principal(search: Search, k: int = 2) -> np.ndarray:
    """Return the first `k` principal components of all samples: float32 (n, k).

    The axes are those of at most `similar.CROWD` samples. The sign of each is such that its largest
    number is positive. With fewer features than `k`, the last columns are 0.
    """
    mean, axes, _ = search.spread
    first = axes[:, ::-1][:, :k]  # the largest variance comes last
    first = first * np.sign(first[np.abs(first).argmax(0), np.arange(first.shape[1])])
    found = np.concatenate([rows @ first - mean @ first for rows in search.pieces()])
    return np.pad(found, ((0, 0), (0, k - found.shape[1]))).astype(np.float32)


def require_umap() -> None:
    """Raise `MissingExtraError`, with the command that installs it, unless UMAP is there."""
    if missing(["umap"]):
        raise MissingExtraError(f"umap-learn is not installed, which makes this map: {INSTALL_MAP}")


def umap(
    search: Search, *, tell: Tell | None = None, cancelled: Callable[[], bool] = lambda: False
) -> np.ndarray | None:
    """Return UMAP's coordinates of all samples: float32 (n, 2), the same every time.

    `tell(stage, done, total)` is called while this runs, and where `cancelled()` becomes true, None
    is returned. Raises `MissingExtraError` without umap-learn, and `O2UError` when it fails.
    """
    require_umap()
    if len(search.rows) < FEWEST:
        raise O2UError(f"UMAP needs at least {FEWEST} samples, and there are {len(search.rows)}.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = principal(search, min(COMPONENTS, search.rows.shape[1]))
        np.save(folder / "rows.npy", rows)
        with open(folder / "errors", "w+b") as errors:  # a pipe that nobody reads fills up
            process = _started(folder, errors)
            with process:
                _follow(process, tell, cancelled)
            if cancelled():
                return None
            if process.returncode or not (folder / "map.npy").is_file():
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines()
                why = (said or [f"status {process.returncode}"])[-1]
                raise O2UError(f'UMAP has failed ({why}): use the method "pca" instead.')
        return np.load(folder / "map.npy")


def _started(folder: Path, errors: BinaryIO) -> subprocess.Popen:
    """Start UMAP on `rows.npy` in `folder`; it runs as a file, without the folder of that file."""
    command = [sys.executable, "-P", umap_process.__file__]
    return subprocess.Popen(
        [*command, str(folder / "rows.npy"), str(folder / "map.npy")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )


def _follow(process: subprocess.Popen, tell: Tell | None, cancelled: Callable[[], bool]) -> None:
    """Tell what a process says until it has ended, or end it."""
    assert process.stdout is not None
    for line in process.stdout:
        if cancelled():
            process.terminate()
            return
        stage, _, counts = line.strip().rpartition(": ")
        done, _, total = counts.partition("/")
        if tell is not None and stage and done.isdecimal() and total.isdecimal():
            tell(stage, int(done), int(total))
