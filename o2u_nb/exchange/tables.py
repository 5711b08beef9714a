"""The cleaned labels as one table: CSV for people and other tools, Parquet with the pixels."""

import os
from pathlib import Path

from o2u_nb.data import atomic
from o2u_nb.data import samples as samples_io
from o2u_nb.data.spreadsheet import inert
from o2u_nb.errors import ApplyError
from o2u_nb.exchange.cleaned import csv_text, remarked, warn_of_missing, warn_of_stale
from o2u_nb.review.apply import Plan


def to_csv(plan: Plan, path: str | os.PathLike) -> Path:
    """Write the cleaned labels of `plan` as CSV, and return the path of the file.

    Columns path, label, original_label, split, sample_id, note, tags (with ", " between them).

    A cell that a spreadsheet would take for a formula has an apostrophe before it.
    `data.sources.read` and the command line's --labels read the file, and take the apostrophe away.
    Decisions on pictures that cannot be read are applied, since only labels are written. Warns of
    decisions that are not applied and of paths that lead to no file. Raises `ApplyError` for
    samples without files, `OutputError` when the file cannot be written.
    """
    if "path" not in plan.samples:
        raise ApplyError("These samples have no files: use to_parquet, which keeps their pixels.")
    warn_of_stale(plan)
    warn_of_missing(plan)
    columns = ["path", "label", "original_label", "split", "sample_id", "note", "tags"]
    with atomic.replacing(path) as file:
        file.write(csv_text(inert(remarked(plan).reset_index()[columns])).encode())
    return Path(path)


def to_parquet(plan: Plan, path: str | os.PathLike) -> Path:
    """Write the cleaned samples table of `plan` as Parquet, and return the path of the file.

    It has the columns original_label, note and tags, too. `data.samples.read` reads it.

    Warns as `to_csv` does. Raises `OutputError` when the file cannot be written.
    """
    warn_of_stale(plan)
    warn_of_missing(plan)
    samples_io.write(remarked(plan), path)
    return Path(path)
