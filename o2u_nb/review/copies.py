"""The copies among the pictures of an audit, found once and kept in its cache.

In comes an audit; out comes the table of `data.duplicates.find` with the labels of each group, and
what a review lists of it.
"""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from o2u_nb.data import atomic
from o2u_nb.data.images import Item, image_items
from o2u_nb.data.parallel import Progress
from o2u_nb.detect.evidence import Evidence
from o2u_nb.errors import O2UError
from o2u_nb.folder import AuditFolder
from o2u_nb.review.alike import Alike

CACHE = ".cache/copies"  # of the audit folder; may be deleted at any time
FORMAT = "1"  # of the table, and of how copies are found: another one is found anew
COLUMNS = ("group", "centre", "match", "likeness")


def copies_of(audit: AuditFolder, *, progress: Progress | None = None) -> pd.DataFrame:
    """Return the groups of copies among the pictures of `audit`: see `duplicates.compared`.

    They are searched for when first asked for, which takes about as long as two passes over the
    pictures and longer for more than 20,000, and kept until the samples or their files change.
    """
    from o2u_nb.data import duplicates  # imports scipy

    samples = audit.samples
    place = audit.folder / CACHE / f"{_stamp(samples)}.parquet"
    found = _kept(place)
    if found is None:
        found = duplicates.find(samples, progress=progress)
        _keep(place, found)
    return duplicates.compared(found, samples)


def groups(folder: Path, samples: pd.DataFrame) -> pd.Series:
    """Return which samples show the same picture: int by `sample_id`, equal for copies alone.

    Byte-for-byte copies are always looked for, others only if they were searched for in the audit
    `folder` before, by `copies_of`.
    """
    from o2u_nb.data import duplicates  # imports scipy

    found = pd.Series(duplicates.same_files(samples), samples.index)
    place = folder / CACHE
    kept = _kept(place / f"{_stamp(samples)}.parquet") if place.is_dir() else None
    if kept is not None:
        found[kept.index] = found[kept.index].groupby(kept["group"]).transform("min")
    return found


def known_to(evidence: Evidence, found: pd.Series) -> Evidence:
    """Return `evidence` of all eyes with the copies that `groups` has `found`."""
    rows = found[evidence.trace.ids].to_numpy()
    others = tuple(replace(other, copies=rows) for other in evidence.others)
    return replace(evidence, copies=rows, others=others)


def listing(copies: pd.DataFrame, *, every: bool) -> Alike:
    """Return the copies as they are listed: the groups whose labels differ, or with `every`, all.

    A group is listed as a whole, its centre first; `same` says whether a member has the label of
    the centre. Raises `O2UError` when there is nothing to list.
    """
    shown = copies if every else copies[copies["labels_differ"]]
    if shown.empty:
        raise O2UError(
            "No picture has a copy among the others."
            if copies.empty or every
            else f"All {copies['group'].nunique():,} groups of copies have one label each: "
            "show_copies(every=True) lists them."
        )
    own = copies["label"].reindex(shown["centre"]).to_numpy() == shown["label"].to_numpy()
    what = "Copies" if every else "Copies with different labels"
    return Alike(
        title=f"{what}, {shown['group'].nunique():,} groups",
        by="the pixels",
        of=tuple(dict.fromkeys(shown["centre"])),
        ids=tuple(shown.index),
        similarities=tuple(shown["likeness"]),
        same=tuple(own.tolist()),
        how="every picture was compared",
    )


def _stamp(samples: pd.DataFrame) -> str:
    """Return a text that is another one when the samples are, or any of their pictures.

    A file counts as another one when its size or its time is, pixels in the table when they are.
    """
    digest = hashlib.sha256(FORMAT.encode())
    for name, item in zip(samples.index, image_items(samples), strict=True):
        digest.update(repr((name, _state(item))).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def _state(item: Item) -> object:
    """Return what differs when the picture does; None for a file that is gone."""
    if isinstance(item, bytes):
        return hashlib.sha256(item).hexdigest()
    if isinstance(item, np.ndarray):
        return hashlib.sha256(item.tobytes()).hexdigest()
    try:
        state = os.stat(item)
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def _kept(place: Path) -> pd.DataFrame | None:
    """Return the table that was kept, None where there is none that can be read."""
    try:
        found = pd.read_parquet(place)
    except (OSError, ValueError):
        return None
    return found if tuple(found) == COLUMNS and found.index.is_unique else None


def _keep(place: Path, found: pd.DataFrame) -> None:
    """Write the table; older ones of the same audit go. Without permission nothing is kept."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        for old in place.parent.glob("*.parquet"):
            old.unlink(missing_ok=True)
        with atomic.replacing(place, durable=False) as file:
            found.to_parquet(file)
    except (OSError, O2UError):
        return
