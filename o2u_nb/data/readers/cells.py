"""What the cell of an image column may be: a path, encoded bytes, an array, or {'bytes', 'path'}.

In come cells of a DataFrame or items of a data set, `{'bytes': ..., 'path': ...}` as Hugging Face
writes them among them; out come items of a samples table, and the names that the cells give.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from PIL import Image

from o2u_nb.data.images import Item
from o2u_nb.data.readers.pixels import as_small_item
from o2u_nb.data.samples import text


class Cell(NamedTuple):
    """An image `item` (text is a path, "" none), its `name` if any, and whether it was shrunk."""

    item: Any
    name: str = ""
    shrunk: bool = False


def cell(value: Any) -> Cell:
    """Return what `value` holds; what is no image at all stays as it is, for the checks to name.

    Raises `SourceError` for arrays of other shapes and values than those of images.

    >>> cell({"bytes": None, "path": "cat/1.png"})
    Cell(item='cat/1.png', name='cat/1.png', shrunk=False)
    """
    if isinstance(value, Mapping):
        name, data = text(value.get("path")), value.get("bytes")
        return Cell(name, name) if data is None else Cell(bytes(data), name)
    if isinstance(value, (str, os.PathLike)):
        return Cell(os.fspath(value), os.fspath(value))
    if isinstance(value, (bytearray, memoryview)):
        return Cell(bytes(value))
    if isinstance(value, Image.Image) or hasattr(value, "detach"):
        item, shrunk = as_small_item(value)
        return Cell(item, shrunk=shrunk)
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return Cell("")
    return Cell(value)


def in_one_column(cells: Sequence[Cell], base: str) -> tuple[str, list[Item]]:
    """Return the column that `cells` belong in, "path" or "image", and the items for it.

    They are paths when all of them are; among other pictures, files are read. Paths are relative
    to `base`.
    """
    items = [
        os.path.join(base, found.item) if _is_path(found.item) and found.item else found.item
        for found in cells
    ]
    if all(map(_is_path, items)):
        return "path", items
    return "image", [_content(item) if _is_path(item) else item for item in items]


def _is_path(item: Any) -> bool:
    return isinstance(item, str)


def _content(path: str) -> Item | None:
    """Read a file's bytes; where that fails, its path stays for the checks to say why."""
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError):
        return path


def names(cells: Sequence[Cell]) -> list[str] | None:
    """Return the names that the cells give, None unless every one has a name of its own."""
    found = [cell.name.replace(os.sep, "/") for cell in cells]
    return found if all(found) and len(set(found)) == len(found) else None
