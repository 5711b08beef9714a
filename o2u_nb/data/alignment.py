"""Are two pictures the same one? Lay small versions on each other, and compare what they show.

In come pairs of small pictures; out comes how alike each pair is. One picture of a pair may be a
part of the other, scaled, or have another brightness: it is aligned with the other one first.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

PAIRS_AT_ONCE = 256  # so that the arrays of a step stay below 50 MB
# Standard deviations, in pixels, of the blurs with which pictures are aligned, coarse to fine, and
# the number of steps with each.
BLURS = ((3.0, 4), (1.5, 4), (0.7, 4))
# The detail of a picture is what is between these two blurs (standard deviations in pixels of the
# small version). With a finer one, what is left of a photograph after it was made smaller depends
# too much on how.
FINE, COARSE = 0.8, 2.0
FLAT = 0.004  # standard deviation of the detail, of 1, below which a picture shows none
# How far a side may be scaled: what is less than 70 % of a picture's side is not recognised.
MOST_SCALED = 1.45
MOST_MOVED = 0.15  # of half a side, in one step of the alignment
LEAST_OVERLAP = 0.5  # the share of a picture, 0 to 1, that must be compared
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # luminance, ITU-R BT.601
TINY = 1e-9
# The windows in which a crop of a picture is looked for: left, upper, right and lower edge, 0 to 1.
# Their side is that of a usual crop, and the alignment finds the exact one from there.
WINDOW = 0.875
_STARTS = (0.0, (1 - WINDOW) / 2, 1 - WINDOW)
WINDOWS = tuple((x, y, x + WINDOW, y + WINDOW) for x in _STARTS for y in _STARTS)
WHOLE = (0.0, 0.0, 1.0, 1.0)
LEAST_FIT = 0.8  # of descriptions, -1 to 1; pairs that fit worse are not aligned, and have 0
GREY_CELLS, COLOUR_CELLS = 6, 2  # a window is described by so many averages along each side


def described(small: np.ndarray, window: tuple[float, float, float, float]) -> np.ndarray:
    """Describe a part of each picture by averages: float32 (n, 48), rows of length 1.

    `small` is uint8 (n, side, side, 3), and `window` has the edges of the part, 0 to 1. The dot
    product of two rows, -1 to 1, says how alike the parts look, whatever their brightness and
    contrast; rows of zeros where a part has only one colour.
    """
    found = np.empty((len(small), GREY_CELLS**2 + 3 * COLOUR_CELLS**2), np.float32)
    for start in range(0, len(small), 4 * PAIRS_AT_ONCE):
        rows = slice(start, start + 4 * PAIRS_AT_ONCE)
        found[rows] = _described(small[rows], window)
    return found


def _described(small: np.ndarray, window: tuple[float, float, float, float]) -> np.ndarray:
    pictures = small.astype(np.float32)
    grey = pictures @ GREY
    light = _cells(grey[..., None], window, GREY_CELLS)
    light -= light.mean(1, keepdims=True)
    colours = _cells(pictures - grey[..., None], window, COLOUR_CELLS)
    rows = np.concatenate([light / GREY_CELLS, colours / COLOUR_CELLS], axis=1)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 1e-3, lengths, np.inf)


def likeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return how alike the pictures of each pair are: float32 (n,), -1 to 1.

    `first` and `second` are uint8 (n, side, side, 3), the pictures of each pair. They are laid on
    each other by scaling and shifting one of them so that they fit best. What is returned is the
    smaller one of two correlations over the part that both show: that of their detail (what is
    between two blurs of the grey picture), and that of all pixels, colours included. Neither
    depends on brightness and contrast. The detail of two different pictures is hardly correlated,
    even if both show blue sky. It is 0 for a picture without any detail, and for two that do not
    look alike from afar.
    """
    found = np.zeros(len(first), np.float32)
    for start in range(0, len(first), PAIRS_AT_ONCE):
        rows = slice(start, start + PAIRS_AT_ONCE)
        found[rows] = _likeness(first[rows], second[rows])
    return found


def details(small: np.ndarray) -> np.ndarray:
    """Return the detail of each picture as a row of length 1: float32 (n, side * side).

    The dot product of two rows is the correlation of the details of two pictures as they are, with
    no alignment. Rows of zeros where a picture shows no detail.
    """
    found = np.empty((len(small), small.shape[1] * small.shape[2]), np.float32)
    for start in range(0, len(small), 4 * PAIRS_AT_ONCE):
        rows = slice(start, start + 4 * PAIRS_AT_ONCE)
        part = _detail(small[rows].astype(np.float32) / 255 @ GREY).reshape(len(small[rows]), -1)
        part -= part.mean(1, keepdims=True)
        spread = part.std(1, keepdims=True)
        scale = np.where(spread > FLAT, spread * np.sqrt(part.shape[1]), np.inf)
        found[rows] = part / scale
    return found


def independent_details(small: np.ndarray) -> np.ndarray:
    """Return how many details of each picture are independent of each other: float64 (n,).

    It is the effective sample size of a correlation of the details of two such pictures: the number
    of pixels, divided by the sum of the squared autocorrelation over all shifts (Bretherton et al.,
    "The Effective Number of Spatial Degrees of Freedom", J. Climate 1999, with two alike fields).
    In a photograph it is 30 to 100 of 1,024 pixels, in regular stripes 5: where one stripe fits,
    all do. `small` is uint8 (n, side, side, 3); a picture without any detail has NaN.
    """
    n, side = len(small), small.shape[1]
    found = np.empty(n)
    for start in range(0, n, PAIRS_AT_ONCE):
        rows = slice(start, start + PAIRS_AT_ONCE)
        part = details(small[rows]).reshape(-1, side, side)
        # Padded to twice the side, so that what leaves on one edge does not come in on the other.
        power = np.abs(np.fft.rfft2(part, (2 * side, 2 * side))) ** 2
        alike = np.fft.irfft2(power, (2 * side, 2 * side))
        squares = (alike**2).sum((1, 2))
        found[rows] = np.where(squares > 0, side**2 / np.maximum(squares, TINY), np.nan)
    return found


def _cells(pictures: np.ndarray, window: tuple[float, float, float, float], n: int) -> np.ndarray:
    """Return the averages over n x n cells of a window of `pictures`: float32 (n_pictures, ...)."""
    side = pictures.shape[1]
    left, upper, right, lower = window
    ys, xs = _averaging(upper, lower, n, side), _averaging(left, right, n, side)
    lines = np.tensordot(pictures, xs, axes=(2, 1))  # (n_pictures, y, colour, cell)
    return np.tensordot(lines, ys, axes=(1, 1)).reshape(len(pictures), -1)


def _averaging(start: float, stop: float, n: int, side: int) -> np.ndarray:
    """Return the matrix (n, side) that averages pixels over n equal cells from start to stop."""
    edges = np.linspace(start * side, stop * side, n + 1)[:, None]
    pixels = np.arange(side)
    covered = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return (covered.clip(0) / (edges[1:] - edges[:-1])).astype(np.float32)


def _likeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    fits, moves, swapped = _begin(first, second)
    worth = fits >= LEAST_FIT
    found = np.zeros(len(first), np.float32)
    if worth.any():
        found[worth] = _once_aligned(first[worth], second[worth], moves[worth], swapped[worth])
    return found


def _once_aligned(
    first: np.ndarray, second: np.ndarray, moves: np.ndarray, swapped: np.ndarray
) -> np.ndarray:
    fixed, moving = (pictures.astype(np.float32) / 255 for pictures in (first, second))
    fixed[swapped], moving[swapped] = moving[swapped], fixed[swapped].copy()
    same = np.tile(np.array([1, 1, 0, 0], np.float32), (len(first), 1))
    fits = _aligned(fixed @ GREY, moving @ GREY, moves)
    return np.maximum(_alike(fixed, moving, same), _alike(fixed, moving, fits))


def _begin(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where to begin: how well pictures fit (n,), moves (n, 4), and which one is moved.

    The moves lead to the window of one picture that looks most like the other picture. The last
    array (n,) is true where `first` is the one that is moved.
    """
    whole = [described(pictures, WHOLE) for pictures in (first, second)]
    parts = [
        np.stack([_dots(described(moved, window), fixed) for window in WINDOWS])
        for moved, fixed in ((second, whole[0]), (first, whole[1]))
    ]
    fits = np.concatenate([_dots(*whole)[None], *parts])
    best = fits.argmax(0)
    windows = np.array([WHOLE, *WINDOWS, *WINDOWS], np.float32)[best]
    low, high = windows[:, :2], windows[:, 2:]
    moves = np.concatenate([high - low, low + high - 1], axis=1)
    return fits.max(0), moves, best > len(WINDOWS)


def _dots(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", first, second)


def _aligned(fixed: np.ndarray, moving: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return the moves, float32 (n, 4), by which `moving` (n, side, side) comes to fit `fixed`.

    A move is the scale of x and y, and the shift of x and y; coordinates run from -1 to 1. Each
    step is one of Gauss and Newton's for the squared difference, in which gain and offset of the
    brightness are free, from blurred pictures to sharp ones (Lucas and Kanade, "An Iterative Image
    Registration Technique", IJCAI 1981).
    """
    for blur, steps in BLURS:
        sigma = (0, blur, blur)
        target, source = gaussian_filter(fixed, sigma), gaussian_filter(moving, sigma)
        slopes = np.gradient(source, axis=2), np.gradient(source, axis=1)
        for _ in range(steps):
            moves = moves + _step(target, source, slopes, moves)
            moves[:, :2] = moves[:, :2].clip(1 / MOST_SCALED, MOST_SCALED)
            moves[:, 2:] = moves[:, 2:].clip(1 - MOST_SCALED, MOST_SCALED - 1)
    return moves


def _step(
    fixed: np.ndarray, moving: np.ndarray, slopes: tuple[np.ndarray, np.ndarray], moves: np.ndarray
) -> np.ndarray:
    """Return the change of `moves` (n, 4) that the linear approximation asks for."""
    n, side, _ = fixed.shape
    ys, xs, inside = _sampling(moves, side)
    seen = _sampled(moving, ys, xs)
    dx, dy = (_sampled(slope, ys, xs) * (side / 2) for slope in slopes)
    at = np.linspace(-1, 1, side, dtype=np.float32)
    columns = [seen, np.ones_like(seen), dx * at, dy * at[:, None], dx, dy]
    rows = (np.stack(columns, axis=1) * inside[:, None]).reshape(n, len(columns), -1)
    square = rows @ rows.transpose(0, 2, 1)
    size = np.trace(square, axis1=1, axis2=2) / len(columns) + TINY
    square += size[:, None, None] * np.diag(np.array([1e-5, 1e-5, *4 * [1e-3]], np.float32))
    found = np.linalg.solve(square, rows @ (fixed * inside).reshape(n, -1, 1))[:, :, 0]
    gain = np.maximum(np.abs(found[:, :1]), 0.2)  # a smaller one would throw the picture far away
    return (found[:, 2:] / gain).clip(-MOST_MOVED, MOST_MOVED)


def _sampling(moves: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return matrices (n, side, side) that sample lines and columns, and what lies inside.

    `inside` is float32 (n, side, side): 1 where the moved picture covers a pixel, else 0.
    """
    at = np.linspace(-1, 1, side, dtype=np.float32)
    places = np.arange(side, dtype=np.float32)
    matrices, covered = [], []
    for axis in (1, 0):  # y, x
        where = (moves[:, axis, None] * at + moves[:, 2 + axis, None] + 1) * ((side - 1) / 2)
        covered.append((where >= -0.5) & (where <= side - 0.5))
        where = where.clip(0, side - 1)
        matrices.append(np.maximum(0, 1 - np.abs(where[:, :, None] - places)))
    inside = covered[0][:, :, None] & covered[1][:, None, :]
    return matrices[0], matrices[1], inside.astype(np.float32)


def _sampled(pictures: np.ndarray, ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
    return ys @ pictures @ xs.transpose(0, 2, 1)


def _alike(fixed: np.ndarray, moving: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return the likeness (n,) of `fixed` and the moved `moving`, both (n, side, side, 3)."""
    ys, xs, inside = _sampling(moves, fixed.shape[1])
    moved = np.stack([_sampled(moving[..., c], ys, xs) for c in range(3)], axis=-1)
    whole = _correlation(fixed, moved, inside[..., None])
    rims = _shrunk(inside)
    detail = _correlation(_detail(fixed @ GREY), _detail(moved @ GREY), rims, FLAT)
    enough = inside.mean((1, 2)) >= LEAST_OVERLAP
    return np.where(enough, np.minimum(whole, detail), 0)


def _detail(grey: np.ndarray) -> np.ndarray:
    return gaussian_filter(grey, (0, FINE, FINE)) - gaussian_filter(grey, (0, COARSE, COARSE))


def _shrunk(inside: np.ndarray) -> np.ndarray:
    """Return `inside` without its rim, where a blur mixes in what is not there.

    The rim of the picture itself stays.
    """
    padded = np.pad(inside, ((0, 0), (1, 1), (1, 1)), mode="edge")
    inner = padded[:, 2:, 1:-1] * padded[:, :-2, 1:-1] * padded[:, 1:-1, 2:] * padded[:, 1:-1, :-2]
    return inside * inner


def _correlation(
    first: np.ndarray, second: np.ndarray, weights: np.ndarray, least: float = 0.0
) -> np.ndarray:
    """Return the correlation (n,) of two arrays (n, ...), each weighted by `weights`, 0 or 1.

    It is 0 where one of the two has a standard deviation of `least` or less.
    """
    axes = tuple(range(1, first.ndim))
    weights = np.broadcast_to(weights, first.shape)
    total = np.maximum(weights.sum(axes), 1)
    each = total.reshape(-1, *len(axes) * [1])
    first = (first - (first * weights).sum(axes, keepdims=True) / each) * weights
    second = (second - (second * weights).sum(axes, keepdims=True) / each) * weights
    ones, others = np.sqrt((first**2).sum(axes) / total), np.sqrt((second**2).sum(axes) / total)
    varied = np.minimum(ones, others) > max(least, TINY)
    products = (first * second).sum(axes) / total
    return np.where(varied, products / np.maximum(ones * others, TINY), 0)
