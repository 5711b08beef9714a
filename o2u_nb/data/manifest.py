"""The manifest of a cleaned folder: which files were written there, and their class names.

In comes a folder that `exchange` has written; out come the names of its classes. A file system does
not allow every class name as the name of a folder, so some folders have an escaped form of it.
"""

import hashlib
import json
import os
import re
from pathlib import Path, PurePosixPath

MANIFEST = ".manifest.jsonl"
FORMAT = "o2u_nb cleaned folder 1"
# Largest length of a name in bytes. Most file systems allow 255; the rest is for a suffix that may
# be added.
LONGEST = 200
# Characters that a file name must not hold, and "%" before two hex digits, which would be read as
# an escape. Both are escaped, so that different names stay different.
FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f]' if os.name == "nt" else r"[/\x00]")
ESCAPE = re.compile(r"%(?=[0-9A-Fa-f]{2})")


def safe_name(text: str) -> str:
    """Return `text` as a file name: other characters are %-escaped, and long names are shortened.

    A dot at the start is escaped too, because it would hide the file, or mean another folder.

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
    """Return the first 16 hex digits of the SHA-256 of `text`, which make a short name unique."""
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def class_names(folder: str | os.PathLike) -> dict[str, str]:
    """Return the class names of those class folders whose own name is an escaped form of it.

    The result maps the name of a class folder to the name of its class. It is empty when `folder`
    holds no manifest, or one that cannot be read; then the class is called like its folder.

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
