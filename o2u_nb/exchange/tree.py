"""A folder of class folders, written whole or not at all, with a manifest to remove it again.

In come entries (where to write, what, and facts about it); out comes a folder with a hidden
`.manifest.jsonl` that lists every file in it with its digest or the target of its link.
"""

import json
import os
import shutil
import unicodedata
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd
from PIL import Image

from o2u_nb.data.content import content_hash
from o2u_nb.data.images import Item, image_items, png_bytes
from o2u_nb.data.jsonl import to_line
from o2u_nb.data.manifest import FORMAT, MANIFEST, digest, safe_name
from o2u_nb.data.parallel import Progress, in_threads
from o2u_nb.data.readers.folders import SPLITS
from o2u_nb.errors import ApplyError, OutputError


class Entry(NamedTuple):
    """One file to write: its place (POSIX path in the folder), an item, and facts about it.

    An item that is a path is copied or linked; bytes are written as they are, arrays as PNG. An
    item that is a function writes the file itself: `item(path)`.
    """

    place: str
    item: Item | Callable[[Path], None]
    about: dict


def places(
    samples: pd.DataFrame, given: pd.Series, *, split_level: bool, own_names: bool = False
) -> pd.Series:
    """Return where each sample goes: `[split/]label/name`, POSIX, unique on any file system.

    A file keeps the part of its path that is below its class folder. `given` holds the labels
    before the decisions. Where several files would get the same place, a file that was in that
    class before keeps its name, and the others get a suffix made of their id. With `own_names`,
    that is also done where files in different folders would have the same name.
    """
    names = [
        "/".join(map(safe_name, [*([split] if split_level else []), label, *below]))
        for split, label, below in zip(
            samples["split"], samples["label"], _below_class(samples, given), strict=True
        )
    ]
    moved = (samples["label"] != given).tolist()
    wanted = sorted(zip(moved, samples.index, names, strict=True))
    taken: set[str] = set()
    found = {}
    for _, sample_id, name in wanted:
        found[sample_id] = _free(name, sample_id, taken, own_names)
        taken.add(_key(found[sample_id], own_names))
    return pd.Series(found, dtype=object).reindex(samples.index)


def write(
    folder: str | os.PathLike,
    entries: list[Entry],
    *,
    mode: str,
    off_limits: Iterable[str],
    progress: Progress | None = None,
) -> Path:
    """Write `entries` to a new or empty `folder`; return it.

    `mode` is copy, hardlink or symlink. `folder` must not lie in one of the folders `off_limits`.
    Raises `ApplyError` for a folder or mode that is not allowed, and `OutputError` when a file
    cannot be written; then nothing is left behind.
    """
    folder = Path(os.path.abspath(folder))
    if mode not in PLACERS:
        raise ApplyError(f"Expected a mode among {', '.join(PLACERS)}, found {mode!r}.")
    _require_free(folder)
    _require_outside(folder, off_limits)
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.partial")
    try:
        draft.mkdir(parents=True)
        placed = lambda entry: _place(draft, entry, mode)  # noqa: E731
        lines = in_threads(placed, entries, progress=progress)
        _write_manifest(draft, mode, lines)
        with suppress(FileNotFoundError):
            folder.rmdir()  # it may be there already, but then it is empty
        draft.rename(folder)
    except OSError as error:
        raise OutputError(_cannot_write(folder, mode, error)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def revert(folder: str | os.PathLike) -> int:
    """Remove the files that `write` wrote to `folder`, and folders that this leaves empty.

    Returns the number of files removed. Files that were added later stay. Raises `ApplyError`, and
    removes nothing, when there is no manifest or a file is no longer what was written.
    """
    folder = Path(os.path.abspath(folder))
    files = _read_manifest(folder)
    present = [(folder / place, facts) for place, facts in files.items()]
    present = [(path, facts) for path, facts in present if os.path.lexists(path)]
    unlike = [path for path, facts in present if not _is_as_written(path, facts)]
    if unlike:
        raise ApplyError(
            f"{len(unlike):,} files in {folder} changed since they were written, "
            f"{unlike[0].name!r} for one: nothing was removed; move them elsewhere first."
        )
    for path, _ in present:
        path.unlink()
    (folder / MANIFEST).unlink()
    _remove_empty(folder, files)
    return len(present)


def _below_class(samples: pd.DataFrame, given: pd.Series) -> list[list[str]]:
    """Return each file's path below its class folder, as parts."""
    return [
        _below(sample_id, label, split, item)
        for sample_id, label, split, item in zip(
            samples.index, given, samples["split"], image_items(samples), strict=True
        )
    ]


def _below(sample_id: str, label: str, split: str, item: Item) -> list[str]:
    if not isinstance(item, str):
        return [sample_id + _suffix(item)]
    if not item.replace(os.sep, "/").endswith(f"/{sample_id}"):
        return [os.path.basename(item)]  # the id is a name of its own, not a path
    parts = sample_id.split("/")
    if len(parts) > 2 and SPLITS.get(parts[0].casefold()) == split and parts[1] == label:
        parts = parts[1:]
    return parts[1:] if len(parts) > 1 and parts[0] == label else parts


def _suffix(item: Item) -> str:
    if isinstance(item, bytes):
        with Image.open(BytesIO(item)) as image:
            return f".{str(image.format).lower()}"
    return ".png"


def _free(name: str, sample_id: str, taken: set[str], own_names: bool) -> str:
    """Return `name`, or if that is taken `name` with a digest of the id before its suffix."""
    if _key(name, own_names) not in taken:
        return name
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}-{digest(sample_id)}{path.suffix}"))


def _key(name: str, own_names: bool) -> str:
    return _folded(name.rpartition("/")[2] if own_names else name)


def _folded(name: str) -> str:
    """Return a key that is equal for names which some file system takes for the same.

    Some file systems ignore case, and some the Unicode form of accented letters.
    """
    return unicodedata.normalize("NFC", name).casefold()


def _require_free(folder: Path) -> None:
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise ApplyError(f"{folder} exists and is not an empty folder: choose a new one.")


def _require_outside(folder: Path, off_limits: Iterable[str]) -> None:
    """Raise when `folder` lies in a folder of originals."""
    held = {os.path.realpath(place) for place in off_limits}
    place = Path(os.path.realpath(folder))
    inside = [str(above) for above in (place, *place.parents) if str(above) in held]
    if inside:
        raise ApplyError(
            f"{folder} lies inside {inside[0]}, where the originals are, which are never touched: "
            "choose a folder elsewhere."
        )


def _place(draft: Path, entry: Entry, mode: str) -> dict:
    """Write one entry and return its line of the manifest."""
    target = draft / entry.place
    target.parent.mkdir(parents=True, exist_ok=True)
    if callable(entry.item):
        entry.item(target)
    elif isinstance(entry.item, (str, os.PathLike)):
        os.stat(entry.item)  # raises when there is no file, which making a link would not
        PLACERS[mode](os.path.abspath(entry.item), target)
    else:
        target.write_bytes(png_bytes(entry.item))
    return dict(file=entry.place, **_facts(target), **entry.about)


PLACERS: dict[str, Callable] = {
    "copy": shutil.copyfile,
    "hardlink": os.link,
    "symlink": os.symlink,
}


def _facts(path: Path) -> dict:
    """Return what identifies a written file: its digest, or the target of a link."""
    if path.is_symlink():
        return dict(link=os.readlink(path))
    return dict(sha256=content_hash(path))


def _is_as_written(path: Path, written: dict) -> bool:
    try:
        return _facts(path).items() <= written.items()
    except OSError:  # it is a folder now, or it cannot be read
        return False


def _write_manifest(draft: Path, mode: str, lines: Iterable[dict]) -> None:
    """Write a head and a line per file; the head counts them, so that a cut manifest is noticed."""
    listed = list(lines)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    head = dict(format=FORMAT, mode=mode, created=created, files=len(listed))
    (draft / MANIFEST).write_bytes(b"".join(map(to_line, [head, *listed])))


def _read_manifest(folder: Path) -> dict[str, dict]:
    """Return the facts of each file by its place; raise `ApplyError` unless all are there."""
    path = folder / MANIFEST
    try:
        head, *lines = map(json.loads, path.read_bytes().splitlines())
        files = {line["file"]: line for line in lines}
        complete = head["format"] == FORMAT and head["files"] == len(files)
    except FileNotFoundError:
        raise ApplyError(
            f"No {MANIFEST} in {folder}: expected a folder that this package has written; nothing "
            "was removed."
        ) from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ApplyError(f"Cannot read {path} ({error}): nothing was removed.") from error
    astray = [place for place in files if not _is_within(folder, place)]
    if astray or not complete:
        raise ApplyError(
            f"{path} was altered"
            + (f" and lists {astray[0]!r}, which is elsewhere" if astray else "")
            + ": nothing was removed; remove the folder by hand."
        )
    return files


def _is_within(folder: Path, place: str) -> bool:
    parent = os.path.realpath((folder / place).parent)
    return Path(parent).is_relative_to(os.path.realpath(folder)) and ".." not in place.split("/")


def _remove_empty(folder: Path, places: Iterable[str]) -> None:
    """Remove the folders that `places` were in, and `folder`, if nothing is left in them."""
    inner = {str(parent) for place in places for parent in PurePosixPath(place).parents}
    for place in sorted(inner | {"."}, key=lambda place: -place.count("/") - (place != ".")):
        with suppress(OSError):
            (folder / place).rmdir()


def _cannot_write(folder: Path, mode: str, error: OSError) -> str:
    name = f" {error.filename!r}" if error.filename else ""
    advice = "free space, or choose another folder"
    if mode == "hardlink":
        advice += " on the same disk as the originals, or mode='copy'"
    return f"Cannot write {folder} ({error.strerror or error}:{name}): {advice}. Nothing was left."
