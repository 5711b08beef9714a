"""Thumbnails of samples, from a cache in memory and on disk; a tile in words where there is none.

In comes an item of a samples table; out come JPEG bytes, always: an image that is deleted, damaged
or newer than the audit gives a tile that says so. Only the cache folder is written to.
"""

import contextlib
import hashlib
import io
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeGuard

from PIL import Image, ImageDraw, ImageFont

from o2u_nb.data import atomic
from o2u_nb.data.content import content_hash
from o2u_nb.data.images import Item, broken_image, thumbnail, whole
from o2u_nb.data.parallel import in_threads
from o2u_nb.errors import OutputError

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
SIZES = (16, 4096)  # the smallest and the largest thumbnail, in pixels of the longest side
TILE = 512  # pixels of the tile that stands for an original that cannot be read
# In seconds. A file counts as changed if it is newer than the audit by more than this. An audit
# records its time in whole seconds, and the file system FAT records times in steps of two seconds.
CLOCK_SLACK = 2.0

# What became of an image.
OK = "ok"
MISSING = "missing"
BROKEN = "broken"
CHANGED = "changed"

# Colours of tiles in words, as red, green and blue.
PAPER = (236, 236, 236)
INK = (60, 60, 60)
WARNING = (176, 96, 0)


class State(NamedTuple):
    """What became of an image: `state` is ok, missing, broken or changed; `detail` says how."""

    state: str
    detail: str = ""


class Thumbnails:
    """Make thumbnails and keep them: at most `memory` bytes in memory, and all of them on disk.

    They are JPEG files below `folder`. Their key is made of a file's path, date and length, so that
    a changed file gets a new thumbnail. `audited` (seconds since 1970) is the time of the audit.
    """

    def __init__(self, folder: Path, *, audited: float = float("inf"), memory: int = 64 << 20):
        self.folder = folder
        self.audited = audited
        self._memory = _Recent(memory)

    def get(self, item: Item, size: int) -> bytes:
        """Return `item` as JPEG bytes with the longest side `size` pixels, or a tile in words."""
        size = min(max(int(size), SIZES[0]), SIZES[1])
        try:
            key = self._key(item, size)
        except OSError as error:
            return tile(_missing(error).detail, size)
        kept = self._memory.get(key) or (self._load(key) if _is_file(item) else None)
        return kept or self._make(item, size, key)

    def original(self, item: Item) -> bytes:
        """Return `item` as JPEG bytes with all its pixels, or a tile in words.

        A picture that is longer than the largest thumbnail on a side is made as small as that. It
        is not kept.
        """
        try:
            return whole(item, SIZES[1])
        except Exception:  # a damaged file can raise nearly anything from a decoder
            return tile(self.state(item).detail, TILE)

    def many(self, items: Sequence[Item], size: int) -> list[bytes]:
        """Return `get` of each of `items`, several at a time."""
        return list(in_threads(lambda item: self.get(item, size), items))

    def state(self, item: Item) -> State:
        """Look at the image itself, and tell what has become of it since the audit."""
        try:
            changed = self._is_changed(item)
        except OSError as error:
            return _missing(error)
        broken = broken_image(item)
        if broken:
            return State(BROKEN, f"image cannot be read: {broken}")
        return State(CHANGED, "file changed since the audit") if changed else State(OK)

    def _is_changed(self, item: Item) -> bool:
        return _is_file(item) and os.stat(item).st_mtime > self.audited + CLOCK_SLACK

    def _key(self, item: Item, size: int) -> str:
        if not _is_file(item):
            return f"{content_hash(item)}/{size}"
        stat = os.stat(item)
        identity = (os.fspath(item), stat.st_mtime_ns, stat.st_size, self.audited, size)
        return hashlib.sha256(repr(identity).encode("utf-8", "backslashreplace")).hexdigest()

    def _make(self, item: Item, size: int, key: str) -> bytes:
        try:
            picture = thumbnail(item, size)
            if self._is_changed(item):
                picture = banded(picture, "changed since audit")
        except Exception:  # a damaged file can raise nearly anything from a decoder
            return tile(self.state(item).detail, size)
        self._memory.put(key, picture)
        if _is_file(item):
            self._store(key, picture)
        return picture

    def _load(self, key: str) -> bytes | None:
        with contextlib.suppress(OSError):
            picture = self._file(key).read_bytes()
            self._memory.put(key, picture)
            return picture
        return None

    def _store(self, key: str, picture: bytes) -> None:
        """Keep a picture on disk, whole or not at all; where that fails, it is not kept."""
        file = self._file(key)
        with contextlib.suppress(OSError, OutputError):
            file.parent.mkdir(parents=True, exist_ok=True)
            with atomic.replacing(file, durable=False) as draft:
                draft.write(picture)

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key[2:]}.jpg"


class _Recent:
    """Keep the latest used values, up to `limit` bytes; safe to use from several threads."""

    def __init__(self, limit: int):
        self.limit = limit
        self.held = 0
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: str, value: bytes) -> None:
        with self._lock:
            self.held += len(value) - len(self._values.pop(key, b""))
            self._values[key] = value
            while self.held > self.limit:
                self.held -= len(self._values.popitem(last=False)[1])


def tile(text: str, size: int) -> bytes:
    """Return a square JPEG tile of `size` pixels with `text` on it."""
    image = Image.new("RGB", (size, size), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, size - 1, size - 1), outline=WARNING, width=max(1, size // 48))
    font = _font(size)
    lines = _wrapped(text, draw, font, 0.86 * size)
    draw.multiline_text(
        (size / 2, size / 2), lines, INK, font=font, anchor="mm", align="center", spacing=2
    )
    return _jpeg(image)


def banded(picture: bytes, text: str) -> bytes:
    """Return the JPEG `picture` with `text` on a band along its lower edge."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    draw = ImageDraw.Draw(image)
    font = _font(max(image.size))
    lines = _wrapped(text, draw, font, image.width)
    height = draw.multiline_textbbox((0, 0), lines, font=font, spacing=1)[3] + 3
    draw.rectangle((0, image.height - height, image.width, image.height), WARNING)
    centre = (image.width / 2, image.height - height / 2)
    draw.multiline_text(centre, lines, "white", font=font, anchor="mm", align="center", spacing=1)
    return _jpeg(image)


def _missing(error: OSError) -> State:
    if isinstance(error, FileNotFoundError):
        return State(MISSING, "image not found: deleted or moved")
    return State(MISSING, f"image out of reach: {error.strerror or error}")


def _is_file(item: Item) -> TypeGuard[str | os.PathLike]:
    return isinstance(item, (str, os.PathLike))


def _font(size: int) -> Font:
    return ImageFont.load_default(max(8, min(size // 11, 28)))


def _wrapped(text: str, draw: ImageDraw.ImageDraw, font: Font, width: float) -> str:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font=font) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
