"""Handwritten digits without a download: scikit-learn's 1,797 scans of 8 x 8 pixels.

In comes nothing; out come pixels and labels. The same digits as a samples table are
`datasets.load("digits")`.

They were written by 13 people (Alpaydin and Kaynak 1998, UCI repository: the test set of its
optical recognition of handwritten digits). Their labels are taken as right here, though some of the
scans can hardly be read.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGITS = tuple(str(k) for k in range(10))  # how people type them
LEVELS = 16  # the largest value of a pixel
SCALE = 8  # each pixel of a scan becomes a square of so many, so that the picture can be looked at


class Digits(NamedTuple):
    """`pixels` (n, 64) of float32 in [0, 1], and the right label of each, int (n,) from 0 to 9."""

    pixels: np.ndarray
    labels: np.ndarray


@cache
def digits() -> Digits:
    """Return all 1,797 digits, in the order of scikit-learn."""
    found = load_digits()
    pixels = (found.data / LEVELS).astype(np.float32)
    pixels.setflags(write=False)
    labels = found.target.astype(np.int64)
    labels.setflags(write=False)
    return Digits(pixels, labels)


def picture(pixels: np.ndarray) -> np.ndarray:
    """Return a scan (64,) in [0, 1] as dark ink on white: uint8 (64, 64)."""
    grey = np.round(255 * (1 - pixels.reshape(8, 8))).astype(np.uint8)
    return np.kron(grey, np.ones((SCALE, SCALE), dtype=np.uint8))
