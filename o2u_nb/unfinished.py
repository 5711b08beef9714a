"""What an audit that is not finished has got to, so that it can go on where it was.

In come what was asked for, the samples, and the facts of each eye that is trained; out goes the
file `folder.RUN` in the folder where the audit is built, which is removed when the audit is
finished. Whoever wants to go on must ask for the same; else an error says what differs.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from o2u_nb import again
from o2u_nb import folder as layout
from o2u_nb.data import atomic
from o2u_nb.data import samples as samples_io
from o2u_nb.errors import AuditExistsError, O2UError, ResumeError

FORMAT = "o2u_nb run 1"


class Unfinished:
    """Hold what an audit has got to, and keep it in the file `path`.

    `asked` are the settings, as `again.settings` returns them; `files` the digest of each sample's
    picture, as `again.short` does. `chosen` are the names of the eyes, and `notes` what people
    should know of them; None until they are chosen. `eyes` has the facts of each eye that is
    trained, by its name. `seconds` counts what earlier processes took, and `resumed` how often the
    audit went on after an interruption.
    """

    def __init__(self, path: Path, asked: dict, files: Sequence[str], **more):
        self.path = path
        self.asked = asked
        self.files = list(files)
        self.chosen: list[str] | None = more.get("chosen")
        self.notes: list[str] = more.get("notes", [])
        self.eyes: dict[str, dict] = more.get("eyes", {})
        self.seconds: float = more.get("seconds", 0.0)
        self.resumed: int = more.get("resumed", 0)

    @classmethod
    def read(cls, path: Path) -> "Unfinished":
        """Read the file; raise `ResumeError` when it is damaged or of another version."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            form = found.pop("format")
            read = cls(path, found.pop("asked"), found.pop("files"), **found)
            well = isinstance(read.asked, dict) and isinstance(read.eyes, dict)
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise ResumeError(
                f"{path} does not say what the unfinished audit has got to ({error}): "
                "pass overwrite=True (--overwrite) to begin anew."
            ) from error
        if form != FORMAT or not well:
            raise ResumeError(
                f"{path} has the format {form!r}, and this version reads {FORMAT!r}: go on with "
                "the version that wrote it, or pass overwrite=True (--overwrite) to begin anew."
            )
        return read

    def write(self) -> None:
        """Keep the present state for good; raise `OutputError` when it cannot be written."""
        held = {name: value for name, value in vars(self).items() if name != "path"}
        with atomic.replacing(self.path, durable=True) as file:
            file.write(json.dumps({"format": FORMAT, **held}, ensure_ascii=False).encode())

    def choose(self, names: Sequence[str], notes: Sequence[str]) -> None:
        """Keep which eyes are trained; an audit that goes on trains the same."""
        self.chosen, self.notes = list(names), list(notes)
        self.write()

    def finish_eye(self, name: str, facts: dict) -> None:
        """Keep that the eye `name` is trained and all its files are written."""
        self.eyes[name] = facts
        self.write()

    def require_same_settings(self, asked: dict) -> None:
        """Raise `ResumeError` unless the same settings are `asked` for."""
        if differing := again.differing(self.asked, asked):
            raise ResumeError(
                f"The unfinished audit in {self.place} was begun with {differing}. Ask for the "
                "same to go on; or pass overwrite=True (--overwrite) to begin anew, or choose "
                "another folder."
            )

    def require_same_data(self, samples: pd.DataFrame, states: Sequence[str]) -> None:
        """Raise `ResumeError` unless `samples` and their pictures are those that were begun with.

        `states` are those of the pictures as they are now, see `again.states`.
        """
        if self.asked["state"] == again.digest(samples, states):
            return
        before = samples_io.read(self.path.parent / layout.SAMPLES)
        raise ResumeError(
            f"The unfinished audit in {self.place} cannot go on, since the source has changed: "
            f"{self._changes(before, samples, states)}. Bring back what was there, or pass "
            "overwrite=True (--overwrite) to begin anew, or choose another folder."
        )

    def _changes(self, before: pd.DataFrame, now: pd.DataFrame, states: Sequence[str]) -> str:
        kept = dict(zip(before.index, self.files, strict=False))
        changed = [
            name for name, state in zip(now.index, again.short(states), strict=True)
            if name in kept and kept[name] != state
        ]  # fmt: skip
        said = again.changes(before, now)
        if not changed:
            return said
        files = f"{len(changed):,} pictures are others, such as {changed[0]!r}"
        return files if said == again.OTHER_PICTURES else f"{said}, {files}"

    @property
    def place(self) -> Path:
        """Return the folder of the audit, also where it is built in a folder of its own in it."""
        folder = self.path.parent
        return folder.parent if folder.name == layout.DRAFT else folder


def found_in(out: str | os.PathLike) -> Unfinished | None:
    """Return what an unfinished audit in the folder `out` has got to; None when nothing can go on.

    Where an audit was to be replaced, that is the new one. Raises `ResumeError` when it is damaged.
    """
    for folder in (Path(out) / layout.DRAFT, Path(out)):
        is_ours = layout.RUN in (layout.made_in(folder) or ())
        if is_ours and (folder / layout.RUN).is_file() and not (folder / layout.FACTS).is_file():
            return Unfinished.read(folder / layout.RUN)
    return None


def can_go_on(out: str | os.PathLike) -> bool:
    """Tell whether `out` holds an unfinished audit that `resume=True` would go on with."""
    try:
        return found_in(out) is not None
    except O2UError:
        return False


def require_can_go_on(out: Path) -> None:
    """Raise `AuditExistsError` when `out` holds an unfinished audit that does not say how to go on.

    So it is with those of earlier versions.
    """
    if (out / layout.TRACE / "meta.json").is_file():
        raise AuditExistsError(
            f"{layout.what_is_in(out)} It does not say how it was begun, so it cannot go on: pass "
            "overwrite=True (--overwrite) to begin anew, or choose another folder."
        )
