"""Values that several commands take as options, checked before anything is done.

In comes what was typed; out comes the value, or one line that says what was expected.
"""

import argparse
import errno
import os
from collections.abc import Callable
from pathlib import Path

from o2u_nb.data.places import is_url
from o2u_nb.presets import MOST_SEED

MOST_DIGITS = 18  # of a count: as many as an int64 always holds


def place(text: str) -> Path:
    """Return the path of a file or folder that is there, or could be."""
    if not text:  # Python takes it for the present folder
        raise argparse.ArgumentTypeError("expected a path, found an empty text")
    try:
        os.lstat(text)
    except (OSError, ValueError) as error:  # ValueError: for a path with a null byte
        if getattr(error, "errno", None) not in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
            reason = getattr(error, "strerror", None) or error
            raise argparse.ArgumentTypeError(f"{reason}: {text[:60]!r}") from None
    return Path(text)


def place_or_url(text: str) -> Path | str:
    """Return the path of a file or folder, or a URL such as `s3://bucket/folder` as it is."""
    return text if is_url(text) else place(text)


def seed(text: str) -> int:
    """Return the seed of random numbers."""
    if not (text.isascii() and text.isdecimal() and int(text[:20]) <= MOST_SEED):
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 0 to {MOST_SEED}, found {text[:60]!r}"
        )
    return int(text)


def count(least: int) -> Callable[[str], int]:
    """Return the reader of whole numbers from `least` on."""

    def read(text: str) -> int:
        is_whole = text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
        if not is_whole or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"expected a whole number of at least {least}, found {text[:60]!r}"
            )
        return int(text)

    return read
