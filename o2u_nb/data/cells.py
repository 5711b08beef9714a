"""Which rows may lie near each other, without comparing each of very many with all others.

In come rows of length 1; out come blocks of dot products. Up to `EXACT_UP_TO` rows everything is
compared. Beyond it rows are put into cells of rows that lie near each other, and each is compared
with what is in the cells nearest to it ("inverted file": Sivic and Zisserman, "Video Google", ICCV
2003). What is held in memory grows with the number of rows, never with its square.
"""

from collections.abc import Callable, Iterator

import numpy as np

from o2u_nb.rows import evenly

# Up to so many rows everything is compared; how long it takes, and what is missed beyond, is
# measured by benchmarks/copies_of_many.py. All are our choices.
EXACT_UP_TO = 20_000
PROBES = 16  # cells in which is looked for what is near a row
LEARNED_FROM = 32  # rows from which each cell is learned
ROWS_AT_ONCE = 512  # so that a block of dot products with 50,000 others takes 100 MB

Tell = Callable[[float], None]  # called with the share that is done, 0 to 1
# Positions of rows that ask (a,), positions of rows that answer (b,) in rising order, and the dot
# products of both, float32 (a, b).
Block = tuple[np.ndarray, np.ndarray, np.ndarray]


class Cells:
    """Hold the centres of the cells into which rows like `rows`, float32 (n, d), are put.

    The rows have length 1, or are zeros. There are about as many cells as the square root of n, and
    none where n is at most `EXACT_UP_TO`. The same rows give the same cells.
    """

    def __init__(self, rows: np.ndarray):
        self.centres = _learned(rows) if len(rows) > EXACT_UP_TO else None

    def products(
        self, asking: np.ndarray, answering: np.ndarray, tell: Tell = lambda share: None
    ) -> Iterator[Block]:
        """Yield the dot products of rows of `asking` (n, d) with those of `answering` (m, d).

        Both are float32. A row that asks is in one block only where there are no cells, else in
        one for each of `PROBES` cells; never twice in a block, and never twice with the same row.
        """
        if self.centres is None:
            parts = [(np.arange(len(asking)), np.arange(len(answering)))]
        else:
            probed = _by_cell(_nearest(asking, self.centres, PROBES), len(self.centres))
            homes = _by_cell(_nearest(answering, self.centres, 1), len(self.centres))
            parts = list(zip(probed, homes, strict=True))
        total = max(1, sum(len(asked) for asked, _ in parts))
        done = 0
        for asked, among in parts:
            others = answering[among].T
            for start in range(0, len(asked) if len(among) else 0, ROWS_AT_ONCE):
                some = asked[start : start + ROWS_AT_ONCE]
                yield some, among, asking[some] @ others
                tell((done + start) / total)
            done += len(asked)


def _learned(rows: np.ndarray) -> np.ndarray:
    """Return the centres of cells, float32 (n_cells, d), of length 1."""
    from sklearn.cluster import MiniBatchKMeans  # slow to import

    count = round(len(rows) ** 0.5)
    some = rows[evenly(len(rows), LEARNED_FROM * count)]
    found = MiniBatchKMeans(count, batch_size=4096, max_iter=10, n_init=1, random_state=0).fit(some)
    centres = found.cluster_centers_.astype(np.float32)
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    return centres / np.where(lengths > 0, lengths, 1)


def _nearest(rows: np.ndarray, centres: np.ndarray, k: int) -> np.ndarray:
    """Return the `k` cells nearest to each row: int (n, k)."""
    found = np.empty((len(rows), k), np.int64)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        near = rows[start : start + ROWS_AT_ONCE] @ centres.T
        found[start : start + ROWS_AT_ONCE] = np.argpartition(-near, k - 1, axis=1)[:, :k]
    return found


def _by_cell(cells: np.ndarray, count: int) -> list[np.ndarray]:
    """Return the rows of each cell in rising order, of which `cells` (n, k) says where each is."""
    flat = cells.ravel()
    order = np.argsort(flat, kind="stable")
    ends = np.cumsum(np.bincount(flat, minlength=count))[:-1]
    return np.split(order // cells.shape[1], ends)
