"""Decode images of every common format and mode to 8-bit RGB.

An item is what a samples table holds for one row: a file's path, encoded bytes, or a uint8 array
(H, W) or (H, W, 3). Out come Pillow images, pixel arrays (N, size, size, 3) and JPEG thumbnails.
Nothing is ever written beside the source.
"""

import io
import os
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image, ImageOps, UnidentifiedImageError

from o2u_nb.data import atomic
from o2u_nb.data.parallel import Progress, in_threads
from o2u_nb.errors import SourceError
from o2u_nb.rows import evenly

# Named, so that no file from a stranger reaches those readers that run other programs (EPS).
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM")
ORIENTATION = 0x0112  # the EXIF tag; values 5 to 8 swap width and height

Item = str | os.PathLike | bytes | np.ndarray


@cache
def suffixes() -> frozenset[str]:
    """Return the suffixes, in lower case, of the image files that are read.

    >>> ".jpeg" in suffixes(), ".eps" in suffixes()
    (True, False)
    """
    known = Image.registered_extensions().items()
    return frozenset(suffix for suffix, form in known if form in FORMATS)


def image_items(samples: pd.DataFrame) -> list[Item]:
    """Return one decodable item per row of `samples`, in row order.

    Raises `SourceError` when the table has neither a `path` nor an `image` column.
    """
    for column in ("path", "image"):
        if column in samples:
            return samples[column].tolist()
    raise SourceError(
        "expected a samples table with a column 'path' or 'image', "
        f"found the columns {', '.join(map(str, samples.columns)) or '(none)'}"
    )


def load_image(item: Item, *, at_least: int | None = None) -> Image.Image:
    """Decode `item` to an upright 8-bit "RGB" image.

    Transparent pixels are shown on white, 16-bit grey is scaled to 8 bits, EXIF orientation is
    applied, and of an animation or a stack of pages the first is taken. With `at_least`, a JPEG may
    come at 1/2, 1/4 or 1/8 of its size as long as both sides stay that long: much faster. Raises
    what Pillow raises when the image is damaged; `broken_image` gives the reason as text.

    >>> load_image(np.zeros((2, 3), np.uint8)).size
    (3, 2)
    """
    with _opened(item) as image:
        if at_least:
            image.draft(None, (at_least, at_least))
        image.load()
        return to_rgb(ImageOps.exif_transpose(image))


def broken_image(item: Item) -> str | None:
    """Return why `item` cannot be decoded, or None when it can.

    The whole image is decoded, so that truncated files are found, JPEG at 1/8 of its size.

    >>> broken_image(b"no image")
    'not an image of a known format (JPEG, PNG, WebP, BMP, GIF, TIFF, PPM)'
    """
    try:
        load_image(item, at_least=1)
    except Exception as error:  # a damaged file can raise nearly anything from a decoder
        return _reason(error)
    return None


def decode_pixels(
    samples: pd.DataFrame,
    size: int,
    *,
    out: str | os.PathLike | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Decode all images of `samples`, squished to `size` x `size`, in row order.

    Returns uint8 (N, size, size, 3): in memory, or with `out` a memory map of that .npy file
    (opened copy-on-write, so the file is never altered), which appears only once it is complete.
    Images that already have the size are untouched. Raises `SourceError` naming the first image
    that cannot be decoded, `OutputError` when `out` cannot be written.
    """
    shape = (len(samples), size, size, 3)
    rows = in_threads(
        lambda pair: _row(*pair, size),
        list(zip(samples.index, image_items(samples), strict=True)),
        workers=workers,
        progress=progress,
    )
    if out is None:
        return _collect(rows, shape)
    with atomic.replacing(out) as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for row in rows:
            file.write(row.tobytes())
    return np.load(out, mmap_mode="c")


def thumbnail(item: Item, size: int) -> bytes:
    """Return `item` as JPEG bytes whose longest side is `size` pixels, aspect kept."""
    image = load_image(item, at_least=2 * size)
    scale = size / max(image.size)
    sides = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return _encoded(_resized(image, sides), "JPEG", quality=85)


def png_bytes(item: np.ndarray | bytes) -> bytes:
    """Return an array as lossless PNG bytes; bytes are returned as they are."""
    if isinstance(item, bytes):
        return item
    return _encoded(Image.fromarray(np.ascontiguousarray(item)), "PNG", compress_level=1)


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


def common_size(samples: pd.DataFrame, sample: int = 200) -> Size:
    """Return the median (width, height), in pixels, of `sample` images spread over the table.

    Only headers are read. Raises `SourceError` naming an image that cannot be opened.
    """
    chosen = samples.iloc[evenly(len(samples), sample)]
    pairs = list(zip(chosen.index, image_items(chosen), strict=True))
    sizes = [_named(_upright_size, name, item) for name, item in pairs]
    width, height = np.median(sizes, axis=0)
    return Size(round(width), round(height))


def _opened(item: Item) -> Image.Image:
    if isinstance(item, np.ndarray):
        if item.dtype != np.uint8:
            raise ValueError(f"expected uint8 pixels, found {item.dtype}")
        return Image.fromarray(np.ascontiguousarray(item))
    source = io.BytesIO(item) if isinstance(item, bytes) else item
    return Image.open(source, formats=FORMATS)


def to_rgb(image: Image.Image) -> Image.Image:
    """Return `image` of any mode as 8-bit "RGB": deep grey scaled, transparency shown on white."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _grey8(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _grey8(image: Image.Image) -> Image.Image:
    """Scale deep grey to 8 bits: [0, 65535] for integers, [0, 1] for floats."""
    pixels = np.asarray(image).astype(np.float64)
    top = 1.0 if image.mode == "F" else 65535.0
    if not (pixels.min() >= 0 and pixels.max() <= top):
        raise ValueError(
            f"grey values from {pixels.min():g} to {pixels.max():g}, expected 0 to {top:g}"
        )
    return Image.fromarray(np.rint(pixels * (255 / top)).astype(np.uint8))


def _row(name: str, item: Item, size: int) -> np.ndarray:
    image = _named(lambda item: load_image(item, at_least=2 * size), name, item)
    return np.asarray(_resized(image, (size, size)))


def _resized(image: Image.Image, sides: tuple[int, int]) -> Image.Image:
    # Pillow's bicubic averages over all source pixels when it shrinks, so there is no aliasing, and
    # an image that has the size already is copied.
    return image.resize(sides, Image.Resampling.BICUBIC, reducing_gap=3.0)


def _collect(rows: Iterable[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    pixels = np.empty(shape, np.uint8)
    for position, row in enumerate(rows):
        pixels[position] = row
    return pixels


def _upright_size(item: Item) -> tuple[int, int]:
    with _opened(item) as image:
        if image.format == "TIFF":  # alone in opening with its size turned upright already
            return image.size
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        return image.size[::-1] if turned else image.size


def _encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _named(function: Callable[[Item], T], name: str, item: Item) -> T:
    """Call `function(item)`; a decoding failure becomes a `SourceError` that names the sample."""
    try:
        return function(item)
    except Exception as error:  # as in `broken_image`
        raise SourceError(
            f"{name}: cannot be decoded: {_reason(error)}; read the source again with "
            "check_images=True to have such images left out and listed"
        ) from error


def _reason(error: Exception) -> str:
    """Say what is wrong without the path or object address that Pillow puts in its messages."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image of a known format (JPEG, PNG, WebP, BMP, GIF, TIFF, PPM)"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
