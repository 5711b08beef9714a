"""The output of a bulk job: a folder of Parquet tables, one file for each part that is done.

In come scored parts; out come `scores/` and `unreadable/` with a file `part-KEY.parquet` each, and
`about.json`. A file is there when it is whole, so a job that was killed goes on with what is not
there. Several jobs that do the same work may share a folder: they write the same files.
"""

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from o2u_nb.bulk.parts import SUFFIX, Part
from o2u_nb.data import atomic
from o2u_nb.data.places import Place, place_of
from o2u_nb.errors import O2UError, OutputError

FORMAT = "o2u_nb bulk 1"
ABOUT = "about.json"
SCORES = "scores"  # pictures with a predicted label
UNREADABLE = "unreadable"  # pictures that could not be looked at: the dead letters
BEGUN = "begun"  # an empty file for each part that a worker is at, which stays if it is killed
MOST_BEGUN = 5  # times that a part may end its process, as by too little memory; our choice
PREFIX = "part-"
LEFTOVER_SECONDS = 3600  # age from which a partial file is one of a process that was killed


class Done(NamedTuple):
    """A part that is written: its key, its pictures, and how many of them are unreadable."""

    key: str
    rows: int
    unreadable: int


class Output(NamedTuple):
    """The folder in which a bulk job writes."""

    place: Place

    @classmethod
    def at(cls, where: Any) -> "Output":
        """Return the output in the folder, or at the URL, `where`."""
        return cls(place_of(where))

    def begin(self, about: dict[str, Any], parts: Sequence[Part]) -> set[str]:
        """Return the keys of the parts that are done, and say in `about.json` what this is.

        Raises `OutputError` when the folder holds something else, scores by another audit, in parts
        of another size, or of rows that are not in `parts`.
        """
        wanted = {"format": FORMAT, **about}
        self._require_usable(wanted)
        done = self._keys()
        if strange := done - {part.key for part in parts}:
            raise OutputError(
                f"Expected in {self.place.url} only parts of this source, found {len(strange):,} "
                f"others, such as {_file(min(strange))}: the source has changed. Choose another "
                "folder, or delete these files."
            )
        self.place.under(ABOUT).write((json.dumps(wanted, indent=1) + "\n").encode())
        return done

    def has(self, part: Part) -> bool:
        """Tell whether a part is written whole."""
        return self.place.system.exists(self._scores(part.key).path)

    def done(self, part: Part) -> Done:
        """Return the figures of a part that is written."""
        lost = self._unreadable(part.key)
        with lost.system.open(lost.path, "rb") as file:
            return Done(part.key, part.n_rows, pq.ParquetFile(file).metadata.num_rows)

    def write(self, part: Part, scored: pa.Table) -> Done:
        """Write a part: rows with a predicted label, and unreadable ones with file and row number.

        The scores come last, so that where they are, both are. Raises `OutputError`.
        """
        if len(scored) != part.n_rows:
            raise OutputError(
                f"Expected {part.n_rows:,} scored rows of {part.file}, found {len(scored):,}: the "
                "file has changed. Begin again in another folder."
            )
        is_lost = pc.is_null(scored["predicted_label"])
        rows = pa.array(range(part.start, part.stop), pa.int64())
        lost = scored.select(["sample_id", "label", "problem"])
        lost = lost.append_column("file", pa.array([part.name] * len(lost), pa.string()))
        lost = lost.append_column("row", rows).filter(is_lost)
        self._unreadable(part.key).write(_parquet(lost))
        self._scores(part.key).write(_parquet(scored.filter(pc.invert(is_lost))))
        return Done(part.key, part.n_rows, len(lost))

    @contextmanager
    def begun(self, part: Part) -> Iterator[None]:
        """Mark a part as begun until it is done; raise `O2UError` if workers died at it too often.

        So a picture that crashes a decoder does not keep workers busy for ever.
        """
        folder = self.place.under(BEGUN)
        marks = [name for name in folder.names() if name.startswith(part.key)]
        if len(marks) >= MOST_BEGUN:
            raise O2UError(
                f"Expected the rows {part.start:,} to {part.stop:,} of {part.file} to be scored; "
                f"{len(marks)} workers were killed at it. Give workers more memory, or leave out "
                f"the picture that crashes them; then delete {folder.url}."
            )
        left = [f"{part.key}-{uuid.uuid4().hex}"]
        folder.under(*left).write(b"")
        try:
            yield
            left += marks  # those of killed workers, since this one has done it
        finally:
            for name in left:
                with suppress(FileNotFoundError):
                    folder.system.rm(folder.under(name).path)

    def tidy(self) -> None:
        """Remove partial files that processes have left which were killed."""
        for folder in (self.place.under(SCORES), self.place.under(UNREADABLE)):
            for name in filter(atomic.is_partial, folder.names()):
                left = folder.under(name)
                with suppress(OSError, NotImplementedError):  # another job may have removed it
                    age = time.time() - left.system.modified(left.path).timestamp()
                    if age > LEFTOVER_SECONDS:
                        left.system.rm(left.path)

    def _require_usable(self, wanted: dict[str, Any]) -> None:
        if self.place.system.isfile(self.place.path):
            raise OutputError(f"Expected a folder as {self.place.url}, found a file: name another.")
        names = self.place.names()
        if ABOUT not in names:
            if names:
                raise OutputError(
                    f"Expected {self.place.url} to be new, empty or the output of an earlier bulk "
                    f"job; found {names[0]!r} and no {ABOUT} in it. Choose another folder."
                )
            return
        try:
            found = json.loads(self.place.under(ABOUT).read())
        except ValueError:
            found = {}
        for name, value in wanted.items():
            if not isinstance(found, dict) or found.get(name) != value:
                said = found.get(name) if isinstance(found, dict) else None
                raise OutputError(
                    f"Expected in {self.place.url} the output of the same job, with {name} "
                    f"{value!r}; found {said!r}. Choose another folder."
                )

    def _keys(self) -> set[str]:
        return {
            name.removeprefix(PREFIX).removesuffix(SUFFIX)
            for name in self.place.under(SCORES).names()
            if name.startswith(PREFIX) and name.endswith(SUFFIX)
        }

    def _scores(self, key: str) -> Place:
        return self.place.under(SCORES, _file(key))

    def _unreadable(self, key: str) -> Place:
        return self.place.under(UNREADABLE, _file(key))


def _file(key: str) -> str:
    return f"{PREFIX}{key}{SUFFIX}"


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()
