"""Plant wrong labels reproducibly, for experiments in which the true labels are known.

A noise is any callable `noise(samples, codes, classes, rng)` that returns new label codes, int
(n,): positions in the sorted `classes`, one per row of `samples`. This module makes the usual ones.
`plant` applies a noise to a samples table. It returns the noisy table and, separately, the true
labels, which no detector may read.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.data.images import decode_pixels
from o2u_nb.errors import O2UError

Noise = Callable[[pd.DataFrame, np.ndarray, list[str], np.random.Generator], np.ndarray]


class Planted(NamedTuple):
    """A samples table with noisy labels, and the true labels as a Series by `sample_id`."""

    samples: pd.DataFrame
    truth: pd.Series


def plant(samples: pd.DataFrame, noise: Noise, *, seed: int | np.random.Generator) -> Planted:
    """Return a copy of `samples` with labels changed by `noise`, and the true labels.

    The result depends only on the seed, the noise, and the rows and their order. Raises `O2UError`
    with fewer than two classes.
    """
    classes = sorted(samples["label"].unique())
    if len(classes) < 2:
        raise O2UError(f"expected at least two classes to confuse, found {classes}")
    truth = samples["label"].rename("true_label")
    codes = pd.Categorical(truth, categories=classes).codes.astype(np.int64)
    noisy = noise(samples, codes, classes, np.random.default_rng(seed))
    labels = pd.Series([classes[code] for code in noisy], samples.index, dtype="str")
    return Planted(samples.assign(label=labels), truth)


def named(name: str, features: np.ndarray | pd.DataFrame | None = None) -> Noise:
    """Return the noise that `name` describes: its kind, and the share of labels that it changes.

    The kinds are "symmetric", "pair flip", "look-alike" (the class whose `features` are most like
    those of the label's class) and "instance" (similar samples get the same wrong labels), followed
    by the share, as in "symmetric 40 %" or "pair flip 0.2". "none" changes nothing. Without
    `features`, look-alike classes and similar samples are told by the pixels at 8 x 8. Raises
    `O2UError` for another kind, or a share that is not a number between 0 and 1.

    >>> named("symmetric 40 %")(None, np.zeros(5, int), ["a", "b"], np.random.default_rng(0))
    array([0, 1, 1, 1, 0])
    """
    kind, _, share = name.strip().rstrip("%").strip().rpartition(" ")
    if name.strip() == "none":
        return symmetric(0)
    makers = {
        "symmetric": symmetric,
        "pair flip": pair_flip,
        "look-alike": lambda rate: nearest_class(rate, features),
        "instance": lambda rate: instance_dependent(rate, features),
    }
    try:
        rate = float(share) / (100 if name.strip().endswith("%") else 1)
    except ValueError:
        kind = ""
    if kind not in makers:
        raise O2UError(
            f"expected a noise such as 'none', 'symmetric 40 %', 'pair flip 20 %', "
            f"'look-alike 10 %' or 'instance 20 %', found {name!r}"
        )
    return makers[kind](rate)


def realised_rate(samples: pd.DataFrame, truth: pd.Series) -> float:
    """Return the share of `samples` whose label differs from the `truth`, in [0, 1].

    Report this rate for an experiment, not the rate that the noise was asked for. Raises `O2UError`
    when a sample has no true label.
    """
    aligned = truth.reindex(samples.index)
    if aligned.isna().any():
        raise O2UError(f"no true label for {aligned.isna().sum()} of {len(samples)} samples")
    return float((samples["label"] != aligned).mean())


def symmetric(rate: float) -> Noise:
    """Return noise that changes each label with probability `rate` to a random other class.

    All other classes are equally likely, as in Co-teaching (Han et al., NeurIPS 2018) and O2U-Net
    (Huang et al., ICCV 2019). If the class were drawn from all K classes, only rate * (K - 1) / K
    of the labels would be wrong. Raises `O2UError` when `rate` is not between 0 and 1.
    """
    _require_rate(rate)

    def noise(
        samples: pd.DataFrame, codes: np.ndarray, classes: list[str], rng: np.random.Generator
    ) -> np.ndarray:
        flipped = rng.random(len(codes)) < rate
        steps = rng.integers(1, len(classes), len(codes))
        return (codes + flipped * steps) % len(classes)

    return noise


def pair_flip(rate: float) -> Noise:
    """Return noise that changes each label with probability `rate` to the next class.

    The next class is that in sorted order; after the last comes the first. Raises `O2UError` when
    `rate` is not between 0 and 1.
    """
    _require_rate(rate)

    def noise(
        samples: pd.DataFrame, codes: np.ndarray, classes: list[str], rng: np.random.Generator
    ) -> np.ndarray:
        flipped = rng.random(len(codes)) < rate
        return (codes + flipped) % len(classes)

    return noise


def transition(matrix: np.ndarray, classes: Sequence[str]) -> Noise:
    """Return noise that draws each label from the row of its true class in `matrix`.

    `matrix` (n_classes, n_classes) float holds T[i, j] = P(given class j | true class i). Its rows
    and columns are in the order of `classes`, which must name every class of the samples. Raises
    `O2UError` when the matrix has another shape, negative entries, or rows that do not sum to 1,
    and the noise itself when the samples have other classes than the matrix.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    order = list(classes)
    _require_transition(matrix, order)

    def noise(
        samples: pd.DataFrame, codes: np.ndarray, classes: list[str], rng: np.random.Generator
    ) -> np.ndarray:
        unknown = sorted(set(classes) - set(order))
        if unknown:
            raise O2UError(f"the transition matrix has no row for {', '.join(map(repr, unknown))}")
        rows = [order.index(name) for name in classes]
        outside = np.delete(matrix[rows], rows, axis=1)
        if outside.any():
            raise O2UError(
                "the transition matrix gives labels of classes that no sample has: leave these out"
            )
        return _draw(matrix[np.ix_(rows, rows)][codes], rng)

    return noise


def instance_dependent(
    rate: float, features: np.ndarray | pd.DataFrame | None = None, *, spread: float = 0.1
) -> Noise:
    """Return noise that depends on the picture: similar samples get the same wrong labels.

    Each sample's probability of a wrong label is drawn from a normal distribution around `rate`
    with the standard deviation `spread`, truncated to [0, 1]. Its wrong class is drawn from the
    softmax of a random projection of its features, with one projection per true class. `features`
    is (N, D) float in row order, or a DataFrame indexed by sample_id; by default the pixels of the
    pictures at 8 x 8. Each column is standardised. Xia et al. (2020), part-dependent label noise,
    algorithm 2. Raises `O2UError` when `rate` is not between 0 and 1 or `spread` is not positive,
    and the noise itself when the features do not fit the samples.
    """
    _require_rate(rate)
    if not spread > 0:
        raise O2UError(f"expected a spread above 0, found {spread}")

    def noise(
        samples: pd.DataFrame, codes: np.ndarray, classes: list[str], rng: np.random.Generator
    ) -> np.ndarray:
        inputs = _standardised(_features(samples, features))
        rates = _truncated_normal(rate, spread, len(codes), rng)
        chances = _confusions(inputs, codes, len(classes), rng) * rates[:, None]
        chances[np.arange(len(codes)), codes] = 1 - rates
        return _draw(chances, rng)

    return noise


def nearest_class(rate: float, features: np.ndarray | pd.DataFrame | None = None) -> Noise:
    """Return noise that changes each label with probability `rate` to the class most like it.

    That is the class whose mean of `features` is nearest to the mean of the label's own class, by
    Euclidean distance. `features` is (N, D) float in row order, or a DataFrame indexed by
    sample_id; by default the pixels of the pictures at 8 x 8. Raises `O2UError` when `rate` is not
    between 0 and 1, and the noise itself when the features do not fit the samples.
    """
    _require_rate(rate)

    def noise(
        samples: pd.DataFrame, codes: np.ndarray, classes: list[str], rng: np.random.Generator
    ) -> np.ndarray:
        inputs = _features(samples, features)
        means = np.stack([inputs[codes == code].mean(axis=0) for code in range(len(classes))])
        apart = ((means[:, None] - means) ** 2).sum(axis=2)
        np.fill_diagonal(apart, np.inf)
        flipped = rng.random(len(codes)) < rate
        return np.where(flipped, apart.argmin(axis=1)[codes], codes)

    return noise


def _require_rate(rate: float) -> None:
    if not 0 <= rate <= 1:
        raise O2UError(f"expected a noise rate between 0 and 1, found {rate}")


def _require_transition(matrix: np.ndarray, classes: list[str]) -> None:
    if matrix.shape != (len(classes), len(classes)):
        raise O2UError(
            f"expected a transition matrix of {len(classes)} x {len(classes)}, one row per class, "
            f"found the shape {matrix.shape}"
        )
    if len(set(classes)) < len(classes):
        raise O2UError("a class is named twice for the rows of the transition matrix")
    if not (matrix >= 0).all():
        raise O2UError("expected probabilities in the transition matrix, found a negative or NaN")
    sums = matrix.sum(axis=1)
    for name, total in zip(classes, sums, strict=True):
        if abs(total - 1) > 1e-6:
            raise O2UError(
                f"expected rows of the transition matrix to sum to 1, found {total:g} for {name!r}"
            )


def _draw(chances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a column for each row of `chances` (N, K), whose rows are probabilities: int (N,)."""
    cumulated = np.cumsum(chances, axis=1)
    # The last column becomes exactly 1, so that rounding errors never give the column number K.
    cumulated /= cumulated[:, -1:]
    return (rng.random((len(chances), 1)) >= cumulated).sum(axis=1)


def _features(samples: pd.DataFrame, features: np.ndarray | pd.DataFrame | None) -> np.ndarray:
    if features is None:
        features = decode_pixels(samples, 8).reshape(len(samples), -1)
    elif isinstance(features, pd.DataFrame):
        features = features.reindex(samples.index)
    values = np.asarray(features, dtype=np.float64)
    if values.ndim != 2 or len(values) != len(samples) or not np.isfinite(values).all():
        raise O2UError(
            f"expected finite features of shape ({len(samples)}, D), one row per sample, "
            f"found the shape {values.shape} with {np.isnan(values).sum()} missing values"
        )
    return values


def _standardised(features: np.ndarray) -> np.ndarray:
    scale = features.std(axis=0)
    return (features - features.mean(axis=0)) / np.where(scale > 0, scale, 1)


def _truncated_normal(
    mean: float, spread: float, count: int, rng: np.random.Generator
) -> np.ndarray:
    from scipy.stats import truncnorm  # slow to import, and only needed here

    low = -mean / spread
    high = (1 - mean) / spread
    return truncnorm.rvs(low, high, loc=mean, scale=spread, size=count, random_state=rng)


def _confusions(
    features: np.ndarray, codes: np.ndarray, n_classes: int, rng: np.random.Generator
) -> np.ndarray:
    """Return P(wrong class | features, true class), (N, K), zero for the true class."""
    chances = np.zeros((len(codes), n_classes))
    for code in range(n_classes):
        rows = np.flatnonzero(codes == code)
        logits = features[rows] @ rng.standard_normal((features.shape[1], n_classes))
        logits[:, code] = -np.inf
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances[rows] = weights / weights.sum(axis=1, keepdims=True)
    return chances
