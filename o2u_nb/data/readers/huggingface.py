"""Read a Hugging Face data set, or any other whose items are dicts, with an image and a label.

In comes the data set, or a dict of its splits; out comes `Checked`. If the data set can provide
pictures as encoded bytes, they are taken so and not decoded. `datasets` is not imported here.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from o2u_nb.data.checks import check, raw_rows
from o2u_nb.data.parallel import Progress
from o2u_nb.data.readers import cells
from o2u_nb.data.readers.arrays import label_names, numbered
from o2u_nb.data.readers.fetching import fetch
from o2u_nb.data.readers.folders import SPLITS
from o2u_nb.data.readers.tables import relative_id
from o2u_nb.data.readers.wrappers import leaves
from o2u_nb.data.samples import Checked, Problem, text
from o2u_nb.errors import SourceError

# Names of the columns of images and of labels that are usual in public data sets, the most usual
# first.
IMAGE_NAMES = ("image", "img", "picture", "photo", "pixel_values", "jpg", "png")
LABEL_NAMES = ("label", "labels", "class", "category", "target", "y", "cls", "fine_label")


def has_dict_items(source: Any) -> bool:
    """Return whether `source` is a data set of dicts, or a dict of such data sets by split."""
    if isinstance(source, Mapping):
        return bool(source) and all(map(has_dict_items, source.values()))
    if not (hasattr(source, "__len__") and hasattr(source, "__getitem__")):
        return False
    if all(isinstance(getattr(part, "features", 0), Mapping) for part in leaves(source).datasets):
        return True
    try:
        return len(source) > 0 and isinstance(source[0], Mapping)
    except Exception:  # the code of a user's data set can raise anything
        return False


def from_dicts(
    dataset: Any,
    *,
    split: str | None = None,
    columns: Mapping[str, str] | None = None,
    check_images: bool = True,
    progress: Progress | None = None,
) -> Checked:
    """Read a Hugging Face data set, a dict of its splits, or any data set whose items are dicts.

    `columns` maps "image", "label" and "id" to the names of these columns, if they are not clear
    from the columns' types and names. Class names are those of the label's `ClassLabel`. Ids are
    those of the id column if one is named, else the paths that the pictures have, else
    "split/position". `split` replaces the name of the split that the data set itself has. Pictures
    stay encoded bytes or files; pictures that the data set decodes are shrunk to at most 256 pixels
    on the longest side. With `check_images` every image is decoded once; `progress(done, total)` is
    called while images are fetched or decoded. Raises `SourceError` when it is not clear which
    columns hold the images and labels.
    """
    parts = dataset if isinstance(dataset, Mapping) else {None: dataset}
    read = [
        _read(part, _split(split or name, part), columns or {}, progress)
        for name, part in parts.items()
    ]
    several = len(read) > 1
    found = [row for part in read for row in part.found]
    base = _common_folder([row.item for row in found])
    column, items = cells.in_one_column(found, base or os.getcwd())
    ids = [name for part in read for name in _ids(part, base, several)]
    rows, problems = raw_rows(
        ids,
        [label for part in read for label in part.labels],
        [part.split for part in read for _ in part.labels],
        column,
        items,
    )
    return check(
        rows,
        [problem for part in read for problem in part.problems] + problems,
        source=f"the {type(dataset).__name__}",
        classes=_all_classes(read),
        check_images=check_images,
        progress=progress,
        root=base,
    )


class _Part(NamedTuple):
    """The items of one split.

    `numbers` are ids made of the split and the position, `given` those of the id column ("" if none
    is named), `found` the cells. `classes` are the names of its classes, None if not known.
    """

    split: str
    numbers: list[str]
    found: list[cells.Cell]
    labels: list[str]
    given: list[str]
    classes: list[str] | None
    problems: list[Problem]


def _split(name: str | None, dataset: Any) -> str:
    name = str(name or getattr(dataset, "split", None) or "train")
    return SPLITS.get(name.casefold(), name)


def _read(dataset: Any, split: str, columns: Mapping[str, str], progress) -> _Part:
    source = f"the {type(dataset).__name__}"
    dataset = _without_wrapper(dataset)
    numbers = [f"{split}/{number}" for number in numbered(len(dataset))]
    if not numbers:
        return _Part(split, [], [], [], [], None, [])
    features = _features(dataset)
    image, label = _columns(dataset, features, columns, source)
    get = _getter(_encoded(dataset, features, image), image, label, columns.get("id"))
    fetched = fetch(get, numbers, source=source, progress=progress)
    classes = _class_names(features.get(label))
    return _Part(
        split,
        fetched.ids,
        fetched.cells,
        _labels([row[0] for row in fetched.labels], classes, label, source),
        [text(row[1]) for row in fetched.labels],
        classes,
        fetched.problems,
    )


def _without_wrapper(dataset: Any) -> Any:
    """Return the data set inside torch's `Subset`, reduced to the rows of the subset.

    Other data sets, and those that cannot select rows, are returned unchanged.
    """
    found = leaves(dataset)
    if found.datasets[0] is dataset or len(found.datasets) > 1:
        return dataset
    inner = found.datasets[0]
    return inner.select(found.position.tolist()) if hasattr(inner, "select") else dataset


def _features(dataset: Any) -> Mapping[str, Any]:
    while not isinstance(getattr(dataset, "features", None), Mapping):
        if not hasattr(dataset, "dataset"):
            return {}
        dataset = dataset.dataset
    return dataset.features


def _columns(
    dataset: Any, features: Mapping[str, Any], columns: Mapping[str, str], source: str
) -> tuple[str, str]:
    """Return the names of the columns of images and of labels.

    They are those that `columns` names, else those with the right type, else those with a usual
    name.
    """
    known = list(features) or list(dataset[0])
    chosen = dict(
        image=columns.get("image") or _one(known, _of_type(features, "Image"), IMAGE_NAMES),
        label=columns.get("label") or _one(known, _of_type(features, "ClassLabel"), LABEL_NAMES),
    )
    chosen |= {"id": columns["id"]} if "id" in columns else {}
    missing = [role for role, name in chosen.items() if name not in known]
    if missing:
        option = ", ".join(f"{role!r}: 'NAME'" for role in missing)
        raise SourceError(
            f"{source} has no column that is plainly the {' or the '.join(missing)}; it has: "
            f"{', '.join(map(repr, known))}; name it with columns={{{option}}}"
        )
    return chosen["image"], chosen["label"]


def _of_type(features: Mapping[str, Any], kind: str) -> list[str]:
    return [name for name, feature in features.items() if type(feature).__name__ == kind]


def _one(known: Sequence[str], typed: Sequence[str], usual: Sequence[str]) -> str | None:
    """Return the only column of the right type, or None.

    If several columns have the right type, the one with the most usual name is returned; if none
    has, the one of all columns with the most usual name.
    """
    if len(typed) == 1:
        return typed[0]
    return next((name for name in usual if name in (typed or known)), None)


def _encoded(dataset: Any, features: Mapping[str, Any], image: str) -> Any:
    """Return `dataset` with pictures as `{'bytes': ..., 'path': ...}`, if it can give them so."""
    feature = features.get(image)
    if type(feature).__name__ != "Image" or not hasattr(dataset, "cast_column"):
        return dataset
    plain = dataset.with_format(None) if hasattr(dataset, "with_format") else dataset
    return plain.cast_column(image, type(feature)(decode=False))


def _getter(
    dataset: Any, image: str, label: str, id_column: str | None
) -> Callable[[int], tuple[Any, tuple[Any, Any]]]:
    def get(position: int) -> tuple[Any, tuple[Any, Any]]:
        item = dataset[position]
        return item[image], (item[label], item[id_column] if id_column else "")

    return get


def _class_names(feature: Any) -> list[str] | None:
    names = getattr(feature, "names", None)
    return None if names is None else [str(name) for name in names]


def _labels(
    values: Sequence[Any], classes: list[str] | None, column: str, source: str
) -> list[str]:
    many = [value for value in values if isinstance(value, (list, tuple, Mapping))]
    many += [value for value in values if getattr(value, "ndim", 0) > 0]
    if many:
        raise SourceError(
            f"expected one class for each image, found {many[0]!r} in the column {column!r} of "
            f"{source}: only classification data can be audited"
        )
    plain = [value.item() if hasattr(value, "item") else value for value in values]
    return [
        label_names(np.asarray([value]), classes)[0] if isinstance(value, int) else text(value)
        for value in plain
    ]


def _all_classes(parts: Sequence[_Part]) -> list[str] | None:
    known = [part.classes for part in parts if part.numbers]
    if not known or None in known:
        return None
    return list(dict.fromkeys(name for names in known for name in names))


def _common_folder(items: Sequence[Any]) -> str | None:
    """Return the folder that holds all pictures; None unless all are files with absolute paths."""
    folders = {os.path.dirname(item) if isinstance(item, str) else "" for item in items}
    if not folders or not all(map(os.path.isabs, folders)):
        return None
    return os.path.commonpath(folders)


def _ids(part: _Part, base: str | None, several: bool) -> list[str]:
    if all(part.given) and part.given:
        names = part.given
    else:
        names = cells.names(part.found)
        names = names and [relative_id(name, base) if base else name for name in names]
    if names is None:
        return part.numbers
    return [f"{part.split}/{name}" for name in names] if several and not base else names
