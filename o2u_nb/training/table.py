"""The samples table of a Learner's own items: what was trained on, ready for an audit.

In comes a Learner with any loaders; out goes the table that `data.samples` describes, with the same
ids as the trace that this Learner's training leaves.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from fastai.basics import Learner
from fastai.data.load import DataLoader

from o2u_nb.data.samples import samples_table
from o2u_nb.training.identity import joined
from o2u_nb.training.items import file_paths, loaders_of, pictures
from o2u_nb.training.loaders import PixelData

SPLITS = ("train", "valid")  # of the loaders, in their order


def samples_of(
    learn: Learner, *, valid: bool = True, ids: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the Learner's training samples, and with `valid` its validation samples, as a table.

    Indexed by `sample_id`, with `label` (as the vocab names it), `split` (`train` or `valid`; our
    own loaders keep that of their table) and either `path` (absolute) or, where items are no
    files, `image` (uint8 arrays without augmentation). `ids` names the items as in
    `DynamicsRecorder`: those of the training loader, then those of the validation loader.

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
    table = getattr(dl.dataset, "samples", None)
    if isinstance(dl.dataset, PixelData) and table is not None and "split" in table:
        return list(table["split"])
    return [split] * len(dl.dataset)
