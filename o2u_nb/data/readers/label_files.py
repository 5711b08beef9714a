"""Read a file of labels into a DataFrame: CSV, JSON, JSON lines, Parquet or Excel.

In comes a file; out come its columns, as text if the format has no types. The format is recognised
by the content of the file first, then by its suffix. JSON may be a table, or the annotations of
COCO or Label Studio. For other kinds of files, such as archives, the error says what to do.
"""

import csv
import gzip
import importlib.util
import io
import json
import os
import re
import stat
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from o2u_nb.data.readers.coco import from_coco, is_coco
from o2u_nb.data.readers.label_studio import from_tasks, is_tasks
from o2u_nb.data.samples import printable
from o2u_nb.data.spreadsheet import restored
from o2u_nb.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".xls")
SEPARATORS = ",;\t|"  # separators of a CSV that are tried
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")  # byte order marks: the first bytes of UTF-16 text
HANDED_OVER = ("/dev/fd/", "/proc/self/fd/", "/dev/stdin")  # pipes of the shell
# A gzip of one megabyte can hold a gigabyte of zeros. Tables of labels with a line of 100 bytes for
# each of ten million pictures have one. Our choice.
MOST_UNPACKED = 2 * 10**9
OURS = "sample_id"  # a column of every CSV that this package writes, with marks before formulas
OLD_EXCEL = b"\xd0\xcf\x11\xe0"  # the first bytes of an .xls file


def is_label_file(path: str | os.PathLike) -> bool:
    """Return whether a file can be a table of paths and labels, by its suffix.

    >>> is_label_file("train.CSV.gz"), is_label_file("cat.png")
    (True, False)
    """
    return os.fspath(path).casefold().removesuffix(".gz").endswith(SUFFIXES)


def read_table(
    path: str, *, encoding: str | None = None, wanted: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the table in the file `path`, one row per image.

    `encoding` is that of text files; by default it is UTF-8, or UTF-16 if the file starts with its
    byte order mark. The separator of a CSV is that of comma, semicolon, tab and | with which most
    of the `wanted` columns are found. Class numbers in a Parquet file become class names if the
    file holds these. Raises `SourceError`, which says why, when the file cannot be read as a table.
    """
    try:
        _require_ends(path)
        with open(path, "rb") as file:
            content = file.read()
        if content.startswith(b"\x1f\x8b"):
            content = _unpacked(content)
        return _parsed(content, path, encoding, wanted)
    except SourceError:
        raise
    except (
        *(OSError, EOFError, ValueError, LookupError, pd.errors.ParserWarning),
        *(csv.Error, zlib.error, RecursionError),
    ) as error:
        raise SourceError(f"cannot read {printable(path)}: {_reason(error)}") from error


def _unpacked(content: bytes) -> bytes:
    """Unpack gzip; raise `ValueError` when far more comes out than a table of labels has."""
    with gzip.open(io.BytesIO(content)) as file:
        unpacked = file.read(MOST_UNPACKED + 1)
    if len(unpacked) > MOST_UNPACKED:
        raise ValueError(
            f"unpacked, it has more than {MOST_UNPACKED // 10**9} GB: unpack it yourself if it is "
            "what you expect"
        )
    return unpacked


def _require_ends(path: str) -> None:
    """Raise `ValueError` for a device, a socket or a named pipe, which reading may wait for."""
    mode = os.stat(path).st_mode
    handed_over = stat.S_ISFIFO(mode) and path.startswith(HANDED_OVER)  # as with <(zcat FILE)
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or handed_over):
        raise ValueError("it is a device or pipe: write the table to a file first")


def _parsed(content: bytes, path: str, encoding: str | None, wanted) -> pd.DataFrame:
    if content.startswith(b"PAR1"):
        return _parquet(content)
    if content.startswith(b"PK") or content.startswith(OLD_EXCEL):
        return _excel(content)
    text = _decoded(content, encoding)
    suffix = os.path.splitext(path.casefold().removesuffix(".gz"))[1]
    if suffix in (".json", ".jsonl", ".ndjson") or re.match(r"\s*[\[{]", text):
        return _json(text)
    return _csv(text, wanted)


def _decoded(content: bytes, encoding: str | None) -> str:
    if encoding is None:
        encoding = "utf-16" if content.startswith(UTF_16_MARKS) else "utf-8-sig"
        if encoding != "utf-16" and b"\0" in content[:4096]:
            raise ValueError("it is not text: expected CSV, JSON, JSON lines, Parquet or Excel")
    return content.decode(encoding)


def _csv(text: str, wanted: Sequence[str]) -> pd.DataFrame:
    named = re.match(r"sep=(.)(\r\n?|\n)", text)  # the line in which Excel names the separator
    separator = named[1] if named else _separator(text, wanted)
    with warnings.catch_warnings():
        # For a row with too many fields pandas only warns, and shifts or loses cells of it.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        table = pd.read_csv(
            io.StringIO(text[named.end() :] if named else text),
            sep=separator,
            dtype=str,
            keep_default_na=False,
            index_col=False,
        )
    return restored(table) if OURS in table else table


def _separator(text: str, wanted: Sequence[str]) -> str:
    """Return the separator with which the header has most of the `wanted` columns.

    Of several such separators, it is the one with which the header has the most cells.
    """
    header = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]  # old Macs wrote "\r" alone
    cells = {
        separator: next(csv.reader([header], delimiter=separator), []) for separator in SEPARATORS
    }
    return max(SEPARATORS, key=lambda sep: (len(set(wanted) & set(cells[sep])), len(cells[sep])))


def _json(text: str) -> pd.DataFrame:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or error.msg != "Extra data":
            raise
        value = [json.loads(line) for line in lines]
    return _json_table(value)


def _json_table(value: Any) -> pd.DataFrame:
    """Return the table in a JSON value: records, columns, an object of paths and labels.

    Also the classes that the annotations of COCO and Label Studio give to pictures.
    """
    if is_coco(value):
        return from_coco(value)
    if is_tasks(value):
        return from_tasks(value)
    if isinstance(value, Mapping) and isinstance(value.get("labels"), Mapping):
        raise ValueError(
            "it is the list of labels of a FiftyOne export: give the folder that holds it and the "
            "folder data"
        )
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        return pd.DataFrame(value)
    if isinstance(value, Mapping) and value:
        cells = list(value.values())
        if all(isinstance(cell, list) for cell in cells) and len(set(map(len, cells))) == 1:
            return pd.DataFrame(value)
        if not any(isinstance(cell, (list, Mapping)) for cell in cells):
            return pd.DataFrame({"path": list(value), "label": cells})
    raise ValueError(
        "its JSON is not a table: expected a list of records with path and label, or an object of "
        "paths and their labels"
    )


def _parquet(content: bytes) -> pd.DataFrame:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    table.validate(full=True)  # a damaged file may hold text that is not UTF-8
    return named_classes(table)


def named_classes(table: "pa.Table") -> pd.DataFrame:
    """Return an Arrow table as a DataFrame, with class names in the place of their numbers.

    The names are those that Hugging Face keeps with the table; other columns stay as they are.
    """
    frame = table.to_pandas()
    for column, names in _class_names(table.schema.metadata or {}).items():
        if column in frame:
            frame[column] = [_class_name(code, names) for code in frame[column]]
    return frame


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Return the class names of each column, which Hugging Face writes into a Parquet file."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {
            column: feature["names"]
            for column, feature in features.items()
            if isinstance(feature, dict) and isinstance(feature.get("names"), list)
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _class_name(code: Any, names: list[str]) -> Any:
    is_code = pd.api.types.is_integer(code) and 0 <= code < len(names)
    return str(names[code]) if is_code else code


def _excel(content: bytes) -> pd.DataFrame:
    if content.startswith(b"PK") and not _is_excel(content):
        raise ValueError("it is a ZIP archive: unpack it first")
    if content.startswith(OLD_EXCEL) or importlib.util.find_spec("openpyxl") is None:
        raise ValueError("it is an Excel workbook: save the sheet as CSV UTF-8 and give that file")
    return pd.read_excel(io.BytesIO(content), dtype=str, keep_default_na=False)


def _is_excel(content: bytes) -> bool:
    try:
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    except zipfile.BadZipFile:
        return False
    return any(name.startswith("xl/") for name in names)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return (
            "it is not UTF-8 text; save it as UTF-8, or name its encoding, such as "
            "encoding='cp1252' (--encoding cp1252)"
        )
    if isinstance(error, RecursionError):
        return "its JSON is nested too deeply to be a table"
    if isinstance(error, pd.errors.EmptyDataError):
        return "it is empty; expected the columns path and label"
    if isinstance(error, pd.errors.ParserWarning):
        return "a row has more fields than the header; put names that hold a comma in quotes"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
