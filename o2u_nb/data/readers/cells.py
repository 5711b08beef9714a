"""The cells of an image column: a path, encoded bytes, an array, or {'bytes': ..., 'path': ...}.

In come cells of a DataFrame or items of a data set; the dicts with `bytes` and `path` are those
that Hugging Face data sets hold. Out come items of a samples table, and the names of the images.
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
    """The content of one cell: an image `item`, its `name`, and whether it was `shrunk`.

    An `item` that is text is a path, or "" if the cell is empty. `name` is "" if there is none.
    """

    item: Any
    name: str = ""
    shrunk: bool = False


def cell(value: Any) -> Cell:
    """Return the image in `value`. A value of another kind is kept, so that the checks report it.

    Raises `SourceError` for a tensor that has not the shape or the values of an image.

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
    """Return the name of the column for `cells`, "path" or "image", and its items.

    If all cells are paths, so are the items. Otherwise the cells that are paths are replaced by the
    bytes of their files. Paths in cells are relative to the folder `base`; those of items are not.
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
    """Return the bytes of a file, or its path if it cannot be read, so that the checks say why."""
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError):
        return path


def names(cells: Sequence[Cell]) -> list[str] | None:
    """Return the names of the cells, or None unless every cell has a name and all differ."""
    found = [cell.name.replace(os.sep, "/") for cell in cells]
    return found if all(found) and len(set(found)) == len(found) else None
