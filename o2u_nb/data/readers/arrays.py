"""Read images and labels from arrays and tensors of any common layout.

In come numpy arrays or anything numpy can convert (torch tensors, Pillow images), as one batch or
as a list of images of different sizes; out comes `Checked`, with uint8 arrays (H, W) or (H, W, 3).
Values are converted exactly or refused, never clipped.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from o2u_nb.data.checks import check, raw_rows
from o2u_nb.data.images import load_image, to_rgb
from o2u_nb.data.samples import Checked, text
from o2u_nb.errors import SourceError

CHANNELS = (1, 3, 4)


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

    `images` as in `as_pixels`: uint8, or floats in [0, 1], which are scaled. `labels` are
    numbers into `classes` (or become text without it) or names. Ids default to the position with
    leading zeros. Raises `SourceError` when lengths, shapes or values do not fit.
    """
    pixels = as_pixels(images, channels=channels)
    names = label_names(to_numpy(labels), classes)
    ids = numbered(len(pixels)) if ids is None else [text(value) for value in ids]
    if not len(pixels) == len(names) == len(ids):
        raise SourceError(
            f"expected as many labels and ids as images, found {len(pixels)} images, "
            f"{len(names)} labels and {len(ids)} ids"
        )
    rows, problems = raw_rows(ids, names, [split] * len(pixels), "image", pixels)
    return check(rows, problems, source=source, classes=classes, check_images=False)


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


def to_numpy(values: Any) -> np.ndarray:
    """Return `values` as a numpy array: a tensor from any device, a Pillow image as RGB."""
    if isinstance(values, Image.Image):
        values = to_rgb(values)
    for step in ("detach", "cpu"):
        if hasattr(values, step):
            values = getattr(values, step)()
    return np.asarray(values)


def as_pixels(images: Any, *, channels: str | None = None) -> list[np.ndarray]:
    """Return one uint8 array (H, W) or (H, W, 3) per image.

    `images` is (N, H, W), (N, H, W, C) or (N, C, H, W) with C of 1, 3 or 4 (alpha, shown on white),
    or a sequence of single images. uint8, booleans, integers in [0, 255] and floats in [0, 1]
    (scaled by 255) are accepted. `channels` ("first" or "last") decides where the shape fits both.
    Raises `SourceError` for other shapes and values.

    >>> as_pixels(np.full((1, 3, 8, 8), 0.2))[0][0, 0].tolist()
    [51, 51, 51]
    """
    if isinstance(images, (list, tuple)):
        return [_single(image, channels) for image in images]
    array = to_numpy(images)
    if array.dtype == object:
        return as_pixels(list(array), channels=channels)
    return _batch(array, channels)


def _single(image: Any, channels: str | None) -> np.ndarray:
    if isinstance(image, Image.Image):
        channels = "last"
    return _batch(to_numpy(image)[None], channels)[0]


def _batch(array: np.ndarray, channels: str | None) -> list[np.ndarray]:
    if array.ndim not in (3, 4) or 0 in array.shape[1:]:
        raise SourceError(
            f"expected images of shape (N, H, W), (N, H, W, C) or (N, C, H, W), found {array.shape}"
        )
    array = _uint8(array)
    if array.ndim == 3:
        return list(array)
    array = np.moveaxis(array, _channel_axis(array.shape, channels), -1)
    if array.shape[-1] == 1:
        return list(array[..., 0])
    return list(array) if array.shape[-1] == 3 else [_on_white(image) for image in array]


def _channel_axis(shape: Sequence[int], channels: str | None) -> int:
    axes = {"first": 1, "last": 3}
    fits = [where for where, axis in axes.items() if shape[axis] in CHANNELS]
    if channels is not None:
        fits = [where for where in fits if where == channels]
    if len(fits) == 1:
        return axes[fits[0]]
    if fits:
        raise SourceError(
            f"images of shape {tuple(shape)} may have their channels first or last: "
            "pass channels='first' or channels='last'"
        )
    raise SourceError(f"expected 1, 3 or 4 channels first or last, found shape {tuple(shape)}")


def _uint8(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8 or array.size == 0:
        return array.astype(np.uint8, copy=False)
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(array.dtype, np.integer):
        _require_range(array, 255)
        return array.astype(np.uint8)
    if np.issubdtype(array.dtype, np.floating):
        _require_range(array, 1)
        return np.rint(array * 255.0).astype(np.uint8)
    raise SourceError(f"expected images of numbers, found the type {array.dtype}")


def _require_range(array: np.ndarray, top: int) -> None:
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= top):  # written so that NaN fails, too
        raise SourceError(
            f"expected {array.dtype} pixels in [0, {top}], found {low:g} to {high:g}: scale the "
            "images first, or pass the data set without its normalisation"
        )


def _on_white(image: np.ndarray) -> np.ndarray:
    return np.asarray(load_image(image))
