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
FORMAT = "2"  # of the table, and of how copies are found: another one is found anew
COLUMNS = ("group", "centre", "match", "likeness")


def copies_of(audit: AuditFolder, *, progress: Progress | None = None) -> pd.DataFrame:
    """Return the groups of copies among the pictures of `audit`: see `duplicates.compared`.

    An audit searches for them when it is made, unless it is told not to; else they are searched for
    when first asked for. They are kept until the samples or their files change.
    """
    from o2u_nb.data import duplicates  # imports scipy

    samples = audit.samples
    return duplicates.compared(copies_among(audit.folder, samples, progress=progress), samples)


def copies_among(
    folder: Path, samples: pd.DataFrame, *, progress: Progress | None = None
) -> pd.DataFrame:
    """Return what `duplicates.find` finds among `samples`, kept in the audit `folder`.

    The search takes about as long as two passes over the pictures; `progress(done, total)` is
    called meanwhile.
    """
    from o2u_nb.data import duplicates  # imports scipy

    place = _place(folder, samples)
    found = _kept(place)
    if found is None:
        found = duplicates.find(samples, progress=progress)
        _keep(place, found)
    return found


def kept_copies(folder: Path, samples: pd.DataFrame) -> pd.DataFrame | None:
    """Return what `copies_among` has found before, None where nothing of it is kept."""
    return _kept(_place(folder, samples)) if (folder / CACHE).is_dir() else None


def groups(samples: pd.DataFrame, found: pd.DataFrame | None) -> pd.Series:
    """Return which samples show the same picture: int by `sample_id`, equal for copies alone.

    Byte-for-byte copies are always looked for, others are those of the table `found`, as
    `copies_among` returns it, or None.
    """
    from o2u_nb.data import duplicates  # imports scipy

    same = pd.Series(duplicates.same_files(samples), samples.index)
    if found is not None:
        same[found.index] = same[found.index].groupby(found["group"]).transform("min")
    return same


def known_to(evidence: Evidence, found: pd.Series) -> Evidence:
    """Return `evidence` of all eyes with the copies that `groups` has `found`."""
    rows = found[evidence.trace.ids].to_numpy()
    others = tuple(replace(other, copies=rows) for other in evidence.others)
    return replace(evidence, copies=rows, others=others)


def in_words(copies: pd.DataFrame, n: int) -> list[str]:
    """Say how many groups of `copies`, as `copies_of` returns them, `n` pictures have."""
    differ, across = (
        copies.loc[copies[name], "group"].nunique() for name in ("labels_differ", "splits_differ")
    )
    lines = [
        f"{len(copies):,} of {n:,} pictures are in {_groups(copies['group'].nunique())} of copies. "
        f"In {_groups(differ)} the labels differ."
    ]
    if across:
        has = "has" if across == 1 else "have"
        lines.append(
            f"{_groups(across)} {has} members in several splits: what is measured on one split "
            "was partly learned from the same pictures."
        )
    return lines


def _groups(count: int) -> str:
    return f"{count:,} group{'' if count == 1 else 's'}"


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
            else f"In none of {_groups(copies['group'].nunique())} of copies do the labels differ: "
            "show_copies(every=True) lists all."
        )
    own = copies["label"].reindex(shown["centre"]).to_numpy() == shown["label"].to_numpy()
    what = "Copies" if every else "Copies with different labels"
    return Alike(
        title=f"{what}, {_groups(shown['group'].nunique())}",
        by="the pixels",
        of=tuple(dict.fromkeys(shown["centre"])),
        ids=tuple(shown.index),
        similarities=tuple(shown["likeness"]),
        same=tuple(own.tolist()),
        how="every picture was compared",
    )


def _place(folder: Path, samples: pd.DataFrame) -> Path:
    return folder / CACHE / f"{_stamp(samples)}.parquet"


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
