"""The recommended score: what the pictures say against a label, and how common the mix-up is.

In comes `Evidence`; out come the score and the two parts of it that compare samples with each
other. The third part, `scores.settled_margin`, looks at each sample alone.
"""

import numpy as np

from o2u_nb.detect import swaps
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.odds import log_odds_against
from o2u_nb.detect.scores import settled_margin

# Smallest probability that 50 neighbours (`neighbours.LOOK_ALIKES`) can resolve, in round numbers;
# it is added to each, which keeps the log-odds finite.
FLOOR = 1e-3


def lookalike_margin(evidence: Evidence) -> np.ndarray | None:
    """Return what the network thinks of the samples that look alike, as log-odds against the label.

    float (n_samples,), nats; see `neighbours.lookalike_probs`. None without embeddings.
    """
    probs = evidence.lookalike_probs
    return None if probs is None else log_odds_against(probs + FLOOR, evidence.labels)


def swap_odds(evidence: Evidence) -> np.ndarray:
    """Return how common it is that the suggested class bears the given label, as log-odds.

    float (n_samples,), nats; positive where this mix-up is more common than the average one. A
    prior: it says something of the pair of classes, and nothing of the sample. See
    `swaps.swap_odds`.
    """
    return swaps.swap_odds(evidence.pooled_probs, evidence.labels, evidence.suggested)


def score(evidence: Evidence) -> np.ndarray:
    """Return the recommended score, float (n_samples,), nats; see `combined`."""
    return combined(
        np.asarray(evidence.column(settled_margin)),
        evidence.column(lookalike_margin),
        np.asarray(evidence.column(swap_odds)),
    )


def combined(dynamics: np.ndarray, look_alikes: np.ndarray | None, swaps: np.ndarray) -> np.ndarray:
    """Combine the three parts of the score into log-odds against the label: (n_samples,), nats.

    `dynamics` is what the network said of the sample itself (`scores.settled_margin`),
    `look_alikes` what it said of those that look like it; the mean of both, or the former alone
    where the latter is unknown, is what the pictures say. Where that is against the label, it
    counts exp(`swaps`) times: more where such a mix-up is common, less where it is rare. Added
    instead, as Bayes' rule has it for odds that can be trusted, `swaps` hardly moves the oddest
    pictures, which a network contradicts with far too many nats, and doubts labels that nothing
    else speaks against. NaN where the sample itself was never seen.
    """
    said = dynamics
    if look_alikes is not None:
        said = np.where(np.isnan(look_alikes), dynamics, (dynamics + look_alikes) / 2)
    return np.where(said > 0, said * np.exp(swaps), said)
