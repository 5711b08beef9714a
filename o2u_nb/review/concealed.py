"""What a reviewer does not see while a random sample is judged, or in blind mode.

In comes a row of `ReviewSession.page`; out comes the row with what would betray the ranking, or
also the given label, left out. A judgement that follows a suggestion says little of the label.
"""

NOTHING = ""  # everything is shown
HINTS = "hints"  # the given label is shown; neither score nor rank nor suggestion
LABELS = "labels"  # nor the given label, until the reviewer has named a class
LEVELS = (NOTHING, HINTS, LABELS)

# Filters and orders that would betray what is left out.
TELLING = {
    NOTHING: (),
    HINTS: ("only_suspects", "pair_filter", "position_filter"),
    LABELS: ("only_suspects", "pair_filter", "position_filter", "label_filter", "text_filter"),
}
EMPTY = dict(rank=None, suggested=None, p_wrong=None, score=None, suspect=False, kind="")


def concealed(row: dict, level: str) -> dict:
    """Return `row` as the reviewer may see it; the label stays once the sample is decided.

    >>> concealed(dict(rank=3, label="cat", decision=None), "labels")["label"] is None
    True
    """
    if level == NOTHING:
        return row
    label = None if level == LABELS and row["decision"] is None else row["label"]
    return row | EMPTY | dict(label=label)
