"""Columns that were measured with the network, beyond what a training leaves behind.

In comes `Evidence`; each column is one of its `measured` arrays, float (n_samples,) in the order of
the trace, or None where that was not measured. How each is measured, and by which paper, is said by
the function in `training` that measures it.
"""

import numpy as np

from o2u_nb.detect.evidence import Evidence


def self_influence(evidence: Evidence) -> np.ndarray | None:
    """Return by how much each sample's loss would rise, had it been left out of the training.

    float (n_samples,) in nats, at least 0, higher = more suspicious. Koh and Liang, ICML 2017; see
    `influence.influence_on_itself`, and `training.probe.influence.influences`, which measures it.
    """
    return evidence.measured.get("self_influence")


def valid_influence(evidence: Evidence) -> np.ndarray | None:
    """Return by how much the validation loss would fall, had each sample been left out.

    float (n_samples,) in nats, higher = more suspicious, negative where the sample helps. Koh and
    Liang, ICML 2017; see `influence.influence_on`, and `training.probe.influence.influences`, which
    measures it.
    """
    return evidence.measured.get("valid_influence")


def tracin(evidence: Evidence) -> np.ndarray | None:
    """Return TracIn's self-influence, the squared gradients over checkpoints.

    float (n_samples,) in nats, at least 0, higher = more suspicious. Pruthi et al., NeurIPS 2020;
    see `influence.squared_gradients`, and `training.probe.tracin.TracIn`, which adds it up.
    """
    return evidence.measured.get("tracin")


def near_boundary(evidence: Evidence) -> np.ndarray | None:
    """Return how near each sample lies to a decision boundary.

    float (n_samples,), 0 to 1, higher = nearer, 0 = no other class was found nearby. It says
    nothing of the label: a right label can lie near a boundary, and a wrong one far from it. Arpit
    et al., ICML 2017; see `training.probe.critical.near_boundary`, which measures it.
    """
    return evidence.measured.get("near_boundary")


def threshold_margin(evidence: Evidence) -> np.ndarray | None:
    """Return by how much each sample's AUM lies below that of samples that are wrong on purpose.

    float (n_samples,) in logits, higher = more suspicious; above 0 the label is called wrong.
    Pleiss et al., NeurIPS 2020; see `training.thresholds.threshold_samples`, which measures it.
    """
    return evidence.measured.get("threshold_margin")
