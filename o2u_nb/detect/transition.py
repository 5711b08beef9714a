"""The transition matrix: how often samples of one class are given the label of another.

In come softmax outputs of a network that was trained on the given labels, and these labels. Out
comes T, float64 (n_classes, n_classes): `T[i, j]` is the probability that a sample of the right
class i was labelled j, and rows add up to 1. With T and a network that models the right labels
comes the probability of each class for each sample, given its label.
"""

import numpy as np

from o2u_nb.errors import O2UError

# Share of the samples (0 to 1) that are the anchor points of a class. Our choice: the paper takes a
# single sample, the most probable one, which may be an outlier.
ANCHORS = 0.005
# No more anchor points than this share (0 to 1) of a class, if all classes had the same size. Our
# choice: with many classes, `ANCHORS` of all samples would be more than a class has.
OF_CLASS = 0.1
# Largest condition number of T. Our choice: 45 % of pair flips have 10, and 80 % of symmetric noise
# has 9, with ten classes.
MOST = 20.0
STEPS = 100  # weights of the identity that are tried: 0.01, 0.02, ..., 1. Our choice.


def anchor_points(probs: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Estimate T from the samples that the network is surest of, for each class.

    `probs` (n, n_classes) float are softmax outputs; rows of NaN are left out. The `labels` are not
    used. Row i of T is the mean softmax of the 0.5 % of the samples with the highest probability of
    class i, of at least one. Patrini et al., "Making Deep Neural Networks Robust to Label Noise: a
    Loss Correction Approach", CVPR 2017, theorem 3, where it is one sample. A network
    that has memorised the labels gives the identity, and one that has hardly learnt gives too much
    noise.
    """
    known = np.asarray(probs, dtype=np.float64)[~np.isnan(probs).any(1)]
    n, n_classes = known.shape
    count = max(1, round(min(ANCHORS * n, OF_CLASS * n / n_classes)))
    surest = np.argsort(-known, axis=0, kind="stable")[:count]
    return _rows_of_one(known[surest].mean(0))


def confident_joint(probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Estimate T from the joint distribution of given and right labels by confident learning.

    `probs` (n, n_classes) float are softmax outputs, and `labels` (n,) int the given classes; rows
    of NaN are left out. The joint is cleanlab's calibrated estimate (Northcutt, Jiang and Chuang,
    JAIR 2021, section 3.1), which assumes a network that did not train on the samples. A class that
    no sample is taken for is taken to be labelled rightly.
    """
    from cleanlab.count import estimate_joint

    known = ~np.isnan(probs).any(1)
    joint = estimate_joint(np.asarray(labels[known]), np.asarray(probs[known]))  # given, right
    return _rows_of_one(np.asarray(joint, dtype=np.float64).T)


def _rows_of_one(rows: np.ndarray) -> np.ndarray:
    """Return `rows` divided by their sums; a row of zeros becomes that of the identity."""
    sums = rows.sum(1, keepdims=True)
    return np.where(sums > 0, rows / np.where(sums > 0, sums, 1), np.eye(len(rows)))


ESTIMATORS = {"anchor_points": anchor_points, "confident_joint": confident_joint}


def estimate(probs: np.ndarray, labels: np.ndarray, estimator: str) -> np.ndarray:
    """Return the transition matrix T, float (n_classes, n_classes): rows = right, columns = given.

    `probs` is float (n, n_classes), `labels` int (n,), and `estimator` one of `ESTIMATORS`. Raises
    `O2UError` for another one.
    """
    if estimator not in ESTIMATORS:
        raise O2UError(f"Unknown estimator {estimator!r}: expected one of {', '.join(ESTIMATORS)}.")
    return ESTIMATORS[estimator](probs, labels)


def conditioned(transition: np.ndarray, *, most: float = MOST) -> tuple[np.ndarray, float]:
    """Return T blended with as little of the identity as its condition number needs.

    `transition` is T, (n_classes, n_classes). Returns (1 - w) T + w I and the weight w, 0 to 1, the
    smallest multiple of 0.01 with a condition number of at most `most`. A T that is nearly singular
    maps different right labels to nearly the same given ones, and correcting by it makes small
    errors large.
    """
    identity = np.eye(len(transition))
    for weight in np.arange(STEPS + 1) / STEPS:
        blended = (1 - weight) * transition + weight * identity
        if np.linalg.cond(blended) <= most:
            break
    return blended, float(weight)


def posterior(probs: np.ndarray, labels: np.ndarray, transition: np.ndarray) -> np.ndarray:
    """Return the probability of each class to be the right one of each sample, given its label.

    `probs` (n, n_classes) float is what a network gives for the right labels, without knowing the
    given ones, `labels` (n,) int, and `transition` is T. Returns p_j T_jy / sum_k p_k T_ky for each
    class j, float64 (n, n_classes); one minus its value at the given label is a suspicion. Rows of
    NaN stay so, and a sample whose label T makes impossible keeps its `probs`.
    """
    return weighted(probs, transition.T[labels])


def weighted(probs: np.ndarray, likelihood: np.ndarray) -> np.ndarray:
    """Return `posterior` for a T that may depend on the sample.

    `likelihood` (n, n_classes) float is the probability of each sample's given label for each right
    one.
    """
    probs = np.asarray(probs, dtype=np.float64)
    joint = probs * likelihood
    sums = joint.sum(1, keepdims=True)
    return np.where(sums == 0, probs, joint / np.where(sums == 0, 1, sums))
