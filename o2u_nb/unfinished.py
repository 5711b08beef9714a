"""What an audit that is not finished has got to, so that it can go on where it was.

In come what was asked for, the samples, and the facts of each eye that is trained; out goes the
file `folder.RUN` in the folder where the audit is built, which is removed when the audit is
finished. Whoever wants to go on must ask for the same; else an error says what differs.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from o2u_nb import again
from o2u_nb import folder as layout
from o2u_nb.building import finished_epochs
from o2u_nb.data import atomic, sealed
from o2u_nb.data import samples as samples_io
from o2u_nb.errors import AuditExistsError, ResumeError

FORMAT = "o2u_nb run 1"


class Unfinished:
    """Hold what an audit has got to, and keep it in the file `path`.

    `asked` are the settings, as `again.settings` returns them; `files` the digest of each sample's
    picture, as `again.short` does. `chosen` are the names of the eyes, and `notes` what people
    should know of them; None until they are chosen. `eyes` has the facts of each eye that is
    trained, by its name. `seconds` counts what processes took until they last wrote the file, and
    `resumed` how often the audit went on after an interruption.
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
        self._since = time.monotonic()

    @classmethod
    def read(cls, path: Path) -> "Unfinished":
        """Read the file; raise `ResumeError` when it is damaged or of another version."""
        try:
            found, is_whole = sealed.unseal(path.read_bytes())
            if not is_whole:
                raise ValueError("it is not as it was written, by its checksum")
            form = found.pop("format")
            read = cls(path, found.pop("asked"), found.pop("files"), **found)
            well = isinstance(read.asked, dict) and isinstance(read.eyes, dict)
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise ResumeError(
                f"{path} does not say what the unfinished audit has got to ({error}): "
                "pass overwrite=True (--overwrite) to start over."
            ) from error
        if form != FORMAT or not well:
            raise ResumeError(
                f"{path} has the format {form!r}, and this version reads {FORMAT!r}: go on with "
                "the version that wrote it, or pass overwrite=True (--overwrite) to start over."
            )
        return read

    def begin(self, started: float) -> None:
        """Keep that the work of this process began at the time `started` of `time.monotonic`."""
        self._since = started
        self.write()

    def write(self) -> None:
        """Keep the present state for good; raise `OutputError` when it cannot be written."""
        now = time.monotonic()
        self.seconds, self._since = self.seconds + now - self._since, now
        held = {name: value for name, value in vars(self).items() if name[0] != "_"}
        del held["path"]
        with atomic.replacing(self.path) as file:
            file.write(sealed.seal({"format": FORMAT, **held}))

    def facts(self) -> dict:
        """Return what the record of the finished audit says of its processes."""
        facts: dict = dict(seconds=round(self.seconds + time.monotonic() - self._since, 1))
        return {**facts, "resumed": self.resumed} if self.resumed else facts

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
                "same to go on; or pass overwrite=True (--overwrite) to start over, or choose "
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
            "overwrite=True (--overwrite) to start over, or choose another folder."
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
        files = f"{len(changed):,} pictures have changed, such as {changed[0]!r}"
        return files if said == again.OTHER_PICTURES else f"{said}, {files}"

    @property
    def place(self) -> Path:
        """Return the folder of the audit, also where it is built in a folder of its own in it."""
        folder = self.path.parent
        return folder.parent if folder.name == layout.DRAFT else folder


def to_go_on(out: Path, asked: dict) -> Unfinished | None:
    """Return what the unfinished audit in `out` has got to, for the same as is `asked` for.

    Where an audit was to be replaced, that is the new one. None when there is nothing to go on
    with, and nothing to lose either. Raises `ResumeError` when the unfinished audit is damaged or
    was begun with other settings, and `AuditExistsError` when it does not say how it was begun, as
    those of earlier versions, or when a finished one is there.
    """
    place = layout.unfinished_in(out)
    found = None if place is None else Unfinished.read(place / layout.RUN)
    if found is not None:
        found.require_same_settings(asked)
        found.resumed += 1
    elif layout.is_finished(out) or finished_epochs(out):
        raise AuditExistsError(
            f"{layout.what_is_in(out)} It does not say how to go on with it: pass overwrite=True "
            "(--overwrite) to start over, or choose another folder."
        )
    return found
