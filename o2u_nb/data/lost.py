"""Why a file that a table names does not exist: a hint for the user, never a repair.

In comes the path of the missing file. Out comes how the path of a file that does exist differs from
it: in the slash, in the suffix, in upper and lower case, or by a folder too many or too few.
"""

import os
import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from o2u_nb.data.images import suffixes

# Largest number of folders in which a name is searched whose first folder may be missing. Our
# choice.
MOST_FOLDERS = 100
ADDRESS = re.compile(r"\b(https?|ftp|s3|gs|hf)://")


class Lost:
    """Find reasons why files do not exist. Each folder is listed only once, for all files.

    `root` is the folder that the paths were relative to, by default the working folder.
    """

    def __init__(self, root: str | None = None):
        self.root = os.path.abspath(root or os.curdir)
        self._listings: dict[str, dict[str, list[str]]] = {}
        self._folders: dict[str, list[str]] = {}

    def reason(self, path: str) -> str | None:
        """Return why there is no file `path`, such as "the file exists with the suffix .jpg".

        None if no reason is found.
        """
        if ADDRESS.search(path):
            return "it is a web address; download the pictures first"
        if os.path.isdir(path):
            return "it is a folder"
        for guess in self._guesses(path):
            real = self._walk(guess.folder, guess.parts)
            if real is not None:
                return "the file exists " + " and ".join([*guess.notes, *_notes(guess.parts, real)])
        return None

    def _guesses(self, path: str) -> Iterator["_Guess"]:
        """Yield places where the file may be, those most similar to the written path first."""
        slash = ["with / in place of \\"] if "\\" in path else []
        starts = [_nearest_folder(path)]
        if self.root not in starts:
            starts.append(self.root)
        for folder in starts:
            parts = _parts(path, folder)
            for n in range(len(parts)):
                dropped = [f"without the folder {'/'.join(parts[:n])!r}"] if n else []
                yield _Guess(folder, parts[n:], slash + dropped)
        for folder in starts:
            for name in self._subfolders(folder):
                inside = os.path.join(folder, name)
                yield _Guess(inside, _parts(path, folder), [*slash, f"below the folder {name!r}"])

    def _subfolders(self, folder: str) -> list[str]:
        if folder not in self._folders:
            names = (name for names in self._listing(folder).values() for name in names)
            inside = (name for name in names if os.path.isdir(os.path.join(folder, name)))
            self._folders[folder] = list(islice(inside, MOST_FOLDERS))
        return self._folders[folder]

    def _walk(self, folder: str, parts: list[str]) -> list[str] | None:
        """Return the real names of the folders and the file that are similar to `parts`, or None.

        `parts` are the written names, from `folder` on.
        """
        real = []
        for part in parts[:-1]:
            name = self._match(folder, part)
            if name is None:
                return None
            real.append(name)
            folder = os.path.join(folder, name)
        name = self._match(folder, parts[-1]) or self._other_suffix(folder, parts[-1])
        found = name is not None and os.path.isfile(os.path.join(folder, name))
        return [*real, name] if found else None

    def _match(self, folder: str, name: str) -> str | None:
        names = self._listing(folder).get(_folded(name), [])
        return name if name in names else next(iter(names), None)

    def _other_suffix(self, folder: str, name: str) -> str | None:
        stem, suffix = os.path.splitext(name)
        stem = stem if suffix.casefold() in suffixes() else name
        listing = self._listing(folder)
        found = (listing.get(_folded(stem + suffix)) for suffix in sorted(suffixes()))
        return next((names[0] for names in found if names), None)

    def _listing(self, folder: str) -> dict[str, list[str]]:
        if folder not in self._listings:
            self._listings[folder] = listing = {}
            try:
                names = sorted(os.listdir(folder))
            except (OSError, ValueError):
                names = []
            for name in names:
                listing.setdefault(_folded(name), []).append(name)
        return self._listings[folder]


class _Guess(NamedTuple):
    """A place to search: names as written, below `folder`, and `notes` on how the paths differ."""

    folder: str
    parts: list[str]
    notes: list[str]


def _nearest_folder(path: str) -> str:
    """Return the deepest folder on the way to `path` that exists."""
    folder = os.path.dirname(path)
    while not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return folder


def _parts(path: str, folder: str) -> list[str]:
    """Return the names that lead from `folder` to `path`; all names if it is not below `folder`."""
    inside = os.path.join(folder, "")
    rest = path.removeprefix(inside)
    return [part for part in re.split(r"[/\\]", rest) if part not in ("", ".")] or [rest]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().strip()


def _notes(written: list[str], real: list[str]) -> list[str]:
    """Return phrases on how the `real` names differ from the `written` ones, each phrase once."""
    pairs = list(zip(written, real, strict=True))
    notes = []
    suffixes_apart = {_folded(os.path.splitext(name)[1]) for name in (written[-1], real[-1])}
    if len(suffixes_apart) > 1:
        notes.append(_suffix_note(*pairs.pop()))
    return list(
        dict.fromkeys(notes + [_spelling_note(*pair) for pair in pairs if len(set(pair)) > 1])
    )


def _spelling_note(written: str, real: str) -> str:
    if _nfc(written) == _nfc(real):
        return "in another Unicode form of its name"
    if _nfc(written).strip() == _nfc(real).strip():
        return "with other spaces around its name"
    return f"as {real!r}, in other upper and lower case"


def _suffix_note(written: str, real: str) -> str:
    suffix = os.path.splitext(real)[1]
    if _folded(os.path.splitext(real)[0]) == _folded(written):
        return f"with the suffix {suffix}"
    return f"with the suffix {suffix} in place of {os.path.splitext(written)[1]}"


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)
