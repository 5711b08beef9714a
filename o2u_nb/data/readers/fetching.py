"""Fetch the pictures of a data set that hands them out one by one, and tell first what they take.

In comes a function that fetches one item; out come items of a samples table with their labels, and
what could not be fetched.
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

WEIGHED = 5  # pictures fetched ahead, evenly spaced, to tell how much all will take
LARGE = 100e6  # bytes of memory that are worth a warning


class Fetched(NamedTuple):
    """The cells and labels of what could be fetched, under `ids`, and `problems` of the rest."""

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
    """Return what `get(position)`, a pair (image, label), gives for each of `ids`.

    Warns first when the pictures will take more than `LARGE` bytes or are larger than `LONGEST`,
    to which they are shrunk. An item that raises is left out and listed.
    """
    told = _tell(get, len(ids), source)
    found = Fetched([], [], [], [])
    for position, name in enumerate(ids):
        try:
            image, label = get(position)
            item = _small(image)
        except O2UError:
            raise
        except Exception as error:  # the code of a data set can raise anything
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
    """Warn of many or large pictures before they are fetched; tell whether it was said."""
    some = []
    for position in evenly(count, WEIGHED):
        try:
            some.append(_small(get(int(position))[0]))
        except Exception:  # listed or raised when its turn comes
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
