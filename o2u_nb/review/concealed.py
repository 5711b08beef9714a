"""What a reviewer does not see while a random sample is judged, or in blind mode.

In comes a row of `ReviewSession.page`; out comes the row with what would betray the ranking, or
also the given label, left out. A judgement that follows a suggestion says little of the label.
"""

NOTHING = ""  # everything is shown
HINTS = "hints"  # the given label is shown; neither score nor rank nor suggestion
LABELS = "labels"  # nor the given label, until the reviewer has named a class
SOME_LABELS = "some labels"  # a check: as hints, and the given label of some samples is hidden
LEVELS = (NOTHING, HINTS, LABELS, SOME_LABELS)

# Filters that would betray what is left out.
_RANKING = ("only_suspects", "pair_filter", "position_filter", "alike_filter")
_LABEL = (*_RANKING, "label_filter", "text_filter")
TELLING = {NOTHING: (), HINTS: _RANKING, LABELS: _LABEL, SOME_LABELS: _LABEL}
EMPTY = dict(
    rank=None, suggested=None, p_wrong=None, score=None, suspect=False, kind="", similarity=None,
    same_label=None,
)  # fmt: skip


def concealed(row: dict, level: str) -> dict:
    """Return `row` as the reviewer may see it.

    Where the label is hidden, the sample's id is not to be shown either (`named`): it may hold the
    name of a class.

    >>> concealed(dict(rank=3, label="cat", decision=None), "labels")["label"] is None
    True
    """
    if level == NOTHING:
        return row
    is_hidden = level == LABELS
    return row | EMPTY | dict(label=None if is_hidden else row["label"], named=not is_hidden)
