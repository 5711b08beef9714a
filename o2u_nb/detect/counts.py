"""How many labels are wrong, by several estimators side by side.

In come the evidence and a score; out comes one row per estimator, and the same question answered
class by class. No estimator wins on all data, so how far they differ is part of the answer. None
needs to know the true rate, and an estimator that cannot say refuses.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.odd import empirical_losses
from o2u_nb.detect.threshold import SURE_SHARE, sure_rate
from o2u_nb.errors import O2UError
from o2u_nb.rows import evenly
from o2u_nb.text import percent

RECOMMENDED = "sure_disagreement"
MIN_SEPARATION = 2.0  # Ashman's D from which two normal distributions count as apart, see `mixture`
MIN_FITTED = 10  # different scores at least; on fewer, a distribution shrinks onto one of them
MAX_FITTED = 10_000  # scores at most: so many quantiles fix the five numbers of a mixture
# Shares of clean labels from which the fit of a mixture starts. From one start alone, groups of
# rare wrong labels are missed.
STARTS = (0.5, 0.75, 0.9, 0.97, 0.99)


class Count(NamedTuple):
    """A count of wrong labels (NaN where refused) and a sentence: why, or what it assumes."""

    count: float  # type: ignore[assignment]  # not the method of a tuple
    note: str


def compare_estimators(evidence: Evidence, score: np.ndarray) -> pd.DataFrame:
    """Estimate how many labels are wrong, in several ways.

    `score` (n_samples,) float, higher = more suspicious, NaN for samples never seen, which are left
    out. Returns a table indexed by `estimator` with `count` (float, NaN where the estimator
    refuses), `rate` (count over samples seen, 0 to 1) and `note`. The row `RECOMMENDED` is the
    number that the score table uses. The order of the samples does not matter. Raises `O2UError`
    when `score` does not fit the evidence or is infinite.
    """
    scored = _scored(evidence, score)
    score = np.asarray(score, dtype=np.float64)[scored]
    labels = evidence.labels[scored]
    probs = evidence.class_probs[scored]
    found = {
        "sure_disagreement": _sure_disagreement(probs, labels),
        "disagreement": _disagreement(probs, labels),
        "mixture": mixture(score),
        "otsu": otsu(score),
        "confident_joint": confident_joint(probs, labels),
        "odd": odd_percentile(probs, labels),
    }
    table = pd.DataFrame(found.values(), pd.Index(found, name="estimator"), Count._fields)
    table.insert(1, "rate", table["count"] / max(1, len(score)))
    return table


def extremes(table: pd.DataFrame) -> tuple[float, float]:
    """Return the lowest and the highest count of `compare_estimators`; NaN if all refused."""
    return float(table["count"].min()), float(table["count"].max())


def wrong_per_class(scores: pd.DataFrame) -> pd.DataFrame:
    """Count wrong labels per given label, classes with most of them first.

    Takes a score table and returns one indexed by `label`: `samples` (those seen), `suspects`,
    `wrong` (the sum of `p_wrong`, float) and `rate` (wrong over samples; NaN where none was seen).
    """
    seen = scores["score"].notna()
    parts = pd.DataFrame(
        dict(samples=seen, suspects=scores["suspect"] & seen, wrong=scores["p_wrong"].where(seen))
    )
    table = parts.groupby(scores["label"].astype(str)).sum()
    table["rate"] = table["wrong"] / table["samples"].where(table["samples"] > 0)
    order = np.lexsort((table.index, -table["wrong"]))
    return table.iloc[order].rename_axis("label")


def mixture(score: np.ndarray) -> Count:
    """Fit two normal distributions to `score` (n,); the upper one holds the wrong labels.

    The count is the sum of the probabilities of belonging to it. Refuses when the Bayesian
    information criterion prefers one distribution, or when the two overlap: Ashman's
    D = sqrt(2) |m1 - m0| / sqrt(v1 + v0) below 2 (Ashman, Bird, Zepf, AJ 1994).
    """
    if len(np.unique(score)) < MIN_FITTED:
        return Count(np.nan, f"Needs at least {MIN_FITTED} different scores.")
    values = np.sort(score)  # so that the order of the samples cannot matter
    values = ((values - values.mean()) / values.std())[:, None]
    values = values[evenly(len(values), MAX_FITTED)]
    one, two = _fitted(values)
    if one.bic(values) <= two.bic(values):
        return Count(np.nan, "One bell curve fits the scores as well as two (BIC).")
    separation = ashman_d(two.means_.ravel(), two.covariances_.ravel())
    if separation < MIN_SEPARATION:
        return Count(
            np.nan,
            f"The two groups of scores overlap too much: Ashman's D = {separation:.1f}, "
            f"{MIN_SEPARATION:.0f} is needed.",
        )
    share = two.predict_proba(values)[:, np.argmax(two.means_)].mean()
    return Count(
        float(share * len(score)),
        f"Assumes two bell curves of scores; Ashman's D = {separation:.1f}.",
    )


def _fitted(values: np.ndarray) -> tuple[Any, Any]:
    """Fit one and two normal distributions to sorted `values` (n, 1): the likeliest of `STARTS`."""
    from sklearn.mixture import GaussianMixture

    # Scores may repeat: the smallest variance keeps a distribution from shrinking onto one value.
    # A fixed seed, since scikit-learn would draw from numpy's global generator otherwise.
    options = dict(reg_covar=1e-3, tol=1e-6, max_iter=1000, random_state=0)
    one = GaussianMixture(1, **options).fit(values)
    fits = [GaussianMixture(2, **options, **_start(values, q)).fit(values) for q in STARTS]
    return one, max(fits, key=lambda fit: fit.lower_bound_)


def _start(values: np.ndarray, clean: float) -> dict:
    """Start from the two parts of sorted `values` (n, 1), cut where the share `clean` ends."""
    cut = min(round(clean * len(values)), len(values) - 2)
    parts = values[:cut], values[cut:]
    return dict(
        weights_init=[len(part) / len(values) for part in parts],
        means_init=[part.mean(0) for part in parts],
        precisions_init=[[[1 / (part.var() + 1e-3)]] for part in parts],
    )


def ashman_d(means: np.ndarray, variances: np.ndarray) -> float:
    """Say how far two normal distributions stand apart: in standard deviations, 0 = not at all.

    `means` and `variances` (2,). Ashman, Bird, Zepf, AJ 1994: a clean separation needs more than 2.

    >>> round(ashman_d(np.array([0.0, 6.0]), np.array([1.0, 7.0])), 6)
    3.0
    """
    return float(np.sqrt(2) * abs(means[1] - means[0]) / np.sqrt(variances.sum()))


def otsu(score: np.ndarray) -> Count:
    """Split `score` (n,) in two with the largest variance between the parts; count the upper one.

    Exact, over every split between two different values: n0 n1 (m1 - m0)^2. Of equal splits the
    one with fewer wrong labels. Otsu, IEEE SMC 1979, equation 14, without a histogram.
    """
    values = np.sort(score)
    below = np.flatnonzero(np.diff(values)) + 1  # sizes of the lower part
    if not len(below):
        return Count(np.nan, "All scores are equal: there is nothing to split.")
    n = len(values)
    sums = np.cumsum(values - values.mean())
    # The values are centred, so the parts' sums are s and -s, and the formula shrinks to this.
    between = sums[below - 1] ** 2 * (n / (below * (n - below)))
    best = below[np.flatnonzero(between >= between.max() * (1 - 1e-12))[-1]]
    return Count(float(n - best), "Assumes two groups and always splits, even a single one.")


def confident_joint(probs: np.ndarray, labels: np.ndarray) -> Count:
    """Count the labels off the diagonal of cleanlab's joint of given and true labels.

    `probs` (n, n_classes) softmax, NaN rows are left out; `labels` (n,) int. Northcutt, Jiang,
    Chuang, JAIR 2021, section 3.1, calibrated: n (1 - trace). A class without labels can be
    nobody's true class. Refuses with fewer than two classes that have labels.
    """
    known = ~np.isnan(probs).any(1)
    if len(np.unique(labels[known])) < 2:
        return Count(np.nan, "Needs labels of at least two classes.")
    from cleanlab.count import estimate_joint

    joint = estimate_joint(np.asarray(labels[known]), np.asarray(probs[known]))
    return Count(
        float((1 - np.trace(joint)) * len(labels)),
        "Confident learning; assumes probabilities from a network that did not train on the "
        "samples, but these come from training.",
    )


def odd_percentile(probs: np.ndarray, labels: np.ndarray, percentile: float = 10.0) -> Count:
    """Count the labels whose loss exceeds a percentile of the loss of random wrong labels.

    `probs` (n, n_classes) softmax, `labels` (n,) int. The random labels are those of
    `odd.empirical_losses`, without the likeliest class. Uniform noise exceeds the percentile with
    probability 1 - percentile / 100, by which the count is divided. Song, Hu, Auli, Dauphin and
    Ma, arXiv 2003.10647.
    """
    every_class = -np.log(np.maximum(probs, np.finfo(np.float32).tiny), dtype=np.float64)
    loss = every_class[np.arange(len(labels)), labels]
    simulated = empirical_losses(every_class, wrong_only=True)
    if not len(simulated):
        return Count(np.nan, "Needs the softmax of at least one sample and two classes.")
    above = np.count_nonzero(loss > np.percentile(simulated, percentile))
    return Count(
        above / (1 - percentile / 100),
        f"Assumes uniform noise: labels above the {percentile:g}th percentile of the loss that "
        "random wrong labels would have.",
    )


def _sure_disagreement(probs: np.ndarray, labels: np.ndarray) -> Count:
    return Count(
        sure_rate(probs, labels, SURE_SHARE) * len(labels),
        f"Assumes that labels are as often wrong in the surest {percent(SURE_SHARE)} as in all.",
    )


def _disagreement(probs: np.ndarray, labels: np.ndarray) -> Count:
    return Count(
        sure_rate(probs, labels, 1.0) * len(labels),
        "Counts every label that the averaged prediction contradicts, right but hard ones too.",
    )


def _scored(evidence: Evidence, score: np.ndarray) -> np.ndarray | slice:
    """Tell which samples have a score; where all have, as a slice, which copies nothing."""
    if np.shape(score) != (evidence.n_samples,):
        raise O2UError(
            f"Expected one score for each of the trace's {evidence.n_samples:,} samples, found an "
            f"array of shape {np.shape(score)}: pass them in the order of `trace.ids`."
        )
    if np.isinf(score).any():
        raise O2UError(
            f"{np.isinf(score).sum():,} scores are infinite: expected finite ones, or NaN for "
            "samples never seen."
        )
    scored = ~np.isnan(score)
    return slice(None) if scored.all() else scored
