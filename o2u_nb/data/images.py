"""Decode images of every common format and mode to 8-bit RGB.

In come items. An item is the picture in one row of a samples table: a file's path, encoded bytes,
or a uint8 array (H, W) or (H, W, 3), with the data set's range of grey if the table has one. Out
come Pillow images, pixel arrays (N, size, size, 3) and JPEG thumbnails. Nothing is written into the
source's folders.
"""

import errno
import io
import os
import stat
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from o2u_nb.data import atomic
from o2u_nb.data.budget import room_for
from o2u_nb.data.parallel import Progress, in_threads
from o2u_nb.errors import SourceError
from o2u_nb.rows import evenly

T = TypeVar("T")

# Pillow's formats that are read. Others are not, because some of Pillow's readers start another
# program (for EPS files), which is unsafe for files of unknown origin.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM")
ORIENTATION = 0x0112  # number of the EXIF tag "Orientation"
# The operation that turns a picture upright, by the value of that tag. With the value 1, or any
# other value, the picture stays as it is.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SWAPS_SIDES = {5, 6, 7, 8}  # values of the tag for which width and height change places
STRIP = 1_000_000  # pixels that are converted at a time, to need little memory; our choice
# Pillow's modes of grey pictures with more than 8 bits, apart from those that start with "I;16".
DEEP_MODES = ("I", "F")

Item = str | os.PathLike | bytes | np.ndarray


class GreyRange(NamedTuple):
    """The grey values that are shown as black and as white, for pictures deeper than 8 bits."""

    grey_low: float
    grey_high: float


GREY_COLUMNS = GreyRange._fields


class RangedPath(str):
    """A file's path with the grey range of its data set in the attribute `grey`."""

    grey: GreyRange


class RangedBytes(bytes):
    """An encoded image with the grey range of its data set in the attribute `grey`."""

    grey: GreyRange


@cache
def suffixes() -> frozenset[str]:
    """Return the suffixes of the image files that are read, in lower case and with their dots.

    >>> ".jpeg" in suffixes(), ".eps" in suffixes()
    (True, False)
    """
    known = Image.registered_extensions().items()
    return frozenset(suffix for suffix, form in known if form in FORMATS)


def image_items(samples: pd.DataFrame) -> list[Item]:
    """Return the items of `samples`, one per row, in row order.

    Raises `SourceError` when the table has neither a `path` nor an `image` column.
    """
    for column in ("path", "image"):
        if column in samples:
            return _with_ranges(samples[column].tolist(), samples)
    raise SourceError(
        "expected a samples table with a column 'path' or 'image', "
        f"found the columns {', '.join(map(str, samples.columns)) or '(none)'}"
    )


def _with_ranges(items: list[Item], samples: pd.DataFrame) -> list[Item]:
    if not set(GREY_COLUMNS) <= set(samples.columns):
        return items
    ranges = samples[list(GREY_COLUMNS)].itertuples(index=False, name=None)
    return [in_range(item, GreyRange(*found)) for item, found in zip(items, ranges, strict=True)]


def grey_range(samples: pd.DataFrame) -> GreyRange | None:
    """Return the range of grey of the deep grey pictures in a samples table; None without any."""
    if not set(GREY_COLUMNS) <= set(samples.columns):
        return None
    known = samples[list(GREY_COLUMNS)].dropna()
    return GreyRange(*known.iloc[0]) if len(known) else None


def in_range(item: Item, grey: GreyRange | None) -> Item:
    """Return `item`, a path or bytes, with the range by which deep grey values are scaled."""
    kinds = {str: RangedPath, bytes: RangedBytes}
    # The comparison is false for NaN, which stands for a row without a range.
    if grey is None or type(item) not in kinds or not grey.grey_low < grey.grey_high:
        return item
    item = kinds[type(item)](item)
    item.grey = grey
    return item


def load_image(item: Item, *, at_least: int | None = None) -> Image.Image:
    """Decode `item` to an upright 8-bit "RGB" image.

    Transparent pixels are shown on white. Grey values deeper than 8 bits are scaled by the range of
    the data set, which `image_items` attaches to items. The EXIF orientation is applied, except to
    TIFF, which Pillow turns upright itself. Of an animation or a file with several pages, the first
    picture is taken. With `at_least` (pixels), a JPEG may be decoded at 1/2, 1/4 or 1/8 of its
    size, which is much faster, if both sides stay at least that long. Raises what Pillow raises
    when the image is damaged, and `ValueError` when it has too many pixels (see `data.budget`);
    `broken_image` gives the reason as text.

    >>> load_image(np.zeros((2, 3), np.uint8)).size
    (3, 2)
    """
    with opened(item) as image:
        held = image.width * image.height
        if at_least:
            image.draft(None, (at_least, at_least))
        with room_for(image, held):
            image.load()
            return _upright(to_rgb(image, getattr(item, "grey", None)), _orientation(image))


def broken_image(item: Item) -> str | None:
    """Return why `item` cannot be decoded, or None when it can.

    The whole image is decoded, so that truncated files are found; a JPEG is decoded at 1/8 of its
    size, which is faster.

    >>> broken_image(b"no image")
    'not an image of a known format (JPEG, PNG, WebP, BMP, GIF, TIFF, PPM)'
    """
    try:
        load_image(item, at_least=1)
    except Exception as error:  # decoders raise nearly any exception for a damaged file
        return why_unreadable(error)
    return None


def decode_pixels(
    samples: pd.DataFrame,
    size: int,
    *,
    out: str | os.PathLike | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Decode all images of `samples` to `size` x `size` pixels, in row order.

    The aspect ratio is not kept; images that already have the size are not changed. Returns uint8
    (N, size, size, 3). It is in memory, or with `out` it is a memory map of the .npy file `out`,
    which is created only once it is complete, and which is opened copy-on-write so that it never
    changes. `workers` is the number of threads, and `progress(done, total)` is called while this
    runs; see `parallel.in_threads`. Raises `SourceError`, which names the first image that cannot
    be decoded, and `OutputError` when `out` cannot be written.
    """
    shape = (len(samples), size, size, 3)
    rows = in_threads(
        lambda pair: square_pixels(*pair, size, at_least=2 * size),
        list(zip(samples.index, image_items(samples), strict=True)),
        workers=workers,
        progress=progress,
    )
    if out is None:
        return _collect(rows, shape)
    with atomic.replacing(out, durable=False) as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for row in rows:
            file.write(row.tobytes())
    return np.load(out, mmap_mode="c")


def thumbnail(item: Item, size: int) -> bytes:
    """Return `item` as JPEG bytes, with `size` pixels on its longest side and its aspect ratio."""
    image = load_image(item, at_least=2 * size)
    scale = size / max(image.size)
    sides = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return _encoded(resized(image, sides), "JPEG", quality=85)


def whole(item: Item, most: int) -> bytes:
    """Return `item` as JPEG bytes with all its pixels, but with at most `most` on a side."""
    image = load_image(item, at_least=most)
    scale = min(1, most / max(image.size))
    sides = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return _encoded(resized(image, sides), "JPEG", quality=92)


def png_bytes(item: np.ndarray | bytes) -> bytes:
    """Return a uint8 array as the bytes of a PNG, which is lossless; return bytes as they are."""
    if isinstance(item, bytes):
        return item
    return _encoded(Image.fromarray(np.ascontiguousarray(item)), "PNG", compress_level=1)


def lossless(image: Image.Image) -> bytes:
    """Return a grey picture deeper than 8 bits as encoded bytes that keep every value exactly."""
    return _encoded(image, "PNG" if image.mode.startswith("I;16") else "TIFF")


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


def common_size(samples: pd.DataFrame, sample: int = 200) -> Size:
    """Return the median width and height, in pixels, of at most `sample` evenly spaced images.

    Only the headers of files are read. Raises `SourceError`, which names the image, when one cannot
    be opened.
    """
    chosen = samples.iloc[evenly(len(samples), sample)]
    pairs = list(zip(chosen.index, image_items(chosen), strict=True))
    sizes = [_named(_upright_size, name, item) for name, item in pairs]
    width, height = np.median(sizes, axis=0)
    return Size(round(width), round(height))


def opened(item: Item) -> Image.Image:
    """Open `item` without decoding its pixels.

    Raises what Pillow raises, and `ValueError` when `item` is none of the types of an item.
    """
    if isinstance(item, np.ndarray):
        if item.dtype != np.uint8:
            raise ValueError(f"expected uint8 pixels, found {item.dtype}")
        return Image.fromarray(np.ascontiguousarray(item))
    if not isinstance(item, (str, bytes, os.PathLike)):
        raise ValueError(f"expected a file, encoded bytes or an array, found {type(item).__name__}")
    if isinstance(item, bytes):
        return Image.open(io.BytesIO(item), formats=FORMATS)
    require_file(item)
    return Image.open(item, formats=FORMATS)


def require_file(path: str | os.PathLike) -> None:
    """Raise `OSError` when `path` is a device, pipe or socket, which reading may wait for.

    Also raised when there is nothing at `path`. A folder passes: opening it is an error by itself.
    """
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "a device or pipe, not a file")


def to_rgb(image: Image.Image, grey: GreyRange | None = None) -> Image.Image:
    """Return `image`, of any mode, as 8-bit "RGB".

    Grey values deeper than 8 bits are scaled by the range `grey`, by default that of their format.
    Transparent pixels are shown on white. Raises `ValueError` when deep grey values are not finite,
    or without `grey` outside the range of their format.
    """
    if not (is_deep(image) or image.has_transparency_data):
        return image.convert("RGB")
    # Both conversions need several times the memory of the picture, so they are done in strips.
    rows = max(1, STRIP // image.width)
    whole = Image.new("RGB", image.size)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        whole.paste(_strip_to_rgb(image.crop(box), grey), box)
    return whole


def _strip_to_rgb(image: Image.Image, grey: GreyRange | None) -> Image.Image:
    if is_deep(image):
        image = _grey8(image, grey)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def is_deep(image: Image.Image) -> bool:
    """Return whether `image` is grey with more than 8 bits per pixel."""
    return image.mode.startswith("I;16") or image.mode in DEEP_MODES


def top_of(fractions: bool) -> float:
    """Return the white of deep grey without a known range: 1 for `fractions`, else 65,535."""
    return 1.0 if fractions else 65535.0


def _grey8(image: Image.Image, grey: GreyRange | None) -> Image.Image:
    """Scale deep grey to 8 bits; values outside the range `grey` become black or white."""
    pixels = np.asarray(image).astype(np.float64)
    if not np.isfinite(pixels).all():
        raise ValueError("grey values that are not numbers (NaN or infinite)")
    low, high = grey or (0.0, top_of(image.mode == "F"))
    if grey is None and not (pixels.min() >= low and pixels.max() <= high):
        raise ValueError(
            f"grey values from {pixels.min():g} to {pixels.max():g}, expected 0 to {high:g}"
        )
    share = np.clip((pixels - low) / (high - low), 0, 1)
    return Image.fromarray(np.rint(share * 255).astype(np.uint8))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where it is missing or another value."""
    if image.format == "TIFF":  # Pillow turns pictures upright itself for this format alone
        return 1
    try:
        value = image.getexif().get(ORIENTATION, 1)
        return int(value) if value in TURNS else 1
    except Exception:  # damaged EXIF raises nearly anything, and the picture itself may be good
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def square_pixels(name: str, item: Item, size: int, *, at_least: int) -> np.ndarray:
    """Decode `item` to uint8 (size, size, 3), without keeping its aspect ratio.

    `at_least` is that of `load_image`. Raises `SourceError`, which names the sample `name`, when it
    cannot be decoded.
    """
    image = _named(lambda item: load_image(item, at_least=at_least), name, item)
    return np.asarray(resized(image, (size, size)))


def resized(image: Image.Image, sides: tuple[int, int]) -> Image.Image:
    """Return `image` with the width and height `sides`, in pixels; averaged where it shrinks."""
    # When it shrinks an image, Pillow's bicubic filter averages over all source pixels, so that
    # there is no aliasing. An image that already has the size is copied.
    return image.resize(sides, Image.Resampling.BICUBIC, reducing_gap=3.0)


def _collect(rows: Iterable[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    pixels = np.empty(shape, np.uint8)
    for position, row in enumerate(rows):
        pixels[position] = row
    return pixels


def _upright_size(item: Item) -> tuple[int, int]:
    with opened(item) as image:
        return image.size[::-1] if _orientation(image) in SWAPS_SIDES else image.size


def _encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _named(function: Callable[[Item], T], name: str, item: Item) -> T:
    """Return `function(item)`; if it fails, raise a `SourceError` that names the sample `name`."""
    try:
        return function(item)
    except Exception as error:  # for the same reason as in `broken_image`
        raise SourceError(
            f"{name}: cannot be decoded: {why_unreadable(error)}; read the source again with "
            "check_images=True to have such images left out and listed"
        ) from error


def why_unreadable(error: Exception) -> str:
    """Return what is wrong with a picture whose decoding raised `error`.

    It is without the path or object address that Pillow's messages hold.
    """
    if isinstance(error, UnidentifiedImageError):
        return "not an image of a known format (JPEG, PNG, WebP, BMP, GIF, TIFF, PPM)"
    if isinstance(error, Image.DecompressionBombError):
        return (
            "a decompression bomb, or a picture too large to be read: more than "
            f"{2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6} million pixels; make it smaller"
        )
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
