"""JSON objects in bytes, one per line in our logs and manifests, or one in a file."""

import json
from typing import Any

# Characters that end a line for `str.splitlines`, which many readers use, but that JSON does not
# escape; we write them as escapes.
LINE_ENDS = {ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}


def to_line(found: dict) -> bytes:
    r"""Return `found` as one line of UTF-8 that every reader takes for a single line.

    Raises `ValueError` for NaN and infinity, which JSON does not have.

    >>> to_line({"name": "a\nb"})
    b'{"name": "a\\nb"}\n'
    """
    text = json.dumps(found, ensure_ascii=False, allow_nan=False).translate(LINE_ENDS)
    # A lone surrogate (from a name that is not UTF-8) becomes \udcxx, which JSON reads back.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def from_bytes(data: bytes) -> dict[str, Any]:
    """Return the object that is written in `data`; raise `ValueError` where there is none."""
    try:
        found = json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError(f"expected an object, found {type(found).__name__}")
    return found
