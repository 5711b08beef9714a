"""Plant wrong labels, reproducibly, and keep the truth aside: for experiments with a known answer.

A noise is any callable `noise(samples, codes, classes, rng)` that returns new label codes (integers
into the sorted `classes`, one per row); this module makes the four usual ones. `plant` applies one
to a samples table and returns the noisy table beside the true labels, which no detector may read.
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
    """Replace labels of `samples` according to `noise`; the table passed in stays as it is.

    The result depends on the seed, the noise and the rows (their order included) alone. Raises
    `O2UError` with fewer than two classes.
    """
    classes = sorted(samples["label"].unique())
    if len(classes) < 2:
        raise O2UError(f"expected at least two classes to confuse, found {classes}")
    truth = samples["label"].rename("true_label")
    codes = pd.Categorical(truth, categories=classes).codes.astype(np.int64)
    noisy = noise(samples, codes, classes, np.random.default_rng(seed))
    labels = pd.Series([classes[code] for code in noisy], samples.index, dtype="str")
    return Planted(samples.assign(label=labels), truth)


def realised_rate(samples: pd.DataFrame, truth: pd.Series) -> float:
    """Return the share of `samples` whose label differs from the `truth`, in [0, 1].

    This, not the nominal rate, is what an experiment reports. Raises `O2UError` when a sample has
    no true label.
    """
    aligned = truth.reindex(samples.index)
    if aligned.isna().any():
        raise O2UError(f"no true label for {aligned.isna().sum()} of {len(samples)} samples")
    return float((samples["label"] != aligned).mean())


def symmetric(rate: float) -> Noise:
    """Keep each label with probability 1 - `rate`, else draw one of the other classes evenly.

    The exact form, as in Co-teaching and O2U-Net: drawing over all K classes would realise only
    rate * (K - 1) / K.
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
    """Move each label to the next class in sorted order (the last to the first), with `rate`."""
    _require_rate(rate)

    def noise(
        samples: pd.DataFrame, codes: np.ndarray, classes: list[str], rng: np.random.Generator
    ) -> np.ndarray:
        flipped = rng.random(len(codes)) < rate
        return (codes + flipped) % len(classes)

    return noise


def transition(matrix: np.ndarray, classes: Sequence[str]) -> Noise:
    """Draw each label from the row of its true class in `matrix`: T[i, j] = P(given j | true i).

    Rows and columns follow `classes`, which must name every class of the samples. Raises `O2UError`
    when the matrix is not square, has negative entries or rows that do not sum to 1.
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
            raise O2UError("the transition matrix leads to classes that no sample has")
        return _draw(matrix[np.ix_(rows, rows)][codes], rng)

    return noise


def instance_dependent(
    rate: float, features: np.ndarray | pd.DataFrame | None = None, *, spread: float = 0.1
) -> Noise:
    """Flip the samples that look the part: Xia et al. (2020), part-dependent noise, algorithm 2.

    Each sample's flip rate is normal around `rate` with standard deviation `spread`, truncated to
    [0, 1]. Its wrong class is drawn from the softmax of a random projection of its features, one
    projection per true class, so that similar samples are mislabelled alike. `features` is (N, D)
    in row order, or a DataFrame indexed by sample_id; by default the pixels at 8 x 8. They are
    standardised by column.
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
    """Draw one column per row of `chances` (N, K), in which rows sum to 1."""
    cumulated = np.cumsum(chances, axis=1)
    cumulated /= cumulated[:, -1:]  # exactly 1 at the end, so that rounding adds no class
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

    low, high = -mean / spread, (1 - mean) / spread
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
