"""An audit as tasks of Label Studio, and its annotations back as decisions.

In comes an audit; out comes a JSON file that Label Studio imports, with a prediction for each
picture. In comes the JSON file that Label Studio exports; out come decisions in a review session.
Label Studio itself is not needed. The labelling interface that belongs to the tasks is
`label_studio_interface(audit)`.
"""

import json
import math
import os
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import pandas as pd

from o2u_nb.data import atomic
from o2u_nb.errors import ApplyError, SourceError
from o2u_nb.folder import AuditFolder
from o2u_nb.review.session import ReviewSession

CHOICES, IMAGE = "label", "image"  # the names of the two parts of the labelling interface
LOCAL = "/data/local-files/?d="  # where Label Studio serves files of its own machine


def write_label_studio(
    audit: AuditFolder, path: str | os.PathLike, *, root: str | os.PathLike | None = None
) -> Path:
    """Write the audit's samples as tasks, most suspicious first, with the suggested labels.

    `path` is the JSON file to write, which is returned. `root` is the folder that Label Studio
    serves as its LOCAL_FILES_DOCUMENT_ROOT, by default the root of the file system. The data of a
    task hold image, sample_id, given_label, rank, suspect, p_wrong and score (higher = more
    suspicious). The prediction is the suggested label; its score is `p_wrong`, the probability (0
    to 1) that the given label is wrong. A sample that training has not seen, or for which nothing
    is suggested, has no prediction. Raises `ApplyError` for samples without files or outside of
    `root`, `OutputError` when the file cannot be written.
    """
    if "path" not in audit.samples:
        raise ApplyError(
            "These samples have no files, which Label Studio must show: write them with "
            "exchange.to_folder, and audit that folder."
        )
    paths = audit.samples["path"]
    tasks = [
        _task(row, _address(paths[row["sample_id"]], root))
        for row in audit.scores.sort_values("rank").reset_index().to_dict("records")
    ]
    with atomic.replacing(path) as file:
        file.write(json.dumps(tasks, ensure_ascii=False, indent=1, allow_nan=False).encode())
    return Path(path)


def label_studio_interface(audit: AuditFolder) -> str:
    """Return the labelling interface (XML) of the tasks, with the audit's classes as choices."""
    choices = "".join(f"<Choice value={quoteattr(name)}/>" for name in audit.trace.classes)
    return (
        f'<View><Image name="{IMAGE}" value="${IMAGE}"/>'
        f'<Choices name="{CHOICES}" toName="{IMAGE}" choice="single">{choices}</Choices></View>'
    )


def _address(path: str, root: str | os.PathLike | None) -> str:
    whole = PurePath(os.path.abspath(path))
    top = PurePath(whole.anchor if root is None else os.path.abspath(root))
    if not whole.is_relative_to(top):
        raise ApplyError(
            f"Expected pictures in {top}, found {whole}: give the folder that Label Studio serves."
        )
    return LOCAL + quote(whole.relative_to(top).as_posix())


def _task(row: dict, address: str) -> dict:
    facts = dict(given_label=row["label"], rank=int(row["rank"]), suspect=bool(row["suspect"]))
    figures = {name: _number(row[name]) for name in ("p_wrong", "score")}
    data = {IMAGE: address, "sample_id": row["sample_id"], **facts, **figures}
    return dict(data=data, predictions=_predictions(row["suggested_label"], figures["p_wrong"]))


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _predictions(label: Any, p_wrong: float | None) -> list[dict]:
    if p_wrong is None or pd.isna(label) or label == "":
        return []
    chosen = dict(from_name=CHOICES, to_name=IMAGE, type="choices", value=dict(choices=[label]))
    return [dict(model_version="o2u_nb", score=p_wrong, result=[chosen])]


def from_label_studio(session: ReviewSession, path: str | os.PathLike) -> list[str]:
    """Record the annotations of a JSON export of Label Studio; return the samples decided.

    `path` is the file, and `session` records the decisions. A label other than the given one is
    recorded as `relabel`, the same one as `keep`. Where the annotations of one task differ,
    `unsure` is recorded. Skipped tasks, and those without an annotation, are left alone. Each label
    is one command, which one `undo` takes back. Nothing is recorded before the whole file was
    checked. Raises `SourceError` for a file that is not such an export, and for samples and labels
    that are not the audit's.
    """
    chosen: dict[str, set[str]] = {}
    for task in _tasks(Path(path)):
        sample_id, labels = _annotated(task, path)
        if labels:
            chosen.setdefault(sample_id, set()).update(labels)
    _require_known(chosen, session.audit.samples.index, "samples", path)
    _require_known({name for found in chosen.values() for name in found}, session.classes,
                   "labels", path)  # fmt: skip
    decided = []
    for label in sorted({name for found in chosen.values() for name in found}):
        if ids := [id for id, found in chosen.items() if found == {label}]:
            decided += session.relabel(label, ids)
    if ids := [id for id, found in chosen.items() if len(found) > 1]:
        decided += session.unsure(ids, note="The annotations in Label Studio differ.")
    return decided


def _tasks(path: Path) -> list:
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(
            f"Cannot read {path} as JSON ({error}): export the project from Label Studio again."
        ) from error
    if not isinstance(tasks, list):
        raise _unlike(path)
    return tasks


def _annotated(task: Any, path: str | os.PathLike) -> tuple[str, list[str]]:
    """Return the sample of a task, and the label of each annotation that was not skipped."""
    try:
        labels = [
            part["value"]["choices"]
            for annotation in task["annotations"]
            if not annotation.get("was_cancelled")
            for part in annotation["result"]
            if part.get("from_name") == CHOICES
        ]
        sample_id = task["data"]["sample_id"]
    except (LookupError, TypeError, AttributeError) as error:
        raise _unlike(path) from error
    single = all(isinstance(found, list) and len(found) == 1 for found in labels)
    names = [sample_id, *(found[0] for found in labels)] if single else []
    if not single or not all(isinstance(name, str) for name in names):
        raise _unlike(path)
    return sample_id, names[1:]


def _unlike(path: str | os.PathLike) -> SourceError:
    return SourceError(
        f"Expected in {path} a list of tasks, each with data.sample_id and annotations of one "
        f"choice, found something else: export the project from Label Studio as JSON (not "
        f"JSON-MIN), with tasks that write_label_studio made."
    )


def _require_known(found: Any, known: Any, what: str, path: str | os.PathLike) -> None:
    strangers = sorted({*found} - {*known})
    if strangers:
        raise SourceError(
            f"Expected {what} of this audit in {path}, found {len(strangers):,} others, such as "
            f"{strangers[0]!r}: nothing was recorded. Open the audit that the tasks are from."
        )
