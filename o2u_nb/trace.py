"""The trace: what training records of every sample, and what all later steps start from.

In comes one row per finished epoch (loss, margin and prediction of every sample), written by
`TraceWriter`; out goes a `Trace`, a folder of plain `.npy` arrays with one `meta.json`. It opens
without torch, on any machine, and after a crash it holds every finished epoch.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from o2u_nb.data import array_file, atomic, sealed
from o2u_nb.errors import OutputError, ResumeError, TraceError
from o2u_nb.phases import PHASES
from o2u_nb.stored import trace_file
from o2u_nb.stored.trace_file import BEGUN, CHECKPOINT, FORMAT, META, ROWS, SUMS, read_meta


@dataclass(frozen=True)
class Trace:
    """Hold the training dynamics of every sample.

    `ids` (n_samples,) of str are unique. `labels` (n_samples,) of int are the given labels, as
    positions in `classes`. `loss` (nats) and `margin` (logit of the given class minus the largest
    other logit; negative = the network disagrees) are float32 (n_epochs, n_samples), NaN where a
    sample was not seen in that epoch. `pred`, the predicted class as a position in `classes`, is
    int32 of the same shape, -1 where not seen. `lr` (n_epochs,) is each epoch's mean learning rate,
    and `phase` (n_epochs,) names its phase, one of `phases.PHASES`. `mean_probs` maps a phase to
    the mean softmax over its epochs, float32 (n_samples, n_classes). On disk, a phase has it from
    its end on; it is empty when classes times samples were too many to keep.

    `record` tells in which pass the losses were recorded: `train` is the training pass, with
    augmented pictures, and `eval` a clean pass after each epoch. Where "+valid" is added to it, the
    trace holds validation samples too. The network was never trained on them, and their losses
    always come from a clean pass.

    `frozen` says that only a head was trained, on the features of a frozen network. A head
    remembers more of the wrong labels than a network that is trained on the pictures.
    """

    ids: pd.Index
    labels: np.ndarray
    classes: list[str]
    loss: np.ndarray
    margin: np.ndarray
    pred: np.ndarray
    lr: np.ndarray
    phase: np.ndarray
    mean_probs: dict[str, np.ndarray]
    record: str = "train"
    frozen: bool = False

    @property
    def n_epochs(self) -> int:
        """Count the finished epochs of all phases."""
        return len(self.lr)

    @property
    def n_samples(self) -> int:
        """Count the samples."""
        return len(self.ids)

    @property
    def given(self) -> pd.Series:
        """Return the given label of each sample as a class name, indexed by `sample_id`."""
        return pd.Series(
            np.asarray(self.classes, dtype=object)[self.labels], self.ids, name="label"
        )

    def only(self, phase: str) -> "Trace":
        """Keep the epochs of one `phase`; contiguous epochs are views, and nothing is copied."""
        epochs = np.flatnonzero(self.phase == phase)
        contiguous = len(epochs) and epochs[-1] - epochs[0] + 1 == len(epochs)
        rows = slice(epochs[0], epochs[-1] + 1) if contiguous else epochs
        arrays = {name: getattr(self, name)[rows] for name in (*ROWS, "lr", "phase")}
        return replace(self, **arrays, mean_probs=_of_phase(self.mean_probs, phase))

    def take(self, positions: np.ndarray | slice) -> "Trace":
        """Keep the samples at `positions` (n_kept,) of int, in that order."""
        return replace(
            self,
            ids=self.ids[positions],
            labels=self.labels[positions],
            **{name: getattr(self, name)[:, positions] for name in ROWS},
            mean_probs={phase: probs[positions] for phase, probs in self.mean_probs.items()},
        )

    def save(self, folder: str | os.PathLike, *, overwrite: bool = False) -> Path:
        """Write the trace to `folder`, and return its path.

        Raises `TraceError` when the folder already holds a trace and `overwrite` is False, or
        files of others with the names of a trace's; `OutputError` when it cannot be written.
        """
        writer = TraceWriter.create(
            folder,
            self.ids,
            self.labels,
            self.classes,
            record=self.record,
            frozen=self.frozen,
            overwrite=overwrite,
        )
        for epoch in range(self.n_epochs):
            rows = {name: getattr(self, name)[epoch] for name in ROWS}
            writer.append(**rows, lr=self.lr[epoch], phase=self.phase[epoch])
        writer.keep_means(self.mean_probs)
        return Path(folder)

    @classmethod
    def open(cls, folder: str | os.PathLike, *, in_memory: bool = False) -> "Trace":
        """Open a trace folder; unless `in_memory`, the arrays stay on disk, memory-mapped.

        Every file is checked, see `trace_file.read`; of large arrays the types, shapes and sizes
        only, and the rest by `Audit.verify`. Raises `TraceError` when the folder holds no trace, or
        a damaged one.
        """
        return cls(**trace_file.read(Path(folder), in_memory=in_memory))


class TraceWriter:
    """Write a trace epoch by epoch, so that a killed process loses only the epoch in progress.

    Each `append` adds a row to `loss.npy`, `margin.npy` and `pred.npy`, and commits it by replacing
    `meta.json` atomically: readers take the number of epochs from that file and ignore further
    rows. The mean softmax of a phase is as large as many epochs, and is written once, by
    `keep_means`. Make a writer with `create`, or with `resume` to go on with a trace; it must be
    the only one of its folder.
    """

    def __init__(self, folder: Path, meta: dict, shape: tuple[int, int], *, durable: bool = True):
        self.folder = folder
        self.meta = meta
        self.shape = shape
        self.durable = durable

    @classmethod
    def create(
        cls,
        folder: str | os.PathLike,
        ids: Sequence[str] | pd.Index,
        labels: np.ndarray,
        classes: list[str],
        *,
        record: str = "train",
        frozen: bool = False,
        overwrite: bool = False,
        durable: bool = True,
    ) -> "TraceWriter":
        """Start an empty trace in `folder` (created when missing).

        `ids` (n_samples,) unique str, `labels` (n_samples,) int positions in `classes`; `record`
        and `frozen` are those of `Trace`. With `durable`, finished epochs also outlive a failure of
        the machine, because each is sent to the disk at once; a temporary trace need not wait for
        that. Raises `TraceError` when the folder already holds a trace and `overwrite` is False,
        or holds other files with the names of a trace's, which are never replaced; `OutputError`
        when it cannot be written.
        """
        folder = Path(folder)
        ids = pd.Index(ids, dtype=object).astype(str)
        _check_samples(ids, labels, classes)
        with _writing(folder):
            _require_own(folder)
        is_held = (folder / META).exists() and not trace_file.is_only_begun(folder)
        if is_held and not overwrite:
            go_on = "pass resume=True to go on with its training, "
            raise TraceError(
                f"{folder} already holds a trace: "
                f"{go_on if (folder / CHECKPOINT).exists() else ''}"
                "choose another folder or pass overwrite=True."
            )
        meta = dict(
            format=FORMAT,
            classes=list(classes),
            record=record,
            frozen=frozen,
            epochs=[],
            mean_probs={},
        )
        writer = cls(folder, meta, (len(ids), len(classes)), durable=durable)
        with _writing(folder):
            atomic.make_folder(folder)
            with atomic.replacing(folder / META, durable=durable) as file:
                file.write(sealed.seal({**meta, "format": BEGUN}))  # from now on, all is ours
            (folder / CHECKPOINT).unlink(missing_ok=True)
            for old in folder.glob("mean_probs_*.npy"):
                old.unlink()
            # Files are replaced and never cut: who has the old ones mapped into memory keeps them.
            _write_ids(folder, ids, durable=durable)
            written = np.asarray(labels, dtype=np.int32)
            array_file.write(folder / "labels.npy", written, durable=durable)
            for name, dtype in ROWS.items():
                empty = np.empty((0, len(ids)), dtype=dtype)
                with atomic.replacing(folder / f"{name}.npy", durable=durable) as file:
                    np.save(file, empty)
            writer._commit()
        return writer

    @classmethod
    def resume(
        cls,
        folder: str | os.PathLike,
        ids: Sequence[str] | pd.Index,
        labels: np.ndarray,
        classes: list[str],
        *,
        n_epochs: int,
        record: str = "train",
        frozen: bool = False,
        durable: bool = True,
    ) -> "TraceWriter":
        """Go on with the trace in `folder` after its first `n_epochs`; later epochs are cut off.

        The other arguments are those of `create`. Raises `TraceError` when the folder holds no
        trace, a damaged one or one with fewer epochs, and `ResumeError` when it is about other
        samples, labels or classes, or was recorded in another way; nothing is changed then.
        """
        folder = Path(folder)
        ids = pd.Index(ids, dtype=object).astype(str)
        _check_samples(ids, labels, classes)
        found = Trace.open(folder)
        meta = read_meta(folder)
        _require_same(folder, found, ids, np.asarray(labels), classes, record, frozen)
        if len(meta["epochs"]) < n_epochs:
            raise TraceError(
                f"Expected {n_epochs} finished epochs in {folder}, found {len(meta['epochs'])}: "
                "restore a copy, or train again with overwrite=True."
            )
        del found  # which maps the arrays that may be cut
        writer = cls(folder, meta, (len(ids), len(classes)), durable=durable)
        with _writing(folder):
            writer._cut(n_epochs)
        return writer

    @property
    def n_epochs(self) -> int:
        """Count the epochs committed so far."""
        return len(self.meta["epochs"])

    def append(
        self,
        *,
        loss: np.ndarray,
        margin: np.ndarray,
        pred: np.ndarray,
        lr: float,
        phase: str,
    ) -> None:
        """Commit one finished epoch; each array is (n_samples,), see `Trace` for units.

        Raises `TraceError` for an unknown phase or an array of another length, `OutputError` when
        the epoch cannot be written.
        """
        if phase not in PHASES:
            known = ", ".join(PHASES)
            raise TraceError(f"Unknown phase {str(phase)!r}: expected one of {known}.")
        with _writing(self.folder):
            rows = dict(loss=loss, margin=margin, pred=pred)
            for name, row in rows.items():
                _append_row(self.folder / f"{name}.npy", row, self.n_epochs, durable=self.durable)
            epoch = {"lr": float(lr), "phase": str(phase), SUMS: trace_file.row_sums(rows)}
            self.meta["epochs"].append(epoch)
            self._commit()

    def keep_means(self, mean_probs: dict[str, np.ndarray]) -> None:
        """Commit the mean softmax of phases over all epochs so far, (n_samples, n_classes) each.

        An earlier one of the same phase is replaced. Raises `OutputError` when it cannot be
        written.
        """
        if not mean_probs:
            return
        old = dict(self.meta["mean_probs"])
        with _writing(self.folder):
            for phase, probs in mean_probs.items():
                file = f"mean_probs_{phase}_{self.n_epochs:04d}.npy"
                written = np.asarray(probs, dtype=np.float32)
                array_file.write(self.folder / file, written, durable=self.durable)
                self.meta["mean_probs"][phase] = file
            self._commit()
            self._unlink_means(old)

    def _cut(self, n_epochs: int) -> None:
        """Keep the first `n_epochs`; the list of epochs first, so that no reader expects more."""
        if n_epochs == self.n_epochs:
            return
        kept = self.meta["epochs"][:n_epochs]
        whole = {e["phase"] for e in kept} - {e["phase"] for e in self.meta["epochs"][n_epochs:]}
        old = dict(self.meta["mean_probs"])
        self.meta["epochs"] = kept
        self.meta["mean_probs"] = {p: file for p, file in old.items() if p in whole}
        self._commit()
        for name in ROWS:
            _cut_rows(self.folder / f"{name}.npy", n_epochs, durable=self.durable)
        self._unlink_means(old)

    def _unlink_means(self, old: dict[str, str]) -> None:
        """Remove the files of `old` that the trace no longer names."""
        for file in set(old.values()) - set(self.meta["mean_probs"].values()):
            (self.folder / file).unlink(missing_ok=True)

    def _commit(self) -> None:
        with atomic.replacing(self.folder / META, durable=self.durable) as file:
            file.write(sealed.seal(self.meta))


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn a failing write (disk full, no permission) into one clear `OutputError`."""
    try:
        yield
    except (OSError, OutputError) as error:
        cause = error.__cause__ if isinstance(error, OutputError) else error
        raise OutputError(
            f"Cannot write the trace to {folder} ({getattr(cause, 'strerror', None) or cause}): "
            "free space or choose another folder; the epochs already finished there stay readable."
        ) from error


def _require_own(folder: Path) -> None:
    name = trace_file.foreign(folder)
    if name is not None:
        raise TraceError(
            f"{folder} holds {name}, which a trace there would replace, and no {META} that says "
            "that this package wrote it: choose another folder, or move the file elsewhere."
        )


def is_empty(folder: str | os.PathLike) -> bool:
    """Tell whether `folder` holds a trace without an epoch, of a training that had just begun."""
    try:
        return trace_file.is_only_begun(Path(folder)) or not read_meta(Path(folder))["epochs"]
    except TraceError:
        return False


def is_trace_file(name: str) -> bool:
    """Tell whether a trace's folder may hold a file of this name, whole or half-written.

    >>> is_trace_file("loss.npy"), is_trace_file("meta.json.part"), is_trace_file("cat.png")
    (True, True, False)
    """
    arrays = {f"{name}.npy" for name in ("ids", "id_ends", "labels", *ROWS)}
    averages = name.startswith("mean_probs_") and name.endswith(".npy")
    meta = name.partition(".json")[0] == META.partition(".")[0]
    return name in arrays or averages or meta or name == CHECKPOINT


def _append_row(path: Path, row: np.ndarray, n_rows: int, *, durable: bool) -> None:
    """Add `row` to a C-ordered .npy file that holds `n_rows` committed rows, in place.

    numpy pads the header of every .npy file so that its first axis can grow (numpy.lib.format,
    GROWTH_AXIS_MAX_DIGITS). Rows after the committed ones were left by a crash; they are replaced.
    """
    with open(path, "r+b") as file:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        start = file.tell()
        assert version == (1, 0) and len(shape) == 2, f"{path} is not a trace array"
        row = np.ascontiguousarray(row, dtype=dtype)
        if row.shape != shape[1:]:
            raise TraceError(f"{path.name}: expected a row of {shape[1]} samples, got {row.shape}.")
        file.seek(start + n_rows * row.nbytes)
        file.write(row.tobytes())
        file.truncate()
        if durable:
            file.flush()
            os.fsync(file.fileno())
        _write_header(file, (n_rows + 1, shape[1]), dtype, start)


def _cut_rows(path: Path, n_rows: int, *, durable: bool) -> None:
    """Replace a file of `_append_row` by one with its first `n_rows`.

    It is not cut in place, which would end every process that has it mapped into memory.
    """
    with open(path, "rb") as file:
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        kept = np.fromfile(file, dtype, n_rows * shape[1]).reshape(n_rows, shape[1])
    with atomic.replacing(path, durable=durable) as file:
        np.save(file, kept)


def _write_header(file: BinaryIO, shape: tuple[int, int], dtype: np.dtype, start: int) -> None:
    """Write the header of an array of `shape`; its data begin at `start`, as before."""
    header = dict(descr=np.lib.format.dtype_to_descr(dtype), fortran_order=False, shape=shape)
    file.seek(0)
    np.lib.format.write_array_header_1_0(file, header)
    assert file.tell() == start, "the .npy header changed its length"


def _write_ids(folder: Path, ids: pd.Index, *, durable: bool) -> None:
    """Store ids as UTF-8 bytes, and the offset at which each of them ends.

    In an array of fixed width, every id would take as much space as the longest one.
    """
    encoded = [id.encode("utf-8") for id in ids]
    text = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    array_file.write(folder / "ids.npy", text, durable=durable)
    lengths = np.fromiter((len(id) for id in encoded), dtype=np.int64, count=len(encoded))
    array_file.write(folder / "id_ends.npy", np.cumsum(lengths), durable=durable)


def _check_samples(ids: pd.Index, labels: np.ndarray, classes: list[str]) -> None:
    if len(ids) != len(labels):
        raise TraceError(f"{len(ids)} sample ids but {len(labels)} labels: pass one of each.")
    if not ids.is_unique:
        repeated = ", ".join(map(repr, ids[ids.duplicated()][:3]))
        raise TraceError(f"Sample ids must be unique; repeated: {repeated}.")
    if len(labels) and not (0 <= np.min(labels) and np.max(labels) < len(classes)):
        raise TraceError(
            f"Labels run from {np.min(labels)} to {np.max(labels)}, but there are {len(classes)} "
            "classes: pass positions in `classes`."
        )


def _require_same(
    folder: Path,
    found: Trace,
    ids: pd.Index,
    labels: np.ndarray,
    classes: list[str],
    record: str,
    frozen: bool,
) -> None:
    """Raise `ResumeError` unless the trace that is `found` is about these samples and labels."""
    if found.classes != list(classes):
        what = f"the classes {found.classes[:5]}, and {list(classes)[:5]} are asked for"
    elif not found.ids.equals(ids):
        other = found.ids.symmetric_difference(ids)
        named = f"{other[0]!r} is in one of them only" if len(other) else "in another order"
        what = f"{found.n_samples:,} samples, and {len(ids):,} others are asked for ({named})"
    elif (found.labels != labels).any():
        k = int((found.labels != labels).argmax())
        what = (
            f"other labels: {ids[k]!r} is {found.classes[found.labels[k]]!r} in it, and "
            f"{classes[labels[k]]!r} is asked for"
        )
    elif found.record != record:
        what = f"record={found.record!r}, and {record!r} is asked for"
    elif found.frozen != frozen:
        of = {True: "features of a frozen network", False: "pictures"}
        what = f"the losses of {of[found.frozen]}, and those of {of[frozen]} are asked for"
    else:
        return
    raise ResumeError(
        f"The training in {folder} cannot go on, since its trace has {what}. Ask for the same, "
        "choose another folder, or train again with overwrite=True."
    )


def _of_phase(mean_probs: dict[str, np.ndarray], phase: str) -> dict[str, np.ndarray]:
    return {phase: mean_probs[phase]} if phase in mean_probs else {}
