"""New paths for pictures that were moved since they were audited, and how to notice that they were.

In come a samples table and the folder in which the pictures are now. Out comes the same table with
paths in that folder. Nothing on the disk changes.
"""

import os
from pathlib import PurePath

import pandas as pd

from o2u_nb.errors import SourceError
from o2u_nb.rows import evenly

LOOKED_FOR = 20  # pictures, evenly spaced; also on a slow disk that takes no time. Our choice.


def moved_to(samples: pd.DataFrame, images: str | os.PathLike) -> pd.DataFrame:
    """Return `samples` with each `path` in the folder `images` instead of the old folder.

    The path relative to `images` is the sample's id if the old path ends with it, else the old path
    relative to the folder that holds all old paths. Raises `SourceError` when the samples are not
    files, or when none of the new paths exists.
    """
    if "path" not in samples:
        raise SourceError(
            "Expected samples that are files, found pixels, which cannot be moved: open the audit "
            "without `images`."
        )
    root = os.path.abspath(os.path.expanduser(os.fspath(images)))
    old = [PurePath(path) for path in samples["path"]]
    shared = _shared(samples)
    new = [
        os.path.join(root, sample_id if _ends_in(path, sample_id) else path.relative_to(shared))
        for path, sample_id in zip(old, samples.index, strict=True)
    ]
    if not any(map(os.path.isfile, new)):
        raise SourceError(
            f"None of the {len(new):,} pictures is below {root}; the first was looked for at "
            f"{new[0]}: give the folder that stands in the place of the one that was audited."
        )
    return samples.assign(path=pd.Series(new, index=samples.index, dtype="str"))


def missing_hint(samples: pd.DataFrame, folder: str | os.PathLike) -> str:
    """Say which pictures are missing and what to call; "" where those looked for are all there.

    At most 20 pictures, evenly spaced, are looked for. `folder` is the audit's.
    """
    if "path" not in samples or samples.empty:
        return ""
    paths = samples["path"].iloc[evenly(len(samples), LOOKED_FOR)].tolist()
    missing = [path for path in paths if not os.path.isfile(path)]
    if not missing:
        return ""
    return (
        f"Pictures are missing: {len(missing):,} of {len(paths):,} that were looked for, such as "
        f"{missing[0]}. They were expected in {_root(samples)}. If they were moved, run "
        f"Audit.open({os.fspath(folder)!r}, images='WHERE THEY ARE NOW').panel(); decisions then "
        "still apply."
    )


def _root(samples: pd.DataFrame) -> PurePath:
    """Return the folder that stands in for `images` of `moved_to`, while nothing was moved."""
    path, sample_id = PurePath(samples["path"].iloc[0]), samples.index[0]
    if not _ends_in(path, sample_id):
        return _shared(samples)
    return PurePath(path.as_posix().removesuffix(f"/{sample_id}"))


def _shared(samples: pd.DataFrame) -> PurePath:
    """Return the folder that holds all paths."""
    return PurePath(os.path.commonpath([PurePath(path).parent for path in samples["path"]]))


def _ends_in(path: PurePath, sample_id: str) -> bool:
    return path.as_posix().endswith(f"/{sample_id}")
