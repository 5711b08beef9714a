"""The recommended score: how strongly the network contradicts a label, and how common that is.

In comes `Evidence`, of one eye or of several. Out come the score, each eye's part of it, and the
two of the part's three components that compare samples with each other. The third component,
`scores.settled_margin`, looks at each sample alone.
"""

import numpy as np

from o2u_nb.detect import swaps
from o2u_nb.detect.class_rows import by_sample
from o2u_nb.detect.evidence import Evidence, over_eyes
from o2u_nb.detect.odds import log_odds_against
from o2u_nb.detect.scores import settled_margin

# This probability is added to each probability, which keeps the log-odds finite. It is, roughly,
# the smallest one that the mean of 50 neighbours (`neighbours.LOOK_ALIKES`) can resolve.
FLOOR = 1e-3


def lookalike_margin(evidence: Evidence) -> np.ndarray | None:
    """Return the log-odds against each label by what the network predicts for the look-alikes.

    float (n_samples,), nats, higher = more suspicious; NaN where the look-alikes are not known. See
    `neighbours.lookalike_probs`. None without embeddings.
    """
    probs = evidence.lookalike_probs
    if probs is None:
        return None
    return by_sample(
        lambda some, labels: log_odds_against(some + FLOOR, labels), probs, evidence.labels
    )


def swap_odds(evidence: Evidence) -> np.ndarray:
    """Return how common it is that samples of the suggested class have the given label.

    float (n_samples,), nats, higher = more suspicious: the logarithm of a ratio, positive where
    this confusion is more common than the average one. It is a prior, which depends on the pair of
    classes and not on the sample. See `swaps.swap_odds`.
    """
    return swaps.swap_odds(evidence.said_of_alike, evidence.labels, evidence.suggested)


def score(evidence: Evidence) -> np.ndarray:
    """Return the recommended score: float (n_samples,), nats, higher = more suspicious.

    It is the mean of the eyes' scores, see `eye_score`; an eye that has not seen a sample is left
    out of its mean. NaN for samples that the first eye has never seen. The scores are log-odds, and
    eyes that err on different pictures are taken as independent witnesses, whose log-odds add up;
    the sum is divided by their number because they are not quite independent, which does not
    change the ranking. How it was chosen: benchmarks/detection/README.md.
    """
    return over_eyes([np.asarray(eye.column(eye_score)) for eye in evidence.eyes])


def eye_score(evidence: Evidence) -> np.ndarray:
    """Return the score of the first eye alone: float (n_samples,), nats, higher = more suspicious.

    NaN for samples that training has never seen. See `combined`.
    """
    return combined(
        np.asarray(evidence.column(settled_margin)),
        evidence.column(lookalike_margin),
        np.asarray(evidence.column(swap_odds)),
    )


def combined(dynamics: np.ndarray, look_alikes: np.ndarray | None, swaps: np.ndarray) -> np.ndarray:
    """Combine the three parts of the score into log-odds against the label.

    All are float (n_samples,), nats, higher = more suspicious. `dynamics` comes from the network's
    outputs for the sample itself (`scores.settled_margin`), `look_alikes` from those for similar
    samples. Their mean is taken, or `dynamics` alone where `look_alikes` is None or NaN. Where the
    mean is positive, so that it contradicts the label, it is multiplied by exp(`swaps`): it becomes
    larger where such a confusion is common, and smaller where it is rare. NaN where the sample
    itself was never seen.

    By Bayes' rule `swaps` would be added to log-odds that are calibrated. The network's are not:
    they are far too large for the samples that it contradicts most, so that adding `swaps` would
    hardly change the order of these, while it would raise the score of labels that nothing else
    contradicts.
    """
    said = dynamics
    if look_alikes is not None:
        said = np.where(np.isnan(look_alikes), dynamics, (dynamics + look_alikes) / 2)
    return np.where(said > 0, said * np.exp(swaps), said)
