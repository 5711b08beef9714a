"""What every export needs of a plan: the labels before and after, and what cannot be exported.

In comes a `Plan`; out come tables with `original_label`, and warnings or errors about decisions
that are not applied and pictures that cannot be found.
"""

import os
import warnings

import pandas as pd

from o2u_nb.errors import ApplyError
from o2u_nb.review.apply import Plan


def given(plan: Plan) -> pd.Series:
    """Return the given labels, those before the decisions, of the samples that stay."""
    return plan.samples["label"].loc[plan.cleaned.index]


def labelled(plan: Plan) -> pd.DataFrame:
    """Return the cleaned samples table with a column `original_label`."""
    return plan.cleaned.assign(original_label=given(plan))


def remarked(plan: Plan) -> pd.DataFrame:
    """Return `labelled` with the columns note and tags, "" where nothing was said of a sample."""
    table = labelled(plan)
    said = plan.remarks.reindex(table.index).fillna("").astype("str")
    return table.assign(note=said["note"], tags=said["tags"])


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV text, without its index, with the same line ends everywhere."""
    return table.to_csv(index=False, lineterminator="\n")


def warn_of_stale(plan: Plan) -> None:
    """Warn of decisions that are not applied.

    Call it from the function that the user calls: the warning then names the user's own line.
    """
    if len(plan.stale):
        warnings.warn(
            f"{len(plan.stale):,} decisions are not applied, since their pictures changed after "
            f"they were decided on ({plan.stale.index[0]!r} for one): see plan.stale, and decide "
            "again.",
            stacklevel=3,
        )


def warn_of_missing(plan: Plan) -> None:
    """Warn of paths that lead to no file.

    Call it from the function that the user calls: the warning then names the user's own line.
    """
    missing = missing_files(plan)
    if missing:
        warnings.warn(
            f"{len(missing):,} of {len(plan.cleaned):,} paths lead to no file, {missing[0]!r} for "
            "one: open the audit with Audit.open(folder, images=...) to say where the pictures "
            "are now.",
            stacklevel=3,
        )


def require_files(plan: Plan) -> None:
    """Raise `ApplyError` when a picture that is to be copied or linked is not there."""
    missing = missing_files(plan)
    if missing:
        raise ApplyError(
            f"{len(missing):,} of {len(plan.cleaned):,} pictures are not where they were audited, "
            f"{missing[0]!r} for one. If they were moved, open the audit with "
            "Audit.open(folder, images=...), where they are now; if they are gone, drop them in "
            "the review, or export the labels alone with to_csv."
        )


def missing_files(plan: Plan) -> list[str]:
    """Return the paths of the samples that stay at which there is no file."""
    return [path for path in plan.cleaned.get("path", []) if not os.path.isfile(path)]
