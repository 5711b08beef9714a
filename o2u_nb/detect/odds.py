"""Odds against a label: how the given class compares with the best other one.

In come class probabilities, one row per sample, with rows of NaN for samples that were not seen.
Out comes one number or one class per sample.
"""

import numpy as np

# Smallest normal float32 number. It stands for smaller probabilities, so that all have a logarithm.
TINY = float(np.finfo(np.float32).tiny)


def log_odds_against(probs: np.ndarray, labels: np.ndarray, floor: float = TINY) -> np.ndarray:
    """Return the log-odds of the best other class against the given class y.

    That is the largest log p_c of the classes c other than y, minus log p_y: float (n,), nats,
    higher = more suspicious, positive where another class is likelier than the given one. `probs`
    is (n, n_classes) float, `labels` (n,) int. Probabilities below `floor` are raised to it. NaN
    where the row of `probs` is.

    >>> log_odds_against(np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]), np.array([0, 1])).round(2)
    array([-0.69,  1.25])
    """
    logs = np.log(np.maximum(probs, floor))
    rows = np.arange(len(labels))
    given = logs[rows, labels]
    logs[rows, labels] = -np.inf
    return logs.max(1) - given


def likeliest_other(probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the likeliest class other than the given one: int (n,).

    `probs` is (n, n_classes) float, `labels` (n,) int. In a row of NaN, the first class that is not
    the given one is returned.

    >>> likeliest_other(np.array([[0.5, 0.2, 0.3], [0.1, 0.2, 0.7]]), np.array([0, 1])).tolist()
    [2, 2]
    """
    others = np.nan_to_num(probs, nan=0.0)
    others[np.arange(len(labels)), labels] = -1
    return others.argmax(1)
