"""Fingerprints: what is kept of each picture so that copies of it can be found again.

In comes a samples table; out come, for each picture, perceptual hashes and a small version. Every
picture is decoded once. Nothing here needs torch.
"""

from typing import NamedTuple

import imagehash
import numpy as np
import pandas as pd
from PIL import Image

from o2u_nb.data.images import Item, image_items, load_image, resized
from o2u_nb.data.parallel import Progress, in_threads

SIDE = 32  # pixels of the small version; a perceptual hash looks at no more of a picture
BITS = 64  # of one hash


class Fingerprints(NamedTuple):
    """Hold the fingerprints of n pictures; `known` bool (n,) is False where one cannot be read.

    `whole` bool (n, 64) is the perceptual hash, and `mirrored` (n, 64) that of the picture turned
    left to right. `small` uint8 (n, 32, 32, 3) is the picture at a size of 32 pixels, its sides not
    in proportion.
    """

    known: np.ndarray
    whole: np.ndarray
    mirrored: np.ndarray
    small: np.ndarray


def fingerprints(samples: pd.DataFrame, *, progress: Progress | None = None) -> Fingerprints:
    """Return the fingerprints of all pictures of `samples`, in row order.

    `progress(done, total)` is called while this runs, see `parallel.in_threads`. The hash is
    `phash` of the library imagehash: which of the lowest frequencies of the grey picture are
    stronger than half of them.
    """
    n = len(samples)
    found = Fingerprints(
        np.zeros(n, bool),
        np.zeros((n, BITS), bool),
        np.zeros((n, BITS), bool),
        np.zeros((n, SIDE, SIDE, 3), np.uint8),
    )
    rows = in_threads(_fingerprint, image_items(samples), progress=progress)
    for position, row in enumerate(rows):
        if row is not None:
            found.known[position] = True
            found.whole[position], found.mirrored[position], found.small[position] = row
    return found


def _fingerprint(item: Item) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return both hashes, bool (64,), and the small version of one picture, None if it is broken.

    A JPEG is decoded at a part of its size, which is faster.
    """
    try:
        image = load_image(item, at_least=4 * SIDE)
    except Exception:  # decoders raise nearly any exception; `checks.gone` lists such pictures
        return None
    grey = image.convert("L")
    turned = grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return _phash(grey), _phash(turned), np.asarray(resized(image, (SIDE, SIDE)))


def _phash(image: Image.Image) -> np.ndarray:
    return imagehash.phash(image).hash.ravel()
