"""What people have decided of an audit so far, in a few figures, for a report or a card.

In comes an audit folder; out come counts, the commonest new labels, and the measured precision.
Nothing is written.
"""

from typing import NamedTuple

from o2u_nb.folder import AuditFolder
from o2u_nb.review.apply import logged
from o2u_nb.review.certificate import Measured, measured
from o2u_nb.review.events import ACTIONS, fold

MOST_PAIRS = 6


class Reviewed(NamedTuple):
    """What was decided.

    `counts` maps each of `events.ACTIONS` to the number of samples. `pairs` lists the commonest
    changes: dicts of given, new (labels) and count, largest first, at most 6. `measured` is the
    share of the decided suspects that were wrong, None where no suspect was found wrong or right.
    `remaining` counts the suspects that are not decided, `reviewers` are names.
    """

    counts: dict[str, int]
    pairs: list[dict]
    measured: Measured | None
    remaining: int
    reviewers: list[str]


def reviewed(audit: AuditFolder) -> Reviewed | None:
    """Return what was decided of `audit`; None where nothing was.

    The suspects are those of the audit itself, whatever threshold a review had. Raises
    `DecisionsError` when the log is about another data set.
    """
    decided = fold(logged(audit))
    if decided.empty:
        return None
    suspects = audit.scores.index[audit.scores["suspect"].astype(bool)]
    found = decided["action"].reindex(suspects)
    wrong = int(found.isin(["relabel", "drop"]).sum())
    right = int((found == "keep").sum())
    moved = decided[decided["action"] == "relabel"]
    pairs = moved.groupby(["given_label", "new_label"]).size().rename("count").reset_index()
    pairs = pairs.rename(columns=dict(given_label="given", new_label="new"))
    pairs = pairs.sort_values(["count", "given", "new"], ascending=[False, True, True])
    by_action = decided["action"].value_counts()
    return Reviewed(
        counts={action: int(by_action.get(action, 0)) for action in ACTIONS},
        pairs=pairs.head(MOST_PAIRS).to_dict("records"),
        measured=measured(wrong, wrong + right),
        remaining=int(found.isna().sum()),
        reviewers=sorted(decided["reviewer"].astype(str).unique()),
    )
