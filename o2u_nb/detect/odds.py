"""Odds against a label: what class probabilities say of the given class.

In come probabilities, a row per sample, from wherever they were averaged; out comes one number or
one class per sample. Rows of NaN, samples that nobody has seen, give NaN.
"""

import numpy as np

# Smallest normal float32. A smaller probability counts as this one, so that it has a logarithm.
TINY = float(np.finfo(np.float32).tiny)


def log_odds_against(probs: np.ndarray, labels: np.ndarray, floor: float = TINY) -> np.ndarray:
    """Compare each given class with the best other one: max over c != y of log p_c, minus log p_y.

    `probs` (n, n_classes), `labels` (n,) int; float (n,), nats, higher = more suspicious, positive
    where another class is likelier. No probability counts as less than `floor`.

    >>> log_odds_against(np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]), np.array([0, 1])).round(2)
    array([-0.69,  1.25])
    """
    logs = np.log(np.maximum(probs, floor))
    rows = np.arange(len(labels))
    given = logs[rows, labels]
    logs[rows, labels] = -np.inf
    return logs.max(1) - given


def likeliest_other(probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the likeliest class but for the given one: int (n,); the first one where all are NaN.

    >>> likeliest_other(np.array([[0.5, 0.2, 0.3], [0.1, 0.2, 0.7]]), np.array([0, 1])).tolist()
    [2, 2]
    """
    others = np.nan_to_num(probs, nan=0.0)
    others[np.arange(len(labels)), labels] = -1
    return others.argmax(1)
