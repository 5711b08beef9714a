"""The labels that reviewers have verified, as methods need them that train with trusted samples.

In comes a review; out comes a label for each sample on whose label somebody has decided.
"""

import os

import pandas as pd

from o2u_nb.folder import AuditFolder
from o2u_nb.review.apply import plan
from o2u_nb.review.session import ReviewSession


def verified(review: ReviewSession | AuditFolder | str | os.PathLike) -> pd.Series:
    """Return the verified labels of a session, an audit or its folder: text by `sample_id`.

    A sample that was kept has its given label, and a relabelled one its new label. Samples that
    were dropped or marked unsure have none, nor have those whose picture has changed since the
    decision. The series is what `trusted=` of a training method takes, such as
    `learn.fit_reweight(trusted=verified(session))`. Reviewers see the most suspicious samples
    first, so that the labels of easy samples are rare among the verified ones: decide on some
    random samples too. Raises what `plan` raises.

    A relabelled sample may have a class that reviewers made and that the training does not know.
    Leave these samples out before you train.
    """
    found = plan(review)
    decided = found.decided.drop(found.stale.index)
    labels = decided["given_label"].where(decided["action"] == "keep", decided["new_label"])
    sure = decided["action"].isin(["keep", "relabel"])
    return labels[sure].astype("str").rename("label").rename_axis("sample_id")
