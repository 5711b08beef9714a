"""Pictures that were moved since they were audited: the same samples table with new paths.

In come a samples table and the folder in which the pictures are now; out comes a table whose paths
lead there. Nothing on disk changes.
"""

import os
from pathlib import PurePath

import pandas as pd

from o2u_nb.errors import SourceError


def moved_to(samples: pd.DataFrame, images: str | os.PathLike) -> pd.DataFrame:
    """Return `samples` with each `path` below `images` instead of the folder it was below before.

    The relative path is the sample's id where the old path ends in it, else what comes below the
    folder that all old paths share. Raises `SourceError` when the samples are no files, or none of
    them is there.
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
