"""The labels that somebody has verified, as methods need them that train with trusted samples.

In comes a review, or a file of labels; out comes a label for each sample that was verified.
"""

import os

import pandas as pd

from o2u_nb.data.readers.label_files import read_table
from o2u_nb.data.samples import printable, text
from o2u_nb.errors import SourceError
from o2u_nb.folder import AuditFolder
from o2u_nb.review.apply import plan
from o2u_nb.review.session import ReviewSession

ID, LABEL = "sample_id", "label"  # the columns of a file of verified labels


def verified(review: ReviewSession | AuditFolder | str | os.PathLike) -> pd.Series:
    """Return verified labels, text by `sample_id`: of a session, an audit, its folder, or a file.

    The series is what `trusted=` of a training method takes, such as
    `learn.fit_reweight(trusted=verified(session))`, and of `retrain`.

    In a review, a sample that was kept has its given label, and a relabelled one its new label.
    Samples that were dropped or marked unsure have none, nor have those whose picture has changed
    since the decision. Reviewers see the most suspicious samples first, so that the labels of easy
    samples are rare among the verified ones: decide on some random samples too. A relabelled sample
    may have a class that reviewers made and that the training does not know. Leave these samples
    out before you train.

    A file has the columns `sample_id` and `label`, in any format of `label_files.read_table`, such
    as CSV; further columns are ignored.

    Raises what `plan` raises; for a file `SourceError` when it cannot be read, when a column, an id
    or a label is missing, or when an id comes twice.
    """
    if isinstance(review, str | os.PathLike) and os.path.isfile(review):
        return _in_file(os.fspath(review))
    found = plan(review)
    decided = found.decided.drop(found.stale.index)
    labels = decided["given_label"].where(decided["action"] == "keep", decided["new_label"])
    sure = decided["action"].isin(["keep", "relabel"])
    return _named(labels[sure])


def _in_file(path: str) -> pd.Series:
    table = read_table(path, wanted=[ID, LABEL])
    if missing := [name for name in (ID, LABEL) if name not in table]:
        raise SourceError(
            f"Expected the columns {ID} and {LABEL} in {printable(path)}, found "
            f"{', '.join(map(printable, table.columns))}: {missing[0]} is missing."
        )
    ids, labels = (table[name].map(text) for name in (ID, LABEL))
    if (empty := (ids == "") | (labels == "")).any():
        raise SourceError(
            f"Expected an id and a label in every row of {printable(path)}; row "
            f"{int(empty.argmax()) + 1} lacks one."
        )
    if ids.duplicated().any():
        twice = printable(ids[ids.duplicated()].iloc[0])
        raise SourceError(f"Expected each sample once in {printable(path)}, found {twice} twice.")
    return _named(labels.set_axis(ids))


def _named(labels: pd.Series) -> pd.Series:
    return labels.astype("str").rename(LABEL).rename_axis(ID)
