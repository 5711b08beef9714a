"""Read labelled images from any source into one checked samples table.

In comes a folder of class folders, a table of paths and labels (DataFrame, CSV, JSON, Parquet,
Excel), the annotations of COCO or Label Studio, an export of FiftyOne, shards of WebDataset, a
torchvision or Hugging Face data set, or arrays. Out comes `Checked(samples, problems)`.
Nothing is written or repaired: what cannot be used is left out and listed as a problem.
`SourceError` means that nothing could be audited.
"""

import os
from typing import Any

import pandas as pd

from o2u_nb.data.parallel import Progress
from o2u_nb.data.readers.arrays import from_arrays
from o2u_nb.data.readers.fiftyone import exports_in, from_fiftyone
from o2u_nb.data.readers.folders import from_folder
from o2u_nb.data.readers.hub_folder import from_repository, repository_in
from o2u_nb.data.readers.huggingface import from_dicts, has_dict_items
from o2u_nb.data.readers.label_files import is_label_file
from o2u_nb.data.readers.tables import PathLike, from_file, from_frame
from o2u_nb.data.readers.tar_shards import from_shards, is_shard, shards_in
from o2u_nb.data.readers.torchvision import from_torchvision
from o2u_nb.data.samples import Checked
from o2u_nb.errors import SourceError

OF_TABLES = ("columns", "encoding", "classes")  # options that only tables of labels have


def read(
    source: Any, labels: Any = None, *, progress: Progress | None = None, **options: Any
) -> Checked:
    """Read `source` with the reader for its type; `options` are passed on to that reader.

    * A folder is read as a folder of class folders. With `labels`, a DataFrame or a file (CSV,
      JSON, JSON lines, Parquet, Excel), it is read by that table of paths and labels. JSON may be
      the annotations of COCO or the tasks of Label Studio.
    * A folder is read as what it is where it holds an export of FiftyOne (`labels.json` beside
      `data`), a repository of Hugging Face (an imagefolder with metadata, Parquet files with
      pictures, or what `save_to_disk` wrote), or shards of WebDataset. So is a shard alone.
    * A DataFrame, or such a file alone, is read as a table; paths in the file are relative to its
      folder. `columns={"path": "filename", "label": "class"}` says which columns to use if they
      have other names, and `encoding` is needed where text is not UTF-8.
    * A pair (images, labels), or images with `labels`, are read as arrays.
    * Anything with a length and items that are dicts is read like a Hugging Face data set, and
      anything else with a length and items like a torchvision data set.

    `progress(done, total)` is called while images are fetched or checked. A warning is given before
    many pictures without files are loaded into memory. Raises `SourceError` when nothing can be
    audited.
    """
    if isinstance(source, (str, os.PathLike)):
        return _read_path(source, labels, options | {"progress": progress})
    if isinstance(source, pd.DataFrame):
        return from_frame(source, progress=progress, **options)
    if labels is not None:
        return from_arrays(source, labels, **options)
    if isinstance(source, tuple) and len(source) == 2:
        return from_arrays(*source, **options)
    if has_dict_items(source):
        return from_dicts(source, progress=progress, **options)
    if hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        return from_torchvision(source, progress=progress, **options)
    raise SourceError(
        "expected a folder, a table of paths and labels, (images, labels), or a torchvision or "
        f"Hugging Face data set with a length, found {type(source).__name__}"
    )


def _read_path(source: PathLike, labels: Any, options: dict) -> Checked:
    if isinstance(labels, pd.DataFrame):
        return from_frame(labels, root=source, **options)
    if labels is not None and not isinstance(labels, (str, os.PathLike)):
        raise SourceError(
            "expected labels of a folder as a DataFrame or a file with the columns path and label, "
            f"found {type(labels).__name__}"
        )
    if labels is not None:
        return from_file(labels, source, **options)
    if os.path.isfile(source) and is_label_file(source):
        return from_file(source, **options)
    if os.path.isfile(source) and is_shard(source):
        return from_shards([source], **_without(options, "encoding"))
    if os.path.isdir(source):
        if (repository := repository_in(source)) is not None:
            return from_repository(source, repository, **_without(options, "encoding"))
        if shards := shards_in(source):
            return from_shards(shards, **_without(options, "encoding"))
    useless = [name for name in OF_TABLES if options.pop(name, None) is not None]
    if useless:
        raise SourceError(
            f"{' and '.join(useless)} tell how to read a table of labels, and none is given: pass "
            "it with labels= (--labels)"
        )
    if os.path.isdir(source) and exports_in(source):
        return from_fiftyone(source, **options)
    return from_folder(source, **options)


def _without(options: dict, name: str) -> dict:
    """Return `options` without one that this source has no use for; it must not have been given."""
    if options.get(name) is not None:
        raise SourceError(f"{name} tells how to read a table of labels as text, and none is given")
    return {key: value for key, value in options.items() if key != name}
