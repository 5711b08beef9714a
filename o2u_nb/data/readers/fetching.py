"""Fetch the pictures of a data set one by one, and warn first if they take much memory.

In comes a function that fetches one item. Out come items of a samples table with their labels, and
problems for the items that could not be fetched.
"""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from o2u_nb.data import samples as table
from o2u_nb.data.images import Item
from o2u_nb.data.parallel import Progress
from o2u_nb.data.readers.cells import Cell, cell
from o2u_nb.data.readers.pixels import LONGEST, as_small_item
from o2u_nb.data.samples import Problem
from o2u_nb.errors import O2UError
from o2u_nb.rows import evenly

# Number of evenly spaced pictures that are fetched first, to estimate how much memory all take. Our
# choice.
WEIGHED = 5
LARGE = 100e6  # bytes of memory from which a warning is given; our choice


class Fetched(NamedTuple):
    """The ids, cells and labels of the items that were fetched, and problems for the others."""

    ids: list[str]
    cells: list[Cell]
    labels: list[Any]
    problems: list[Problem]


def fetch(
    get: Callable[[int], tuple[Any, Any]],
    ids: Sequence[str],
    *,
    source: str,
    progress: Progress | None = None,
) -> Fetched:
    """Fetch the items of a data set by `get(position)`, which returns a pair (image, label).

    `ids` are the ids of the items at the positions 0, 1, ...; `source` names the data set in
    warnings. Encoded pictures and paths stay as they are; decoded pictures with more than `LONGEST`
    pixels on a side are shrunk. A warning says so, and also, before all pictures are fetched, that
    they will take at least `LARGE` bytes. If `get` raises an exception for an item, the item is
    left out and listed as a problem, except that our own errors (`O2UError`) are passed on.
    `progress(done, total)` is called after each item.
    """
    told = _tell(get, len(ids), source)
    found = Fetched([], [], [], [])
    for position, name in enumerate(ids):
        try:
            image, label = get(position)
            item = _small(image)
        except O2UError:
            raise
        except Exception as error:  # the code of a user's data set can raise anything
            detail = f"the data set raises {type(error).__name__}: {error}"
            problem = Problem(name, table.UNREADABLE_IMAGE, " ".join(detail.split()), "left out")
            found.problems.append(problem)
        else:
            found.ids.append(name)
            found.cells.append(item)
            found.labels.append(label)
            if item.shrunk and not told:
                told = _warn_of_shrinking(source)
        if progress:
            progress(position + 1, len(ids))
    return found


def _small(image: Any) -> Cell:
    if isinstance(image, (Mapping, str, os.PathLike, bytes)) or image is None:
        return cell(image)
    item, shrunk = as_small_item(image)
    return Cell(item, shrunk=shrunk)


def _tell(get: Callable[[int], tuple[Any, Any]], count: int, source: str) -> bool:
    """Warn if the pictures are many or large, before all are fetched; return whether it warned."""
    some = []
    for position in evenly(count, WEIGHED):
        try:
            some.append(_small(get(int(position))[0]))
        except Exception:  # it will be listed or raised when all items are fetched
            continue
    sizes = [_bytes(found.item) for found in some]
    shrunk = any(found.shrunk for found in some)
    expected = count * float(np.mean(sizes)) if sizes else 0.0
    if expected < LARGE and not shrunk:
        return False
    how = f", shrunk to at most {LONGEST} pixels" if shrunk else ""
    warnings.warn(
        f"{count:,} pictures of {source} come without files: they are kept in memory{how}, about "
        f"{expected / 1e6:,.0f} MB. A folder, or a data set of files, is read from where it lies.",
        stacklevel=2,
    )
    return True


def _warn_of_shrinking(source: str) -> bool:
    warnings.warn(
        f"Some pictures of {source} are larger than {LONGEST} pixels and are shrunk to that.",
        stacklevel=2,
    )
    return True


def _bytes(item: Item | None) -> int:
    if isinstance(item, np.ndarray):
        return item.nbytes
    return len(item) if isinstance(item, bytes) else 0
