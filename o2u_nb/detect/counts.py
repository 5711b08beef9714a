"""How many labels are wrong, by several estimators side by side.

In come the evidence and a score; out come a table with one row per estimator, and a table with one
row per class. No estimator is the best on all data, so it is worth seeing how far they differ. None
of them needs to know the true rate. An estimator whose assumptions do not hold gives NaN and says
why.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.detect.class_rows import ClassRows, Probs, taken
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.odd import empirical_losses
from o2u_nb.detect.threshold import basis, sure_rate
from o2u_nb.errors import O2UError
from o2u_nb.rows import evenly
from o2u_nb.text import percent

RECOMMENDED = "sure_disagreement"  # the estimator whose count the score table uses
# What people read for each estimator.
TITLES = {
    "sure_disagreement": "contradicted where the network is sure",
    "disagreement": "contradicted at all",
    "mixture": "two normal distributions of scores",
    "otsu": "best split of the scores (Otsu)",
    "confident_joint": "confident learning",
    "odd": "loss of random labels (ODD)",
}
# Smallest Ashman's D with which two normal distributions count as separate (Ashman, Bird and Zepf,
# AJ 1994); see `mixture`.
MIN_SEPARATION = 2.0
# A mixture is fitted to at least this many different scores. With fewer, one of its distributions
# shrinks onto a single score. Our choice.
MIN_FITTED = 10
# A mixture is fitted to at most this many scores, taken evenly from the sorted ones. That is enough
# for its five parameters. Our choice.
MAX_FITTED = 10_000
# Shares of clean labels (0 to 1) with which the fit of a mixture starts. With a single start, a
# small group of wrong labels is missed. Our choice.
STARTS = (0.5, 0.75, 0.9, 0.97, 0.99)
# Percentile of the simulated losses above which `odd_percentile` counts a label (Song et al.,
# arXiv 2003.10647).
PERCENTILE = 10.0
# Samples times classes that confident learning and ODD look at where there are too many for an
# array: 160 MB in float64, of which they make several copies. Our choice.
MOST_FEW = 20_000_000


class Count(NamedTuple):
    """An estimated count of wrong labels, and a note on it.

    `count` is NaN when the estimator refuses. `note` is a sentence that says why it refuses, or
    else what the estimator assumes.
    """

    count: float  # type: ignore[assignment]  # not the method of a tuple
    note: str


def compare_estimators(evidence: Evidence, score: np.ndarray) -> pd.DataFrame:
    """Estimate how many labels are wrong, in several ways.

    `score` (n_samples,) float, higher = more suspicious, NaN for samples that training has never
    seen; these are left out. Returns a table indexed by `estimator` with the columns `count`
    (float, NaN where the estimator refuses), `rate` (the count divided by the number of samples
    seen, 0 to 1) and `note` (a sentence). The score table uses the count in the row `RECOMMENDED`,
    shifted towards the usual share where the network has learned too little, see
    `threshold.count_wrong`.
    The result does not depend on the order of the samples. Raises `O2UError` when `score` has
    another shape or holds an infinite value.
    """
    scored = _scored(evidence, score)
    score = np.asarray(score, dtype=np.float64)[scored]
    labels = evidence.labels[scored]
    probs, share = basis(evidence)
    probs = taken(probs, scored)
    some, given, part = _few(probs, labels)
    found = {
        "sure_disagreement": _sure_disagreement(probs, labels, share),
        "disagreement": _disagreement(probs, labels),
        "mixture": mixture(score),
        "otsu": otsu(score),
        "confident_joint": part(confident_joint(some, given)),
        "odd": part(odd_percentile(some, given)),
    }
    table = pd.DataFrame(found.values(), pd.Index(found, name="estimator"), Count._fields)
    table.insert(1, "rate", table["count"] / max(1, len(score)))
    return table


def extremes(table: pd.DataFrame) -> tuple[float, float]:
    """Return the lowest and the highest count of `compare_estimators`; NaN if all refused."""
    return float(table["count"].min()), float(table["count"].max())


def wrong_per_class(scores: pd.DataFrame) -> pd.DataFrame:
    """Estimate the wrong labels of each given class, the class with the most of them first.

    `scores` is a score table. Returns a table indexed by `label` with the columns `samples` (int,
    those that training has seen), `suspects` (int), `wrong` (float, the sum of `p_wrong`) and
    `rate` (`wrong` divided by `samples`, 0 to 1; NaN where no sample was seen).
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
    """Fit two normal distributions to `score` (n,) float; the upper one holds the wrong labels.

    The count is the sum, over all samples, of the probability that the score comes from the upper
    distribution. Refuses with fewer than `MIN_FITTED` different scores, when the Bayesian
    information criterion prefers a single distribution, or when the two overlap: then Ashman's
    D = sqrt(2) |m1 - m0| / sqrt(v1 + v0) is below 2 (Ashman, Bird and Zepf, AJ 1994).
    """
    if len(np.unique(score)) < MIN_FITTED:
        return Count(np.nan, f"Needs at least {MIN_FITTED} different scores.")
    values = np.sort(score)  # makes the result independent of the order of the samples
    values = ((values - values.mean()) / values.std())[:, None]
    values = values[evenly(len(values), MAX_FITTED)]
    one, two = _fitted(values)
    if one.bic(values) <= two.bic(values):
        return Count(np.nan, "One normal distribution fits the scores as well as two (BIC).")
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
        f"Assumes two normal distributions of scores; Ashman's D = {separation:.1f}.",
    )


def _fitted(values: np.ndarray) -> tuple[Any, Any]:
    """Return the fit of one and the best fit of two normal distributions to sorted `values` (n, 1).

    The fit of two starts from each of `STARTS`; the one with the highest likelihood is returned.
    """
    from sklearn.mixture import GaussianMixture

    # Scores may repeat. `reg_covar` is added to each variance, so that no distribution shrinks onto
    # a single value. The seed is fixed because scikit-learn would otherwise draw from numpy's
    # global random generator.
    options = dict(reg_covar=1e-3, tol=1e-6, max_iter=1000, random_state=0)
    one = GaussianMixture(1, **options).fit(values)
    fits = [GaussianMixture(2, **options, **_start(values, q)).fit(values) for q in STARTS]
    return one, max(fits, key=lambda fit: fit.lower_bound_)


def _start(values: np.ndarray, clean: float) -> dict:
    """Return the start of a fit: sorted `values` (n, 1) are cut after the share `clean` of them."""
    cut = min(round(clean * len(values)), len(values) - 2)
    parts = values[:cut], values[cut:]
    return dict(
        weights_init=[len(part) / len(values) for part in parts],
        means_init=[part.mean(0) for part in parts],
        precisions_init=[[[1 / (part.var() + 1e-3)]] for part in parts],
    )


def ashman_d(means: np.ndarray, variances: np.ndarray) -> float:
    """Return the distance of two normal distributions in units of their standard deviation.

    `means` and `variances` are (2,) float. Returns D = sqrt(2) |m1 - m0| / sqrt(v1 + v0), 0 for
    equal means. A clean separation needs more than 2 (Ashman, Bird and Zepf, AJ 1994).

    >>> round(ashman_d(np.array([0.0, 6.0]), np.array([1.0, 7.0])), 6)
    3.0
    """
    return float(np.sqrt(2) * abs(means[1] - means[0]) / np.sqrt(variances.sum()))


def otsu(score: np.ndarray) -> Count:
    """Split `score` (n,) float by Otsu's method, and count the samples in the upper part.

    The split is the one with the largest variance between the two parts, n0 n1 (m1 - m0)^2. It is
    found exactly, without a histogram, among all splits between two different values. If several
    are equally good, the one with the fewest wrong labels is taken. Refuses when all scores are
    equal. Otsu, IEEE Transactions on Systems, Man, and Cybernetics 1979, equation 14.
    """
    values = np.sort(score)
    below = np.flatnonzero(np.diff(values)) + 1  # the size of the lower part, for each split
    if not len(below):
        return Count(np.nan, "All scores are equal: there is nothing to split.")
    n = len(values)
    sums = np.cumsum(values - values.mean())
    # The values are centred, so the sums of the two parts are s and -s, and n0 n1 (m1 - m0)^2 is
    # proportional to s^2 n / (n0 n1).
    between = sums[below - 1] ** 2 * (n / (below * (n - below)))
    best = below[np.flatnonzero(between >= between.max() * (1 - 1e-12))[-1]]
    return Count(float(n - best), "Assumes two groups and always splits, even a single one.")


def confident_joint(probs: np.ndarray, labels: np.ndarray) -> Count:
    """Count wrong labels by confident learning: n (1 - trace of the joint of given and true label).

    `probs` (n, n_classes) float are softmax outputs, `labels` (n,) int the given classes; rows of
    NaN are left out. The joint distribution is cleanlab's calibrated estimate (Northcutt, Jiang and
    Chuang, JAIR 2021, section 3.1). A class that no sample is labelled with cannot be the true
    class of a sample. Refuses when fewer than two classes have labels.
    """
    known = ~np.isnan(probs).any(1)
    if len(np.unique(labels[known])) < 2:
        return Count(np.nan, "Needs labels of at least two classes.")
    from cleanlab.count import estimate_joint

    joint = estimate_joint(np.asarray(labels[known]), np.asarray(probs[known]))
    return Count(
        float((1 - np.trace(joint)) * len(labels)),
        "Assumes probabilities from a network that did not train on the samples, but these come "
        "from training.",
    )


def odd_percentile(probs: np.ndarray, labels: np.ndarray, percentile: float = PERCENTILE) -> Count:
    """Count the labels whose loss exceeds a percentile of the losses of random wrong labels.

    `probs` (n, n_classes) float are softmax outputs, `labels` (n,) int the given classes;
    `percentile` is between 0 and 100. The random labels are those of `odd.empirical_losses`,
    without the likeliest class. A uniformly random wrong label exceeds the percentile with
    probability 1 - percentile / 100, so the count is divided by that. Refuses when no sample was
    seen or there is a single class. Song, Hu, Auli, Dauphin and Ma, arXiv 2003.10647.
    """
    every_class = -np.log(np.maximum(probs, np.finfo(np.float32).tiny), dtype=np.float64)
    loss = every_class[np.arange(len(labels)), labels]
    simulated = empirical_losses(every_class, wrong_only=True)
    if not len(simulated):
        return Count(np.nan, "Needs the softmax of at least one sample and two classes.")
    above = np.count_nonzero(loss > np.percentile(simulated, percentile))
    return Count(
        above / (1 - percentile / 100),
        f"Assumes uniform noise: counts labels with a loss above the {percentile:g}th percentile "
        "of the losses that random wrong labels would have.",
    )


def _few(
    probs: Probs, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Callable[[Count], Count]]:
    """Return so many rows as an array may hold, their labels, and what counts them for all.

    Where `probs` is an array, these are all.
    """
    if not isinstance(probs, ClassRows):
        return probs, labels, lambda count: count
    few = evenly(len(labels), max(1, MOST_FEW // probs.shape[1]))

    def for_all(found: Count) -> Count:
        note = f"{found.note} From {len(few):,} evenly spaced samples."
        return Count(found.count * len(labels) / len(few), note)

    return probs[few], labels[few], for_all


def _sure_disagreement(probs: Probs, labels: np.ndarray, share: float) -> Count:
    return Count(
        sure_rate(probs, labels, share) * len(labels),
        f"Assumes that labels are wrong as often among the surest {percent(share)} as among all.",
    )


def _disagreement(probs: Probs, labels: np.ndarray) -> Count:
    return Count(
        sure_rate(probs, labels, 1.0) * len(labels),
        "Counts every label that the averaged prediction contradicts, also right ones of hard "
        "samples.",
    )


def _scored(evidence: Evidence, score: np.ndarray) -> np.ndarray | slice:
    """Return which samples have a score: bool (n_samples,), or a full slice where all have one."""
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
    return slice(None) if scored.all() else scored  # indexing with a slice copies nothing
