"""What cleanlab's functions take, from an audit; cleanlab itself is not needed for it."""

import numpy as np

from o2u_nb.detect.dynamics import class_probs
from o2u_nb.folder import AuditFolder


def to_cleanlab(audit: AuditFolder) -> dict:
    """Return what cleanlab's functions take: labels, pred_probs, classes, and ids of the rows.

    `labels` int (n,) are the given ones, positions in `classes`, which are in lexicographic order
    as cleanlab expects; `pred_probs` float (n, n_classes) is the softmax averaged over training,
    rows adding up to 1: in-sample, so less sure than cross-validation would be. Samples never seen
    in training are left out.
    """
    trace = audit.trace
    order = sorted(range(len(trace.classes)), key=lambda code: trace.classes[code])
    probs = class_probs(trace)[:, order].astype(np.float64)
    seen = ~np.isnan(probs).any(axis=1)
    probs = probs[seen] / probs[seen].sum(axis=1, keepdims=True)
    return dict(
        labels=np.argsort(order)[trace.labels[seen]],
        pred_probs=probs,
        classes=[trace.classes[code] for code in order],
        ids=trace.ids[seen],
    )
