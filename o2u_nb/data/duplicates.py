"""The same picture with two different labels: one of them must be wrong.

In comes a samples table; out comes one truth value per row. Only files of equal size are read.
"""

import os

import numpy as np
import pandas as pd

from o2u_nb.data.content import hash_if_readable
from o2u_nb.data.images import Item, image_items
from o2u_nb.data.parallel import in_threads


def conflicting(samples: pd.DataFrame) -> pd.Series:
    """Return which samples have a byte-for-byte copy with another label: bool by `sample_id`.

    It is False for a picture that cannot be read any more; `checks.gone` lists such pictures.
    """
    items = pd.Series(image_items(samples), index=samples.index, dtype=object)
    sizes = items.map(_size)
    repeated = sizes.notna() & sizes.duplicated(keep=False)
    content = pd.Series(None, index=samples.index, dtype=object)
    content[repeated] = list(in_threads(hash_if_readable, items[repeated].tolist()))
    read = content.notna()
    groups = samples["label"][read].groupby(content[read])
    conflict = groups.transform("nunique") > 1
    return conflict.reindex(samples.index, fill_value=False)


def _size(item: Item) -> int | None:
    """Return the size of `item` in bytes, or None where its file cannot be found."""
    if isinstance(item, np.ndarray):
        return item.nbytes
    if isinstance(item, bytes):
        return len(item)
    try:
        return os.stat(item).st_size
    except OSError:
        return None
