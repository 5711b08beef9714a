"""Retrain and compare: does what was decided help? Which held-out samples tell, and how.

In comes an audit, and perhaps a held-out set; out comes a `BeforeAfter`, which a panel can run
without knowing of any training. torch and fastai are imported when it runs.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pandas as pd

from o2u_nb.data.parallel import Progress
from o2u_nb.errors import ApplyError
from o2u_nb.extras import INSTALL_TRAINING, TRAINING, missing
from o2u_nb.folder import AuditFolder
from o2u_nb.review.apply import Plan

TRAIN = "train"  # the split that is trained on; all others are held out

# Takes a plan of what decisions change; returns accuracies as `training.retrain.retrain` does.
Run = Callable[[Plan, Progress], pd.DataFrame]


class BeforeAfter(NamedTuple):
    """`run(plan, progress)` trains before and after, or is None; `words` say on what, or why not.

    `run` returns a table with the columns `before` and `after` and a row for each seed: accuracies
    on the held-out samples, 0 to 1.
    """

    run: Run | None
    words: str


def before_after(audit: AuditFolder, held_out: pd.DataFrame | None = None) -> BeforeAfter:
    """Return how to compare on `held_out`, by default all samples that are not for training.

    `held_out` is a samples table whose labels are right, and which shares no sample with the audit.
    """
    if missing(TRAINING):
        return BeforeAfter(None, f"Retraining needs torch and fastai: {INSTALL_TRAINING}")
    if held_out is not None:
        words = f"Accuracy on the {len(held_out):,} held-out samples that were passed."
        return BeforeAfter(partial(_run, audit, audit.samples.index, held_out), words)
    own = audit.samples[audit.samples["split"] != TRAIN]
    if own.empty:
        return BeforeAfter(
            None,
            "There is no held-out set to compare on: pass a samples table with checked labels, "
            "audit.finish(held_out=...).",
        )
    splits = " and ".join(sorted(own["split"].unique()))
    words = (
        f"Accuracy on the {len(own):,} samples of the split {splits}, with the labels that were "
        "given; wrong ones among them lower it, before and after."
    )
    return BeforeAfter(partial(_run, audit, audit.samples.index.difference(own.index), own), words)


def _run(
    audit: AuditFolder, train: pd.Index, held_out: pd.DataFrame, plan: Plan, progress: Progress
) -> pd.DataFrame:
    """Compare trainings on the samples `train` of the audit, before and after the `plan`."""
    from o2u_nb.training.retrain import retrain  # imports torch and fastai, which takes seconds

    before, after = (table[table.index.isin(train)] for table in (plan.samples, plan.cleaned))
    if before["label"].equals(after["label"]):
        raise ApplyError("No decision changes a label of the training samples yet.")
    learner = _heads(audit, held_out)
    return retrain(before, after, held_out, learner=learner, progress=progress)


def _heads(audit: AuditFolder, held_out: pd.DataFrame) -> Callable | None:
    """Return what makes heads on the features that the audit keeps, None where it keeps none.

    Heads train in seconds, and the network of the pictures' own takes minutes.
    """
    if not audit.features or not held_out.index.isin(audit.trace.ids).all():
        return None
    from o2u_nb.training.heads import heads_on

    return heads_on(next(iter(audit.features.values())), audit.samples.loc[audit.trace.ids])
