"""Read the folder of a trace, and check it: every file against one description of what it holds.

In comes a folder; out come the fields of a `Trace`, or a `TraceError` that names the file, what was
expected there and what to do. `meta.json` says how many epochs are finished, and holds a checksum
of itself and of each row of the arrays; the other arrays hold theirs.
"""

import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from o2u_nb.data import array_file, sealed
from o2u_nb.data.array_file import AT_ONCE, Damage
from o2u_nb.errors import TraceError

FORMAT = "o2u_nb trace 1"  # in `META`; a trace with another format is refused
BEGUN = "o2u_nb trace, begun"  # in its place while the first files of a trace are written
META = "meta.json"
# The arrays with a row for each epoch, and their types; `Trace` says what they hold.
ROWS = {"loss": np.float32, "margin": np.float32, "pred": np.int32}
# What a training needs to go on where it was; see `training.checkpoint`. No part of the trace.
CHECKPOINT = "checkpoint.pt"
WRITTEN = {f"{name}.npy" for name in ("ids", "id_ends", "labels", *ROWS)} | {META, CHECKPOINT}
MEANS = re.compile(r"mean_probs_\w+\.npy")
SUMS = "crc32"  # in each epoch of `META`: the CRC-32 of its row in each of the arrays
ADVICE = "restore a copy of the trace, or audit again"


def read(folder: Path, *, in_memory: bool = False, whole: bool = False) -> dict[str, Any]:
    """Return the fields of the `Trace` in `folder`.

    Types, shapes, ids and labels are checked at once, checksums and ranges of values where the
    arrays are small (see `array_file.AT_ONCE`) or with `whole`. Raises `TraceError`.
    """
    meta = read_meta(folder)
    epochs = meta["epochs"]
    ids = _ids(folder)
    n, k = len(ids), len(meta["classes"])
    labels = _labels(folder, n, k)
    arrays = {name: _rows(folder, name, epochs, n, whole) for name in ROWS}
    if whole or sum(array.nbytes for array in arrays.values()) <= AT_ONCE:
        _check_ranges(folder, arrays, k)
    probs = {phase: _means(folder, file, n, k, whole) for phase, file in meta["mean_probs"].items()}
    if in_memory:
        arrays = {name: np.array(array) for name, array in arrays.items()}
        probs = {phase: np.array(array) for phase, array in probs.items()}
    return dict(
        ids=ids,
        labels=labels,
        classes=meta["classes"],
        **arrays,
        lr=np.array([epoch["lr"] for epoch in epochs], dtype=np.float64),
        phase=np.array([epoch["phase"] for epoch in epochs], dtype=object).astype(str),
        mean_probs=probs,
        record=meta["record"],
        frozen=meta.get("frozen", False),  # the first traces do not say it
    )


def read_meta(folder: Path) -> dict[str, Any]:
    """Return what `META` says, checked; raise `TraceError` where that cannot be."""
    path = folder / META
    if not path.is_file():
        raise TraceError(
            f"No trace in {folder}: expected the file {META} there. {ADVICE.capitalize()}."
        )
    try:
        meta, is_whole = sealed.unseal(path.read_bytes())
    except (OSError, ValueError) as error:
        raise TraceError(f"Cannot read {path} ({error}): {ADVICE}.") from error
    if meta.get("format") == BEGUN:
        raise TraceError(
            f"The trace in {folder} was interrupted before its first epoch: train again; nothing "
            "of it is kept."
        )
    if meta.get("format") != FORMAT:
        raise TraceError(
            f"{path} has format {meta.get('format')!r:.80}, expected {FORMAT!r}: audit again."
        )
    with explained(path):
        _check_meta(meta)
        if not is_whole:
            raise Damage("it is not as it was written, by its checksum")
    return meta


def foreign(folder: Path) -> str | None:
    """Return the name of a file in `folder` that a new trace would replace, and that is not ours.

    It is None where there is none of these names, and where `META` says that a trace was begun
    there, in any version of this package, so that all of them are the trace's.
    """
    names = sorted(os.listdir(folder)) if folder.is_dir() else []
    replaced = [name for name in names if name in WRITTEN or MEANS.fullmatch(name)]
    return replaced[0] if replaced and not _is_begun(folder / META) else None


def is_only_begun(folder: Path) -> bool:
    """Tell whether the trace in `folder` was interrupted while its first files were written."""
    return _format(folder / META) == BEGUN


def _is_begun(path: Path) -> bool:
    return _format(path).startswith(FORMAT.rpartition(" ")[0])


def _format(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return ""
    try:
        return str(sealed.unseal(path.read_bytes())[0].get("format"))
    except (OSError, ValueError):
        return ""


def row_sums(rows: dict[str, np.ndarray]) -> dict[str, int]:
    """Return the CRC-32 of one row of each array, as `META` keeps them."""
    return {
        name: zlib.crc32(np.ascontiguousarray(row, dtype=ROWS[name]).tobytes())
        for name, row in rows.items()
    }


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn `Damage` of the file `path`, or its absence, into a `TraceError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise TraceError(f"Expected the file {path}, found none: {ADVICE}.") from error
    except (Damage, OSError) as error:
        raise TraceError(f"{path} is damaged: {error}. To go on, {ADVICE}.") from error


def _check_meta(meta: dict[str, Any]) -> None:
    classes = meta.get("classes")
    _expect(
        isinstance(classes, list) and all(isinstance(c, str) for c in classes)
        and len(set(classes)) == len(classes),
        f"expected different names as classes, found {classes!r:.80}",
    )  # fmt: skip
    epochs, means = meta.get("epochs"), meta.get("mean_probs")
    _expect(
        isinstance(epochs, list) and all(map(_is_epoch, epochs)),
        "expected of each epoch a learning rate and a phase",
    )
    _expect(
        isinstance(means, dict)
        and all(isinstance(file, str) and MEANS.fullmatch(file) for file in means.values()),
        f"expected files of this folder as mean_probs, found {means!r:.80}",
    )
    _expect(isinstance(meta.get("record"), str), "expected text as record")
    _expect(isinstance(meta.get("frozen", False), bool), "expected true or false as frozen")


def _is_epoch(epoch: Any) -> bool:
    if not isinstance(epoch, dict):
        return False
    lr, sums = epoch.get("lr"), epoch.get(SUMS, {})
    is_rate = isinstance(lr, (int, float)) and not isinstance(lr, bool) and abs(lr) < 1e300
    are_sums = isinstance(sums, dict) and all(isinstance(s, int) for s in sums.values())
    return is_rate and are_sums and isinstance(epoch.get("phase"), str)


def _expect(fits: bool, otherwise: str) -> None:
    if not fits:
        raise Damage(otherwise)


def _ids(folder: Path) -> pd.Index:
    with explained(folder / "ids.npy"):
        text = array_file.read(folder / "ids.npy")
        array_file.expect(text, [np.uint8], (None,))
    with explained(folder / "id_ends.npy"):
        ends = np.array(array_file.read(folder / "id_ends.npy"))
        array_file.expect(ends, [np.int64], (None,))
        starts = np.concatenate([[0], ends])[:-1]
        _expect(
            bool((starts <= ends).all()) and (ends[-1] if len(ends) else 0) == len(text),
            f"expected ends of ids from 0 to {len(text):,}, each after the one before",
        )
    data = text.tobytes()
    with explained(folder / "ids.npy"):
        try:
            found = [data[start:end].decode() for start, end in zip(starts, ends, strict=True)]
        except UnicodeDecodeError as error:
            raise Damage(f"an id is not text ({error})") from error
        ids = pd.Index(found, dtype=str, name="sample_id")
        _expect(ids.is_unique, "expected an id of its own for each sample, found some twice")
    return ids


def _labels(folder: Path, n: int, k: int) -> np.ndarray:
    with explained(folder / "labels.npy"):
        labels = np.array(array_file.read(folder / "labels.npy"))
        array_file.expect(labels, [np.int32, np.int64], (n,))
        _expect(
            not n or bool(labels.min() >= 0 and labels.max() < k),
            f"expected labels from 0 to {k - 1}, positions in the classes of {META}",
        )
    return labels


def _rows(folder: Path, name: str, epochs: list[dict], n: int, whole: bool) -> np.ndarray:
    path = folder / f"{name}.npy"
    with explained(path):
        rows = array_file.read_rows(path, len(epochs), ROWS[name])
        _expect(
            rows.shape[1] == n,
            f"expected the shape ({len(epochs)}, {n}), which {META} and the ids promise, found "
            f"shape {rows.shape}",
        )
        if whole or rows.nbytes <= AT_ONCE:
            for number, (row, epoch) in enumerate(zip(rows, epochs, strict=True), 1):
                kept = epoch.get(SUMS, {}).get(name)  # the first traces have none
                _expect(
                    kept is None or kept == zlib.crc32(row.tobytes()),
                    f"the row of epoch {number} is not as it was written, by its checksum",
                )
    return rows


def _check_ranges(folder: Path, arrays: dict[str, np.ndarray], k: int) -> None:
    for name in ("loss", "margin"):
        with explained(folder / f"{name}.npy"):
            _expect(not np.isinf(arrays[name]).any(), "expected numbers or NaN, found infinity")
    pred = arrays["pred"]
    with explained(folder / "pred.npy"):
        _expect(
            not pred.size or bool(pred.min() >= -1 and pred.max() < k),
            f"expected classes from -1 (not seen) to {k - 1}",
        )


def _means(folder: Path, file: str, n: int, k: int, whole: bool) -> np.ndarray:
    with explained(folder / file):
        probs = array_file.read(folder / file, whole=whole)
        array_file.expect(probs, [np.float32], (n, k))
        if whole or probs.nbytes <= AT_ONCE:
            outside = (probs < -1e-3) | (probs > 1.001)  # NaN where a sample was never seen
            _expect(not outside.any(), "expected probabilities from 0 to 1")
    return probs
