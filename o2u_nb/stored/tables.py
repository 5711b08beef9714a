"""One description for each table of an audit folder, by which it is checked when it is opened.

In come the facts and tables as they were read, and what `audit.json` says of the files; out comes
nothing, or a `SourceError` that names the file, what was expected there and what to do.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from o2u_nb.data import array_file
from o2u_nb.data.array_file import Damage
from o2u_nb.errors import SourceError
from o2u_nb.trace import Trace

FILES = "files"  # in `audit.json`: the size of each file and, of tables, its CRC-32
Kind = tuple[Callable[[Any], bool], str]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _are(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(kind, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_eye(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    named = all(isinstance(value.get(name), str) and value[name] for name in ("name", "title"))
    frozen = value.get("frozen")
    has_key = not frozen or (_is_text(value.get("features")) and _is_name(value["features"]))
    return named and isinstance(frozen, bool) and has_key


def _is_name(text: str) -> bool:
    return text not in ("", ".", "..") and os.path.basename(text) == text


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_carried(value: Any) -> bool:
    texts = _are(_is_text)
    return (
        _is_object(value) and texts(value.get("fingerprints", [])) and texts(value.get("left", []))
    )


def _is_range(value: Any) -> bool:
    return _are(_is_whole)(value) and len(value) == 2 and value[0] <= value[1]


def _is_time(value: Any) -> bool:
    try:
        return _is_text(value) and pd.Timestamp(value) is not None
    except ValueError:
        return False


def _are_rows(value: Any) -> bool:
    return _is_object(value) and all(map(_is_object, value.values()))


def _are_files(value: Any) -> bool:
    return _is_object(value) and all(
        _is_object(found) and _is_whole(found.get("size")) and _is_safe(name)
        for name, found in value.items()
    )


def _is_safe(name: str) -> bool:
    return not os.path.isabs(name) and all(map(_is_name, name.split("/")))


NEEDED = dict.fromkeys(("n_samples", "n_classes", "estimated_wrong"), (_is_whole, "a count"))
KNOWN: dict[str, Kind] = {
    **NEEDED,
    "estimated_range": (_is_range, "two counts, the smaller one first"),
    "learned": (_is_share, "a number from 0 to 1"),
    "estimators": (_are_rows, "an object for each estimator"),
    "stability": (lambda value: value is None or _is_object(value), "an object or null"),
    "warnings": (_are(_is_text), "a list of sentences"),
    "eyes": (_are(_is_eye), "a list of eyes with name, title and frozen"),
    "earlier_decisions": (_is_carried, "lists of text"),
    "created": (_is_time, "a time in ISO 8601"),
    FILES: (_are_files, "an object for each file, with its size"),
}


def check_facts(facts: dict[str, Any]) -> None:
    """Raise `Damage` unless `audit.json` says what it must, in the types that readers expect."""
    if missing := [name for name in NEEDED if name not in facts]:
        raise Damage(f"expected {', '.join(missing)}, found none")
    for name, (fits, expected) in KNOWN.items():
        if name in facts and not fits(facts[name]):
            raise Damage(f"expected {expected} as {name}, found {facts[name]!r:.80}")


def listed(folder: Path, tables: Iterable[str], others: Iterable[str]) -> dict[str, dict]:
    """Return what `audit.json` keeps of files: their sizes and, of `tables`, their CRC-32.

    Names are relative to `folder`. Files that are not there are left out.
    """
    found: dict[str, dict] = {}
    for name in others:
        if (folder / name).is_file():
            found[name] = dict(size=os.path.getsize(folder / name))
    for name in tables:
        if (folder / name).is_file():
            path = folder / name
            found[name] = dict(size=os.path.getsize(path), crc32=array_file.checksum(path))
    return found


def check_files(folder: Path, facts: dict[str, Any]) -> None:
    """Raise `SourceError` for a file that is gone or has another size; nothing is read."""
    for name, written in facts.get(FILES, {}).items():
        with explained(folder / name, folder):
            size = os.path.getsize(folder / name)
            if size != written["size"]:
                raise Damage(f"expected {written['size']:,} bytes, found {size:,}")


def check_sum(folder: Path, name: str, facts: dict[str, Any]) -> None:
    """Raise `Damage` unless the table `name` holds the bytes that `audit.json` promises."""
    crc = facts.get(FILES, {}).get(name, {}).get("crc32")
    if crc is not None and array_file.checksum(folder / name) != crc:
        raise Damage("its bytes are not those that were written, by their checksum")


@contextmanager
def explained(path: Path, folder: Path) -> Iterator[None]:
    """Turn damage of `path`, a file of the audit in `folder`, into a `SourceError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceError(f"Expected the file {path}, found none. {_cure(path, folder)}") from error
    except (Damage, SourceError, OSError, ValueError) as error:
        raise SourceError(f"{path} is damaged: {error}. {_cure(path, folder)}") from error


def _cure(path: Path, folder: Path) -> str:
    rebuild = f"Audit.rebuild({str(folder)!r})"
    if path.name == "embeddings.npy":
        return (
            f"Restore a copy; or remove the file and call {rebuild}, which ranks without "
            "look-alikes; or audit again."
        )
    if path.name in ("scores.parquet", "audit.json", "problems.csv"):
        return f"{rebuild} makes it again from the samples and the trace; or restore a copy."
    return (
        "Restore a copy, or audit again. If the audit was just made again by another process, open "
        "it once more."
    )


def check_samples(samples: pd.DataFrame) -> None:
    """Raise `Damage` unless this is a samples table: ids once each, labels and splits as text."""
    _check_ids(samples)
    for column in ("label", "split", "path"):
        if column in samples and not samples[column].map(_is_text).all():
            raise Damage(f"expected text in the column {column}")
    if "path" not in samples and "image" not in samples:
        raise Damage("expected a column path or image")


SCORES = ("label", "score", "rank", "p_wrong", "suspect", "suggested_label", "kind")


def check_scores(scores: pd.DataFrame) -> None:
    """Raise `Damage` unless this is a ranking: ranks from 1 on in order, probabilities 0 to 1."""
    _check_ids(scores)
    if missing := [name for name in SCORES if name not in scores]:
        raise Damage(f"expected the columns {', '.join(missing)}")
    numbers = scores[["score", "p_wrong"]].dtypes
    if not all(dtype.kind in "fiu" for dtype in numbers) or scores["suspect"].dtype != bool:
        raise Damage("expected numbers as score and p_wrong, and true or false as suspect")
    if scores["rank"].dtype.kind not in "iu" or not np.array_equal(
        scores["rank"], np.arange(1, len(scores) + 1)
    ):
        raise Damage(f"expected the ranks 1 to {len(scores)}, in order")
    p_wrong = scores["p_wrong"].to_numpy(dtype=float)
    if ((p_wrong < 0) | (p_wrong > 1) | np.isinf(p_wrong)).any():
        raise Damage("expected probabilities from 0 to 1 as p_wrong")
    values = scores["score"].to_numpy(dtype=float)
    known = values[~np.isnan(values)]
    if (np.diff(known) > 0).any():
        raise Damage("expected the largest scores first")
    for column in ("label", "kind"):
        if not scores[column].map(_is_text).all():
            raise Damage(f"expected text in the column {column}")


def _check_ids(table: pd.DataFrame) -> None:
    if table.index.name != "sample_id" or not table.index.map(_is_text).all():
        raise Damage("expected ids of samples, as text, in the index sample_id")
    if not table.index.is_unique:
        raise Damage(
            f"expected each sample once, found {table.index[table.index.duplicated()][0]!r} twice"
        )


def require_same(name: str, given: pd.Series, other: pd.Series) -> None:
    """Raise `Damage` unless `other` has the samples of `given`, with the same labels.

    Both hold given labels by `sample_id`; their order may differ.
    """
    if not other.index.equals(given.index):
        strangers = other.index.symmetric_difference(given.index)
        if len(strangers):
            raise Damage(
                f"expected the {len(given):,} samples of {name}, found {len(other):,}, such as "
                f"{strangers[0]!r} which is in one of them only"
            )
        other = other.reindex(given.index)
    differs = (other.astype(object) != given.astype(object)).to_numpy()
    if differs.any():
        sample_id = given.index[int(differs.argmax())]
        raise Damage(f"expected the labels of {name}, found another one at {sample_id!r}")


def check_trace(trace: Trace, given: pd.Series) -> None:
    """Raise `Damage` unless the trace is about the samples and labels of `given`."""
    require_same("samples.parquet", given, trace.given)
