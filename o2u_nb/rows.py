"""Which rows of a table to take: those of given ids, or so many that are evenly spaced.

In come an index of ids or a number of rows; out come positions (k,) int, in the order asked for.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from o2u_nb.errors import O2UError


def rows_of(index: pd.Index, ids: Iterable[str]) -> np.ndarray:
    """Return the rows (k,) of `ids` in `index`; raise `O2UError` naming the first unknown one.

    >>> rows_of(pd.Index(["a", "b", "c"]), ["c", "a"])
    array([2, 0])
    """
    ids = list(ids)
    found = index.get_indexer(ids)
    if (found < 0).any():
        unknown = ids[int(np.argmin(found))]
        raise O2UError(f"No sample {unknown!r} among the {len(index):,} of this audit.")
    return found


def evenly(n: int, most: int) -> np.ndarray:
    """Return at most `most` of the rows 0 to `n` - 1, evenly spaced and the same every time.

    >>> evenly(3, 5), evenly(9, 3)
    (array([0, 1, 2]), array([0, 4, 8]))
    """
    return np.linspace(0, max(n - 1, 0), min(n, most)).round().astype(int)
