"""Turn image arrays and tensors of any common layout into items that a samples table can hold.

In come numpy arrays or anything numpy can convert (torch tensors, Pillow images), as one batch or
as a list of images of different sizes; out come uint8 arrays (H, W) or (H, W, 3). Values are
converted exactly or refused, never clipped.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from o2u_nb.data.images import Item, is_deep, load_image, lossless, resized, to_rgb
from o2u_nb.errors import SourceError

CHANNELS = (1, 3, 4)  # numbers of colour channels that an image may have
# Largest number of pixels on the longest side of pictures that are fetched and have no file. Our
# choice: it is twice the side at which photographs are trained, and enough to judge them by eye.
LONGEST = 256


def to_numpy(values: Any) -> np.ndarray:
    """Return `values` as a numpy array: tensors from any device, Pillow images as 8-bit RGB."""
    if isinstance(values, Image.Image):
        values = to_rgb(values)
    for step in ("detach", "cpu"):
        if hasattr(values, step):
            values = getattr(values, step)()
    return np.asarray(values)


def as_pixels(images: Any, *, channels: str | None = None) -> list[np.ndarray | bytes]:
    """Return one uint8 array (H, W) or (H, W, 3) per image.

    `images` is (N, H, W), (N, H, W, C) or (N, C, H, W) with 1, 3 or 4 channels, or a sequence of
    single images. The fourth channel is alpha; transparent pixels are shown on white. The values
    are uint8, booleans, integers in [0, 255], or floats in [0, 1], which are multiplied by 255.
    `channels` is "first" or "last"; it is needed only where the shape fits both. A grey Pillow
    image deeper than 8 bits is returned as encoded bytes that keep every value, because it can be
    scaled only by the range of the whole data set. Raises `SourceError` for other shapes and
    values.

    >>> as_pixels(np.full((1, 3, 8, 8), 0.2))[0][0, 0].tolist()
    [51, 51, 51]
    """
    if isinstance(images, (list, tuple)):
        return [_single(image, channels) for image in images]
    array = to_numpy(images)
    if array.dtype == object:
        return as_pixels(list(array), channels=channels)
    return _batch(array, channels)


def _single(image: Any, channels: str | None) -> np.ndarray | bytes:
    if isinstance(image, Image.Image):
        if is_deep(image):
            return lossless(image)
        channels = "last"
    return _batch(to_numpy(image)[None], channels)[0]


def as_small_item(image: Any) -> tuple[Item, bool]:
    """Return one image as `as_pixels` does, but not larger than `LONGEST`, and if it was shrunk.

    An image is shrunk by averaging over its pixels, and keeps its aspect ratio. Raises
    `SourceError` as `as_pixels` does.
    """
    if not isinstance(image, Image.Image):
        (pixels,) = as_pixels([image])
        if max(pixels.shape[:2]) <= LONGEST:
            return pixels, False
        image = Image.fromarray(np.ascontiguousarray(pixels))
    scale = LONGEST / max(image.size)
    if scale >= 1:
        (item,) = as_pixels([image])
        return item, False
    sides = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if is_deep(image):
        return lossless(_resized_deep(image, sides)), True
    return np.asarray(resized(image if image.mode == "L" else to_rgb(image), sides)), True


def _resized_deep(image: Image.Image, sides: tuple[int, int]) -> Image.Image:
    """Shrink a picture of deep grey through floating point, where alone Pillow can average it."""
    pixels = np.asarray(resized(image.convert("F"), sides))
    if image.mode == "F":
        return Image.fromarray(pixels)
    kind = np.int32 if image.mode == "I" else np.uint16
    edges = np.iinfo(kind)
    return Image.fromarray(np.rint(pixels).clip(edges.min, edges.max).astype(kind))


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
    low = array.min()
    high = array.max()
    if not (low >= 0 and high <= top):  # written so that NaN is refused as well
        raise SourceError(
            f"expected {array.dtype} pixels in [0, {top}], found {low:g} to {high:g}: scale the "
            "images first, or pass the data set without its normalisation"
        )


def _on_white(image: np.ndarray) -> np.ndarray:
    return np.asarray(load_image(image))
