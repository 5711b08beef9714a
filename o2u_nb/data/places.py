"""Places of files: on this machine, or in an object store by a URL that fsspec can open.

In comes the path of a file or folder, or a URL such as `s3://bucket/folder`. Out comes a `Place`:
the file system, and the path on it. fsspec comes with torch and with Ray; object stores need their
own package, such as s3fs or gcsfs.
"""

import os
import uuid
from pathlib import Path
from typing import Any, NamedTuple

from o2u_nb.data import atomic
from o2u_nb.errors import MissingExtraError, OutputError, SourceError
from o2u_nb.extras import missing


class Place(NamedTuple):
    """A file or folder: its file system, an object of fsspec, and its path there."""

    system: Any
    path: str

    @property
    def is_local(self) -> bool:
        """Tell whether it lies on this machine."""
        return "file" in _protocols(self.system)

    @property
    def url(self) -> str:
        """Return the path of a local place, and the URL of another one."""
        return self.path if self.is_local else self.system.unstrip_protocol(self.path)

    def under(self, *names: str) -> "Place":
        """Return the place of a file or folder in this folder."""
        return Place(self.system, "/".join([self.path.rstrip("/"), *names]))

    def read(self) -> bytes:
        """Return the bytes of a file; raise `FileNotFoundError` when there is none."""
        return self.system.cat_file(self.path)

    def names(self) -> list[str]:
        """List the names of the files and folders in this folder, sorted; [] if it is not there."""
        self.system.invalidate_cache()
        try:
            found = self.system.ls(self.path, detail=False)
        except FileNotFoundError:
            return []
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found)

    def write(self, content: bytes) -> None:
        """Write a file, whole or not at all, also when the process is killed.

        It is written under a temporary name and then renamed; folders above are made. Raises
        `OutputError` when that is not possible.
        """
        folder, _, name = self.path.rpartition("/")
        try:
            self.system.makedirs(folder, exist_ok=True)
            if self.is_local:
                with atomic.replacing(self.path) as file:
                    file.write(content)
                return
            partial = f"{folder}/.o2u_nb-{uuid.uuid4().hex}.partial"
            self.system.pipe_file(partial, content)
            self.system.mv(partial, f"{folder}/{name}")
        except OSError as error:
            raise OutputError(
                f"cannot write {self.url}: {error.strerror or error}; free some space or choose "
                "another place"
            ) from error


def is_url(text: str | os.PathLike) -> bool:
    """Tell whether `text` names a file system, as in `s3://bucket/cat.jpg`.

    >>> is_url("s3://bucket/cat.jpg"), is_url("cats/1.jpg")
    (True, False)
    """
    return "://" in os.fspath(text)


def place_of(where: str | os.PathLike) -> Place:
    """Return the place of a path or URL.

    Raises `MissingExtraError` when a package that opens it is not installed, and `SourceError` for
    a URL that fsspec does not know.
    """
    if missing(["fsspec"]):
        raise MissingExtraError(
            f"fsspec is not installed, which opens {os.fspath(where)}: pip install 'o2u_nb[train]'"
        )
    import fsspec

    text = os.fspath(where)
    try:
        if is_url(text):
            return Place(*fsspec.core.url_to_fs(text))
        return Place(fsspec.filesystem("file"), Path(os.path.abspath(text)).as_posix())
    except ImportError as error:
        raise MissingExtraError(
            f"No package here opens {text}: install one, or use a path ({error})."
        ) from error
    except ValueError as error:
        raise SourceError(f"Expected a path or a URL, found {text!r}: {error}") from error


def _protocols(system: Any) -> tuple[str, ...]:
    named = system.protocol
    return (named,) if isinstance(named, str) else tuple(named)
