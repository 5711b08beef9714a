"""Even samples: some of many positions, without chance.

In come a number of items and the most that may be looked at or drawn; out come positions.
"""

import numpy as np


def evenly(n: int, most: int) -> np.ndarray:
    """Pick at most `most` of `n` positions, evenly spaced and the same every time: int (n_picked,).

    >>> evenly(3, 5), evenly(9, 3)
    (array([0, 1, 2]), array([0, 4, 8]))
    """
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).round().astype(int)
