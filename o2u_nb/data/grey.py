"""The range of grey values that a data set uses, where pictures are deeper than 8 bits.

In come raw rows; out come the same rows with the columns `grey_low` and `grey_high`: the values
that are shown and trained as black and as white. They are equal in every row, so that pictures stay
comparable.
"""

import os
from typing import NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.data import images
from o2u_nb.data import samples as table
from o2u_nb.data.budget import room_for
from o2u_nb.data.images import GREY_COLUMNS, GreyRange, Item
from o2u_nb.data.parallel import in_threads
from o2u_nb.data.samples import Problem
from o2u_nb.rows import evenly

# Suffixes of formats with at most 8 bits per channel, whose files need not be opened.
SHALLOW = (".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp")
# Largest numbers of files that are opened to see whether they are deep, of deep pictures among them
# that are decoded, and of pixels taken from each of these. They are evenly spaced, so that the same
# ones are used every time. Our choice.
HEADERS = 2000
PICTURES = 200
PIXELS = 10_000
# A few defective ("hot") pixels must not determine the range. If the darkest and the brightest
# pixels (`OUTERMOST` per cent each) take up more than the share `WASTED` of the range, they are
# left out of it, and are shown as black or white. Our choice.
OUTERMOST = 0.1
WASTED = 0.5


class _Deep(NamedTuple):
    """The grey values of one deep picture: their kind, the extremes, and some of them."""

    kind: str
    low: float
    high: float
    some: np.ndarray


def with_grey_range(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Return `rows` with the range of grey where it is needed, and a problem if there is none.

    The rows are returned unchanged when they already have the columns, when no picture is deeper
    than 8 bits, when the pictures use more than half of the range of their format (0 to 65,535 for
    whole numbers, 0 to 1 for fractions), or when some pictures hold whole numbers and others
    fractions, which is the problem.
    """
    if set(GREY_COLUMNS) <= set(rows.columns):
        return rows, []
    deep = _deep_pictures(rows)
    kinds = {found.kind for found in deep.values()}
    if len(kinds) > 1:
        return rows, [_two_kinds(deep)]
    found = _range(list(deep.values()))
    return (rows if found is None else rows.assign(**found._asdict())), []


def in_words(samples: pd.DataFrame) -> str | None:
    """Return a sentence on the grey values that are shown as black and white; None without a range.

    >>> in_words(pd.DataFrame({"grey_low": [0.0, 0.0], "grey_high": [4095.0, 4095.0]}))
    'Grey values from 0 to 4,095, which the pictures use, are shown and trained as black to white.'
    """
    if not set(GREY_COLUMNS) <= set(samples.columns):
        return None
    low, high = samples["grey_low"].min(), samples["grey_high"].max()
    return (
        f"Grey values from {low:,g} to {high:,g}, which the pictures use, are shown and trained "
        "as black to white."
    )


def _deep_pictures(rows: pd.DataFrame) -> dict[str, _Deep]:
    """Return the grey values of some of the deep pictures, by `sample_id`."""
    pairs = zip(rows["sample_id"], images.image_items(rows), strict=True)
    pairs = _some([pair for pair in pairs if _may_be_deep(pair[1])], HEADERS)
    are_deep = in_threads(lambda pair: _is_deep(pair[1]), pairs)
    deep = [pair for pair, is_deep in zip(pairs, are_deep, strict=True) if is_deep]
    deep = _some(deep, PICTURES)
    looks = in_threads(lambda pair: _look(pair[1]), deep)
    return {name: look for (name, _), look in zip(deep, looks, strict=True) if look}


def _some(values: list, most: int) -> list:
    return [values[row] for row in evenly(len(values), most)]


def _may_be_deep(item: Item) -> bool:
    if isinstance(item, (str, os.PathLike)):
        return not os.fspath(item).casefold().endswith(SHALLOW)
    return isinstance(item, bytes)


def _is_deep(item: Item) -> bool:
    try:
        with images.opened(item) as image:
            return images.is_deep(image)
    except Exception:  # a damaged file can raise nearly anything; the check of images names it
        return False


def _look(item: Item) -> _Deep | None:
    try:
        with images.opened(item) as image, room_for(image, image.width * image.height):
            pixels = np.asarray(image).ravel()
            kind = "fractions" if image.mode == "F" else "whole numbers"
    except Exception:  # for the same reason as in `_is_deep`
        return None
    if kind == "fractions":
        pixels = pixels[np.isfinite(pixels)]
    if not pixels.size:
        return None
    some = pixels[evenly(pixels.size, PIXELS)].astype(np.float64)
    return _Deep(kind, float(pixels.min()), float(pixels.max()), some)


def _range(deep: list[_Deep]) -> GreyRange | None:
    """Return the range of the `deep` pictures; None without pictures, or if none is needed."""
    if not deep:
        return None
    low = min(found.low for found in deep)
    high = max(found.high for found in deep)
    pool = np.concatenate([found.some for found in deep])
    inner = np.percentile(pool, [OUTERMOST, 100 - OUTERMOST])
    if inner[0] < inner[1] < inner[0] + WASTED * (high - low):
        low, high = inner
    top = images.top_of(deep[0].kind == "fractions")
    if low == high or (low >= 0 and top / 2 < high <= top):
        return None
    return GreyRange(float(low), float(high))


def _two_kinds(deep: dict[str, _Deep]) -> Problem:
    """Return the problem that some pictures hold whole numbers and others fractions."""
    name = next(name for name, found in deep.items() if found.kind == "fractions")
    return Problem(
        name,
        table.GREY_RANGE,
        "some grey pictures hold whole numbers, others fractions: they have no common range",
        "kept: 0 to 65,535 and 0 to 1 are shown from black to white; save all in one way",
    )
