"""Features: what a frozen network makes of each picture, computed once and kept.

In come a samples table and a `Backbone`; out goes one row for each sample. Rows are found again by
the content of the picture and the key of the network, so that a later audit computes only what is
new, and a job that was killed goes on where it was. The files are those of `feature_file`.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from o2u_nb import feature_file
from o2u_nb.data import atomic
from o2u_nb.data.content import content_hash
from o2u_nb.data.images import Item, image_items, png_bytes, square_pixels
from o2u_nb.data.parallel import Progress, batches_ahead, in_threads
from o2u_nb.errors import FeaturesError, O2UError, SourceError
from o2u_nb.feature_file import About
from o2u_nb.text import duration
from o2u_nb.training.backbones import Backbone
from o2u_nb.training.inference import BATCH, Run, runner

# Number of new pictures from which preparing OpenVINO, some seconds, is worth it. Measured on two
# cores: torch computes 65 pictures a second with EfficientNet-Lite0, OpenVINO 318.
WORTH_PREPARING = 400
# Seconds between two files of rows that are on the disk for good. Our choice: no more work than
# this is lost when the process is killed.
PART_SECONDS = 15.0
TIMED = 4  # batches after which the remaining time is estimated; the first is slower and left out
LEFTOVER_SECONDS = 3600  # age from which a half-written file is one of a process that was killed


def features(
    samples: pd.DataFrame,
    backbone: Backbone,
    *,
    folder: str | Path | None = None,
    reuse: Sequence[str | Path] = (),
    flip: bool = False,
    device: torch.device | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = print,
) -> np.ndarray:
    """Return the features of all `samples`: float16 (n_samples, d), in the order of the table.

    They are kept in `folder`, where a later call finds them, also one after a crash; then the
    result is memory-mapped, copy-on-write. Rows are also taken from the folders `reuse`, which are
    not changed. Pictures with equal content are computed once. Every picture is scaled to the size
    of the network as a whole, since what it shows near its margins may decide its label. With
    `flip`, a row is the mean over the picture and its mirror image, which takes twice as long. (On
    2,527 photographs of waste in 6 classes, 3 seeds, it raised the accuracy of a linear classifier
    in five-fold cross-validation from 0.854 to 0.859, and the average precision of 10 % planted
    wrong labels from 0.910 to 0.912.) `device` is where the network runs (default: the GPU where
    there is one).

    `progress(done, total)` counts the pictures that have to be computed. `say` is called with how
    many that are, and once with an estimate of the time.

    Raises `SourceError` for a picture that cannot be read or decoded; `FeaturesError` when the
    features of one are not finite, or `folder` holds those of another network under this key;
    `OutputError` when they cannot be written. Rows that were computed before are kept in each case.
    """
    key = f"{backbone.key}-flip" if flip else backbone.key
    items = image_items(samples)
    contents = _contents(samples.index, items)
    store = _Store(samples.index, contents, Path(folder) / key if folder else None, say)
    if folder:
        store.begin(About(key, backbone.name, backbone.size))
    for other in reuse:
        store.take(Path(other) / key)
    todo = store.missing()
    if todo:
        _say_how_many(len(todo), len(samples), backbone, say)
        run = runner(backbone, device=device, fast=len(todo) >= WORTH_PREPARING, say=say)
        pairs = [(samples.index[k], items[k]) for k in todo]
        _fill(store, todo, _computed(pairs, backbone.size, run, flip), progress, say)
    return store.finish()


def _say_how_many(new: int, n: int, backbone: Backbone, say: Callable[[str], None]) -> None:
    kept = f", {n - new:,} are kept from before or are copies" if new < n else ""
    say(f"Computing the features of {new:,} pictures by {backbone.name}{kept}.")


def _contents(ids: pd.Index, items: Sequence[Item]) -> np.ndarray:
    """Return the digests of all pictures, uint8 (n, 32); see `_content`."""
    found = in_threads(lambda pair: _content(*pair), list(zip(ids, items, strict=True)))
    return np.frombuffer(b"".join(found), np.uint8).reshape(-1, feature_file.CONTENT_BYTES)


def _content(name: str, item: Item) -> bytes:
    """Return the SHA-256 of a picture as an audit keeps it, and of the range of its grey values.

    An audit keeps an array as a PNG, so both have the same digest.
    """
    kept = png_bytes(item) if isinstance(item, np.ndarray) else item
    try:
        digest = bytes.fromhex(content_hash(kept))
    except OSError as error:
        raise SourceError(
            f"{name}: cannot be read ({error.strerror or error}); read the source again to have "
            "such pictures left out and listed"
        ) from error
    grey = getattr(item, "grey", None)
    return hashlib.sha256(digest + repr(tuple(grey)).encode()).digest() if grey else digest


def _fill(
    store: "_Store",
    todo: Sequence[int],
    batches: Iterator[np.ndarray],
    progress: Progress | None,
    say: Callable[[str], None],
) -> None:
    """Put the rows of the samples at the positions `todo`, which come in batches, into `store`."""
    done, number = 0, 0
    started = 0.0
    try:
        for number, rows in enumerate(batches, 1):
            store.add(todo[done : done + len(rows)], rows)
            done += len(rows)
            if number == 1:
                started, before = time.perf_counter(), done
            if number == TIMED and done < len(todo):
                pace = (time.perf_counter() - started) / (done - before)
                say(f"This takes about {duration(pace * (len(todo) - done))}.")
            if progress:
                progress(done, len(todo))
    except BaseException:
        with suppress(O2UError):  # it must not hide the error that led here
            store.flush()
        raise


def _computed(
    pairs: Sequence[tuple[str, Item]], size: int, run: Run, flip: bool
) -> Iterator[np.ndarray]:
    """Yield the features of (id, item) `pairs` in batches, float32, while later ones are decoded.

    `run` maps pixels, uint8 (n, size, size, 3), to features (n, d).
    """
    decode = lambda pair: square_pixels(*pair, size, at_least=size)  # noqa: E731
    for pictures in batches_ahead(decode, pairs, BATCH):
        pixels = np.stack(pictures)
        rows = run(pixels)
        yield (rows + run(np.ascontiguousarray(pixels[:, :, ::-1]))) / 2 if flip else rows


class _Store:
    """The rows that are known, by the content of their pictures, in memory and on disk.

    `place` is the folder of one network's features, None to keep nothing. Rows that are added are
    written there every `PART_SECONDS`, and all together at the end.
    """

    def __init__(
        self, ids: pd.Index, contents: np.ndarray, place: Path | None, say: Callable[[str], None]
    ):
        self.names = list(ids)
        self.samples = feature_file.id_digests(ids)
        self.contents = contents
        self.place = place
        self.say = say
        self.known: dict[bytes, tuple[np.ndarray, int]] = {}  # content: records, position in them
        self.dtype: np.dtype | None = None  # of the records, by the length of a row
        self.read: list[Path] = []  # files of `place` whose rows are known
        self.new: list[np.ndarray] = []  # records that are not on disk yet
        self.written = time.monotonic()

    def begin(self, facts: About) -> None:
        """Take what the folder already holds; raise `FeaturesError` if that is of another one."""
        assert self.place is not None
        feature_file.begin(self.place, facts)
        for path in filter(lambda path: atomic.is_partial(path.name), self.place.iterdir()):
            with suppress(OSError):  # another process may have finished or removed it
                if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                    path.unlink()
        self.read = self._take_files(self.place)

    def take(self, place: Path) -> None:
        """Take the rows in another folder of the same network, if there is one that is whole."""
        if place == self.place or not (place / feature_file.ABOUT).is_file():
            return
        try:
            feature_file.about(place)
        except FeaturesError as error:
            self.say(f"{error} Going on without them.")
            return
        self._take_files(place)

    def _take_files(self, place: Path) -> list[Path]:
        found = list(feature_file.parts(place))
        for path in found:
            try:
                self._know(feature_file.records_in(path))
            except FeaturesError as error:
                self.say(f"{error} Going on without it.")
        return found

    def _know(self, records: np.ndarray) -> None:
        """Find these records from now on; raise `FeaturesError` when others have longer rows."""
        self.dtype = self.dtype or records.dtype
        if records.dtype != self.dtype:
            d, other = (dtype["row"].shape[0] for dtype in (self.dtype, records.dtype))
            raise FeaturesError(
                f"Features of another network lie among those in {self.place}: there are rows of "
                f"{d} and of {other} numbers. Delete the folder, and they are computed again."
            )
        for position, content in enumerate(records["content"]):
            self.known.setdefault(content.tobytes(), (records, position))

    def missing(self) -> list[int]:
        """List the positions of the samples to be computed, one for each picture."""
        found: dict[bytes, int] = {}
        for position, content in enumerate(self.contents):
            found.setdefault(content.tobytes(), position)
        return [position for content, position in found.items() if content not in self.known]

    def add(self, positions: Sequence[int], rows: np.ndarray) -> None:
        """Add the `rows` (n, d) of the samples at `positions`; raise where they are not finite."""
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
            half = rows.astype(feature_file.DTYPE)
        bad = np.flatnonzero(~np.isfinite(half).all(1))
        if len(bad):
            raise FeaturesError(
                f"Expected finite features, found NaN or numbers that are too large in those of "
                f"{self.names[positions[bad[0]]]!r}: use another network, or leave the picture out."
            )
        records = np.empty(len(half), feature_file.record_type(half.shape[1]))
        records["sample"] = self.samples[positions]
        records["content"] = self.contents[positions]
        records["row"] = half
        self._know(records)
        self.new.append(records)
        if time.monotonic() - self.written > PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the new rows into a file of their own."""
        if self.place and self.new:
            path = feature_file.new_part(self.place)
            n = sum(map(len, self.new))
            feature_file.write(path, self.new, n, self.new[0].dtype)
            self.read.append(path)
            self.new = []
        self.written = time.monotonic()

    def finish(self) -> np.ndarray:
        """Return the rows of all samples, and keep them together in one file."""
        if self.place is None:
            return np.concatenate([block["row"] for block in self._blocks()])
        if not self._is_finished():
            others = self._others()
            n = len(self.names) + sum(map(len, others))
            blocks = (block for part in (self._blocks(), others) for block in part)
            feature_file.write(self.place / feature_file.ROWS, blocks, n, self.dtype)
            for path in self.read:
                if path.name != feature_file.ROWS:
                    path.unlink(missing_ok=True)
        return feature_file.read(self.place.parent, self.place.name, self.names)

    def _is_finished(self) -> bool:
        """Tell whether the file of all rows begins with those of these samples, in order."""
        assert self.place is not None
        if self.new or self.read != [self.place / feature_file.ROWS]:
            return False
        try:
            head = feature_file.records_in(self.read[0])[: len(self.names)]
        except FeaturesError:
            return False
        same = len(head) == len(self.names)
        return same and bool(
            (head["sample"] == self.samples).all() and (head["content"] == self.contents).all()
        )

    def _blocks(self) -> Iterator[np.ndarray]:
        """Yield the records of all samples in their order, some thousand at a time."""
        for start in range(0, len(self.names), feature_file.BLOCK):
            part = slice(start, start + feature_file.BLOCK)
            block = np.empty(len(self.contents[part]), self.dtype)
            block["sample"], block["content"] = self.samples[part], self.contents[part]
            for position, content in enumerate(self.contents[part]):
                records, row = self.known[content.tobytes()]
                block["row"][position] = records["row"][row]
            yield block

    def _others(self) -> list[np.ndarray]:
        """Return the records in the folder's files that are of no sample of this table."""
        seen = {sample.tobytes() for sample in self.samples}
        found = []
        for path in self.read:
            with suppress(FeaturesError):  # it was said when the file was read first
                records = feature_file.records_in(path)
                if records.dtype != self.dtype:
                    continue
                fresh = []
                for position, sample in enumerate(records["sample"]):
                    if sample.tobytes() not in seen:
                        seen.add(sample.tobytes())
                        fresh.append(position)
                found.append(records[fresh])
        return found
