"""The samples table of a Learner's own items, for an audit of its training.

In comes a Learner with any loaders; out goes a samples table as `data.samples` describes it, with
the same ids as the trace of this Learner's training.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from fastai.basics import Learner
from fastai.data.load import DataLoader

from o2u_nb.data.samples import samples_table
from o2u_nb.training.batches import SampleData
from o2u_nb.training.identity import joined
from o2u_nb.training.items import file_paths, loaders_of, pictures

SPLITS = ("train", "valid")  # names of the splits of the loaders, in the order of the loaders


def samples_of(
    learn: Learner, *, valid: bool = True, ids: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the Learner's training samples, and with `valid` its validation samples, as a table.

    It is indexed by `sample_id` and has the columns `label` (the name in the vocab), `split`
    (`train` or `valid`, or for our own loaders the split in their table) and `path` (absolute), or,
    if items are not files, `image` (uint8 arrays without augmentation, or encoded bytes). `ids` has
    one id for each item, as in `DynamicsRecorder`: first those of the training loader, then those
    of the validation loader.

    Raises `RecordingError` when the loaders do not tell which samples they hold, and `SourceError`
    when items are neither files nor pixels.
    """
    loaders = loaders_of(learn.dls, valid=valid)
    who = joined(loaders, root=Path(learn.path), ids=ids)
    names = np.array(who.classes, dtype=object)
    rows = pd.DataFrame({"sample_id": who.ids, "label": names[who.labels]})
    rows["split"] = [split for part in map(_splits, loaders, SPLITS) for split in part]
    paths = [file_paths(dl) for dl in loaders]
    if None in paths:
        rows["image"] = [picture for dl in loaders for picture in pictures(dl)]
    else:
        rows["path"] = [path for part in paths for path in part]
    return samples_table(rows)


def _splits(dl: DataLoader, split: str) -> list[str]:
    table = dl.dataset.samples if isinstance(dl.dataset, SampleData) else None
    if table is not None and "split" in table:
        return list(table["split"])
    return [split] * len(dl.dataset)
