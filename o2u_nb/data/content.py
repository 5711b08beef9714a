"""The digest of an image's bytes, which shows whether the image is still the same.

In comes an item of a samples table; out comes its SHA-256.
"""

import hashlib

import numpy as np

from o2u_nb.data.images import Item, require_file


def content_hash(item: Item) -> str:
    """Return the SHA-256 of `item` as 64 hex digits.

    For a path it is the digest of the file's bytes, as `sha256sum` prints it, and for an array that
    of its shape and pixels. Raises `OSError` when there is no file, or it cannot be read.

    >>> content_hash(b"")[:8]
    'e3b0c442'
    """
    if isinstance(item, np.ndarray):
        item = repr(item.shape).encode() + np.ascontiguousarray(item).tobytes()
    if isinstance(item, bytes):
        return hashlib.sha256(item).hexdigest()
    require_file(item)
    with open(item, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_if_readable(item: Item) -> str | None:
    """Return the `content_hash` of `item`, None where it cannot be read."""
    try:
        return content_hash(item)
    except OSError:
        return None
