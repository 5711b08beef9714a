"""Read the annotations of COCO as the classes of whole pictures.

In comes the content of a JSON file with images, annotations and categories; out comes a table with
the columns path and label. Boxes and outlines are not looked at. A picture with annotations of
several categories has a row for each, which the checks list as labels in conflict; a picture
without any has an empty label.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from o2u_nb.data.readers.places import below
from o2u_nb.data.samples import text

PARTS = ("images", "annotations", "categories")


def is_coco(value: Any) -> bool:
    """Return whether the content of a JSON file is that of COCO, whole or damaged."""
    return isinstance(value, Mapping) and {"images", "annotations"} <= set(value)


def from_coco(value: Mapping) -> pd.DataFrame:
    """Return the table of paths and labels in the content of a COCO file.

    Raises `ValueError`, which says why, for missing keys, ids that are there twice, annotations of
    unknown images or categories, and pictures outside of their folder.
    """
    images, annotations, categories = (_records(value, part) for part in PARTS)
    if not annotations:
        raise ValueError("it is a COCO file without annotations, so that no picture has a class")
    names = _by_id(categories, "categories", "name")
    if repeated := [name for name, count in Counter(names.values()).items() if count > 1]:
        raise ValueError(f"two of its categories are called {repeated[0]!r}: rename one of them")
    places = {key: below(name) for key, name in _by_id(images, "images", "file_name").items()}
    labels: dict[Any, dict[str, None]] = {key: {} for key in places}  # in the order of the file
    for number, annotation in enumerate(annotations):
        where = f"annotations[{number}]"
        image = _known(annotation, "image_id", places, "images", where)
        category = _known(annotation, "category_id", names, "categories", where)
        labels[image][text(names[category])] = None
    rows = [(places[key], label) for key, found in labels.items() for label in found or [""]]
    return pd.DataFrame(rows, columns=["path", "label"], dtype="str")


def _records(value: Mapping, part: str) -> list[Mapping]:
    found = value.get(part)
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise ValueError(
            f"it is a COCO file, in which {part!r} should be a list of objects, found "
            f"{type(found).__name__ if part in value else 'nothing'}"
        )
    return found


def _by_id(rows: list[Mapping], part: str, key: str) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for number, row in enumerate(rows):
        id = _id(row, "id", f"{part}[{number}]")
        if id in found:
            raise ValueError(f"two of its {part} have the id {id!r}")
        if not isinstance(row.get(key), str):
            raise ValueError(f"{part}[{number}] has no {key!r}, which should be text")
        found[id] = row[key]
    return found


def _id(row: Mapping, key: str, where: str) -> Any:
    id = row.get(key)
    if not isinstance(id, (int, str)) or isinstance(id, bool):
        raise ValueError(f"{where} has no {key!r}, which should be a number, found {id!r:.80}")
    return id


def _known(row: Mapping, key: str, known: Mapping, part: str, where: str) -> Any:
    id = _id(row, key, where)
    if id not in known:
        raise ValueError(f"{where} has the {key} {id!r:.80}, which is not among its {part}")
    return id
