"""An audit as the arrays that cleanlab's functions take; cleanlab itself is not needed."""

import os
from pathlib import Path

import numpy as np

from o2u_nb.data import atomic
from o2u_nb.detect.dynamics import class_probs
from o2u_nb.folder import AuditFolder


def to_cleanlab(audit: AuditFolder) -> dict:
    """Return what cleanlab's functions take from `audit`: labels, pred_probs, classes and row ids.

    `labels` (n,) of int are the given labels, as positions in `classes`, which are in lexicographic
    order as cleanlab expects. `pred_probs` (n, n_classes) of float is the softmax averaged over
    training; each row adds up to 1. These probabilities are in-sample, from a network that was
    trained on the same samples, and so weaker evidence than those of a cross-validation. Samples
    that were never seen in training are left out.
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


def write_cleanlab(audit: AuditFolder, path: str | os.PathLike) -> Path:
    """Write what `to_cleanlab(audit)` returns to the file `path`; `numpy.load(path)` reads it.

    Returns the path. Raises `OutputError` when the file cannot be written.
    """
    found = to_cleanlab(audit)
    text = {name: np.asarray(found[name], dtype=str) for name in ("classes", "ids")}  # no pickle
    with atomic.replacing(path) as file:
        np.savez(
            file,
            labels=found["labels"],
            pred_probs=found["pred_probs"],
            classes=text["classes"],
            ids=text["ids"],
        )
    return Path(path)
