"""New paths for pictures that were moved since they were audited.

In come a samples table and the folder in which the pictures are now. Out comes the same table with
paths in that folder. Nothing on the disk changes.
"""

import os
from pathlib import PurePath

import pandas as pd

from o2u_nb.errors import SourceError


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
    shared = PurePath(os.path.commonpath([path.parent for path in old]))
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


def _ends_in(path: PurePath, sample_id: str) -> bool:
    return path.as_posix().endswith(f"/{sample_id}")
