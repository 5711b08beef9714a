"""The manifest of a cleaned folder: what was written there, and the class names behind the folders.

In comes a folder that `exchange` has written; out come the names of its classes. A file system
cannot hold every class name, so that a folder's name may be an escaped form of it.
"""

import hashlib
import json
import os
import re
from pathlib import Path, PurePosixPath

MANIFEST = ".manifest.jsonl"
FORMAT = "o2u_nb cleaned folder 1"
LONGEST = 200  # bytes of a name; file systems take 255, and a suffix may be added
# What no name may hold, and "%" where it would read as an escape, so that no two names become one.
FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f]' if os.name == "nt" else r"[/\x00]")
ESCAPE = re.compile(r"%(?=[0-9A-Fa-f]{2})")


def safe_name(text: str) -> str:
    """Return `text` as a file name: what cannot be in one is %-escaped, a long one is shortened.

    A leading dot is escaped too: it would hide the file, or lead elsewhere.

    >>> safe_name("a/b"), safe_name(".."), safe_name("100 %"), safe_name("%2F")
    ('a%2Fb', '%2E.', '100 %', '%252F')
    """
    name = FORBIDDEN.sub(lambda found: f"%{ord(found[0]):02X}", ESCAPE.sub("%25", text))
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if len(os.fsencode(name)) <= LONGEST:
        return name
    suffix = PurePosixPath(name).suffix[:10]
    kept = os.fsencode(name)[: LONGEST - 20].decode("utf-8", "ignore")
    return f"{kept}-{digest(text)}{suffix}"


def digest(text: str) -> str:
    """Return 16 hex digits that tell `text` from others, for names that must be shortened."""
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def class_names(folder: str | os.PathLike) -> dict[str, str]:
    """Return the class behind each class folder of a cleaned folder that bears another name.

    Empty where `folder` holds no manifest, or one that cannot be read: then the folders' names are
    all that is known.

    >>> class_names("no such folder")
    {}
    """
    try:
        head, *lines = (Path(folder) / MANIFEST).read_bytes().splitlines()
        if json.loads(head)["format"] != FORMAT:
            return {}
        labels = {json.loads(line).get("label") for line in lines}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    names = {safe_name(label): label for label in labels if isinstance(label, str)}
    return {name: label for name, label in names.items() if name != label}
