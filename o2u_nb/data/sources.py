"""Read labelled images from wherever they are into one checked samples table.

In comes a folder of class folders, a CSV or DataFrame of paths and labels, a torchvision data set,
or arrays; out comes `Checked(samples, problems)`. Nothing is written, nothing is repaired: what
cannot be used is left out and listed. `SourceError` means that nothing could be audited.
"""

import os
from typing import Any

import pandas as pd

from o2u_nb.data.parallel import Progress
from o2u_nb.data.readers.arrays import from_arrays
from o2u_nb.data.readers.folders import from_folder
from o2u_nb.data.readers.tables import PathLike, from_csv, from_frame
from o2u_nb.data.readers.torchvision import from_torchvision
from o2u_nb.data.samples import Checked
from o2u_nb.errors import SourceError


def read(
    source: Any, labels: Any = None, *, progress: Progress | None = None, **options: Any
) -> Checked:
    """Read `source` with the reader for its type; `options` go to that reader.

    A folder is read by class folders, or with `labels` (a CSV file or DataFrame of path and label)
    by that list; so are a CSV file alone (paths relative to it) and a DataFrame. A pair
    (images, labels), or images with `labels`, are arrays; anything with a length, items and classes
    is a torchvision-like data set. `progress(done, total)` hears of images that are decoded to be
    checked; arrays need no check.
    """
    if isinstance(source, (str, os.PathLike)):
        return _read_path(source, labels, options | {"progress": progress})
    if isinstance(source, pd.DataFrame):
        return from_frame(source, progress=progress, **options)
    if labels is not None:
        return from_arrays(source, labels, **options)
    if isinstance(source, tuple) and len(source) == 2:
        return from_arrays(*source, **options)
    if hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        return from_torchvision(source, progress=progress, **options)
    raise SourceError(
        "expected a folder, a CSV file, a DataFrame, (images, labels) or a torchvision data set, "
        f"found {type(source).__name__}"
    )


def _read_path(source: PathLike, labels: Any, options: dict) -> Checked:
    if isinstance(labels, pd.DataFrame):
        return from_frame(labels, root=source, **options)
    if labels is not None:
        return from_csv(labels, source, **options)
    if os.path.isfile(source) and os.fspath(source).casefold().endswith(".csv"):
        return from_csv(source, **options)
    return from_folder(source, **options)
