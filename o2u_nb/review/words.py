"""The words for decisions: what their buttons say, and how a decision is described afterwards.

In comes nothing; out go the tables that the grid, its half in the browser and the why card read. So
a decision has the same name wherever it is offered or shown. All of it is plain text.
"""

from typing import NamedTuple


class Button(NamedTuple):
    """What a button says: its `text`, and a `hint` that says what pressing it means."""

    text: str
    hint: str


# The commands of a review that have a button; `accept` is `relabel` with the suggested label.
BUTTONS = {
    "keep": Button("Keep", "the given label is right"),
    "accept": Button("Accept", "change to the label that it looks like"),
    "relabel": Button("Relabel…", "choose another label (1 to 9: the most likely) or a new one"),
    "drop": Button("Drop", "the picture does not belong in the data set"),
    "unsure": Button("Unsure", "I cannot tell"),
}

# One word for each of `events.ACTIONS`, to stand in a sentence.
DONE = {"keep": "kept", "relabel": "changed", "drop": "dropped", "unsure": "marked unsure"}

# The same for a tile, which has room for about 12 letters; a new label follows the word.
ON_TILE = DONE | {"relabel": "now", "unsure": "unsure"}


def told(action: str, new_label: str | None = None) -> str:
    """Say what was decided: one of `events.ACTIONS`, and the new label of a relabelled sample.

    >>> told("drop"), told("relabel", "tiger")
    ('dropped', 'changed to tiger')
    """
    return DONE[action] if new_label is None else f"{DONE[action]} to {new_label}"
