"""Compare an audit folder with what was written: every byte for which there is a checksum.

In comes a folder; out come sentences about what is damaged, none where nothing is. Opening an audit
checks less, so that it is fast: see `AuditFolder.open`.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from o2u_nb import embedding_file, feature_file, head_file
from o2u_nb import folder as layout
from o2u_nb.errors import O2UError
from o2u_nb.folder import AuditFolder
from o2u_nb.review.checking import logs_in
from o2u_nb.review.events import parse
from o2u_nb.stored import trace_file


def verify(folder: str | os.PathLike) -> list[str]:
    """Return what is damaged in the audit in `folder`, one sentence each; nothing is changed.

    Tables are read and compared with each other, arrays with their checksums and the values that
    they may hold, lines of the decision log with theirs. Files of audits that were made before
    there were checksums are only read. It takes about a second for each gigabyte.
    """
    try:
        audit = AuditFolder.open(folder)
    except O2UError as error:
        return [str(error)]
    return [said for check in _checks(audit) for said in _damage(check)]


def _damage(check: Callable[[], list[str] | None]) -> list[str]:
    try:
        return check() or []
    except O2UError as error:
        return [str(error)]


def _checks(audit: AuditFolder) -> Iterator[Callable[[], list[str] | None]]:
    for name in ("samples", "problems", "scores", "eyes", "embeddings"):
        yield partial(_read, audit, name)
    places = [audit.folder / layout.TRACE, *audit.folder.glob(f"{layout.EYES}/*/{layout.TRACE}")]
    for place in places:
        yield partial(_trace, place)
    yield partial(_features, audit.folder / layout.FEATURES)
    for log in (audit.log, *logs_in(audit.folder)):
        yield partial(_log, log)


def _read(audit: AuditFolder, name: str) -> None:
    getattr(audit, name)


def _trace(place: Path) -> None:
    found = trace_file.read(place, whole=True)
    embedding_file.read(place.parent / layout.EMBEDDINGS, len(found["ids"]), whole=True)
    head_file.read(place.parent / layout.HEAD, len(found["classes"]))


def _features(place: Path) -> None:
    for about in feature_file.there(place):
        feature_file.records_in(place / about.key / feature_file.ROWS, whole=True)


def _log(path: Path) -> list[str]:
    if not path.is_file():
        return []
    parsed = parse(path.read_bytes(), name=str(path))
    return parsed.problems + parsed.torn
