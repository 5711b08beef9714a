"""JSON files that carry a checksum of what they say, so that damage is noticed.

In comes an object; out goes JSON text with one more name, `checksum`, the CRC-32 of the rest in one
fixed form. White space and the order of names do not count.
"""

import json
import zlib
from typing import Any

from o2u_nb.data.jsonl import from_bytes

NAME = "checksum"


def seal(found: dict, *, indent: int | None = None) -> bytes:
    """Return `found` as JSON in UTF-8, with its checksum."""
    whole = {**found, NAME: _sum(found)}
    text = json.dumps(whole, indent=indent, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")


def unseal(data: bytes) -> tuple[dict[str, Any], bool]:
    """Return the object in `data`, and whether it is as it was written; without checksum, it is.

    Raises `ValueError` where there is no object.
    """
    found = from_bytes(data)
    written = found.pop(NAME, None)
    return found, written is None or written == _sum(found)


def _sum(found: dict) -> str:
    text = json.dumps(found, sort_keys=True, separators=(",", ":"))
    return f"{zlib.crc32(text.encode()):08x}"
