"""An audit with its decisions as a data set of FiftyOne: fields, tags and predictions.

In come a plan and an audit; out comes a folder that `fiftyone.Dataset.from_dir` reads. FiftyOne
itself is not needed. All samples are in it, also those that were dropped, which have that tag.
"""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from o2u_nb.data.images import image_items
from o2u_nb.data.parallel import Progress
from o2u_nb.data.readers.arrays import numbered
from o2u_nb.detect.dynamics import class_probs
from o2u_nb.exchange import tree
from o2u_nb.exchange.class_folders import write_tree
from o2u_nb.exchange.cleaned import warn_of_stale
from o2u_nb.folder import AuditFolder
from o2u_nb.review.apply import Plan
from o2u_nb.review.events import TAGS_JOIN

SUSPECT = "suspect"  # a tag


def to_fiftyone(
    plan: Plan,
    audit: AuditFolder,
    folder: str | os.PathLike,
    *,
    progress: Progress | None = None,
) -> Path:
    """Write `samples.json` and `metadata.json` in the format of a `FiftyOneDataset`.

    `fo.Dataset.from_dir(folder, dataset_type=fo.types.FiftyOneDataset)` reads it. Fields of each
    sample: `ground_truth`, the given label; `cleaned`, the label after the decisions, missing where
    it was dropped; `prediction`, the suggested label, whose confidence is its mean probability
    while training (0 to 1); `score` (nats, higher = more suspicious), `p_wrong` (0 to 1), `rank`,
    `sample_id`, `split`, `decision`, `reviewer` and `note`. Tags are the split, `suspect`, the
    decision, and those that reviewers gave.

    `plan` and `progress` are those of `to_folder`, `audit` is the audit of the plan. Pictures stay
    where they are, and the file holds their absolute paths; those without files are written to
    `data`. `folder` must be new or empty. Warns of decisions that are not applied. Raises
    `ApplyError` when `folder` cannot be used or pictures cannot be found, and `OutputError` when a
    file cannot be written; then nothing is left behind.
    """
    warn_of_stale(plan)
    items = dict(zip(plan.samples.index, image_items(plan.samples), strict=True))
    stored = [id for id, item in items.items() if not isinstance(item, (str, os.PathLike))]
    places = dict(zip(stored, (f"data/{number}.png" for number in numbered(len(stored))),
                      strict=True))  # fmt: skip
    samples = _samples(plan, audit, items, places)
    about = dict(
        name=f"{audit.folder.name} (o2u_nb)",
        media_type="image",
        info=dict(
            o2u_nb=audit.facts.get("o2u_nb_version", ""),
            score="nats, higher = more suspicious",
            p_wrong="probability that the given label is wrong",
        ),
    )
    files = [tree.Entry(place, items[id], dict(sample_id=id)) for id, place in places.items()]
    files += [tree.Entry("samples.json", _json(dict(samples=samples)), {}),
              tree.Entry("metadata.json", _json(about), {})]  # fmt: skip
    return write_tree(plan, folder, files, mode="copy", progress=progress)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False).encode()


def _samples(plan: Plan, audit: AuditFolder, items: Mapping, places: Mapping) -> list[dict]:
    """Return the samples as FiftyOne keeps them, most suspicious first."""
    scores = audit.scores.sort_values("rank")
    after = plan.cleaned["label"].to_dict()
    decided = plan.decided.drop(plan.stale.index)[["action", "reviewer"]].to_dict("index")
    said = plan.remarks.to_dict("index")
    sure = _confidences(audit, scores["suggested_label"])
    return [
        _sample(
            id,
            places.get(id) or os.path.abspath(items[id]),
            row,
            plan.samples["split"][id],
            after.get(id),
            decided.get(id, {}),
            said.get(id, {}),
            sure.get(id),
        )
        for id, row in scores.to_dict("index").items()
    ]


def _sample(
    id: str,
    path: str,
    row: Mapping,
    split: str,
    after: str | None,
    decided: Mapping,
    said: Mapping,
    confidence: float | None,
) -> dict:
    own = [tag for tag in str(said.get("tags") or "").split(TAGS_JOIN) if tag]
    tags = [split, *([SUSPECT] if row["suspect"] else []), *filter(None, [decided.get("action")])]
    fields = dict(
        filepath=path,
        tags=list(dict.fromkeys([*tags, *own])),
        sample_id=id,
        split=split,
        ground_truth=_classification(row["label"]),
        cleaned=_classification(after),
        prediction=_classification(row["suggested_label"], confidence),
        score=_number(row["score"]),
        p_wrong=_number(row["p_wrong"]),
        rank=int(row["rank"]),
        decision=decided.get("action"),
        reviewer=decided.get("reviewer"),
        note=said.get("note") or None,
    )
    return {name: value for name, value in fields.items() if value is not None}


def _classification(label: Any, confidence: float | None = None) -> dict | None:
    if label is None or pd.isna(label) or label == "":
        return None
    found = {"_cls": "Classification", "tags": [], "label": label}
    return found if confidence is None else found | {"confidence": confidence}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _confidences(audit: AuditFolder, suggested: pd.Series) -> dict[str, float]:
    """Return the mean probability of each suggested label while training, 0 to 1, where known."""
    trace = audit.trace
    code_of = {name: code for code, name in enumerate(trace.classes)}
    probs = class_probs(trace)
    found = {
        id: float(probs[row, code_of[suggested[id]]])
        for row, id in enumerate(trace.ids)
        if suggested.get(id) in code_of
    }
    return {id: value for id, value in found.items() if math.isfinite(value)}
