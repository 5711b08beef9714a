"""What the points of a map are coloured by: the given label, the score, decisions, or an eye.

In comes a session; out comes a `Colouring`: for each sample a group with a name, or a number.
"""

from dataclasses import dataclass

import numpy as np

from o2u_nb.detect.class_rows import peaks
from o2u_nb.detect.dynamics import class_rows
from o2u_nb.detect.eyes import eyes_of
from o2u_nb.eye_names import SEEN_AS, column_name
from o2u_nb.review.columns import one_of
from o2u_nb.review.filters import STATES, UNDECIDED
from o2u_nb.review.search import spoken_eye
from o2u_nb.review.session import ReviewSession
from o2u_nb.review.words import DONE

LABEL, SCORE, DECISION = "given label", "score", "decision"
TAKEN_FOR = "class that {} sees"
MOST_GROUPS = 12  # classes with a colour of their own; all smaller ones share one


@dataclass(frozen=True)
class Colouring:
    """Say of each sample what its colour stands for.

    Either `codes` int (n,) are positions in `names`, -1 = none of them; or `values` float (n,) are
    numbers, NaN = not known, and `names` is empty.
    """

    title: str
    names: tuple[str, ...] = ()
    codes: np.ndarray | None = None
    values: np.ndarray | None = None


def choices(session: ReviewSession) -> list[str]:
    """Return what `colouring` takes: three that are always there, and one for each eye."""
    return [LABEL, SCORE, DECISION, *_eyes(session)]


def colouring(session: ReviewSession, by: str) -> Colouring:
    """Return the colouring of all samples, in the order of the scores, by one of `choices`.

    The largest classes by given label have the first codes, whatever is coloured by, so that a
    class has the same colour each time. The score is the column that the list is sorted by.
    """
    one_of(by, choices(session), "colouring")
    if by == SCORE:
        return Colouring(session.order_by, values=session.columns.values(session.order_by))
    if by == DECISION:
        names = tuple(DONE[state] for state in STATES if state != UNDECIDED)
        return Colouring("decision", names, session.states.astype(np.int64) - 1)
    codes = session.columns.label if by == LABEL else _seen_as(session, _eyes(session)[by])
    largest = _largest(session)
    place = np.full(len(session.columns.classes) + 1, -1)  # the last one is that of no class
    place[largest] = np.arange(len(largest))
    return Colouring(by, tuple(session.columns.classes[code] for code in largest), place[codes])


def _largest(session: ReviewSession) -> np.ndarray:
    """Return the codes of the largest classes by given label, the largest first."""
    counts = np.bincount(session.columns.label, minlength=len(session.columns.classes))
    return np.argsort(-counts, kind="stable")[:MOST_GROUPS]


def _eyes(session: ReviewSession) -> dict[str, str]:
    """Return the eyes by the names of their colourings; the value is a column, or "" for one."""
    eyes = eyes_of(session.scores, session.audit.facts)
    if not eyes:
        (name, *_) = session.audit.eye_names
        return {TAKEN_FOR.format(spoken_eye(name)): ""}
    named = {column_name(name): name for name in session.audit.eye_names}
    return {
        TAKEN_FOR.format(spoken_eye(named.get(eye.column, eye.column))): f"{SEEN_AS}{eye.column}"
        for eye in eyes
    }


def _seen_as(session: ReviewSession, column: str) -> np.ndarray:
    """Return the code of the class that an eye finds likeliest, int (n,); -1 for never seen."""
    places = {name: code for code, name in enumerate(session.columns.classes)}
    if column:
        names = session.scores[column].astype(object)
        return np.array([places.get(name, -1) for name in names], dtype=np.int64)
    trace = session.trace
    best, peak = peaks(class_rows(trace))
    best = np.where(np.isnan(peak), -1, best)
    code = np.array([*(places.get(name, -1) for name in trace.classes), -1], dtype=np.int64)
    return code[best][session.trace_positions(np.arange(len(session.columns)))]
