"""Hidden checks of a reviewer: what is shown again or planted, and what the answers say.

In come decisions of a review, and later the answers to the cases drawn from them; out come the
cases, the reviewer's mistakes (`mistakes.Checks`), and how far a label that is shown leads the
judgement (anchoring). A case is one of `KINDS`:

* repeat: a sample that was decided before, by this reviewer or by another one. What was decided
  then is held to be right. Where the same mistake is made twice, a repeat cannot see it.
* planted: a sample whose label was kept, shown with another label, which is therefore wrong. A
  reviewer who keeps it has missed a wrong label.
* known: a sample whose right label somebody knows otherwise, shown with its given label.

Of each kind, some cases show no label at all, chosen at random: they say how often the label would
be named by somebody who does not see it. Which case is of which kind, a reviewer cannot see.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.errors import O2UError
from o2u_nb.review.certificate import measured
from o2u_nb.review.events import DRAW, Event, Ledger
from o2u_nb.review.mistakes import Checks

FORMAT = "o2u_nb check 1"
REPEAT, PLANTED, KNOWN = KINDS = ("repeat", "planted", "known")
NAMED = ("keep", "relabel")  # the decisions that name a class
DROPPED = "(dropped)"  # what stands for a class where a sample was dropped


class Case(NamedTuple):
    """One case: what label is `shown` for a sample, which is held to be `right`, of which `kind`.

    Where it is `hidden`, the label is not shown to the reviewer.
    """

    sample_id: str
    kind: str
    shown: str
    right: str
    hidden: bool


class Anchoring(NamedTuple):
    """How far a label that is shown influences the judgement, by the cases whose label is wrong.

    Of `n_shown` cases that showed a wrong label, `followed` were answered with it; of `n_hidden`
    cases that hid theirs, `named` were. Which ones hid it was chosen by chance. `difference` is
    that of the two shares, from `low` to `high` its 95 % interval; above 0, a label is followed
    because it is shown. NaN without cases of both. Cases whose label is right are left out: there
    the answer is nearly always the label, shown or not.
    """

    followed: int
    n_shown: int
    named: int
    n_hidden: int
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Checked:
    """What a reviewer's answers to hidden checks came to.

    `repeats` were answered a second time, `same` of them as the first time. `waiting` cases are not
    answered. `mistakes` is a table of the cases in which the answer is not what is held to be right
    (sample_id, kind, shown, right, answer), and `checks` counts the mistakes where a label was
    shown, as in a review.
    """

    answered: int
    waiting: int
    repeats: int
    same: int
    checks: Checks
    anchoring: Anchoring
    mistakes: pd.DataFrame


def draw_cases(
    decided: pd.DataFrame,
    others: Mapping[str, str],
    *,
    size: int,
    planted: float,
    hidden: float,
    known: Mapping[str, str],
    given: pd.Series,
    seed: int,
) -> list[Case]:
    """Return the cases of a check in random order.

    `decided` are decisions that may be shown again: indexed by `sample_id`, with columns action
    (keep or relabel), given_label and new_label. `others` are labels to plant. `planted` is the
    share of planted cases among the `size` that are drawn, and `hidden` that of the cases that show
    no label. Half of them are planted or were found wrong before, if there are so many. All samples
    in `known` are cases, beside the `size`; it maps them to their right labels, and `given` to the
    given ones. There are fewer cases where fewer were decided.
    """
    rng = np.random.default_rng(seed)
    pool = decided.drop(index=[name for name in known if name in decided.index])
    pool = pool.iloc[rng.permutation(len(pool))]
    kept, changed = (pool[pool["action"] == action] for action in NAMED)
    can_plant = [name for name in kept.index if name in others]
    n_planted = min(round(size * planted), len(can_plant))
    n_changed = min(max(size // 2 - n_planted, 0), len(changed))
    again = kept.drop(index=can_plant[:n_planted])
    groups = [
        [Case(k, PLANTED, others[k], given[k], False) for k in can_plant[:n_planted]],
        [Case(k, REPEAT, given[k], row.new_label, False)
         for k, row in zip(changed.index, changed.itertuples(), strict=True)][:n_changed],
        [Case(k, REPEAT, given[k], given[k], False)
         for k in again.index[: size - n_planted - n_changed]],
        [Case(k, KNOWN, given[k], right, False) for k, right in known.items()],
    ]  # fmt: skip
    cases = [case for group in groups for case in _some_hidden(group, hidden, rng)]
    return [cases[k] for k in rng.permutation(len(cases))]


def _some_hidden(cases: list[Case], share: float, rng: np.random.Generator) -> list[Case]:
    """Hide the label of a share of the cases, chosen at random."""
    chosen = set(rng.permutation(len(cases))[: round(share * len(cases))].tolist())
    return [case._replace(hidden=k in chosen) for k, case in enumerate(cases)]


def to_details(cases: Iterable[Case], seed: int) -> str:
    """Return what the event in the log of a check holds."""
    return json.dumps(dict(format=FORMAT, seed=seed, cases=[list(case) for case in cases]))


def from_events(events: Iterable[Event]) -> list[Case]:
    """Return all cases that were drawn by the events of a log, in their order.

    Raises `O2UError` where they cannot be read.
    """
    cases = []
    for event in events:
        if event.action == DRAW:
            try:
                found = json.loads(event.details or "")
                if found["format"] != FORMAT:
                    raise ValueError(f"format {found['format']!r}")
                cases += [Case(*case) for case in found["cases"]]
            except (ValueError, TypeError, LookupError) as error:
                raise O2UError(
                    f"The cases of a check cannot be read ({error}): they were written by a newer "
                    "version, or changed. Open them with that version."
                ) from error
    return cases


def answer(case: Case, event: Event | None) -> str | None:
    """Return the class that the answer to a case names; `DROPPED`, or None where it names none."""
    if event is None or event.action == "unsure":
        return None
    if event.action == "drop":
        return DROPPED
    return case.shown if event.action == "keep" else event.new_label


def checked(cases: Iterable[Case], ledger: Ledger) -> Checked:
    """Return what the answers in `ledger` to the cases of one reviewer came to."""
    rows = []
    for case in cases:
        event = ledger.current(case.sample_id)
        rows.append((*case, event is not None, answer(case, event)))
    table = pd.DataFrame(rows, columns=[*Case._fields, "answered", "answer"])
    done = table[table["answered"].astype(bool)]
    named = done[done["answer"].notna()]
    is_class = named["answer"] != DROPPED
    differs = is_class & (named["answer"] != named["right"])
    again = named[named["kind"] == REPEAT]
    columns = ["sample_id", "kind", "shown", "right", "answer"]
    return Checked(
        answered=len(done),
        waiting=len(table) - len(done),
        repeats=len(again),
        same=int((again["answer"] == again["right"]).sum()),
        checks=_mistakes(done[~done["hidden"].astype(bool)]),
        anchoring=_anchoring(done),
        mistakes=named.loc[differs, columns].reset_index(drop=True),
    )


def _mistakes(shown: pd.DataFrame) -> Checks:
    """Count the mistakes among answered cases that showed a label.

    A wrong label that was neither dropped nor marked unsure must have become the right one. A right
    one is spoiled if it became another one.
    """
    is_class = shown["answer"].notna() & (shown["answer"] != DROPPED)
    is_mistake = is_class & (shown["answer"] != shown["right"])
    is_wrong = shown["shown"] != shown["right"]
    return Checks(
        wrong=int(is_wrong.sum()),
        missed=int((is_mistake & is_wrong).sum()),
        right=int((~is_wrong).sum()),
        spoiled=int((is_mistake & ~is_wrong).sum()),
    )


def _anchoring(done: pd.DataFrame) -> Anchoring:
    wrong = done[done["shown"] != done["right"]]
    hidden = wrong["hidden"].astype(bool)
    with_label = wrong["answer"] == wrong["shown"]
    counts = (
        int((with_label & ~hidden).sum()), int((~hidden).sum()),
        int((with_label & hidden).sum()), int(hidden.sum()),
    )  # fmt: skip
    return Anchoring(*counts, *difference(*counts))


def difference(first: int, of_first: int, second: int, of_second: int) -> tuple[float, ...]:
    """Return the difference of two shares with its 95 % interval: value, low, high.

    R. G. Newcombe, Statistics in Medicine 1998, method 10, from two intervals by Wilson. NaN where
    one of the shares is of nothing.

    >>> [round(figure, 4) for figure in difference(56, 70, 48, 80)]
    [0.2, 0.0524, 0.3339]
    """
    one, two = measured(first, of_first), measured(second, of_second)
    if one is None or two is None:
        return np.nan, np.nan, np.nan
    value = one.precision - two.precision
    below = np.hypot(one.precision - one.low, two.high - two.precision)
    above = np.hypot(one.high - one.precision, two.precision - two.low)
    return value, float(value - below), float(value + above)


def pooled(parts: Iterable[Checks]) -> Checks:
    """Add up the checks of several reviewers."""
    return Checks(*map(sum, zip(*parts, strict=True)))
