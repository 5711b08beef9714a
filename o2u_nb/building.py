"""Build an audit in its folder, and replace an earlier one only when the new one is whole.

In come the folder and what is written into it; out comes a finished audit, or on failure what was
there before. Only names that the folder's marker lists as made by an audit are ever removed.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from o2u_nb import folder as layout
from o2u_nb.data import atomic
from o2u_nb.errors import AuditExistsError, O2UError, OutputError, TraceError
from o2u_nb.stored.claim import LOCK, claimed
from o2u_nb.trace import Trace


class Place:
    """Give out the paths at which an audit may write.

    Each name is added to the folder's marker before anything is written there. So the marker lists
    everything that was written, even when the process is killed.
    """

    def __init__(self, folder: Path, kept: Iterable[str] = ()):
        self.folder = folder
        self._made = set(kept)
        layout.mark(folder, self._made)

    def new(self, name: str) -> Path:
        """Return the path of `name`, one of `folder.MADE_BY_AUDIT`, to write to."""
        if name not in self._made:
            _require_not_foreign(self.folder, self._made, [name])
            self._made.add(name)
            layout.mark(self.folder, self._made)
        return self.folder / name

    def drop(self, name: str) -> None:
        """Remove `name`, which this audit needs no more."""
        layout.remove(self.folder / name)
        self._made.discard(name)
        layout.mark(self.folder, self._made)


def require_free(out: Path, *, overwrite: bool) -> None:
    """Raise unless an audit may be written to `out`; nothing is changed.

    Raises `AuditExistsError` when it holds an audit and `overwrite` is False. Raises `OutputError`
    when it is a file, or when it or the trace's folder in it holds things that no audit made.
    """
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file: choose a new folder for the audit.")
    held = _held(out)
    made = layout.made_in(out)
    if held and made is None:
        raise OutputError(
            f"{out} is not empty, and it is not an audit of this package (it holds "
            f"{sorted(held)[0]!r} and has no {layout.MARKER}): choose a new or empty folder."
        )
    _require_not_foreign(out, made or set(), layout.MADE_BY_AUDIT)
    for name in made or ():
        layout.require_removable(out / name)
    if held and not overwrite:
        raise AuditExistsError(f"{layout.what_is_in(out)} {layout.what_to_do(out)}")


@contextmanager
def reserved(out: Path, *, overwrite: bool) -> Iterator[None]:
    """Hold `out` for a new audit, from before its source is read; nobody else writes there.

    Raises what `require_free` raises, before anything is written, and `InUseError` when another job
    holds `out`.
    """
    require_free(out, overwrite=overwrite)
    with claimed(out):
        require_free(out, overwrite=overwrite)  # another job may have ended just now
        yield


def require_apart(out: Path, source: Any) -> None:
    """Raise `OutputError` when `out` lies in the source folder, or the source in `out`.

    Only a source that is a folder is looked at. For a table of labels, the folders of its pictures
    count: see `require_apart_from_pictures`.
    """
    if isinstance(source, (str, os.PathLike)) and os.path.isdir(source):
        _refuse_shared(out, [Path(os.path.realpath(source))], str(source))


def require_apart_from_pictures(out: Path, samples: pd.DataFrame) -> None:
    """Raise `OutputError` when a picture lies below `out`, or `out` in a folder of pictures.

    Links are followed, since the places of the files themselves count.
    """
    if "path" in samples:
        paths = samples["path"].tolist()
        above = {os.path.realpath(folder) for folder in {os.path.dirname(path) for path in paths}}
        above |= {os.path.dirname(os.path.realpath(path)) for path in paths if os.path.islink(path)}
        _refuse_shared(out, [Path(place) for place in sorted(above)], "the folder of the pictures")


def _refuse_shared(out: Path, places: list[Path], name: str) -> None:
    inside = Path(os.path.realpath(out))
    for place in places:
        if inside.is_relative_to(place):
            raise OutputError(
                f"The output folder {out} lies inside the source ({name}, {place}), which is never "
                "changed: choose a folder outside it."
            )
        if place.is_relative_to(inside):
            raise OutputError(
                f"The source ({name}, {place}) lies inside the output folder {out}: choose another "
                "folder for the audit."
            )


@contextmanager
def building(out: Path, *, go_on_in: Path | None = None) -> Iterator[Place]:
    """Yield the place to write an audit to, and put the audit into `out` at the end.

    A finished audit in `out`, or the finished epochs of an unfinished one, stay until the new audit
    is complete, its facts included. On failure, everything new is removed, unless an epoch of
    training was finished: then the epochs are kept, with the samples that they belong to. Features
    of frozen networks are kept, too, and the next audit goes on with them. `go_on_in` is the folder
    of an unfinished audit, `out` or the one for a new audit in it, whose files all stay. Raises
    `InUseError` when another job writes to `out`.
    """
    with claimed(out):
        layout.finish_replacing(out)
        worth_keeping = (out / layout.FACTS).is_file() or finished_epochs(out)
        folder = go_on_in or (out / layout.DRAFT if worth_keeping else out)
        try:
            yield _go_on(folder) if go_on_in else _set_up(out, folder)
        except BaseException:
            if not (finished_epochs(folder) or _kept_features(folder)):
                _take_back(out, folder)
            raise
        layout.finish_replacing(out)


def _set_up(out: Path, folder: Path) -> Place:
    """Make `folder`, in which the audit for `out` is built, empty of earlier attempts."""
    if folder != out and os.path.lexists(folder) and _is_foreign(folder):
        raise OutputError(f"{folder} is in the way, and no audit made it: move it elsewhere.")
    try:
        kept = _kept_features(folder)
        _clear(folder, but=kept)
        atomic.make_folder(folder)
    except OSError as error:
        raise OutputError(
            f"Cannot write to {out} ({error.strerror or error}): choose another folder."
        ) from error
    return Place(folder, kept)


def _go_on(folder: Path) -> Place:
    """Take the unfinished audit in `folder` as it is, without files that were never completed."""
    for place, _, names in os.walk(folder):
        for name in filter(atomic.is_partial, names):
            Path(place, name).unlink(missing_ok=True)
    return Place(folder, layout.made_in(folder) or ())


def _is_foreign(folder: Path) -> bool:
    """Tell whether no audit made `folder`; one that is still empty was made just before a kill."""
    is_new = folder.is_dir() and not folder.is_symlink() and not _held(folder)
    return layout.made_in(folder) is None and not is_new


def _take_back(out: Path, folder: Path) -> None:
    """Remove what was written to `folder`; an error here must not hide the one that led to it."""
    with suppress(OSError, O2UError):
        _clear(folder)
        (folder / layout.MARKER).unlink(missing_ok=True)
        if folder != out:
            folder.rmdir()


def _kept_features(folder: Path) -> set[str]:
    """Return the name of the features that an unfinished audit kept in `folder`, if it did.

    They are found again by the content of the pictures, so they are right for any later audit.
    """
    made = layout.made_in(folder) or set()
    parts = any((folder / layout.FEATURES).glob("*/*.npy"))
    return {layout.FEATURES} if layout.FEATURES in made and parts else set()


def _clear(folder: Path, *, but: Iterable[str] = ()) -> None:
    """Remove what an unfinished audit left in `folder`, without `but`; the marker stays.

    Without its marker, a folder with something in it would be a stranger's after a kill.
    """
    for name in (layout.made_in(folder) or set()) - set(but):
        layout.remove(folder / name)
    _drop_partials(folder)


def finish_killed(out: Path) -> None:
    """Remove files in the finished audit `out` that a kill at its very end left half-written.

    They stay where nothing can be written, and where another job is at work, whose they may be.
    """
    with suppress(OutputError), claimed(out):
        _drop_partials(out)


def _drop_partials(folder: Path) -> None:
    for name in filter(atomic.is_partial, _names(folder)):
        (folder / name).unlink(missing_ok=True)


def _held(folder: Path) -> set[str]:
    """Return the names in `folder` without those that a job has there only while it runs."""
    return {name for name in _names(folder) if name != LOCK and not atomic.is_partial(name)}


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    except OSError as error:
        raise OutputError(
            f"Cannot look into {folder} ({error.strerror}): choose another folder for the audit."
        ) from error


def _require_not_foreign(folder: Path, made: set[str], names: Iterable[str]) -> None:
    foreign = [name for name in names if name not in made and os.path.lexists(folder / name)]
    if foreign:
        raise OutputError(
            f"{folder} holds {foreign[0]!r}, which no audit made and this one would replace: move "
            "it elsewhere, or choose another folder."
        )


def finished_epochs(folder: Path) -> int:
    """Count the finished epochs in the trace of the audit in `folder`; 0 where it has none."""
    try:
        return Trace.open(folder / layout.TRACE).n_epochs
    except TraceError:
        return 0
