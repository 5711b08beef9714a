"""Read a folder of class folders: `root/[train|valid|test/]CLASS/any/depth/image.png`.

In comes the root; out comes `Checked`. `scan` looks only at names. It returns one entry per image
file, and the problems that it finds; after that the checks open the files.
"""

import os
from collections.abc import Iterator
from typing import NamedTuple

from o2u_nb.data import samples as table
from o2u_nb.data.checks import check, raw_rows
from o2u_nb.data.images import suffixes
from o2u_nb.data.manifest import class_names
from o2u_nb.data.parallel import Progress
from o2u_nb.data.samples import Checked, Problem
from o2u_nb.data.unread import advice_for, summary
from o2u_nb.errors import SourceError

# Names of folders that are splits of the data, in lower case, and our names of these splits.
SPLITS = {
    "train": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
}
# Files and folders that Windows, macOS and network storage add, in lower case. They are ignored.
CLUTTER = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir"})


class Entry(NamedTuple):
    """One image file: its id (POSIX path relative to the root), label, split and full path."""

    sample_id: str
    label: str
    split: str
    path: str


def from_folder(
    root: str | os.PathLike, *, check_images: bool = True, progress: Progress | None = None
) -> Checked:
    """Read a folder of class folders: `[split/]class/any/depth/image`.

    The label is the name of the class folder, and the id is the path relative to `root`. In a
    folder that this package has cleaned, the label is the name of the class even if no folder can
    have this name; see `data.manifest`. With `check_images` every image is decoded once, and
    `progress(done, total)` is called while this runs. Raises `SourceError` when the folder is
    missing or empty or cannot be listed, and when fewer than two classes are left.
    """
    folder = require_folder(root)
    entries, problems = scan(folder)
    if not entries:
        raise SourceError(_no_images(folder, problems))
    ids, labels, splits, paths = zip(*entries, strict=True)
    written = class_names(folder)
    labels = [written.get(label, label) for label in labels]
    rows, unnameable = raw_rows(ids, labels, splits, "path", paths)
    return check(
        rows,
        problems + unnameable,
        source=table.printable(folder),
        check_images=check_images,
        progress=progress,
        hint=_wrapper_hint(folder),
        root=folder,
    )


def _no_images(folder: str, problems: list[Problem]) -> str:
    name = table.printable(folder)
    kinds = [problem.problem for problem in problems]
    loose = kinds.count(table.OUTSIDE_CLASSES)
    if loose:
        return (
            f"no class folders in {name}, but {loose} images directly in it: put each class into "
            "a folder of its own, or give a CSV of path,label"
        )
    if table.NO_PERMISSION in kinds:
        return f"no images in {name}: there is no permission to list the folders in it"
    unread = summary(
        problem.sample_id for problem in problems if problem.problem == table.NOT_AN_IMAGE
    )
    if unread:
        return f"no images that can be read in {name}: {unread}"
    return f"no images in {name}: expected folders named after the classes, with images in them"


def _wrapper_hint(folder: str) -> str:
    inner = subfolders(folder)
    if len(inner) == 1 and len(subfolders(os.path.join(folder, inner[0]))) > 1:
        return f"; if {inner[0]!r} holds the class folders, give that folder instead"
    return ""


def require_folder(root: str | os.PathLike) -> str:
    """Return `root` as an absolute path, or raise `SourceError` when it cannot be listed."""
    folder = os.path.abspath(os.path.expanduser(os.fspath(root)))
    name = table.printable(folder)
    if not os.path.exists(folder):
        raise SourceError(f"expected a folder of images at {name}, found nothing there")
    if not os.path.isdir(folder):
        raise SourceError(f"expected a folder of images at {name}, found a file")
    try:
        os.scandir(folder).close()
    except PermissionError as error:
        raise SourceError(f"no permission to list the folder {name}") from error
    return folder


def scan(root: str) -> tuple[list[Entry], list[Problem]]:
    """Return all image files below the folder `root`, and the problems, both sorted by name.

    Folders called `train`, `valid` (or `val`, `validation`) and `test` count as splits only when
    all folders in `root` have such names, and at least one of them contains folders.
    """
    depth = 1 if _has_split_level(root) else 0
    entries: list[Entry] = []
    problems: list[Problem] = []
    for parts in _walk(root, problems):
        found = _classify(root, parts, depth)
        (entries if isinstance(found, Entry) else problems).append(found)
    problems += _empty_classes(root, depth, {entry.sample_id for entry in entries}, problems)
    return sorted(entries), sorted(problems)


def subfolders(folder: str) -> list[str]:
    """Return the names of the visible folders directly inside `folder`, sorted."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
    except OSError:
        return []
    return sorted(filter(_visible, names))


def _visible(name: str) -> bool:
    return not name.startswith(".") and name.casefold() not in CLUTTER


def _has_split_level(root: str) -> bool:
    """Return whether the folders in `root` are splits, and not classes called "train" or "test".

    They are splits even if one of them has no class folders, such as an unlabelled test set; its
    images are then reported as outside any class folder.
    """
    tops = subfolders(root)
    named = bool(tops) and all(top.casefold() in SPLITS for top in tops)
    return named and any(subfolders(os.path.join(root, top)) for top in tops)


def _walk(root: str, problems: list[Problem]) -> Iterator[tuple[str, ...]]:
    """Yield the parts of the path, relative to `root`, of each visible file.

    Links to folders are followed, unless they lead to a folder above; then a problem is added.
    """

    def report(error: OSError) -> None:
        name = _relative(root, error.filename)
        detail = error.strerror or str(error)
        problems.append(Problem(name, table.NO_PERMISSION, detail, "left out: the whole folder"))

    trails = {root: frozenset({os.path.realpath(root)})}
    for folder, names, files in os.walk(root, followlinks=True, onerror=report):
        trail = trails.pop(folder)
        names[:] = sorted(filter(_visible, names))
        for name in list(names):
            path = os.path.join(folder, name)
            real = os.path.realpath(path)
            if real in trail:
                names.remove(name)
                problems.append(_loop(_relative(root, path), real))
            else:
                trails[path] = trail | {real}
        for name in filter(_visible, files):
            yield (*_parts(root, folder), name)


def _loop(name: str, real: str) -> Problem:
    return Problem(name, table.LINK_LOOP, f"leads back to {real}", "left out: read only once")


def _classify(root: str, parts: tuple[str, ...], depth: int) -> Entry | Problem:
    name = "/".join(parts)
    if os.path.splitext(name)[1].casefold() not in suffixes():
        advice = advice_for(name)
        fate = f"left out: {advice}" if advice else "left out"
        return Problem(name, table.NOT_AN_IMAGE, "not the suffix of an image file", fate)
    path = os.path.join(root, *parts)
    if os.path.exists(path) and not os.path.isfile(path):
        return Problem(name, table.NOT_AN_IMAGE, "a device or pipe, not a file", "left out")
    if len(parts) < depth + 2:
        detail = "no class folder gives it a label"
        return Problem(name, table.OUTSIDE_CLASSES, detail, "left out: move it into one")
    split = SPLITS[parts[0].casefold()] if depth else "train"
    return Entry(name, parts[depth], split, path)


def _empty_classes(root: str, depth: int, ids: set[str], problems: list[Problem]) -> list[Problem]:
    blocked = {problem.sample_id for problem in problems if problem.problem == table.NO_PERMISSION}
    filled = {tuple(name.split("/")[: depth + 1]) for name in ids}
    return [
        Problem("/".join(parts), table.EMPTY_CLASS, "holds no image file", "left out: the class")
        for parts in _class_folders(root, depth)
        if parts not in filled and "/".join(parts) not in blocked
    ]


def _class_folders(root: str, depth: int) -> list[tuple[str, ...]]:
    tops = [(top,) for top in subfolders(root)]
    if depth == 0:
        return tops
    return [(*top, name) for top in tops for name in subfolders(os.path.join(root, *top))]


def _parts(root: str, path: str) -> tuple[str, ...]:
    return () if path == root else tuple(os.path.relpath(path, root).split(os.sep))


def _relative(root: str, path: str) -> str:
    return "/".join(_parts(root, path))
