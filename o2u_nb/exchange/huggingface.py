"""The cleaned data set as a Hugging Face imagefolder: class folders with a metadata.csv each."""

import os
from pathlib import Path

import pandas as pd

from o2u_nb.data.parallel import Progress
from o2u_nb.exchange import tree
from o2u_nb.exchange.class_folders import entries, write_tree
from o2u_nb.exchange.cleaned import csv_text, given, labelled, warn_of_stale
from o2u_nb.review.apply import Plan


def to_huggingface(
    plan: Plan,
    folder: str | os.PathLike,
    *,
    mode: str = "copy",
    progress: Progress | None = None,
) -> Path:
    """Write the cleaned data set as a Hugging Face imagefolder.

    `load_dataset("imagefolder", data_dir=folder)` reads it. It has one folder per split, and in
    each a metadata.csv with file_name, label and original_label. `plan`, `mode`, `progress`, what
    is returned, warnings and errors are those of `to_folder`.
    """
    warn_of_stale(plan)
    places = tree.places(plan.cleaned, given(plan), split_level=True)
    files = entries(plan, places) + _metadata(plan, places)
    return write_tree(plan, folder, files, mode=mode, progress=progress)


def _metadata(plan: Plan, places: pd.Series) -> list[tree.Entry]:
    """Return a metadata.csv for each split's folder."""
    split = places.str.split("/", n=1)
    table = pd.DataFrame({"folder": split.str[0], "file_name": split.str[1]})
    table = table.join(labelled(plan)[["label", "original_label"]])
    return [
        tree.Entry(f"{name}/metadata.csv", csv_text(rows.drop(columns="folder")).encode(), {})
        for name, rows in table.groupby("folder")
    ]
