"""An index that finds similar samples among very many without comparing all of them, by faiss.

In come rows of features and a file; out come candidates, which the caller compares exactly. How
much of the truly nearest samples the candidates hold is measured when the index is built, on
samples of the set itself, and the index looks further until that is enough. faiss is the extra
`similar`; its index is "IVF" on principal components with 8 bits each (Johnson, Douze and Jégou,
"Billion-scale similarity search with GPUs", 2017).
"""

import importlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from o2u_nb.data import atomic
from o2u_nb.detect.neighbours import largest, unit_rows
from o2u_nb.errors import OutputError
from o2u_nb.extras import missing
from o2u_nb.rows import evenly

# Principal components that the index keeps of each row, and rows that are learned from for each
# of its cells; as many cells as are usual for this number of rows (faiss's guidelines), 4 times
# the root. Our choices.
COMPONENTS = 64
LEARNED_FROM = 64
CELLS = 4
# The share of the true neighbours that the index must find, and on how many samples, with how many
# neighbours each, that is measured. Our choices.
WANTED_RECALL = 0.98
TRIED = 200
NEAREST = 10
# Candidates for each neighbour that is wanted: they are compared exactly, with all components.
CANDIDATES = 20
LEAST_CANDIDATES = 500
BLOCK = 16_384  # rows that are scaled and added at a time


class SimilarIndex:
    """Find candidates for the nearest of `rows` (n, d) float; kept in the file `path`.

    `recall` (0 to 1) is measured when it is built.
    """

    def __init__(self, rows: np.ndarray, path: Path):
        self.rows = rows
        self.path = path
        self.recall = 0.0
        self._index: Any = None
        self._building: threading.Thread | None = None
        with suppress(OSError, ValueError, LookupError, RuntimeError):
            self._read()

    @classmethod
    def if_installed(cls, rows: np.ndarray, path: Path) -> "SimilarIndex | None":
        """Return an index, which still has to be built if `path` is not there; None without faiss."""
        return None if missing(["faiss"]) else cls(rows, path)

    @property
    def is_ready(self) -> bool:
        """Tell whether `candidates` can be asked."""
        return self._index is not None

    def build_meanwhile(self) -> None:
        """Begin to build the index in the background, unless that is going on already."""
        if self._building is None:
            self._building = threading.Thread(target=self.build, daemon=True)
            self._building.start()

    def build(self) -> None:
        """Build the index, measure its recall, and write it; where it cannot be written, it stays."""
        index = _learned(self.rows)
        for block in _blocks(self.rows):
            index.add(block)
        self.recall = _widened(index, self.rows)
        self._index = index
        with suppress(OutputError):
            self._write()

    def candidates(self, wanted: np.ndarray, k: int) -> np.ndarray:
        """Return the positions (m,) among which the `k` nearest to any of `wanted` probably are.

        `wanted` is (m, d) float32, of length 1.
        """
        return _candidates(self._index, wanted, k)

    def _about(self) -> Path:
        return self.path.with_suffix(".json")

    def _write(self) -> None:
        faiss = importlib.import_module("faiss")
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(self.path, shared=True) as file:
            file.write(faiss.serialize_index(self._index).tobytes())
        probes = faiss.extract_index_ivf(self._index).nprobe
        about = json.dumps(dict(recall=self.recall, probes=int(probes), n=len(self.rows)))
        with atomic.replacing(self._about(), shared=True) as file:
            file.write(about.encode())

    def _read(self) -> None:
        about = json.loads(self._about().read_text(encoding="utf-8"))
        faiss = importlib.import_module("faiss")
        index = faiss.read_index(str(self.path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        if about["n"] == len(self.rows) == index.ntotal and index.d == self.rows.shape[1]:
            faiss.extract_index_ivf(index).nprobe = int(about["probes"])
            self.recall = float(about["recall"])
            self._index = index


def _learned(rows: np.ndarray) -> Any:
    """Return an empty index that has learned how `rows` are spread."""
    faiss = importlib.import_module("faiss")
    n, d = rows.shape
    cells = max(1, round(CELLS * n**0.5))
    kind = f"PCA{min(COMPONENTS, d)},IVF{cells},SQ8"
    index = faiss.index_factory(d, kind, faiss.METRIC_L2)
    learned_from = np.sort(evenly(n, cells * LEARNED_FROM))
    index.train(unit_rows(rows[learned_from]))
    return index


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), BLOCK):
        yield unit_rows(rows[start : start + BLOCK])


def _candidates(index: Any, wanted: np.ndarray, k: int) -> np.ndarray:
    many = max(LEAST_CANDIDATES, CANDIDATES * k)
    _, found = index.search(np.ascontiguousarray(wanted, dtype=np.float32), many)
    return np.unique(found[found >= 0]).astype(np.int64)


def _widened(index: Any, rows: np.ndarray) -> float:
    """Let the index look into more cells until it finds enough; return its recall, 0 to 1."""
    faiss = importlib.import_module("faiss")
    cells = faiss.extract_index_ivf(index)
    tried = evenly(len(rows), TRIED)
    wanted = unit_rows(rows[tried])
    truth = _true_nearest(rows, tried, wanted)
    ask = lambda: _recall(lambda one: _candidates(index, one, NEAREST + 1), wanted, truth)  # noqa: E731
    cells.nprobe = 8
    recall = ask()
    while recall < WANTED_RECALL and cells.nprobe < cells.nlist:
        cells.nprobe = min(2 * cells.nprobe, cells.nlist)
        recall = ask()
    return recall


def _recall(
    candidates: Callable[[np.ndarray], np.ndarray], wanted: np.ndarray, truth: np.ndarray
) -> float:
    found = [np.isin(true, candidates(one[None])) for one, true in zip(wanted, truth, strict=True)]
    return float(np.mean(found))


def _true_nearest(rows: np.ndarray, tried: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the `NEAREST` samples most similar to each of `tried`, by comparing all."""
    alike = np.concatenate([block @ wanted.T for block in _blocks(rows)])
    own = tried[:, None]
    columns = zip(alike.T, own, strict=True)
    return np.array([largest(column.copy(), NEAREST, without=one) for column, one in columns])
