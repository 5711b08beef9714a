"""The scorer: from Arrow tables of pictures to Arrow tables of scores, a function without state.

In comes what a finished audit has learned, as plain data that another process or machine can take;
out comes a `Scorer`, a function from a table of pictures to a table with a row for each of them.
Each picture is read and decoded once. `audit.score` and the bulk engines are built on it. torch is
imported when the first picture is looked at, and only then.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from threading import Lock
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from threadpoolctl import ThreadpoolController

from o2u_nb import feature_file
from o2u_nb.data.images import (
    GreyRange,
    grey_range,
    in_range,
    load_image,
    require_file,
    resized,
    why_unreadable,
)
from o2u_nb.data.parallel import Key, in_lists, lists_ahead
from o2u_nb.data.places import is_url, place_of
from o2u_nb.data.samples import UNREADABLE_IMAGE
from o2u_nb.detect.confident import scaled
from o2u_nb.detect.evidence import Evidence, over_eyes
from o2u_nb.detect.neighbours import MOST_COMPARED, Known
from o2u_nb.detect.odds import likeliest_other, log_odds_against
from o2u_nb.detect.recommended import FLOOR, combined
from o2u_nb.detect.swaps import WEIGHT, swap_ratios
from o2u_nb.errors import MissingExtraError, O2UError
from o2u_nb.folder import AuditFolder
from o2u_nb.head_file import Head
from o2u_nb.looks import frozen_eyes, known_network
from o2u_nb.rows import evenly

UNKNOWN_CLASS = "class unknown to the audit"  # in the column `problem`
NO_PICTURE = "no picture: neither a path nor bytes"
NOT_FINITE = "the network gives no finite numbers for it"
# What comes out. `label`, `predicted_label`, `score` and `doubt` may be missing; `problem` is ""
# where nothing is wrong.
SCORED = pa.schema(
    [
        ("sample_id", pa.string()),
        ("label", pa.string()),
        ("score", pa.float64()),
        ("predicted_label", pa.string()),
        ("doubt", pa.float64()),
        ("problem", pa.string()),
    ]
)

Batch: TypeAlias = pa.Table | pa.RecordBatch
_LIMITING = Lock()  # the threads of numpy's products are those of the whole process


class Eye(NamedTuple):
    """A frozen network: its name, the key of its features, and the head that was trained on it.

    `rows`, float16 (m, d), are the features of at most `MOST_COMPARED` samples of the audit, and
    `probs`, float32 (m, n_classes), what the head said of them in training.
    """

    name: str
    key: str
    head: Head
    rows: np.ndarray
    probs: np.ndarray


class Learned(NamedTuple):
    """What an audit has learned: plain data, which can be sent to another process.

    `classes` are the names of its classes in the order of the heads' rows. `swaps`, float
    (n_classes, n_classes), is how common it is that samples of the class of a column have the label
    of a row, in nats, 0 = as common as the average (`detect.swaps`). `grey` is the range of its
    deep grey pictures, None without any.
    """

    eyes: tuple[Eye, ...]
    classes: tuple[str, ...]
    swaps: np.ndarray
    grey: GreyRange | None

    def digest(self) -> str:
        """Return a checksum of all of it, 16 hexadecimal digits: equal ones give equal scores."""
        found = hashlib.sha256(repr((self.classes, self.grey)).encode())
        found.update(self.swaps.tobytes())
        for eye in self.eyes:
            found.update(repr((eye.name, eye.key)).encode())
            for numbers in (*eye.head, eye.rows, eye.probs):
                found.update(np.ascontiguousarray(numbers).tobytes())
        return found.hexdigest()[:16]


def learned_by(audit: AuditFolder) -> Learned:
    """Return what `audit` has learned.

    Raises `O2UError` when the audit has no frozen eye or keeps no heads, `TraceError` for a damaged
    head, and `FeaturesError` for features that are missing or damaged.
    """
    keys = frozen_eyes(audit)
    if not keys:
        raise O2UError(
            f"Expected an audit with a pretrained eye, whose head can score new pictures; the one "
            f"in {audit.folder} has none, and keeps no weights of a network that was trained on "
            "the pictures. Audit with --eye efficientnet_lite0, or with --preset instant."
        )
    compared = evenly(audit.trace.n_samples, MOST_COMPARED)
    seen = [_evidence(audit, name).take(compared) for name in keys]
    eyes = tuple(
        Eye(name, key, _head(audit, name), np.asarray(by.embeddings), by.class_probs[:])
        for (name, key), by in zip(keys.items(), seen, strict=True)
    )
    alike = over_eyes([by.said_of_alike[:] for by in seen])
    swapped = WEIGHT * np.log(swap_ratios(alike, seen[0].labels))
    return Learned(eyes, tuple(audit.trace.classes), swapped, grey_range(audit.samples))


def _evidence(audit: AuditFolder, name: str) -> Evidence:
    return Evidence(audit.eyes[name], audit.features[name], eye=name)


def _head(audit: AuditFolder, name: str) -> Head:
    head = audit.head_of(name)
    if head is None:
        raise O2UError(
            f"Expected the head on {name} in {audit.file_of_head(name)}, found none: the audit was "
            "made by an earlier version, which kept no heads. Audit again with overwrite=True "
            "(--overwrite); the features and the decisions are kept."
        )
    return head


class Row(NamedTuple):
    """One picture that comes in; `picture` is a path, a URL, bytes, or a dict of both, or None."""

    sample_id: str
    picture: Any
    label: str | None


class Seen(NamedTuple):
    """A picture that was decoded: its pixels by the side that eyes want, or why there are none."""

    row: Row
    pixels: dict[int, np.ndarray]
    problem: str


class Scorer:
    """Score pictures by what an audit has learned: Arrow table in, Arrow table out.

    A table that comes in has the columns `sample_id` (string), `path` (string) or `image` (binary,
    or a struct of `bytes` and `path`), and `label` (string) if the pictures are labelled. A path is
    one of this machine or a URL that fsspec can open, such as `s3://bucket/cat.jpg`. Out comes a
    table with the schema `SCORED` and the rows in the same order; what the columns mean is said by
    `scoring.score`. What cannot be read is a row with a problem, and never an error.

    `n` is about how many pictures will come: OpenVINO is prepared for many, which takes seconds.
    `workers` is how many threads decode, and `threads` with how many OpenVINO computes, by default
    as many as there are cores. `say` is called with what a user may want to know.
    """

    def __init__(
        self,
        learned: Learned,
        *,
        n: int,
        workers: int | None = None,
        threads: int | None = None,
        say: Callable[[str], None] = lambda line: None,
    ):
        self.learned = learned
        self.n = n
        self.workers = workers
        self.threads = threads
        self.say = say
        self._codes = {name: code for code, name in enumerate(learned.classes)}
        self._names = np.array(learned.classes, dtype=object)

    def __call__(self, batch: Batch) -> pa.Table:
        """Return the scores of the pictures in `batch`; see the class.

        Raises `FeaturesError` and `WeightsError` when a network is not the one that the audit used
        or cannot be had, and `MissingExtraError` without torch.
        """
        return pa.concat_tables([SCORED.empty_table(), *self.stream([batch])])

    def stream(self, batches: Iterable[Batch]) -> Iterator[pa.Table]:
        """Yield the scores of the pictures in `batches`, in order, some pictures at a time.

        Pictures are decoded while a network looks at earlier ones, also across batches. Raises what
        a call raises.
        """
        for _, table in self.judging((None, rows) for rows in in_batches(batches)):
            yield table

    def judging(self, lists: Iterable[tuple[Key, list[Row]]]) -> Iterator[tuple[Key, pa.Table]]:
        """Yield each key of `lists` with the scores of its pictures, as many as a network takes.

        Pictures of later lists are decoded meanwhile. Raises what a call raises.
        """
        _ = self._networks  # what is wrong with them is said before anything is decoded
        for key, seen in lists_ahead(self.look, lists, workers=self.workers):
            yield key, self.judged(seen)

    def look(self, row: Row) -> Seen:
        """Read and decode one picture; what cannot be decoded has a problem."""
        sides = self._sides
        try:
            item = read(row.picture)
            if item is None:
                return Seen(row, {}, NO_PICTURE)
            image = load_image(in_range(item, self.learned.grey), at_least=max(sides))
            pixels = {side: np.asarray(resized(image, (side, side))) for side in sides}
            return Seen(row, pixels, "")
        except MissingExtraError:  # no other picture could be read either
            raise
        except Exception as error:  # decoders and file systems raise nearly any exception
            return Seen(row, {}, f"{UNREADABLE_IMAGE}: {why_unreadable(error)}")

    def judged(self, seen: Sequence[Seen]) -> pa.Table:
        """Return the rows of pictures that were looked at, at most as many as a network takes."""
        problems = np.array([one.problem for one in seen], dtype=object)
        labels = [one.row.label for one in seen]
        codes = np.array([-1 if label is None else self._codes.get(label, -1) for label in labels])
        margins, probs = self._said([one.pixels for one in seen if one.pixels], codes, problems)
        known = np.isfinite(probs[:, 0])
        problems[(problems == "") & ~known] = NOT_FINITE
        strange = (codes < 0) & np.array([label is not None for label in labels], dtype=bool)
        problems[(problems == "") & strange] = UNKNOWN_CLASS
        peaks = probs.argmax(1)
        columns = [
            pa.array([one.row.sample_id for one in seen], pa.string()),
            pa.array(labels, pa.string()),
            pa.array(margins, mask=~(known & (codes >= 0))),
            pa.array(self._names[peaks], pa.string(), mask=~known),
            pa.array(1 - probs[np.arange(len(seen)), peaks], mask=~known),
            pa.array(problems, pa.string()),
        ]
        return pa.Table.from_arrays(columns, schema=SCORED)

    def _said(
        self, pixels: list[dict[int, np.ndarray]], codes: np.ndarray, problems: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the margins (n,) and the probabilities (n, n_classes), NaN where not known."""
        n, n_classes = len(codes), len(self.learned.classes)
        margins, probs = np.full(n, np.nan), np.full((n, n_classes), np.nan)
        if not pixels:
            return margins, probs
        whole = np.flatnonzero(problems == "")
        rows = [_kept(run(np.stack([one[side] for one in pixels]))) for side, run in self._networks]
        with _LIMITING, self._blas.limit(limits=1, user_api="blas"):
            own = [
                probabilities(of, eye.head) for of, eye in zip(rows, self.learned.eyes, strict=True)
            ]
            finite = np.logical_and.reduce([np.isfinite(of_eye).all(1) for of_eye in own])
            whole = whole[finite]
            rows, own = [of[finite] for of in rows], [of[finite] for of in own]
            alike = [known.probs_of(of) for of, known in zip(rows, self._known, strict=True)]
        margins[whole] = against(own, alike, np.maximum(codes[whole], 0), self.learned.swaps)
        probs[whole] = over_eyes(own)
        return margins, probs

    @cached_property
    def _blas(self) -> ThreadpoolController:
        """Return what limits the threads of numpy's products, which are small here.

        Its threads wait for the next product by using their cores, which decode pictures and run
        networks meanwhile: with two threads on two cores, a fifth of the speed was lost.
        """
        return ThreadpoolController()

    @cached_property
    def _known(self) -> list[Known]:
        """Return the audit's samples as each eye sees them."""
        return [Known(eye.rows, eye.probs) for eye in self.learned.eyes]

    @cached_property
    def _networks(self) -> list[tuple[int, Callable[[np.ndarray], np.ndarray]]]:
        """Return the side of the pictures and the function of each eye."""
        from o2u_nb.training.inference import runner
        from o2u_nb.training.probe.features import WORTH_PREPARING

        found = []
        for eye in self.learned.eyes:
            network = known_network(eye.name, eye.key)
            fast = self.n >= WORTH_PREPARING
            run = runner(network, fast=fast, threads=self.threads, say=self.say)
            found.append((network.size, run))
        return found

    @cached_property
    def _sides(self) -> tuple[int, ...]:
        return tuple(sorted({side for side, _ in self._networks}))


def against(
    own: Sequence[np.ndarray], alike: Sequence[np.ndarray], codes: np.ndarray, swaps: np.ndarray
) -> np.ndarray:
    """Return the score of pictures, float (n,), nats, higher = more suspicious.

    `own` and `alike` have for each eye what its head says of the pictures and of their look-alikes,
    float (n, n_classes), `alike` with rows of NaN where not known; `codes` (n,) int are the given
    classes, and `swaps` is that of `Learned`. It is the audit's own score (`detect.recommended`),
    with the head's margin in the place of what training says of its samples.
    """
    pooled = [np.where(np.isnan(b), a, (a + b) / 2) for a, b in zip(own, alike, strict=True)]
    suggested = likeliest_other(over_eyes(pooled), codes)
    common = swaps[codes, suggested]
    parts = [
        combined(log_odds_against(a, codes), log_odds_against(b + FLOOR, codes), common)
        for a, b in zip(own, alike, strict=True)
    ]
    return over_eyes(parts)


def rows_of(batch: Batch) -> Iterator[Row]:
    """Yield the rows of an Arrow table, one after the other, so that bytes are copied late."""
    pictures = batch.column("image" if "image" in batch.schema.names else "path")
    if "label" in batch.schema.names:
        labels: Iterable = batch.column("label")
    else:
        labels = pa.nulls(len(batch), pa.string())
    for name, picture, label in zip(batch.column("sample_id"), pictures, labels, strict=True):
        yield Row(name.as_py(), picture.as_py(), label.as_py())


def in_batches(tables: Iterable[Batch]) -> Iterator[list[Row]]:
    """Yield the rows of Arrow tables in lists of as many as a network takes at a time."""
    from o2u_nb.training.inference import BATCH  # imports torch, which takes seconds

    yield from in_lists((row for table in tables for row in rows_of(table)), BATCH)


def read(picture: Any) -> bytes | None:
    """Return the bytes of an encoded picture; None where there is none.

    `picture` is bytes, the path of a file, a URL that fsspec can open, or a dict of `bytes` and
    `path`, of which the bytes count if they are there. Raises what reading raises.
    """
    if isinstance(picture, dict):
        picture = picture.get("bytes") or picture.get("path")
    if not picture:
        return None
    if isinstance(picture, str) and is_url(picture):
        return _fetched(picture)
    if isinstance(picture, str):
        require_file(picture)
        with open(picture, "rb") as file:
            return file.read()
    return picture


def _fetched(url: str) -> bytes:
    place = place_of(url)
    if place.is_local:
        require_file(place.path)
    return place.system.cat_file(place.path)


def _kept(rows: np.ndarray) -> np.ndarray:
    """Return features as an audit keeps them and its heads have learned from, float16 (n, d)."""
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is told
        return rows.astype(feature_file.DTYPE)


def probabilities(features: np.ndarray, head: Head) -> np.ndarray:
    """Return the softmax of `head` for `features` (n, d): float64 (n, n_classes).

    A row of features that are not finite gives a row of NaN.
    """
    from scipy.special import softmax

    finite = np.isfinite(features).all(1)
    rows = scaled(np.where(finite[:, None], features, 0).astype(np.float32) - head.mean)
    probs = softmax((rows @ head.weight.T + head.bias).astype(np.float64), axis=1)
    probs[~finite] = np.nan
    return probs
