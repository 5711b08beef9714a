"""Coats: generated pictures of animal coats, with wrong labels planted on request.

In comes a seed. Out come square colour pictures of ten coats (leopard rosettes, tiger stripes, ...)
with their names: as arrays (`generate`), or as a folder of class folders of PNG files, with a table
of the true labels beside it (`write_folder`). Classes that look alike share their colours, so that
only the pattern tells them apart.

Spots and stripes come from the Swift-Hohenberg equation, the normal form of a Turing instability:
with a quadratic term it gives spots, without one stripes (Cross and Hohenberg, Rev. Mod. Phys.
1993). Rosettes are level sets of spots, as in the two-stage model of Liu, Liaw and Maini (Phys.
Rev. E 2006).
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from o2u_nb.data import atomic
from o2u_nb.data.parallel import Progress
from o2u_nb.errors import OutputError

# All numbers in this module are our choice, unless they say otherwise.
CELLS = 64  # grid points along one side of a pattern's periodic tile
PERIODS = 8  # wavelengths along one side of that tile
FINER = 2  # factor by which pictures are painted larger, before they are averaged to their size
TRUTH = "truth.csv"  # the table of true labels

# For each class, the classes that look like it; a wrong label usually names one of them.

LOOK_ALIKES: dict[str, tuple[str, ...]] = {
    "cheetah": ("leopard", "dalmatian"),
    "cow": ("dalmatian", "giraffe"),
    "dalmatian": ("cow", "cheetah"),
    "giraffe": ("cow", "jaguar"),
    "jaguar": ("leopard", "ocelot"),
    "kudu": ("tiger", "zebra"),
    "leopard": ("jaguar", "cheetah"),
    "ocelot": ("leopard", "jaguar"),
    "tiger": ("zebra", "kudu"),
    "zebra": ("tiger", "kudu"),
}
CLASSES = tuple(sorted(LOOK_ALIKES))
LOOK_ALIKE_SHARE = 0.7  # share of the planted wrong labels that name a class of `LOOK_ALIKES`

# Ranges of colours, RGB in [0, 1]: each picture draws a colour between the two.
TAWNY = ((0.72, 0.50, 0.26), (0.93, 0.76, 0.50))
ORANGE = ((0.78, 0.42, 0.14), (0.94, 0.66, 0.36))
WHITE = ((0.78, 0.75, 0.68), (0.97, 0.96, 0.93))
BROWN = ((0.42, 0.27, 0.15), (0.66, 0.46, 0.28))
BLACK = ((0.05, 0.04, 0.03), (0.22, 0.16, 0.12))
CREAM = ((0.80, 0.70, 0.52), (0.96, 0.90, 0.76))

Colours = tuple[tuple[float, float, float], tuple[float, float, float]]


class Layers(NamedTuple):
    """A pattern, (side, side) each, in [0, 1]: how much each pixel is a mark, and a core of one.

    `marks` and `cores` are painted in their colours over the ground colour.
    """

    marks: np.ndarray
    cores: np.ndarray


class Coat(NamedTuple):
    """How to draw one class: the function that makes its pattern, its colours, and its scale.

    One of the colours in `ground` is drawn for each picture. `across` is the range of the number of
    wavelengths of the pattern along one side of a picture.
    """

    pattern: Callable[[np.random.Generator, np.ndarray, float], Layers]
    ground: tuple[Colours, ...]
    mark: Colours
    core: Colours
    across: tuple[float, float]


def generate(
    n: int, *, seed: int = 0, size: int = 48, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draw `n` coats: pictures uint8 (n, size, size, 3) and true labels, str (n,).

    The classes follow one another in turn, so they are balanced. Picture i depends on `seed`,
    `size` and i alone, so a larger `n` gives the same pictures and more of them. `size` is in
    pixels. `progress(done, total)` is called after each picture.

    >>> pictures, labels = generate(2, seed=1)
    >>> pictures.shape, labels.tolist()
    ((2, 48, 48, 3), ['cheetah', 'cow'])
    """
    labels = np.array([CLASSES[number % len(CLASSES)] for number in range(n)])
    pictures = np.empty((n, size, size, 3), dtype=np.uint8)
    for number, label in enumerate(labels):
        pictures[number] = _picture(COATS[label], np.random.default_rng([seed, number]), size)
        if progress:
            progress(number + 1, n)
    return pictures, labels


def write_folder(
    root: str | os.PathLike,
    *,
    n: int = 2000,
    seed: int = 0,
    noise: float = 0.1,
    size: int = 48,
    progress: Progress | None = None,
) -> Path:
    """Write `n` coats into class folders, the share `noise` (0 to 1) of them into a wrong one.

    The pictures, of `size` by `size` pixels, are `root/images/<given label>/coat_00042.png`. The
    table `root/truth.csv` has the columns sample_id, label (the given one) and true_label. It is
    written last, so the folder is complete if the table is there. Seven in ten wrong labels name a
    class that looks alike, the others any other class. A folder that a killed run has left is
    completed, and several processes may write the same coats at the same time. Returns `root`.
    Raises `OutputError` when `root` holds other files or cannot be written, `ValueError` when
    `noise` is not a share.
    """
    root = Path(root)
    _require_own(root)
    pictures, true = generate(n, seed=seed, size=size, progress=progress)
    given = planted(true, noise, np.random.default_rng([seed, n]))
    names = [f"{label}/coat_{number:05d}.png" for number, label in enumerate(given)]
    try:
        for label in CLASSES:
            (root / "images" / label).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"Cannot write to {root} ({error.strerror or error}): choose another folder."
        ) from error
    # Pictures that a killed run with other settings has left would be in the wrong folders. Those
    # with our names stay: another process may be drawing the same coats, and both write the same.
    drawn = set(names)
    for left in root.glob("images/*/coat_*.png"):
        if left.relative_to(root / "images").as_posix() not in drawn:
            left.unlink(missing_ok=True)
    for picture, name in zip(pictures, names, strict=True):
        with atomic.replacing(root / "images" / name, durable=False) as file:
            Image.fromarray(picture).save(file, "PNG")
    table = pd.DataFrame({"sample_id": names, "label": given, "true_label": true})
    with atomic.replacing(root / TRUTH) as file:
        table.sort_values("sample_id").to_csv(file, index=False)
    return root


def planted(true: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Return a copy of the labels `true` (n,) in which exactly round(`noise` * n) are wrong.

    See `write_folder` for the choice of the wrong labels. Raises `ValueError` when `noise` is not
    between 0 and 1.
    """
    if not 0 <= noise <= 1:
        raise ValueError(f"expected a share of wrong labels from 0 to 1, found {noise}")
    given = true.copy()
    for number in rng.permutation(len(true))[: round(noise * len(true))]:
        alike = rng.random() < LOOK_ALIKE_SHARE
        others = LOOK_ALIKES[true[number]] if alike else _others(true[number])
        given[number] = others[rng.integers(len(others))]
    return given


def _others(label: str) -> tuple[str, ...]:
    return tuple(other for other in CLASSES if other != label)


def _require_own(root: Path) -> None:
    foreign = [path.name for path in root.glob("*") if path.name not in ("images", TRUTH)]
    classes = [path.name for path in root.glob("images/*") if path.name not in CLASSES]
    if foreign or classes:
        raise OutputError(
            f"{root} holds other things, such as {(foreign + classes)[0]!r}: choose a new or empty "
            "folder for the coats."
        )


# --- one picture -------------------------------------------------------------------------------


def _picture(coat: Coat, rng: np.random.Generator, size: int) -> np.ndarray:
    side = size * FINER
    across = rng.uniform(*coat.across)
    layers = coat.pattern(rng, _view(rng, side), across)
    ground = _colour(rng, coat.ground[rng.integers(len(coat.ground))])
    mark = _colour(rng, coat.mark)
    core = _colour(rng, coat.core)
    tint = 1 + 0.06 * _look(_clouds(rng, detail=6), _view(rng, side), across=4)[..., None]
    skin = ground * tint
    skin = skin + (core - skin) * layers.cores[..., None]
    skin = skin + (mark - skin) * layers.marks[..., None]
    return _photographed(skin, rng, size)


def _colour(rng: np.random.Generator, colours: Colours) -> np.ndarray:
    low, high = np.array(colours)
    return low + (high - low) * rng.random() + rng.normal(0, 0.012, 3)


def _view(rng: np.random.Generator, side: int) -> np.ndarray:
    """Return the position in the pattern of each pixel: (2, side, side), in widths of the picture.

    The positions are turned, shifted and slightly bent at random.
    """
    grid = (np.mgrid[:side, :side] + 0.5) / side - 0.5
    turn = rng.uniform(0, 2 * np.pi)
    y = np.cos(turn) * grid[0] - np.sin(turn) * grid[1]
    x = np.sin(turn) * grid[0] + np.cos(turn) * grid[1]
    bend = rng.uniform(0, 0.06)
    phase = rng.uniform(0, 2 * np.pi, 2)
    bent = np.stack([y + bend * np.sin(5 * x + phase[0]), x + bend * np.sin(5 * y + phase[1])])
    return bent + rng.random(2)[:, None, None]


def _photographed(skin: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Return `skin` as a photograph: lit from one side, exposed, a little blurred, with grain.

    `skin` is float (side, side, 3) in [0, 1]; the photograph is uint8 (size, size, 3).
    """
    from scipy.ndimage import gaussian_filter

    side = skin.shape[0]
    y, x = (np.mgrid[:side, :side] + 0.5) / side - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.7) * (np.cos(angle) * x + np.sin(angle) * y)
    warmth = 1 + rng.normal(0, 0.06) * np.array([1, 0, -1])
    picture = skin * (rng.uniform(0.5, 1.15) * light)[..., None] * warmth
    blur = FINER * rng.uniform(0.2, 1.1)
    picture = gaussian_filter(picture, (blur, blur, 0))
    picture = picture.reshape(size, FINER, size, FINER, 3).mean((1, 3))
    picture += rng.normal(0, rng.uniform(0.01, 0.09), picture.shape)
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


# --- patterns ----------------------------------------------------------------------------------


def _solid_spots(rng, view, across) -> Layers:
    field = _look(_turing(rng, spots=SPOTS), view, across=across)
    return Layers(_above(field, rng.uniform(0.9, 1.2)), np.zeros_like(field))


def _rosettes(rng, view, across, *, stretch: float = 1.0, dotted: bool = False) -> Layers:
    """Draw broken dark rings around tinted cores, with dots in them if `dotted`.

    `stretch` is the factor by which they are longer in one direction.
    """
    view = view / np.array([stretch, 1.0])[:, None, None]
    field = _look(_turing(rng, spots=SPOTS), view, across=across)
    ring = _above(field, 0.15) * (1 - _above(field, 1.15))
    gaps = _above(_look(_clouds(rng, detail=24), view, across=across), -0.9, soft=0.5)
    dots = rng.uniform(0.5, 1) * _above(field, 2.0, soft=0.5) if dotted else 0.0
    return Layers(np.maximum(ring * gaps, dots), _above(field, 0.8) * rng.uniform(0.5, 0.9))


def _leopard(rng, view, across) -> Layers:
    return _rosettes(rng, view, across)


def _jaguar(rng, view, across) -> Layers:
    return _rosettes(rng, view, across, dotted=True)


def _ocelot(rng, view, across) -> Layers:
    return _rosettes(rng, view, across, stretch=rng.uniform(1.5, 2.2))


def _stripes(rng, view, across, *, level: float, wobble: float = 0.0) -> Layers:
    field = _look(_turing(rng, aligned=1.0), view, across=across)
    uneven = wobble * _look(_clouds(rng, detail=5), view, across=across)
    return Layers(_above(field + uneven, level), np.zeros_like(field))


def _tiger(rng, view, across) -> Layers:
    return _stripes(rng, view, across, level=rng.uniform(0.35, 0.6), wobble=0.5)


def _zebra(rng, view, across) -> Layers:
    return _stripes(rng, view, across, level=rng.uniform(-0.2, 0.2))


def _kudu(rng, view, across) -> Layers:
    return _stripes(rng, view, across, level=rng.uniform(1.0, 1.15))


def _patches(rng, view, across) -> Layers:
    """Draw a giraffe's polygons: the Voronoi cells of points that are not too close together."""
    from scipy.spatial import cKDTree

    cells = max(2, round(across * 1.4))
    corners = np.stack(np.mgrid[-1 : cells + 1, -1 : cells + 1], -1).reshape(-1, 2)
    points = (corners + rng.uniform(0.15, 0.85, corners.shape)) / cells
    where = (view - view.min((1, 2), keepdims=True)).reshape(2, -1).T / np.ptp(view)
    near = cKDTree(points).query(where, k=2)[0].reshape(*view.shape[1:], 2)
    border = (near[..., 1] - near[..., 0]) * cells
    return Layers(_above(border, rng.uniform(0.14, 0.24), soft=0.12), np.zeros(view.shape[1:]))


def _blotches(rng, view, across) -> Layers:
    field = _look(_clouds(rng, detail=PERIODS), view, across=across)
    return Layers(_above(field, rng.uniform(-0.1, 0.4), soft=0.15), np.zeros_like(field))


# Factor of the quadratic term: high enough for spots, and low enough that they are uneven.
SPOTS = 1.4

COATS: dict[str, Coat] = {
    "cheetah": Coat(_solid_spots, (TAWNY, CREAM), BLACK, TAWNY, (4.2, 7.5)),
    "cow": Coat(_blotches, (WHITE,), BLACK, WHITE, (2.6, 3.8)),
    "dalmatian": Coat(_solid_spots, (WHITE, WHITE, CREAM), BLACK, WHITE, (2.8, 4.6)),
    "giraffe": Coat(_patches, (CREAM, TAWNY), BROWN, CREAM, (2.6, 4.2)),
    "jaguar": Coat(_jaguar, (TAWNY, ORANGE), BLACK, BROWN, (2.4, 4.0)),
    "kudu": Coat(_kudu, (BROWN, TAWNY), WHITE, BROWN, (2.5, 4.5)),
    "leopard": Coat(_leopard, (TAWNY, ORANGE, CREAM), BLACK, BROWN, (3.2, 5.2)),
    "ocelot": Coat(_ocelot, (TAWNY, CREAM), BLACK, BROWN, (3.4, 4.6)),
    "tiger": Coat(_tiger, (ORANGE, TAWNY), BLACK, ORANGE, (2.5, 4.5)),
    "zebra": Coat(_zebra, (WHITE, CREAM), BLACK, WHITE, (2.5, 4.5)),
}


def _turing(rng, *, spots: float = 0.0, aligned: float = 0.0, steps: int = 60) -> np.ndarray:
    """Grow a periodic pattern (CELLS, CELLS) from noise, with mean 0 and standard deviation 1.

    `spots` is the factor of the quadratic term of the Swift-Hohenberg equation. `aligned` > 0 damps
    waves along the first axis, which makes stripes parallel. The linear part is stepped implicitly
    in Fourier space, which allows long steps.
    """
    ky = np.fft.fftfreq(CELLS, 1 / CELLS)[:, None] / PERIODS
    kx = np.fft.rfftfreq(CELLS, 1 / CELLS)[None, :] / PERIODS
    decay = (1 - kx**2 - ky**2) ** 2 + aligned * ky**2
    # Spots are stable at the onset of the instability, stripes beyond it.
    drive = 1.0 if spots else 1.5
    field = 0.5 * rng.standard_normal((CELLS, CELLS))
    for _ in range(steps):
        reaction = np.clip(field * (drive + field * (spots - field)), -3, 3)
        field = np.fft.irfft2(np.fft.rfft2(reaction) / (1 + decay), s=field.shape)
    return (field - field.mean()) / field.std()


def _clouds(rng, *, detail: float) -> np.ndarray:
    """Return a smooth periodic random field (CELLS, CELLS), with mean 0 and standard deviation 1.

    It has about `detail` blobs along each side.
    """
    ky = np.fft.fftfreq(CELLS, 1 / CELLS)[:, None]
    kx = np.fft.rfftfreq(CELLS, 1 / CELLS)[None, :]
    kept = np.exp(-(kx**2 + ky**2) / (2 * (0.5 * detail) ** 2))
    noise = rng.standard_normal((CELLS, CELLS))
    field = np.fft.irfft2(kept * np.fft.rfft2(noise), s=noise.shape)
    return (field - field.mean()) / field.std()


def _look(field: np.ndarray, view: np.ndarray, *, across: float) -> np.ndarray:
    """Return the values of the periodic `field` at the positions `view`: (side, side).

    `across` is the number of wavelengths along one side of the picture.
    """
    from scipy.ndimage import map_coordinates

    return map_coordinates(field, view * (across / PERIODS * CELLS), order=1, mode="grid-wrap")


def _above(field: np.ndarray, level: float, soft: float = 0.3) -> np.ndarray:
    """Return 1 where `field` is above `level`, 0 below it, and a linear edge of width `soft`."""
    return np.clip((field - level) / soft + 0.5, 0, 1)
