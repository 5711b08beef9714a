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

    `folder` must be new or empty. `mode` is copy, hardlink (no extra space; whoever edits a file in
    place then edits the original) or symlink; samples without files are written as PNG. With
    several splits, these come above the classes. File names that would meet in one class folder get
    a suffix made of their id. A class whose name no folder can bear (a slash) gets an escaped one;
    the manifest keeps the name, and `data.sources.read` gives it back. Warns of decisions that are
    not applied. Raises `ApplyError` (also when pictures cannot be found) or `OutputError`, and then
    leaves nothing.
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
