"""Parts: the units of work of a bulk job, each a range of rows of one Parquet file.

In comes a Parquet file or a folder of them, on this machine or in an object store. Out come the
parts, and the rows of a part as the scorer takes them.
"""

import hashlib
import posixpath
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from o2u_nb.data.parallel import in_threads
from o2u_nb.data.places import Place, is_url, place_of
from o2u_nb.errors import SourceError

SUFFIX = ".parquet"
AT_ONCE = 256  # rows that are read at a time: 25 MB where a picture has 100 kB; our choice
OPENING = 16  # footers of files that are read at the same time; our choice


class Part(NamedTuple):
    """The rows from `start` to `stop` of a Parquet file.

    `file` is its path or URL, `name` the one relative to the source. Parts with equal `key`, 16
    hexadecimal digits, are of files with equal names, sizes and numbers of rows.
    """

    file: str
    name: str
    start: int
    stop: int
    key: str

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return self.stop - self.start


def parts_of(source: Any, rows: int) -> list[Part]:
    """Cut the Parquet files of `source` into parts of at most `rows` rows, files in order.

    Raises `SourceError` when there are none, when one cannot be read or has no column of pictures,
    and `MissingExtraError` when a package that opens the source is not installed.
    """
    root, files = _files(source)
    found: list[Part] = []
    for file, about in zip(files, in_threads(_described, files, workers=OPENING), strict=True):
        name = file.path.removeprefix(root).lstrip("/")
        for start in range(0, about.n_rows, rows):
            stop = min(start + rows, about.n_rows)
            key = hashlib.sha256(repr((name, *about, start, stop)).encode()).hexdigest()[:16]
            found.append(Part(file.url, name, start, stop, key))
    if not found:
        raise SourceError(f"Expected rows in the Parquet files of {source}, found none.")
    return found


def rows_of_part(part: Part) -> Iterator[pa.Table]:
    """Yield the rows of a part as `Scorer` takes them, some at a time.

    The id of a row is that in the column `sample_id`, else its path, else the name of the file and
    the number of the row. Relative paths are taken as relative to the folder of the Parquet file.
    Raises `SourceError` when the file cannot be read.
    """
    place = place_of(part.file)
    try:
        with place.system.open(place.path, "rb") as file:
            table = pq.ParquetFile(file)
            wanted = _columns(table.schema_arrow, part.file)
            first, groups = _groups(table.metadata, part)
            for batch in table.iter_batches(AT_ONCE, row_groups=groups, columns=wanted):
                start, stop = max(part.start, first), min(part.stop, first + len(batch))
                if start < stop:
                    rows = pa.Table.from_batches([batch.slice(start - first, stop - start)])
                    yield _as_scored(rows, part, place, start)
                first += len(batch)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"{part.file} cannot be read: {error}. Restore it, or leave it out."
        ) from (error)


def labels_of_part(part: Part) -> list[str | None]:
    """Return the labels of a part; [] where there are none. Raises what `rows_of_part` raises."""
    place = place_of(part.file)
    with place.system.open(place.path, "rb") as file:
        table = pq.ParquetFile(file)
        if "label" not in table.schema_arrow.names:
            return []
        _, groups = _groups(table.metadata, part)
        return _text(table.read_row_groups(groups, columns=["label"])["label"]).to_pylist()


class _About(NamedTuple):
    size: int
    n_rows: int


def _files(source: Any) -> tuple[str, list[Place]]:
    """Return the folder that names are relative to, and the files in order."""
    place = place_of(source)
    system = place.system
    if system.isfile(place.path):
        return posixpath.dirname(place.path), [place]
    found = [
        path
        for path in sorted(system.find(place.path))
        if path.endswith(SUFFIX) and not _is_hidden(path.removeprefix(place.path))
    ]
    if not found:
        raise SourceError(
            f"Expected a Parquet file, or a folder with files *{SUFFIX}, in {source}; found none. "
            "A folder of pictures is scored without an engine, into one table."
        )
    return place.path, [Place(system, path) for path in found]


def _is_hidden(path: str) -> bool:
    """Tell whether a file is one of a writer's own, as readers of Parquet folders take it."""
    return any(name.startswith((".", "_")) for name in path.split("/") if name)


def _described(place: Place) -> _About:
    try:
        with place.system.open(place.path, "rb") as file:
            table = pq.ParquetFile(file)
            _columns(table.schema_arrow, place.url)
            return _About(place.system.size(place.path), table.metadata.num_rows)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"{place.url} cannot be read as Parquet ({error}): restore it, or leave it out."
        ) from error


def _columns(schema: pa.Schema, file: str) -> list[str]:
    """Return the columns that are read; raise `SourceError` when none has pictures."""
    wanted = [name for name in ("sample_id", "path", "image", "label") if name in schema.names]
    if not {"path", "image"} & set(wanted):
        raise SourceError(
            f"Expected a column path, or image with the bytes of pictures, in {file}; found "
            f"{', '.join(schema.names) or 'no column'}. Rename the column."
        )
    for name in wanted:
        kind = schema.field(name).type
        if not (_holds_pictures(kind) if name in ("path", "image") else _can_be_text(kind)):
            raise SourceError(
                f"Expected {'paths or bytes' if name in ('path', 'image') else 'text'} in the "
                f"column {name} of {file}, found {kind}. Convert it, or leave the column out."
            )
    return wanted


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _holds_pictures(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return "bytes" in [field.name for field in kind]
    return _is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _can_be_text(kind: pa.DataType) -> bool:
    try:
        pa.nulls(0, kind).cast(pa.string())
    except pa.ArrowException:
        return False
    return True


def _groups(about: pq.FileMetaData, part: Part) -> tuple[int, list[int]]:
    """Return the first row of the groups that hold a part, and the numbers of these groups."""
    first, at = 0, 0
    groups: list[int] = []
    for number in range(about.num_row_groups):
        stop = at + about.row_group(number).num_rows
        if stop > part.start and at < part.stop:
            first = at if not groups else first
            groups.append(number)
        at = stop
    return first, groups


def _as_scored(rows: pa.Table, part: Part, place: Place, start: int) -> pa.Table:
    name = "image" if "image" in rows.schema.names else "path"
    column = rows[name].combine_chunks()
    numbered = [f"{part.name}:{number}" for number in range(start, start + len(rows))]
    is_text = _is_text(column.type)
    if "sample_id" in rows.schema.names:
        ids = _text(rows["sample_id"]).to_pylist()
    else:
        ids = column.to_pylist() if is_text else [None] * len(rows)
    found = {
        "sample_id": pa.array(
            [one or number for one, number in zip(ids, numbered, strict=True)], pa.string()
        ),
        "path" if is_text else "image": _absolute(column, place),
    }
    if "label" in rows.schema.names:
        found["label"] = _text(rows["label"])
    return pa.table(found)


def _absolute(column: pa.Array, place: Place) -> pa.Array:
    """Return pictures whose paths are absolute: text, or structs of `bytes` and `path`."""
    if pa.types.is_struct(column.type):
        names = [field.name for field in column.type]
        paths = column.field("path") if "path" in names else pa.nulls(len(column), pa.string())
        fields = [column.field("bytes"), _absolute(paths, place)]
        return pa.StructArray.from_arrays(fields, ["bytes", "path"])
    if not _is_text(column.type):
        return column
    folder = Place(place.system, posixpath.dirname(place.path))
    return pa.array([_joined(folder, path.as_py()) for path in column], pa.string())


def _joined(folder: Place, path: str | None) -> str | None:
    if not path or is_url(path) or posixpath.isabs(path):
        return path
    return folder.under(path).url


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return labels or ids as text, missing where they are missing."""
    return column.cast(pa.string())
