"""The weight that each sample of the cleaned data set deserves in training: how likely it is right.

In come a plan and the audit's score table; out comes a number from 0 to 1 for each sample that
stays. Such weights are what losses, samplers and scikit-learn's `sample_weight` take.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from o2u_nb.data import atomic
from o2u_nb.data.spreadsheet import inert
from o2u_nb.exchange.cleaned import csv_text, warn_of_stale
from o2u_nb.folder import AuditFolder
from o2u_nb.review.apply import Plan

CERTAIN = ("keep", "relabel")  # decisions after which a label is taken for right


def sample_weights(plan: Plan, audit: AuditFolder) -> pd.Series:
    """Return the probability that the label of each sample that stays is right, by `sample_id`.

    It is 1 where the label was kept or corrected in the review, and else 1 - `p_wrong` of the
    audit, from 0 to 1. A sample that training has not seen gets the mean of the others that were
    not decided. Decisions that are not applied (`plan.stale`) do not count.

    A weight lowers the influence of labels that are probably wrong, and does not correct them.
    """
    kept = plan.cleaned.index
    right = 1 - audit.scores["p_wrong"].reindex(kept).astype(float)
    decided = plan.decided.drop(plan.stale.index)["action"].reindex(kept)
    certain = decided.isin(CERTAIN)
    unknown = right.isna() & ~certain
    known = right[~certain].dropna()
    right[unknown] = known.mean() if len(known) else 1.0
    return right.mask(certain, 1.0).clip(0.0, 1.0).astype(np.float64).rename("weight")


def write_weights(plan: Plan, audit: AuditFolder, path: str | os.PathLike) -> Path:
    """Write `sample_weights(plan, audit)` as CSV, and return the path of the file.

    Columns path where there are files, sample_id, label, split, weight (0 to 1). Cells that a
    spreadsheet would take for formulas have an apostrophe before them, as in `to_csv`. Warns of
    decisions that are not applied. Raises `OutputError` when the file cannot be written.
    """
    warn_of_stale(plan)
    table = plan.cleaned.assign(weight=sample_weights(plan, audit)).reset_index()
    columns = ["path", "sample_id", "label", "split", "weight"]
    with atomic.replacing(path) as file:
        shown = inert(table[[name for name in columns if name in table]])
        file.write(csv_text(shown).encode())
    return Path(path)
