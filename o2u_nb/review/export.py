"""Write a cleaned data set where others expect it, and take a cleaned folder back.

In comes a `Plan`; out come a folder of class folders, a Hugging Face imagefolder, CSV, Parquet or
arrays for cleanlab. Originals are never touched, a folder appears whole or not at all, and
`revert` removes what was written there, nothing else.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from o2u_nb.audit import Audit
from o2u_nb.data import atomic
from o2u_nb.data import samples as samples_io
from o2u_nb.data.images import image_items
from o2u_nb.data.parallel import Progress
from o2u_nb.detect.dynamics import class_probs
from o2u_nb.errors import ApplyError
from o2u_nb.review import tree
from o2u_nb.review.apply import Plan
from o2u_nb.review.tree import revert

__all__ = [
    "revert",
    "to_cleanlab",
    "to_csv",
    "to_folder",
    "to_huggingface",
    "to_parquet",
]


def to_folder(
    plan: Plan,
    folder: str | os.PathLike,
    *,
    mode: str = "copy",
    progress: Progress | None = None,
) -> Path:
    """Write the cleaned data set as a folder of class folders, with a hidden manifest.

    `folder` must be new or empty. `mode` is copy, hardlink (no extra space; whoever edits a file in
    place then edits the original) or symlink; samples without files are written as PNG. With
    several splits, these come above the classes. File names that would meet in one class folder get
    a suffix made of their id. Raises `ApplyError` or `OutputError`, and then leaves nothing.
    """
    samples = plan.cleaned
    several = samples["split"].nunique() > 1
    entries = _entries(plan, tree.places(samples, _given(plan), split_level=several))
    return tree.write(folder, entries, mode=mode, off_limits=_originals(plan), progress=progress)


def to_huggingface(
    plan: Plan,
    folder: str | os.PathLike,
    *,
    mode: str = "copy",
    progress: Progress | None = None,
) -> Path:
    """Write the cleaned data set as a Hugging Face imagefolder; otherwise as `to_folder`.

    `load_dataset("imagefolder", data_dir=folder)` reads it: one folder per split, and in each a
    metadata.csv with file_name, label and original_label.
    """
    samples = plan.cleaned
    places = tree.places(samples, _given(plan), split_level=True)
    entries = _entries(plan, places) + _metadata(plan, places)
    return tree.write(folder, entries, mode=mode, off_limits=_originals(plan), progress=progress)


def to_csv(plan: Plan, path: str | os.PathLike) -> Path:
    """Write the cleaned labels as CSV: path, label, original_label, split, sample_id.

    `data.sources.from_csv` and the command line's --labels read it. Raises `ApplyError` for samples
    without files.
    """
    if "path" not in plan.samples:
        raise ApplyError("These samples are no files: use to_parquet, which keeps their pixels.")
    table = _labelled(plan).reset_index()
    columns = ["path", "label", "original_label", "split", "sample_id"]
    with atomic.replacing(path) as file:
        file.write(_csv(table[columns]).encode())
    return Path(path)


def to_parquet(plan: Plan, path: str | os.PathLike) -> Path:
    """Write the cleaned samples table, with original_label; `data.samples.read` reads it."""
    samples_io.write(_labelled(plan), path)
    return Path(path)


def to_cleanlab(audit: Audit) -> dict:
    """Return what cleanlab's functions take: labels, pred_probs, classes, and ids of the rows.

    `labels` int (n,) are the given ones, positions in `classes`, which are in lexicographic order
    as cleanlab expects; `pred_probs` float (n, n_classes) is the softmax averaged over training,
    rows adding up to 1: in-sample, so less sure than cross-validation would be. Samples never seen
    in training are left out.
    """
    trace = audit.trace
    order = sorted(range(len(trace.classes)), key=lambda code: trace.classes[code])
    probs = class_probs(trace)[:, order].astype(np.float64)
    seen = ~np.isnan(probs).any(axis=1)
    probs = probs[seen] / probs[seen].sum(axis=1, keepdims=True)
    return dict(
        labels=np.argsort(order)[trace.labels[seen]],
        pred_probs=probs,
        classes=[trace.classes[code] for code in order],
        ids=trace.ids[seen],
    )


def _given(plan: Plan) -> pd.Series:
    return plan.samples["label"].loc[plan.cleaned.index]


def _labelled(plan: Plan) -> pd.DataFrame:
    return plan.cleaned.assign(original_label=_given(plan))


def _entries(plan: Plan, places: pd.Series) -> list[tree.Entry]:
    about = _labelled(plan)[["label", "original_label"]].to_dict("index")
    items = image_items(plan.cleaned)
    return [
        tree.Entry(place, item, dict(sample_id=sample_id, **about[sample_id]))
        for sample_id, place, item in zip(places.index, places, items, strict=True)
    ]


def _metadata(plan: Plan, places: pd.Series) -> list[tree.Entry]:
    """Return a metadata.csv for each split's folder."""
    split = places.str.split("/", n=1)
    table = pd.DataFrame({"folder": split.str[0], "file_name": split.str[1]})
    table = table.join(_labelled(plan)[["label", "original_label"]])
    return [
        tree.Entry(f"{name}/metadata.csv", _csv(rows.drop(columns="folder")).encode(), {})
        for name, rows in table.groupby("folder")
    ]


def _originals(plan: Plan) -> set[str]:
    """Return the folders that nothing may be written into."""
    folders = {os.path.dirname(path) for path in plan.samples.get("path", [])}
    return folders | ({plan.source} if plan.source else set())


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")
