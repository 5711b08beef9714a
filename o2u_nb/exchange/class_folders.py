"""The cleaned data set as a folder of class folders, which most tools read."""

import os
from pathlib import Path

import pandas as pd

from o2u_nb.data.images import image_items
from o2u_nb.data.parallel import Progress
from o2u_nb.exchange import tree
from o2u_nb.exchange.cleaned import given, labelled, require_files, warn_of_stale
from o2u_nb.review.apply import Plan


def to_folder(
    plan: Plan,
    folder: str | os.PathLike,
    *,
    mode: str = "copy",
    progress: Progress | None = None,
) -> Path:
    """Write the cleaned data set as a folder of class folders, with a hidden manifest.

    `plan` is what `plan(audit)` returned, and `folder` must be new or empty. `mode` is copy,
    symlink, or hardlink, which takes no extra space; editing such a file in place also edits the
    original. Samples without files are written as PNG. With several splits, the class folders are
    in folders of the splits. Where two files of a class folder would have the same name, one gets a
    suffix made of its id. A class name that no folder can have, such as one with a slash, is
    escaped; the manifest keeps the name itself, and `data.sources.read` returns it.

    `progress(done, total)` counts files. Returns the folder. Warns of decisions that are not
    applied. Raises `ApplyError` when `folder`
    or `mode` cannot be used or pictures cannot be found, and `OutputError` when a file cannot be
    written; then nothing is left behind.
    """
    warn_of_stale(plan)
    samples = plan.cleaned
    several = samples["split"].nunique() > 1
    places = tree.places(samples, given(plan), split_level=several)
    return write_tree(plan, folder, entries(plan, places), mode=mode, progress=progress)


def write_tree(
    plan: Plan,
    folder: str | os.PathLike,
    files: list[tree.Entry],
    *,
    mode: str,
    progress: Progress | None,
) -> Path:
    """Write `files` to `folder`, which must lie outside the folders of the originals."""
    require_files(plan)
    return tree.write(folder, files, mode=mode, off_limits=_originals(plan), progress=progress)


def entries(plan: Plan, places: pd.Series) -> list[tree.Entry]:
    """Return what to write at `places` (n_kept,) of str, with the labels before and after."""
    about = labelled(plan)[["label", "original_label"]].to_dict("index")
    items = image_items(plan.cleaned)
    return [
        tree.Entry(place, item, dict(sample_id=sample_id, **about[sample_id]))
        for sample_id, place, item in zip(places.index, places, items, strict=True)
    ]


def _originals(plan: Plan) -> set[str]:
    """Return the folders that nothing may be written into."""
    folders = {os.path.dirname(path) for path in plan.samples.get("path", [])}
    return folders | ({plan.source} if plan.source else set())
