"""What lies in an audit folder, where and in which format; every table is indexed by `sample_id`.

In comes a folder; out comes an `AuditFolder`, which reads tables, trace and facts when they are
first asked for. Neither torch nor fastai is needed. `building` makes such folders.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from o2u_nb import embedding_file, feature_file, head_file
from o2u_nb.data import atomic, sealed, spreadsheet
from o2u_nb.data import samples as samples_io
from o2u_nb.data.array_file import Damage
from o2u_nb.data.moved import moved_to
from o2u_nb.errors import OutputError, SourceError
from o2u_nb.eye_names import NETWORK, column_name
from o2u_nb.stored import tables
from o2u_nb.stored.claim import claimed
from o2u_nb.trace import META, Trace, is_trace_file

if TYPE_CHECKING:
    from o2u_nb.detect.findings import Findings

FORMAT = "o2u_nb audit 1"  # in `FACTS` and `MARKER`; an audit with another format is refused
SAMPLES = "samples.parquet"
PROBLEMS = "problems.csv"
TRACE = "trace"
EMBEDDINGS = "embeddings.npy"  # missing where none were kept, as when they would be too large
HEAD = head_file.NAME  # of a frozen eye; audits of earlier versions have none
FEATURES = "features"  # of frozen networks, see `feature_file`
EYES = "eyes"  # a folder for each further eye, with its trace and embeddings
SCORES = "scores.parquet"
SCORES_CSV = "scores.csv"
REPORT = "report.html"
RUN = "run.json"  # what an unfinished audit has got to, see `unfinished`; a finished one has none
FACTS = "audit.json"  # written last: an audit without it is unfinished
DECISIONS = "decisions.jsonl"  # the reviewers' work: an audit never removes it

MADE_BY_AUDIT = (
    SAMPLES, PROBLEMS, TRACE, EMBEDDINGS, HEAD, FEATURES, EYES, SCORES, SCORES_CSV, REPORT, RUN,
    FACTS,
)  # fmt: skip

MARKER = ".o2u_nb-audit.json"  # says that a folder is an audit's, and which names an audit made
DRAFT = ".o2u_nb-new"  # where a new audit is built while the old one stays
MOVE_SECONDS = 30.0  # how long to wait for another job that puts its new audit in place


class AuditFolder:
    """Hold what one audit found.

    `samples` is the table of what was audited, and `problems` of what could not be audited. `trace`
    holds the training dynamics, `embeddings` the trained network's features of each sample,
    `scores` the ranking (`rank` 1 = most suspicious), and `facts` the settings and totals. `images`
    is the folder in which the pictures are now, None where they are where they were audited.
    """

    def __init__(self, folder: str | os.PathLike, *, images: str | os.PathLike | None = None):
        self.folder = Path(folder)
        self.images = images

    @classmethod
    def open(cls, folder: str | os.PathLike, *, images: str | os.PathLike | None = None) -> Self:
        """Open the audit in `folder`.

        If the pictures were moved since the audit, `images` is the folder in which they are now;
        they must have the same relative paths in it as before. It changes nothing on disk. Of all
        files, presence and size are checked here, and `audit.json` completely; each table is when
        it is first read, with its checksum, and so is each array unless it is large. `verify`
        checks everything. Raises `SourceError` when no finished audit lies in `folder`, when a file
        of it is damaged, when a newer version of this package wrote it, or when none of the
        pictures is in `images`.
        """
        finish_replacing(Path(folder))
        if not (Path(folder) / FACTS).is_file():
            raise SourceError(
                f"No finished audit in {folder}: expected the file {FACTS} there. "
                f"Make one with Audit.run(source, {str(folder)!r}), or in a terminal with "
                f"`python -m o2u_nb audit SOURCE --out {folder}`."
            )
        opened = cls(folder, images=images)
        opened._require_known_format()
        tables.check_files(opened.folder, opened.facts)
        if images is not None:
            _ = opened.samples  # read at once, so that a wrong `images` raises here
        return opened

    @cached_property
    def samples(self) -> pd.DataFrame:
        """Read the samples table: `label`, `split` and `path` or `image`, by `sample_id`.

        Its paths lead to `images` where that is given.
        """
        with self._reading(SAMPLES):
            table = samples_io.read(self.folder / SAMPLES)
            tables.check_samples(table)
        return table if self.images is None else moved_to(table, self.images)

    @cached_property
    def given(self) -> pd.Series:
        """Read the given labels by `sample_id`, without the pictures that a table may hold."""
        if "samples" in self.__dict__:
            return self.samples["label"]
        with self._reading(SAMPLES):
            return samples_io.read(self.folder / SAMPLES, columns=["label", "split"])["label"]

    @cached_property
    def problems(self) -> pd.DataFrame:
        """Read what was wrong with the source, one row for each problem.

        The columns are text: `sample_id`, `problem`, `detail` and `action`, which says what was
        done. Raises `SourceError` when the file is damaged.
        """
        with self._reading(PROBLEMS):
            table = pd.read_csv(self.folder / PROBLEMS, dtype=str, keep_default_na=False)
            table = spreadsheet.restored(table)
            if list(table) != list(samples_io.Problem._fields):
                raise Damage(f"expected the columns {', '.join(samples_io.Problem._fields)}")
            return table

    @cached_property
    def trace(self) -> Trace:
        """Open the training dynamics; see `Trace.open`."""
        return self._trace(TRACE)

    @cached_property
    def embeddings(self) -> np.ndarray | None:
        """Open the embedding of each sample: float16 (n_samples, d), memory-mapped.

        The rows are in the order of the trace's ids. Those of a network that was trained on the
        pictures have length 1; a head's are the features that it was trained on. None where none
        were kept. Raises `TraceError` or `FeaturesError` when the file is damaged or of other
        samples.
        """
        eyes = self.facts.get("eyes")
        if eyes and eyes[0]["frozen"]:
            return self.features[eyes[0]["name"]]
        return embedding_file.read(self.folder / EMBEDDINGS, self.trace.n_samples)

    @cached_property
    def features(self) -> dict[str, np.ndarray]:
        """Open the features that frozen networks made of the pictures, by the network's name.

        float16 (n_samples, d) each, memory-mapped, in the order of the trace's ids; empty where no
        frozen network was used. Raises `FeaturesError` when a file is damaged or of other samples.
        """
        return {
            eye["name"]: feature_file.read(self.folder / FEATURES, eye["features"], self.trace.ids)
            for eye in self.facts.get("eyes", ())
            if eye["frozen"]
        }

    @property
    def eye_names(self) -> list[str]:
        """Return the names of the networks that looked at the pictures, the first eye first."""
        return [eye["name"] for eye in self.facts.get("eyes", ())] or [NETWORK]

    def file_of_eye(self, name: str) -> Path:
        """Return the file in which what the eye `name` makes of the pictures is kept, if it is."""
        frozen = {
            eye["name"]: eye["features"] for eye in self.facts.get("eyes", ()) if eye["frozen"]
        }
        if name in frozen:
            return self.folder / FEATURES / frozen[name] / feature_file.ROWS
        return self._place_of_eye(name) / EMBEDDINGS

    def file_of_head(self, name: str) -> Path:
        """Return the file in which the head on the frozen eye `name` is kept, if it is."""
        return self._place_of_eye(name) / HEAD

    def head_of(self, name: str) -> head_file.Head | None:
        """Read the head on the frozen eye `name`; None where none was kept.

        Raises `TraceError` when the file is damaged.
        """
        return head_file.read(self.file_of_head(name), len(self.trace.classes))

    def _place_of_eye(self, name: str) -> Path:
        is_first = name == self.eye_names[0]
        return self.folder if is_first else self.folder / EYES / column_name(name)

    def features_of(self, name: str) -> np.ndarray | None:
        """Open what the eye `name` makes of the pictures: float16 (n_samples, d), memory-mapped.

        The rows are in the order of the trace's ids: the features of a frozen network, or the
        embeddings of one that was trained on the pictures. None where none were kept. Raises what
        `embeddings` raises.
        """
        if name == self.eye_names[0]:
            return self.embeddings
        if name in self.features:
            return self.features[name]
        return embedding_file.read(self.file_of_eye(name), self.trace.n_samples)

    @cached_property
    def eyes(self) -> dict[str, Trace]:
        """Open the training dynamics of each eye, by its name; the first is `trace`.

        One eye is a network that was trained on the pictures, called `network`, or a head on the
        features of a frozen network, called as that.
        """
        first, *others = self.eye_names
        traces = {name: f"{EYES}/{column_name(name)}/{TRACE}" for name in others}
        return {first: self.trace, **{name: self._trace(path) for name, path in traces.items()}}

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Read the score table, most suspicious first; `score_table` describes its columns.

        Raises `SourceError` when the file is damaged or is about other samples.
        """
        given = self.given
        with self._reading(SCORES):
            table = samples_io.table_in(self.folder / SCORES)
            tables.check_scores(table)
            tables.require_same(SAMPLES, given, table["label"])
            return table

    @cached_property
    def findings(self) -> "Findings":
        """Return all that was found as one object; what is stored is not computed again."""
        from o2u_nb.detect.findings import Findings  # imports scipy, which a review does not need

        return Findings.stored(self.trace, self.scores, self.facts)

    @property
    def estimates(self) -> pd.DataFrame:
        """Return how many labels are wrong by each estimator: `count`, `rate` (0 to 1) and `note`.

        The table is indexed by `estimator`, see `detect.counts.compare_estimators`.
        """
        return self.findings.estimators

    @property
    def by_class(self) -> pd.DataFrame:
        """Estimate the wrong labels of each given label: `samples`, `suspects`, `wrong`, `rate`.

        The table is indexed by `label`, see `detect.counts.wrong_per_class`.
        """
        from o2u_nb.detect import counts  # imports scipy, which a review does not need

        return counts.wrong_per_class(self.scores)

    @cached_property
    def facts(self) -> dict:
        """Read what `audit.json` holds: settings, versions and totals.

        Raises `SourceError` when the file is damaged.
        """
        with tables.explained(self.folder / FACTS, self.folder):
            facts, is_whole = sealed.unseal((self.folder / FACTS).read_bytes())
            if facts.get("format", FORMAT) == FORMAT:  # another one is said when it is opened
                tables.check_facts(facts)
                if not is_whole:
                    raise Damage("it is not as it was written, by its checksum")
            return facts

    @property
    def report(self) -> Path:
        """Return the path of the HTML report."""
        return self.folder / REPORT

    @property
    def log(self) -> Path:
        """Return the path of the decision log, which is there once something was decided."""
        return self.folder / DECISIONS

    def _trace(self, name: str) -> Trace:
        trace, given = Trace.open(self.folder / name), self.given
        with tables.explained(self.folder / name, self.folder):
            tables.check_trace(trace, given)
        return trace

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """Check the sum of the table `name` before it is read; damage becomes a `SourceError`."""
        with tables.explained(self.folder / name, self.folder):
            tables.check_sum(self.folder, name, self._facts_now())
            yield

    def _facts_now(self) -> dict:
        """Return the facts on disk, which differ from `facts` once another audit is in this place.

        Where they cannot be read, those that were read before are returned: they are the promise.
        """
        try:
            return sealed.unseal((self.folder / FACTS).read_bytes())[0]
        except (OSError, ValueError):
            return self.facts

    def _require_known_format(self) -> None:
        found = self.facts.get("format", FORMAT)  # the first audits did not name their format
        if found != FORMAT:
            raise SourceError(
                f"The audit in {self.folder} has the format {found!r}; this version reads "
                f"{FORMAT!r}. Open it with the version of o2u_nb that wrote it, or a newer one."
            )

    def __repr__(self) -> str:
        facts = self.facts
        return (
            f"{type(self).__name__}({str(self.folder)!r}: {facts['n_samples']:,} samples, "
            f"{facts['n_classes']} classes, about {facts['estimated_wrong']:,} wrong labels)"
        )


def listed(folder: Path) -> dict[str, dict]:
    """Return what `audit.json` says of the other files in `folder`, for `stored.tables`.

    Left out are what people may change (the report and the CSV of the scores), features, which may
    grow and have checksums of their own, and what is only there while an audit is made.
    """
    traces = [folder / TRACE, *folder.glob(f"{EYES}/*/{TRACE}")]
    arrays = [path for place in traces for path in place.glob("*.npy")]
    metas = [place / META for place in traces]
    for name in (EMBEDDINGS, HEAD):
        arrays += [folder / name, *folder.glob(f"{EYES}/*/{name}")]
    summed = [folder / SAMPLES, folder / PROBLEMS, folder / SCORES, *metas]
    names = lambda paths: [path.relative_to(folder).as_posix() for path in paths]  # noqa: E731
    return tables.listed(folder, names(summed), names(arrays))


def is_finished(folder: Path) -> bool:
    """Tell whether `folder` holds a finished audit, or a new one that is still to be put in place.

    See `finish_replacing`.
    """
    return any((place / FACTS).is_file() for place in (folder, folder / DRAFT))


def what_is_in(folder: Path) -> str:
    """Say in one sentence which audit `folder` holds."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        made = f", made on {facts['created'][:16].replace('T', ' at ')} UTC"
        return f"{folder} already holds an audit of {facts['n_samples']:,} samples{made}."
    except FileNotFoundError:
        return f"{folder} already holds an unfinished audit."
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return f"{folder} already holds an audit."


def what_to_do(folder: Path) -> str:
    """Say in one sentence what one can do with the audit that `folder` holds."""
    replace = "pass overwrite=True (--overwrite) to replace it, which keeps the decisions"
    go_on = f"ask for the same with resume=True (--resume) to go on with {{}}; {replace}"
    finished, unfinished = is_finished(folder), unfinished_in(folder) is not None
    if finished:
        what = go_on.format("the new one, which is unfinished") if unfinished else replace
        return f"Open it with Audit.open({str(folder)!r}); {what}; or choose another folder."
    what = go_on.format("it") if unfinished else replace
    return f"{what[0].upper()}{what[1:]}; or choose another folder."


def unfinished_in(folder: Path) -> Path | None:
    """Return the place of an unfinished audit in `folder` that can go on; None without any.

    It is `folder` itself, or the place of a new audit that was to replace an earlier one.
    """
    for place in (folder / DRAFT, folder):
        is_ours = RUN in (made_in(place) or ())
        if is_ours and (place / RUN).is_file() and not (place / FACTS).is_file():
            return place
    return None


def made_in(folder: Path) -> set[str] | None:
    """Return the names in `folder` that an audit made; None when no audit has marked the folder."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        return set(marker["made"]) & set(MADE_BY_AUDIT) if marker["format"] == FORMAT else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def mark(folder: Path, made: Iterable[str]) -> None:
    """Mark `folder` as an audit's, in which the audit made the names `made`."""
    marker = dict(
        format=FORMAT,
        made=sorted(made),
        note="o2u_nb wrote this folder. It replaces or removes the names in `made`, nothing else.",
    )
    with atomic.replacing(folder / MARKER) as file:  # on the disk before anything it lists
        file.write(json.dumps(marker, indent=2).encode())


def remove(path: Path) -> None:
    """Remove one thing that an audit made; a link is removed, and what it leads to stays.

    Raises `OutputError` as `require_removable` does.
    """
    if _is_own_folder(path):
        require_removable(path)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def require_removable(path: Path) -> None:
    """Raise `OutputError` when `path` is a folder that holds files which no audit writes."""
    if not _is_own_folder(path):
        return
    inside = (inner for inner in path.rglob("*") if not _is_own_folder(inner))
    strangers = [inner.name for inner in inside if not _is_made(inner.name)]
    if strangers:
        raise OutputError(
            f"{path} holds {strangers[0]!r}, which no audit wrote: move it elsewhere first. "
            "Nothing was removed."
        )


def _is_made(name: str) -> bool:
    made = is_trace_file(name) or feature_file.is_feature_file(name) or name in (EMBEDDINGS, HEAD)
    return made or atomic.is_partial(name)


def _is_own_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def finish_replacing(folder: Path) -> None:
    """Put a finished new audit, if one waits in `folder`, in the place of the old one.

    The facts are moved last, and every step can be repeated: if this is interrupted, the next
    `open` continues it. Files that no audit made stay. Where another job is doing it at the moment,
    this waits until it is done. Raises `OutputError` when a file cannot be moved, `InUseError` when
    the other job does not end.
    """
    if _waits(folder):
        with claimed(folder, wait=MOVE_SECONDS):
            if (new := _waits(folder)) is not None:
                _replace(folder, new)


def _waits(folder: Path) -> set[str] | None:
    """Return what a finished new audit in `folder` is made of, None where none waits there."""
    draft = folder / DRAFT
    return made_in(draft) if (draft / FACTS).is_file() else None


def _replace(folder: Path, new: set[str]) -> None:
    draft = folder / DRAFT
    old = made_in(folder) or set()
    for name in old:
        require_removable(folder / name)
    try:
        mark(folder, old | new)
        for name in sorted((old | new) - {FACTS}):
            _put_in_place(draft / name, folder / name, is_new=name in new)
        atomic.sync_folder(folder)
        atomic.sync_folder(draft)
        mark(folder, new)
        os.replace(draft / FACTS, folder / FACTS)
        atomic.sync_folder(folder)
        remove_draft(draft)
    except OSError as error:
        raise OutputError(
            f"Cannot move the new audit from {draft} to {folder} ({error.strerror or error}): "
            "permit writing there, then open the audit again, which completes the move."
        ) from error


def remove_draft(draft: Path) -> None:
    """Remove the folder of a draft in which nothing is left but the marker."""
    (draft / MARKER).unlink()
    for left in filter(lambda path: atomic.is_partial(path.name), list(draft.iterdir())):
        left.unlink()
    draft.rmdir()


def _put_in_place(new: Path, old: Path, *, is_new: bool) -> None:
    """Replace `old` by `new`; where the new audit has no such thing, remove `old`."""
    if not os.path.lexists(new):
        if not is_new:  # a new thing that is not in the draft was moved by an earlier attempt
            remove(old)
        return
    if _is_own_folder(old) or new.is_dir():
        remove(old)
    os.replace(new, old)
