"""Groups of samples that belong together, such as copies of one picture.

In come links between samples, or the parts that samples were drawn into. Out come groups, and parts
in which the members of a group are together.
"""

import numpy as np
import pandas as pd


def stars(first: np.ndarray, second: np.ndarray, weights: np.ndarray, n: int) -> np.ndarray:
    """Return the centre of each sample's group, int (n,); a sample in no group is its own centre.

    `first` and `second`, int (n_links,), are the ends of the links between n samples, and `weights`
    (n_links,), above 0, how strong they are. Samples that are linked, directly or through others,
    are first put together. Then each such component is guarded against chains, in which the ends
    have nothing in common: its centre is the sample with the strongest links in sum (of equal ones
    the first), and only the samples that are linked to the centre itself stay with it. The others
    are grouped again, without them.
    """
    from scipy.sparse import coo_array  # slow to import, and a review needs none of it
    from scipy.sparse.csgraph import connected_components

    centre = np.arange(n)
    links = coo_array(
        (np.r_[weights, weights], (np.r_[first, second], np.r_[second, first])), (n, n)
    )
    links = links.tocsr()
    _, component = connected_components(links, directed=False)
    sizes = np.bincount(component, minlength=1)
    order = np.argsort(component, kind="stable")
    for members in np.split(order, np.cumsum(sizes)[:-1]):
        left = members
        while len(left) > 1:
            part = links[left][:, left]
            middle = int(np.asarray(part.sum(1)).ravel().round(6).argmax())
            near = np.flatnonzero(part[[middle]].toarray()[0] > 0)
            if not len(near):
                break  # what is left has no links any more
            star = np.r_[middle, near]
            centre[left[star]] = left[middle]
            left = np.delete(left, star)
    return centre


def together(parts: np.ndarray, groups: pd.Series | np.ndarray | None) -> np.ndarray:
    """Return `parts` with all members of a group in the part of its first member.

    `parts` (n,) says which fold, or which side of a split, each sample was drawn into. `groups`
    (n,) says which group each one is in, missing (NA) for none; None leaves everything as it is.
    So no sample is predicted by a network that was trained on a copy of it.

    >>> together(np.array([0, 1, 2, 1]), np.array([7, np.nan, 7, 8])).tolist()
    [0, 1, 0, 1]
    """
    if groups is None:
        return parts
    table = pd.DataFrame({"part": parts, "group": np.asarray(pd.array(groups, dtype="Int64"))})
    firsts = table.groupby("group", sort=False)["part"].transform("first")
    return firsts.where(table["group"].notna(), table["part"]).to_numpy(dtype=parts.dtype)
