"""Write a file completely or not at all.

In come a path and the bytes for it. They are written to a `.partial` file beside the target, which
replaces the target once it is complete. If writing fails, an older file at `path` stays as it was.
"""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from o2u_nb.errors import OutputError


@contextlib.contextmanager
def replacing(
    path: str | os.PathLike, *, durable: bool = False, shared: bool = False
) -> Iterator[BinaryIO]:
    """Yield a binary file that becomes `path` when the block ends without an error.

    With `durable`, the bytes have reached the disk before the new file replaces the old one, so
    that after a power cut one of the two is there. With `shared`, several processes may write
    `path` at the same time: each has a partial file of its own, and the last one to finish
    determines the content.

    Raises `OutputError` when the file system refuses (disk full, no permission, missing folder).
    """
    target = Path(path)
    own = f".{uuid.uuid4().hex}" if shared else ""
    partial = target.with_name(f"{target.name}{own}.partial")
    try:
        with open(partial, "wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            raise OutputError(
                f"cannot write {target}: {error.strerror or error}; "
                "free some space or choose another place"
            ) from error
        raise
