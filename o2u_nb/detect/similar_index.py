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
FIRST_PROBES = 8  # cells that are looked into at first; twice as many until enough is found
LEAST_CANDIDATES = 500
BLOCK = 16_384  # rows that are scaled and added at a time

Scaled = Callable[[np.ndarray], np.ndarray]


class SimilarIndex:
    """Find candidates for the nearest of `rows` (n, d) float; kept in the file `path`.

    `scaled(rows)` gives rows as they are compared, float32 of length 1. `recall` (0 to 1) is
    measured when it is built.
    """

    def __init__(self, rows: np.ndarray, scaled: Scaled, path: Path):
        self.rows = rows
        self.scaled = scaled
        self.path = path
        self.recall = 0.0
        self._index: Any = None
        self._building: threading.Thread | None = None
        with suppress(OSError, ValueError, LookupError, RuntimeError):
            self._read()

    @classmethod
    def if_installed(cls, rows: np.ndarray, scaled: Scaled, path: Path) -> "SimilarIndex | None":
        """Return an index, to be built unless `path` is there already; None without faiss."""
        return None if missing(["faiss"]) else cls(rows, scaled, path)

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
        """Build the index, measure its recall, and write it if the folder can be written."""
        index = self._learned()
        for block in self._blocks():
            index.add(block)
        self.recall = self._widened(index)
        self._index = index
        with suppress(OutputError):
            self._write()

    def candidates(self, wanted: np.ndarray, k: int) -> np.ndarray:
        """Return the positions (m,) among which the `k` nearest to any of `wanted` probably are.

        `wanted` is (m, d) float32, scaled.
        """
        return _candidates(self._index, wanted, k)

    def _about(self) -> Path:
        return self.path.with_suffix(".json")

    def _write(self) -> None:
        faiss = importlib.import_module("faiss")
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(self.path, durable=False) as file:
            file.write(faiss.serialize_index(self._index).tobytes())
        probes = faiss.extract_index_ivf(self._index).nprobe
        about = json.dumps(dict(recall=self.recall, probes=int(probes), n=len(self.rows)))
        with atomic.replacing(self._about(), durable=False) as file:
            file.write(about.encode())

    def _read(self) -> None:
        about = json.loads(self._about().read_text(encoding="utf-8"))
        faiss = importlib.import_module("faiss")
        index = faiss.read_index(str(self.path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        if about["n"] == len(self.rows) == index.ntotal and index.d == self.rows.shape[1]:
            faiss.extract_index_ivf(index).nprobe = int(about["probes"])
            self.recall = float(about["recall"])
            self._index = index

    def _learned(self) -> Any:
        """Return an empty index that has learned how the rows are spread."""
        faiss = importlib.import_module("faiss")
        n, d = self.rows.shape
        cells = max(1, round(CELLS * n**0.5))
        kind = f"PCA{min(COMPONENTS, d)},IVF{cells},SQ8"
        index = faiss.index_factory(d, kind, faiss.METRIC_L2)
        index.train(self.scaled(self.rows[evenly(n, cells * LEARNED_FROM)]))
        return index

    def _blocks(self) -> Iterator[np.ndarray]:
        for start in range(0, len(self.rows), BLOCK):
            yield self.scaled(self.rows[start : start + BLOCK])

    def _widened(self, index: Any) -> float:
        """Let the index look into more cells until it finds enough; return its recall, 0 to 1."""
        cells = importlib.import_module("faiss").extract_index_ivf(index)
        tried = evenly(len(self.rows), TRIED)
        wanted = self.scaled(self.rows[tried])
        truth = self._true_nearest(tried, wanted)
        cells.nprobe = min(FIRST_PROBES, cells.nlist)
        recall = _recall(index, wanted, truth)
        while recall < WANTED_RECALL and cells.nprobe < cells.nlist:
            cells.nprobe = min(2 * cells.nprobe, cells.nlist)
            recall = _recall(index, wanted, truth)
        return recall

    def _true_nearest(self, tried: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Return the `NEAREST` samples most similar to each of `tried` (m,), by comparing all."""
        best = np.full((len(tried), NEAREST), -np.inf, dtype=np.float32)
        at = np.full((len(tried), NEAREST), -1, dtype=np.int64)
        for number, block in enumerate(self._blocks()):
            start = number * BLOCK
            alike = wanted @ block.T
            mine = np.flatnonzero((tried >= start) & (tried < start + len(block)))
            alike[mine, tried[mine] - start] = -np.inf
            values = np.hstack([best, alike])
            places = np.hstack([at, np.broadcast_to(start + np.arange(len(block)), alike.shape)])
            top = np.argpartition(-values, NEAREST - 1, axis=1)[:, :NEAREST]
            best, at = np.take_along_axis(values, top, 1), np.take_along_axis(places, top, 1)
        return at


def _candidates(index: Any, wanted: np.ndarray, k: int) -> np.ndarray:
    many = max(LEAST_CANDIDATES, CANDIDATES * k)
    _, found = index.search(np.ascontiguousarray(wanted, dtype=np.float32), many)
    return np.unique(found[found >= 0]).astype(np.int64)


def _recall(index: Any, wanted: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of the true neighbours, (m, k) of `wanted` (m, d), among the candidates."""
    found = [
        np.isin(true, _candidates(index, one[None], NEAREST + 1))
        for one, true in zip(wanted, truth, strict=True)
    ]
    return float(np.mean(found))
