"""Write a file whole or not at all.

In come a path and the bytes for it. They go to a `.partial` file beside the target, which takes the
target's place once it is complete. A failure leaves the old file, if there was one, as it was.
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

    With `durable`, the bytes have reached the disk before they take the old file's place, so that
    a power cut leaves one or the other. With `shared`, several processes may write `path` at the
    same time: each has a partial file of its own, and the last one wins.

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
