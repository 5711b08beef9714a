"""What lies in an audit folder, where and in which format; every table is indexed by `sample_id`.

In comes a folder; out comes an `AuditFolder`, which reads tables, trace and facts when they are
first asked for. Neither torch nor fastai is needed. `building` makes such folders.
"""

import json
import os
import shutil
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from o2u_nb import embedding_file, feature_file
from o2u_nb.data import atomic
from o2u_nb.data import samples as samples_io
from o2u_nb.data.moved import moved_to
from o2u_nb.errors import OutputError, SourceError
from o2u_nb.eye_names import NETWORK, column_name
from o2u_nb.trace import Trace, is_trace_file

if TYPE_CHECKING:
    from o2u_nb.detect.findings import Findings

FORMAT = "o2u_nb audit 1"  # in `FACTS` and `MARKER`; an audit with another format is refused
SAMPLES = "samples.parquet"
PROBLEMS = "problems.csv"
TRACE = "trace"
EMBEDDINGS = "embeddings.npy"  # missing where none were kept, as when they would be too large
FEATURES = "features"  # of frozen networks, see `feature_file`
EYES = "eyes"  # a folder for each further eye, with its trace and embeddings
SCORES = "scores.parquet"
SCORES_CSV = "scores.csv"
REPORT = "report.html"
FACTS = "audit.json"  # written last: an audit without it is unfinished
DECISIONS = "decisions.jsonl"  # the reviewers' work: an audit never removes it

MADE_BY_AUDIT = (
    SAMPLES, PROBLEMS, TRACE, EMBEDDINGS, FEATURES, EYES, SCORES, SCORES_CSV, REPORT, FACTS,
)  # fmt: skip

MARKER = ".o2u_nb-audit.json"  # says that a folder is an audit's, and which names an audit made
DRAFT = ".o2u_nb-new"  # where a new audit is built while the old one stays


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
        they must have the same relative paths in it as before. It changes nothing on disk. Raises
        `SourceError` when no finished audit lies in `folder`, when a newer version of this package
        wrote it, or when none of the pictures is in `images`.
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
        if images is not None:
            _ = opened.samples  # read at once, so that a wrong `images` raises here
        return opened

    @cached_property
    def samples(self) -> pd.DataFrame:
        """Read the samples table; its paths lead to `images` where that is given."""
        table = samples_io.read(self.folder / SAMPLES)
        return table if self.images is None else moved_to(table, self.images)

    @cached_property
    def given(self) -> pd.Series:
        """Read the given labels by `sample_id`, without the pictures that a table may hold."""
        return pd.read_parquet(self.folder / SAMPLES, columns=["label"])["label"]

    @cached_property
    def problems(self) -> pd.DataFrame:
        """Read what was wrong with the source: sample_id, problem, detail, action."""
        return pd.read_csv(self.folder / PROBLEMS, dtype=str, keep_default_na=False)

    @cached_property
    def trace(self) -> Trace:
        """Open the training dynamics."""
        return Trace.open(self.folder / TRACE)

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
        is_first = name == self.eye_names[0]
        return (self.folder if is_first else self.folder / EYES / column_name(name)) / EMBEDDINGS

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
        traces = {name: self.folder / EYES / column_name(name) / TRACE for name in others}
        return {first: self.trace, **{name: Trace.open(path) for name, path in traces.items()}}

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Read the ranking, most suspicious first."""
        return pd.read_parquet(self.folder / SCORES)

    @cached_property
    def findings(self) -> "Findings":
        """Return all that was found as one object; what is stored is not computed again."""
        from o2u_nb.detect.findings import Findings  # imports scipy, which a review does not need

        return Findings.stored(self.trace, self.scores, self.facts)

    @property
    def estimates(self) -> pd.DataFrame:
        """Say how many labels are wrong by each estimator; see `Findings.estimators`."""
        return self.findings.estimators

    @property
    def by_class(self) -> pd.DataFrame:
        """Count wrong labels per given label; see `o2u_nb.detect.counts.wrong_per_class`."""
        from o2u_nb.detect import counts  # imports scipy, which a review does not need

        return counts.wrong_per_class(self.scores)

    @cached_property
    def facts(self) -> dict:
        """Read settings, versions and totals."""
        return json.loads((self.folder / FACTS).read_text(encoding="utf-8"))

    @property
    def report(self) -> Path:
        """Return the path of the HTML report."""
        return self.folder / REPORT

    @property
    def log(self) -> Path:
        """Return the path of the decision log, which is there once something was decided."""
        return self.folder / DECISIONS

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
    except (OSError, ValueError, LookupError, TypeError):
        return f"{folder} already holds an audit."


def what_to_do(folder: Path) -> str:
    """Say in one sentence what one can do with the audit that `folder` holds."""
    replace = "pass overwrite=True (--overwrite) to replace it, which keeps the decisions"
    if not is_finished(folder):
        return f"To go on, {replace}; or choose another folder."
    return f"Open it with Audit.open({str(folder)!r}); {replace}; or choose another folder."


def made_in(folder: Path) -> set[str] | None:
    """Return the names in `folder` that an audit made; None when no audit has marked the folder."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        return set(marker["made"]) & set(MADE_BY_AUDIT) if marker["format"] == FORMAT else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def mark(folder: Path, made: Iterable[str]) -> None:
    """Mark `folder` as an audit's, in which the audit made the names `made`."""
    marker = dict(
        format=FORMAT,
        made=sorted(made),
        note="o2u_nb wrote this folder. It replaces or removes the names in `made`, nothing else.",
    )
    with atomic.replacing(folder / MARKER) as file:
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
    made = is_trace_file(name) or feature_file.is_feature_file(name)
    return made or name.removesuffix(".partial") == EMBEDDINGS


def _is_own_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def finish_replacing(folder: Path) -> None:
    """Put a finished new audit, if one waits in `folder`, in the place of the old one.

    The facts are moved last, and every step can be repeated: if this is interrupted, the next
    `open` continues it. Files that no audit made stay. Raises `OutputError` when a file cannot be
    moved.
    """
    draft = folder / DRAFT
    new = made_in(draft)
    if new is None or not (draft / FACTS).is_file():
        return
    old = made_in(folder) or set()
    for name in old:
        require_removable(folder / name)
    try:
        mark(folder, old | new)
        for name in sorted((old | new) - {FACTS}):
            _put_in_place(draft / name, folder / name, is_new=name in new)
        mark(folder, new)
        os.replace(draft / FACTS, folder / FACTS)
        (draft / MARKER).unlink()
        draft.rmdir()
    except OSError as error:
        raise OutputError(
            f"Cannot move the new audit from {draft} to {folder} ({error.strerror or error}): "
            "permit writing there, then open the audit again, which completes the move."
        ) from error


def _put_in_place(new: Path, old: Path, *, is_new: bool) -> None:
    """Replace `old` by `new`; where the new audit has no such thing, remove `old`."""
    if not os.path.lexists(new):
        if not is_new:  # a new thing that is not in the draft was moved by an earlier attempt
            remove(old)
        return
    if _is_own_folder(old) or new.is_dir():
        remove(old)
    os.replace(new, old)
