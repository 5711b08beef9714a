"""What the grid says was done: one line for each command, and for what other panels have decided.

In come events of the decision log; out comes plain text.
"""

from collections import Counter
from collections.abc import Sequence

from o2u_nb.review.concealed import SOME_LABELS
from o2u_nb.review.events import ACTIONS, DRAW, NOTE, REDO, TAG, UNDO, UNTAG, Event
from o2u_nb.review.session import ReviewSession
from o2u_nb.review.words import DONE, told

UNDOES = "Ctrl+Z undoes it"
# What the latest command did, where it was no decision.
OTHERS = {UNDO: "Undone", REDO: "Redone", NOTE: "Noted on", TAG: "Tagged", UNTAG: "Untagged"}


def decided(
    session: ReviewSession, events: Sequence[Event], place: int, length: int, *, is_new: bool
) -> str:
    """Say what one command has recorded; `is_new` if it has made a class.

    `place`, of `length`, is where the last sample was in the list when the key was pressed.
    """
    what_then = f"{' (a new class)' if is_new else ''}, {UNDOES}"
    if len(events) > 1:
        return f"{len(events):,} samples: {_counted(session, events)}{what_then}"
    (event,) = events
    return f"{place + 1:,} of {length:,}: {_one(session, event)}{what_then}"


def back(session: ReviewSession, ids: Sequence[str], command: str, did: str) -> str:
    """Say which samples an undo or redo was about, and whether the filters hide them."""
    if not ids:
        return f"Nothing to {command}."
    what = session.spoken(ids[0]) if len(ids) == 1 else f"{len(ids):,} samples"
    hidden = "" if session.index_of(ids[0]) is not None else " (hidden by the filters)"
    return f"{did}: {what}{hidden}"


def elsewhere(session: ReviewSession, events: Sequence[Event]) -> str:
    """Say what was decided outside of the grid by its latest command, and by whom.

    `events` are new in the log, and at least one.
    """
    latest = [event for event in events if event.command_id == events[-1].command_id]
    action = latest[-1].action
    who = "" if latest[-1].reviewer == session.reviewer else f"{latest[-1].reviewer}: "
    if action == DRAW:
        return f"{who}A random sample was drawn."
    many = len(latest) > 1
    what = f"{len(latest):,} samples" if many else session.spoken(latest[-1].sample_id)
    if action not in ACTIONS:
        return f"{who}{OTHERS[action]}: {what}"
    did = _counted(session, latest) if many else _one(session, latest[-1])
    return f"{who}{what}: {did}{'' if who else f', {UNDOES}'}"


def _one(session: ReviewSession, event: Event) -> str:
    """Say what was decided on one sample; nothing of a given label that is still hidden."""
    (position,) = session.columns.positions([event.sample_id])
    row = session.row(position)
    if row["label"] is None and row["decision"] is not None:
        return told(row["decision"], row["new_label"])
    return f"{event.given_label} {told(event.action, event.new_label)}"


def _counted(session: ReviewSession, events: Sequence[Event]) -> str:
    """Count what was done; where all new labels are one, it is named."""
    if session.concealed == SOME_LABELS:
        return "answered"  # whether it was the hidden label is not told
    labels = {event.new_label for event in events if event.new_label is not None}
    label = next(iter(labels)) if len(labels) == 1 else None
    numbers = Counter(event.action for event in events)
    words = {action: DONE[action] for action in numbers}
    if "relabel" in words:
        words["relabel"] = told("relabel", label)
    return ", ".join(f"{number:,} {words[action]}" for action, number in numbers.items())
