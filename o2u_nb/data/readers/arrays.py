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

    `images` as in `as_pixels`: uint8, or floats in [0, 1], which are scaled. Arrays keep their
    size; a list of Pillow images is shrunk to 256 pixels, after a warning of what it takes.
    `labels` (n,) are numbers into `classes` (or become text without it) or names. Ids default to
    the position with leading zeros. Raises `SourceError` when lengths, shapes or values do not fit.
    """
    pictures = _are_pictures(images)
    pixels = images if pictures else as_pixels(images, channels=channels)
    names = label_names(to_numpy(labels), classes)
    ids = numbered(len(pixels)) if ids is None else [text(value) for value in ids]
    _require_equal_lengths(pixels, names, ids)
    broken = []
    if pictures:
        found = fetch(lambda row: (images[row], names[row]), ids, source=source)
        pixels = [cell.item for cell in found.cells]
        ids, names, broken = found.ids, found.labels, found.problems
    rows, problems = raw_rows(ids, names, [split] * len(pixels), "image", pixels)
    return check(rows, broken + problems, source=source, classes=classes, check_images=False)


def _require_equal_lengths(images: Sequence, labels: Sequence, ids: Sequence) -> None:
    if not len(images) == len(labels) == len(ids):
        raise SourceError(
            f"expected as many labels and ids as images, found {len(images)} images, "
            f"{len(labels)} labels and {len(ids)} ids"
        )


def _are_pictures(images: Any) -> bool:
    """Tell whether `images` is a list of Pillow images, which may not even be decoded yet."""
    is_list = isinstance(images, (list, tuple)) and len(images) > 0
    return is_list and all(isinstance(image, Image.Image) for image in images)


def numbered(count: int) -> list[str]:
    """Return `count` ids that sort like positions: with leading zeros."""
    width = len(str(max(count - 1, 0)))
    return [f"{position:0{width}d}" for position in range(count)]


def label_names(labels: np.ndarray, classes: Sequence[str] | None) -> list[str]:
    """Return `labels` (n,) as class names: whole numbers are positions in `classes`, if given."""
    if labels.ndim != 1:
        raise SourceError(f"expected one label per image, found labels of shape {labels.shape}")
    if classes is None or not np.issubdtype(labels.dtype, np.integer):
        return [text(label) for label in labels]
    return [_class_name(int(code), classes) for code in labels]


def _class_name(code: int, classes: Sequence[str]) -> str:
    return str(classes[code]) if 0 <= code < len(classes) else f"label number {code}"
