"""Write files and folders so that a kill or a power cut leaves the old ones or the new ones.

In come a path and the bytes for it. They are written to a partial file beside the target, sent to
the disk, and then the partial file replaces the target; at last the folder, which holds the name,
is sent to the disk. So a file is never seen half-written, and what is written later can rely on it.
Who has the old file open or mapped into memory keeps the old content.
"""

import contextlib
import errno
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from o2u_nb.errors import OutputError

# Our partial files have names that nobody else gives, so that they can be removed after a crash.
PARTIAL = re.compile(r"\.o2u_nb-[0-9a-f]{32}\.partial")
# What systems and file systems answer that cannot send a folder to the disk.
NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES)


@contextlib.contextmanager
def replacing(path: str | os.PathLike, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Yield a binary file that becomes `path` when the block ends without an error.

    With `durable`, file and name have reached the disk when this returns, so that they survive a
    power cut. Without, it is much faster where many small files are written that can be made again.
    Several processes may write `path` at the same time: the last one to finish determines the
    content.

    Raises `OutputError` when the file system refuses (disk full, no permission, missing folder, or
    `path` is a folder, a link to one, or a link to nothing).
    """
    target = Path(path)
    partial = target.with_name(f".o2u_nb-{uuid.uuid4().hex}.partial")
    try:
        if target.is_dir():  # `os.replace` refuses a folder, and would replace a link to one
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if target.is_symlink() and not target.exists():  # and a link whose target is away
            raise FileNotFoundError(errno.ENOENT, "it is a link to nothing")
        with open(partial, "xb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, target)
        if durable:
            sync_folder(target.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            raise OutputError(
                f"cannot write {target}: {error.strerror or error}; "
                "free some space or choose another place"
            ) from error
        raise


def is_partial(name: str) -> bool:
    """Tell whether a file of this name is one that `replacing` has not finished.

    >>> is_partial(f".o2u_nb-{32 * 'a'}.partial"), is_partial("report.html.partial")
    (True, False)
    """
    return PARTIAL.fullmatch(name) is not None


def make_folder(folder: str | os.PathLike) -> list[Path]:
    """Make `folder` and the folders above it; return those that were missing, the deepest first.

    Their names have reached the disk when this returns. Raises `OSError` where that fails.
    """
    folder = Path(folder)
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)
    return missing


def sync_folder(folder: str | os.PathLike) -> None:
    """Wait until the names in `folder` are on the disk, where the system can do that.

    It makes new, renamed and removed files survive a power cut; `os.fsync` of a file is about its
    content only. Windows has nothing like it. Raises `OSError` when the disk refuses.
    """
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # a folder that may be written to, but not listed
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)
