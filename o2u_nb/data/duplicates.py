"""The same picture under two labels: a sure mistake, whichever label is the right one.

In comes a samples table; out comes one truth value per row. Only files of equal size are read.
"""

import os

import numpy as np
import pandas as pd

from o2u_nb.data.content import content_hash
from o2u_nb.data.images import Item, image_items
from o2u_nb.data.parallel import in_threads


def conflicting(samples: pd.DataFrame) -> pd.Series:
    """Return which samples have a byte-for-byte copy under another label, bool by `sample_id`.

    Raises OSError when a file has gone since the table was made.
    """
    items = pd.Series(image_items(samples), index=samples.index)
    sizes = items.map(_size)
    repeated = sizes.duplicated(keep=False)
    content = pd.Series("", index=samples.index, dtype=object)
    content[repeated] = list(in_threads(content_hash, items[repeated].tolist()))
    groups = samples["label"][repeated].groupby(content[repeated])
    conflict = groups.transform("nunique") > 1
    return conflict.reindex(samples.index, fill_value=False)


def _size(item: Item) -> int:
    if isinstance(item, np.ndarray):
        return item.nbytes
    return len(item) if isinstance(item, bytes) else os.stat(item).st_size
