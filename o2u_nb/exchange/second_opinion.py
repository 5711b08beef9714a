"""The issues that cleanlab has found, as a second opinion beside the audit's own columns.

In comes a table of issues, of Datalab or `CleanLearning`; out comes a column of the score table of
a review, by which the list can be sorted. cleanlab itself is not needed.
"""

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd

from o2u_nb.data.readers.label_files import read_table
from o2u_nb.errors import SourceError
from o2u_nb.review.session import ReviewSession

# What cleanlab calls its score from 0 to 1, low = bad: Datalab, CleanLearning, `get_label_issues`.
QUALITY = ("label_score", "label_quality", "label_quality_score")
INDEX = ("sample_id", "Unnamed: 0", "index")  # names of an index that was written to a file


def second_opinion(
    session: ReviewSession,
    issues: pd.DataFrame | str | os.PathLike,
    *,
    ids: Sequence[str] | None = None,
    name: str = "cleanlab",
) -> pd.Series:
    """Add a table of cleanlab's label issues to the score table of a review; return the column.

    `issues` is what `Datalab.get_issues()`, `get_issues("label")` or
    `CleanLearning.get_label_issues()` returns, or a CSV or Parquet file of it. Its rows are named
    by the index, by a column `sample_id`, or by `ids`, one for each row, such as
    `to_cleanlab(audit)["ids"]`. The column is 1 - cleanlab's label score, from 0 to 1, higher =
    more suspicious; NaN for samples that are not in the table. `session.order_by = name` sorts by
    it, and panels that are made from now on offer it as an order. Suspects, probabilities and what
    the review learns stay as they are, and the audit's folder is not changed.

    Raises `SourceError` for a table without such a score, for rows that are not samples of the
    audit or are there twice, and for scores that are not from 0 to 1.
    """
    where = "the table of issues" if isinstance(issues, pd.DataFrame) else os.fspath(issues)
    table = issues if isinstance(issues, pd.DataFrame) else read_table(os.fspath(issues))
    column = next((known for known in QUALITY if known in table), None)
    if column is None:
        raise SourceError(
            f"{where} has none of the columns {', '.join(QUALITY)}; it has: "
            f"{', '.join(map(str, table)) or 'none'}: pass what get_issues() of cleanlab returns"
        )
    rows = _ids(table, ids, where)
    quality = _scores(table[column], where, column)
    known = session.columns.ids
    strangers = rows.difference(known)
    if len(strangers):
        raise SourceError(
            f"{len(strangers):,} of {len(rows):,} rows of {where} are not samples of this audit, "
            f"such as {strangers[0]!r}: pass ids, the sample ids of its rows"
        )
    if repeated := rows[rows.duplicated()].tolist():
        raise SourceError(f"{where} has several rows for {repeated[0]!r}: keep one of them")
    found = pd.Series(1 - quality, index=rows, name=name).reindex(known)
    session.columns.add(name, found.to_numpy())
    return found


def _ids(table: pd.DataFrame, ids: Sequence[str] | None, where: str) -> pd.Index:
    """Return the sample ids of the rows of the table."""
    if ids is not None:
        if len(ids) != len(table):
            raise SourceError(
                f"expected as many ids as rows, found {len(ids):,} ids and {len(table):,} rows in "
                f"{where}"
            )
        return pd.Index([str(id) for id in ids])
    column = next((name for name in INDEX if name in table), None)
    return pd.Index((table.index if column is None else table[column]).astype(str))


def _scores(values: pd.Series, where: str, column: str) -> np.ndarray:
    found = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    bad = ~((found >= 0) & (found <= 1))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise SourceError(
            f"expected numbers from 0 to 1 in the column {column!r} of {where}, found "
            f"{str(values.iloc[row])!r:.80} in row {row + 1}"
        )
    return found
