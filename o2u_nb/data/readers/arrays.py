"""Read images and labels from arrays and tensors of any common layout.

In come numpy arrays or anything numpy can convert (torch tensors, Pillow images), as one batch or
as a list of images of different sizes; out comes `Checked`, with uint8 arrays (H, W) or (H, W, 3).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from o2u_nb.data.checks import check, raw_rows
from o2u_nb.data.readers.fetching import fetch
from o2u_nb.data.readers.pixels import as_pixels, to_numpy
from o2u_nb.data.samples import Checked, text
from o2u_nb.errors import SourceError


def from_arrays(
    images: Any,
    labels: Any,
    *,
    ids: Sequence | None = None,
    classes: Sequence[str] | None = None,
    split: str = "train",
    channels: str | None = None,
    source: str = "the arrays",
) -> Checked:
    """Read images and labels from numpy arrays or tensors.

    `images` are those that `as_pixels` accepts, such as uint8 (n, height, width, 3), or floats in
    [0, 1], which are scaled; `channels` is explained there. Arrays keep their size. The images of a
    list of Pillow images are shrunk to at most 256 pixels on the longest side; a warning says
    before how much memory they take, if it is much. `labels` (n,) are names, or numbers: positions
    in `classes`, or without `classes` the names themselves. NaN, None and infinity are missing
    labels, which are reported. `ids` (n,) are by default the positions
    with leading zeros. `split` is the same for all samples, and `source` names the data in error
    messages. Raises `SourceError` when lengths, shapes or values do not fit.
    """
    pictures = _are_pictures(images)
    pixels = images if pictures else as_pixels(images, channels=channels)
    names = label_names(_column(labels), classes)
    ids = numbered(len(pixels)) if ids is None else [text(value) for value in ids]
    _require_equal_lengths(pixels, names, ids)
    broken = []
    if pictures:
        found = fetch(lambda row: (images[row], names[row]), ids, source=source)
        pixels = [cell.item for cell in found.cells]
        ids = found.ids
        names = found.labels
        broken = found.problems
    rows, problems = raw_rows(ids, names, [split] * len(pixels), "image", pixels)
    return check(rows, broken + problems, source=source, classes=classes, check_images=False)


def _column(labels: Any) -> np.ndarray:
    """Return `labels` as an array in which a missing one is None or NaN, and infinity is missing.

    numpy would write "nan" for what is missing among names. Where it has done so already, in an
    array of text, that counts as missing, too.
    """
    if isinstance(labels, np.ma.MaskedArray):
        return np.where(np.ma.getmaskarray(labels), None, labels.data.astype(object))
    if isinstance(labels, (list, tuple)) and any(isinstance(label, str) for label in labels):
        return np.asarray(labels, dtype=object)
    found = to_numpy(labels)
    if found.dtype.kind == "U":
        return np.where(found == "nan", "", found)
    return np.where(np.isinf(found), np.nan, found) if found.dtype.kind == "f" else found


def _require_equal_lengths(images: Sequence, labels: Sequence, ids: Sequence) -> None:
    if not len(images) == len(labels) == len(ids):
        raise SourceError(
            f"expected as many labels and ids as images, found {len(images)} images, "
            f"{len(labels)} labels and {len(ids)} ids"
        )


def _are_pictures(images: Any) -> bool:
    """Return whether `images` is a list of Pillow images, which may not be decoded yet."""
    is_list = isinstance(images, (list, tuple)) and len(images) > 0
    return is_list and all(isinstance(image, Image.Image) for image in images)


def numbered(count: int) -> list[str]:
    """Return `count` ids: the positions from 0 on, with leading zeros so that they sort."""
    width = len(str(max(count - 1, 0)))
    return [f"{position:0{width}d}" for position in range(count)]


def label_names(labels: np.ndarray, classes: Sequence[str] | None) -> list[str]:
    """Return `labels` (n,) as class names; integers are positions in `classes`, if it is given.

    Raises `SourceError` when `labels` has another number of dimensions.
    """
    if labels.ndim != 1:
        raise SourceError(f"expected one label per image, found labels of shape {labels.shape}")
    if classes is None or not np.issubdtype(labels.dtype, np.integer):
        return [text(label) for label in labels]
    return [_class_name(int(code), classes) for code in labels]


def _class_name(code: int, classes: Sequence[str]) -> str:
    return str(classes[code]) if 0 <= code < len(classes) else f"label number {code}"
