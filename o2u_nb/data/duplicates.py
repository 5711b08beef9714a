"""Copies of a picture: the same file, or nearly the same picture, also mirrored or cropped.

In comes a samples table, and out comes a table of groups. Candidates come from perceptual hashes
and from windows of small versions; each of them is then verified on aligned pixels. Nothing here
needs torch, and `find` does not look at labels.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.data import alignment
from o2u_nb.data.cells import Cells, Tell
from o2u_nb.data.content import hash_if_readable
from o2u_nb.data.fingerprints import BITS, Fingerprints, fingerprints
from o2u_nb.data.groups import stars
from o2u_nb.data.images import Item, image_items
from o2u_nb.data.parallel import Progress, in_threads
from o2u_nb.data.samples import SEVERAL_SPLITS, Problem, problems_table
from o2u_nb.rows import evenly

GROUP = "group"  # the column of a samples table that says which samples belong together
SAME_FILE, COPY, MIRRORED, CENTRE = "same file", "copy", "mirrored copy", "centre"  # of `match`
# The smallest likeness (see `alignment.likeness`) of two copies. Where the pictures of a set look
# alike anyway, as those of shirts on a white ground do, more is asked: `MARGIN` more, on the scale
# of Fisher's z, than nine in ten of at most `ASKED` pictures reach with the most similar one among
# these. They are a tenth of all, so that less than a tenth of them have a copy among them, even in
# a set in which most pictures have one. All were chosen on planted copies, with other seeds than
# those of `benchmarks/results/duplicates.md`.
SURE = 0.9
ASKED = 1000
ASKED_SHARE = 10
USUAL_SHARE = 0.9
MARGIN = 0.9
# Two different pictures of regular stripes fit on each other, too, once they are aligned. So the
# fewer independent details a picture has, the more is asked: on the scale of Fisher's z, whose
# standard error is about one divided by the root of their number, at least `LEAST_Z` and so many
# of these. Chosen on seed 0 of the same benchmark: of 98 false pairs among generated coats none is
# left, and 2 of 1,000 planted copies are lost.
LEAST_Z, STANDARD_ERRORS = 1.0, 3.0
MOST_BITS = 10  # of 64 by which the hashes of two candidates may differ
WINDOW_FIT = 0.85  # the smallest dot product of the descriptions of a candidate and a window
WORTH_ALIGNING = 0.5  # correlation of the details of candidates as they are, from which on to align
CANDIDATES = 4  # the most of each kind for each picture
PAIRS_AT_ONCE = 512


class Pairs(NamedTuple):
    """Candidates: positions `first` < `second`, int (n,), and whether one is `mirrored`, bool."""

    first: np.ndarray
    second: np.ndarray
    mirrored: np.ndarray

    def where(self, mask: np.ndarray) -> "Pairs":
        """Return the pairs for which `mask` (n,) bool is true, or those at positions."""
        return Pairs(*(column[mask] for column in self))


def find(samples: pd.DataFrame, *, progress: Progress | None = None) -> pd.DataFrame:
    """Return the groups of copies among the pictures of `samples`, one row for each member.

    The table is indexed by `sample_id`, sorted by group, with the centre of a group first, and has
    the columns

    * `group` (int, from 1, groups in the order of their first ids);
    * `centre` (text, an id): the member that all others of the group are copies of;
    * `match` (text): how it is a copy of the centre: "same file" (byte for byte), "copy",
      "mirrored copy", or "centre" for the centre itself;
    * `likeness` (float, up to 1): how alike it is to the centre, see `alignment.likeness`.

    The result does not depend on the order of the samples. A picture that cannot be read any more
    is a copy of none; `checks.gone` lists such pictures. `progress(done, total)` is called
    meanwhile, with the steps of all stages.
    """
    tell = _Stages(progress, len(samples))
    order = np.argsort(samples.index.to_numpy(dtype=str), kind="stable")
    ordered = samples.iloc[order]
    first_same = same_files(ordered)
    single = np.flatnonzero(first_same == np.arange(len(ordered)))
    prints = fingerprints(ordered.iloc[single], progress=tell.decoding)
    pairs, likenesses = _verified(prints, tell)
    centre = stars(pairs.first, pairs.second, likenesses, len(single))
    tell.done()
    return _table(ordered.index, first_same, single, centre, pairs, likenesses)


def compared(copies: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """Return the table `copies` of `find` with what the samples table says of each member.

    New columns are `label` and `split`; `labels_differ`, whether the group has several labels, of
    which at most one is right; and `splits_differ`, whether it has members in several splits, so
    that what a network learned from one of them is measured on the other.
    """
    found = copies.join(samples[["label", "split"]])
    groups = found.groupby("group")
    return found.assign(
        labels_differ=groups["label"].transform("nunique") > 1,
        splits_differ=groups["split"].transform("nunique") > 1,
    )


def in_several_splits(samples: pd.DataFrame, groups: np.ndarray) -> pd.DataFrame:
    """Return a problems table of the samples that have a copy in another split.

    `groups` (n_samples,) has the same number for copies, in the order of `samples`. What is
    measured on one of these splits is too good, since a network has learned from the other.
    """
    splits = samples["split"].to_numpy()
    first = pd.Series(np.arange(len(samples))).groupby(groups).transform("min").to_numpy()
    apart = np.flatnonzero(splits != splits[first])  # from the first member of their group
    second = pd.Series(apart).groupby(first[apart]).min()
    other = pd.Series(first).map(second).where(splits == splits[first], first)
    fate = "kept: leave it out of one split, or what is measured there is too optimistic"
    return problems_table(
        Problem(
            samples.index[row], SEVERAL_SPLITS, f"also as {samples.index[to]} in {splits[to]}", fate
        )
        for row, to in other.dropna().astype(int).items()
    )


class _Stages:
    """Turn the progress of several stages into one: `steps` of decoding, as many of comparing."""

    def __init__(self, progress: Progress | None, steps: int):
        self.progress = progress
        self.steps = steps

    def decoding(self, done: int, total: int) -> None:
        self._tell(self.steps * done // max(total, 1))

    def comparing(self, share: float) -> None:
        self._tell(self.steps + int(self.steps * share))

    def done(self) -> None:
        self._tell(2 * self.steps)

    def _tell(self, done: int) -> None:
        if self.progress:
            self.progress(done, 2 * self.steps)


def _part(tell: Tell, k: int, count: int) -> Tell:
    """Return what tells the share of the whole that is done in part `k`, from 0, of `count`."""
    return lambda share: tell((k + share) / count)


def same_files(samples: pd.DataFrame) -> np.ndarray:
    """Return the position of the first sample with the same bytes, int (n_samples,).

    Only files of equal size are read. A picture that cannot be read any more is its own first one;
    `checks.gone` lists such pictures.
    """
    items = pd.Series(image_items(samples), dtype=object)
    sizes = items.map(_size)
    repeated = sizes.notna() & sizes.duplicated(keep=False)
    content = pd.Series(None, index=items.index, dtype=object)
    content[repeated] = list(in_threads(hash_if_readable, items[repeated].tolist()))
    positions = np.arange(len(items))
    known = content.notna().to_numpy()
    firsts = pd.Series(positions[known]).groupby(content[known].to_numpy()).transform("min")
    positions[known] = firsts.to_numpy()
    return positions


def kept_together(samples: pd.DataFrame) -> np.ndarray:
    """Return which samples belong on one side of a split, int (n_samples,): equal for these.

    They are files with the same bytes, and samples with the same value in the column `group`, if
    the table has one: NA is no group. For all copies that an audit knows, it is made by
    `samples.assign(group=audit.copies()["group"])`; it may say anything else that a network should
    not know from training, such as whose picture it is.
    """
    from scipy.sparse import coo_array  # slow to import
    from scipy.sparse.csgraph import connected_components

    n = len(samples)
    firsts = [np.arange(n)]
    if {"path", "image"} & set(samples.columns):
        firsts.append(same_files(samples))
    if GROUP in samples:
        codes = pd.factorize(samples[GROUP])[0]  # -1 for NA
        members = np.flatnonzero(codes >= 0)
        first = np.arange(n)
        first[members] = pd.Series(members).groupby(codes[members]).transform("min")
        firsts.append(first)
    ends = np.tile(np.arange(n), len(firsts)), np.concatenate(firsts)
    return connected_components(coo_array((np.ones(len(ends[0])), ends), (n, n)))[1]


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


def _verified(prints: Fingerprints, tell: _Stages) -> tuple[Pairs, np.ndarray]:
    """Return the candidates that are copies, each pair once, and their likeness (n_pairs,)."""
    details = alignment.details(prints.small)
    usable = np.flatnonzero(prints.known & details.any(1))
    hashed = _by_hash(prints, usable, lambda share: tell.comparing(0.2 * share))
    plain = _as_they_are(hashed, details, prints.small.shape[1])
    windows = _by_window(prints.small, usable, lambda share: tell.comparing(0.2 + 0.4 * share))
    candidates = _joined([hashed.where(plain >= WORTH_ALIGNING), windows])
    sure = _threshold(prints.small, usable)
    likenesses = _likeness(candidates, prints.small, lambda s: tell.comparing(0.6 + 0.4 * s))
    copies = likenesses >= sure
    candidates, likenesses = candidates.where(copies), likenesses[copies]
    copies = likenesses >= _asked_of_regular(candidates, prints.small)
    return _surest(candidates.where(copies), likenesses[copies])


def _asked_of_regular(pairs: Pairs, small: np.ndarray) -> np.ndarray:
    """Return the likeness (n_pairs,) that the more regular picture of each pair asks for."""
    members = np.unique(np.r_[pairs.first, pairs.second])
    independent = alignment.independent_details(small[members])
    fewest = np.minimum(
        *(independent[np.searchsorted(members, ends)] for ends in (pairs.first, pairs.second))
    )
    return np.tanh(LEAST_Z + STANDARD_ERRORS / np.sqrt(fewest))


def _by_hash(prints: Fingerprints, usable: np.ndarray, tell: Tell) -> Pairs:
    """Return pairs whose hashes hardly differ, the `CANDIDATES` nearest of each picture."""
    # With +1 for a bit that is set and -1 for one that is not, the dot product of two hashes is the
    # number of bits minus twice the number of those that differ; here they are scaled to length 1.
    scale = np.float32(BITS**-0.5)
    own = np.where(prints.whole[usable], scale, -scale)
    turned = np.where(prints.mirrored[usable], scale, -scale)
    cells = Cells(own)
    parts = []
    for half, (others, mirrored) in enumerate(((own, False), (turned, True))):
        found = [np.empty((0, 3))]
        for asked, among, alike in cells.products(own, others, _part(tell, half, 2)):
            row, column = np.nonzero(alike >= 1 - 2 * (MOST_BITS + 0.5) / BITS)
            later = among[column] > asked[row]
            row, column = row[later], column[later]
            near = _nearest(row, alike[row, column])
            row, column = row[near], column[near]
            found.append(np.stack([asked[row], among[column], alike[row, column]], axis=1))
        first, second, alike = np.concatenate(found).T
        near = _nearest(first.astype(np.int64), alike)
        ends = usable[first[near].astype(np.int64)], usable[second[near].astype(np.int64)]
        parts.append(Pairs(*ends, np.full(len(near), mirrored)))
    return _joined(parts)


def _nearest(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the positions of the `CANDIDATES` largest `values` of each row; ties as they come."""
    order = np.lexsort((-values, rows))
    counts = np.bincount(rows) if len(rows) else np.zeros(0, int)
    begins = np.repeat(np.cumsum(counts) - counts, counts)
    return order[np.arange(len(rows)) - begins < CANDIDATES]


def _as_they_are(pairs: Pairs, details: np.ndarray, side: int) -> np.ndarray:
    """Return the correlation (n_pairs,) of the details of each pair, without any alignment."""
    found = np.empty(len(pairs.first), np.float32)
    for start in range(0, len(found), PAIRS_AT_ONCE):
        rows = slice(start, start + PAIRS_AT_ONCE)
        second = details[pairs.second[rows]].reshape(-1, side, side)
        turned = pairs.mirrored[rows]
        second[turned] = second[turned, :, ::-1]
        first = details[pairs.first[rows]].reshape(-1, side, side)
        found[rows] = np.einsum("nyx,nyx->n", first, second)
    return found


def _by_window(small: np.ndarray, usable: np.ndarray, tell: Tell) -> Pairs:
    """Return pairs of which one picture looks like a window of the other, the best of each one."""
    wholes = alignment.described(small[usable], alignment.WHOLE)
    cells = Cells(wholes)
    n, count = len(usable), len(alignment.WINDOWS)
    best, fits = np.zeros((count, n), np.int64), np.full((count, n), -1, np.float32)
    for k, window in enumerate(alignment.WINDOWS):
        parts = alignment.described(small[usable], window)
        for asked, among, alike in cells.products(wholes, parts, _part(tell, k, count)):
            at = np.searchsorted(among, asked).clip(max=len(among) - 1)
            itself = among[at] == asked
            alike[itself, at[itself]] = -1
            top = alike.argmax(1)
            values = alike[np.arange(len(asked)), top]
            better = values > fits[k, asked]
            rows = asked[better]
            best[k, rows], fits[k, rows] = among[top[better]], values[better]
    rows, others, values = np.tile(np.arange(n), count), best.ravel(), fits.ravel()
    kept = _nearest_different(rows, others, values)
    return _pairs(usable[rows[kept]], usable[others[kept]])


def _nearest_different(rows: np.ndarray, others: np.ndarray, fits: np.ndarray) -> np.ndarray:
    """Return the positions of the `CANDIDATES` best fits of each row, each pair once."""
    good = np.flatnonzero(fits >= WINDOW_FIT)
    good = good[np.argsort(-fits[good], kind="stable")]
    _, once = np.unique(np.stack([rows[good], others[good]]), axis=1, return_index=True)
    good = good[once]
    return good[_nearest(rows[good], fits[good])]


def _pairs(first: np.ndarray, second: np.ndarray) -> Pairs:
    """Return pairs as they are, the lower position first; a picture is no pair with itself."""
    apart = first != second
    first, second = first[apart], second[apart]
    low, high = np.minimum(first, second), np.maximum(first, second)
    return Pairs(low, high, np.zeros(len(low), bool))


def _joined(parts: Sequence[Pairs]) -> Pairs:
    """Return all pairs, each once."""
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] or 3 * [np.empty(0)]
    every = np.unique(np.stack([column.astype(np.int64) for column in columns]), axis=1)
    return Pairs(every[0], every[1], every[2].astype(bool))


def _threshold(small: np.ndarray, usable: np.ndarray) -> float:
    """Return the likeness from which on pictures of this set are copies; see `SURE`.

    The pictures that are asked are evenly spaced.
    """
    chosen = usable[evenly(len(usable), min(ASKED, len(usable) // ASKED_SHARE))]
    if len(chosen) < 2:
        return SURE
    rows = alignment.described(small[chosen], alignment.WHOLE)
    fits = rows @ rows.T
    np.fill_diagonal(fits, -1)
    nearest = fits.argmax(1)
    reached = alignment.likeness(small[chosen], small[chosen[nearest]]).clip(0, 0.999)
    usual = float(np.quantile(reached, USUAL_SHARE))
    return max(SURE, float(np.tanh(np.arctanh(usual) + MARGIN)))


def _likeness(pairs: Pairs, small: np.ndarray, tell: Tell) -> np.ndarray:
    """Return the likeness (n_pairs,) of each pair, the second picture turned where mirrored."""

    def of_some(start: int) -> np.ndarray:
        some = pairs.where(np.arange(start, min(start + PAIRS_AT_ONCE, n)))
        second = small[some.second]
        second[some.mirrored] = second[some.mirrored][:, :, ::-1]
        return alignment.likeness(small[some.first], second)

    n = len(pairs.first)
    parts = in_threads(
        of_some, range(0, n, PAIRS_AT_ONCE), progress=lambda done, total: tell(done / total)
    )
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _surest(pairs: Pairs, likenesses: np.ndarray) -> tuple[Pairs, np.ndarray]:
    """Return each pair once, mirrored or not as it is more alike, and its likeness."""
    order = np.lexsort((-likenesses, pairs.second, pairs.first))
    pairs, likenesses = pairs.where(order), likenesses[order]
    again = (np.diff(pairs.first, prepend=-1) == 0) & (np.diff(pairs.second, prepend=-1) == 0)
    return pairs.where(~again), likenesses[~again]


def _table(
    ids: pd.Index,
    first_same: np.ndarray,
    single: np.ndarray,
    centre: np.ndarray,
    pairs: Pairs,
    likenesses: np.ndarray,
) -> pd.DataFrame:
    """Return the table of `find`; `centre` (n_single,) and the pairs are positions in `single`."""
    own = np.searchsorted(single, first_same)  # of each sample, the picture of its bytes
    middle = single[centre[own]]  # and the first sample with the picture that is the centre
    match = np.where(own == centre[own], SAME_FILE, COPY).astype(object)
    value = np.ones(len(ids))
    known = pd.DataFrame({"mirrored": pairs.mirrored, "likeness": likenesses})
    known = known.set_index(pd.MultiIndex.from_arrays([pairs.first, pairs.second]))
    moved = np.flatnonzero(match == COPY)
    ends = np.sort(np.stack([own[moved], centre[own[moved]]]), axis=0)
    links = known.loc[pd.MultiIndex.from_arrays(ends)]
    match[moved[links["mirrored"].to_numpy(dtype=bool)]] = MIRRORED
    value[moved] = links["likeness"].round(4)
    match[middle] = np.where(middle == np.arange(len(ids)), CENTRE, match)[middle]
    sizes = np.bincount(middle, minlength=len(ids))
    rows = np.flatnonzero(sizes[middle] > 1)
    firsts = pd.Series(rows).groupby(middle[rows]).transform("min").to_numpy()
    group = pd.factorize(firsts)[0] + 1
    table = pd.DataFrame(
        dict(group=group, centre=ids[middle[rows]], match=match[rows], likeness=value[rows]),
        index=ids[rows],
    ).astype({"centre": "str", "match": "str"})
    follows = (table["match"] != CENTRE).to_numpy()
    return table.iloc[np.lexsort((np.arange(len(table)), follows, group))]
