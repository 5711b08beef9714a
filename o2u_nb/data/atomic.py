"""Write a file whole or not at all.

The bytes go to a `.partial` file beside the target, which takes the target's place only once it is
complete. A failure leaves the old file, if there was one, as it was.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from o2u_nb.errors import OutputError


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Yield a binary file that becomes `path` when the block ends without an error.

    Raises `OutputError` when the file system refuses (disk full, no permission, missing folder).
    """
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    try:
        with open(partial, "wb") as file:
            yield file
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
