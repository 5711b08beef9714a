"""A hidden check of a reviewer in a review of its own, and what all checks of an audit say.

In comes an audit folder; out come a session that shows the cases of a check in random order, and
what the answers came to. The answers are not decisions on the data set: they lie in a log of their
own for each reviewer, `checks/NAME.jsonl` in the audit folder, which has the format of the decision
log. So nothing of what a person answers here changes a label.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from o2u_nb.errors import DecisionsError, O2UError
from o2u_nb.folder import AuditFolder
from o2u_nb.review import agreement as agreements
from o2u_nb.review import checks
from o2u_nb.review.agreement import Agreement
from o2u_nb.review.apply import sorted_log
from o2u_nb.review.checks import NAMED, PLANTED, Case, Checked
from o2u_nb.review.concealed import HINTS, LABELS, SOME_LABELS
from o2u_nb.review.events import DRAW, Event, Ledger, fold, parse
from o2u_nb.review.lineage import Lineage
from o2u_nb.review.mistakes import Checks
from o2u_nb.review.session import ReviewSession, user

CHECKS = "checks"  # the folder of the logs
SIZE, SHARE_PLANTED, SHARE_HIDDEN = 100, 0.3, 0.3


class CheckSession(ReviewSession):
    """Review the cases of hidden checks; `audit` is an `Audit` or its folder.

    Only the cases are listed, in random order, as if nobody had decided on them. Neither score nor
    rank nor suggestion is shown, and of some cases not the given label: name the class that you
    see. Which case is a repeat and which is planted is not shown. Raises what `ReviewSession`
    raises.
    """

    def __init__(self, audit: AuditFolder | str | os.PathLike, *, reviewer: str | None = None):
        audit = audit if isinstance(audit, AuditFolder) else AuditFolder.open(audit)
        name = user() if reviewer is None else reviewer
        self._cases: dict[str, Case] = {}
        super().__init__(audit, reviewer=name, log=log_of(audit, name))
        self._take_cases()

    @property
    def cases(self) -> list[Case]:
        """Return all cases that were drawn, in the order in which they are shown."""
        return list(self._cases.values())

    @property
    def waiting(self) -> int:
        """Count the cases that are not answered."""
        return sum(self.decisions.current(sample_id) is None for sample_id in self._cases)

    def draw(
        self,
        size: int = SIZE,
        *,
        of: str | None = None,
        planted: float = SHARE_PLANTED,
        hidden: float = SHARE_HIDDEN,
        known: Mapping[str, str] | None = None,
        seed: int | None = None,
    ) -> list[Case]:
        """Draw a check, record it, and return its cases; earlier cases stay.

        `of` is the reviewer whose decisions are shown again: by default the one who is checked, or
        everybody else where that one has decided nothing. Of the `size` cases a share `planted` is
        shown with a wrong label, and of all a share `hidden` shows none. `known` maps samples to
        labels that are known to be right; they are cases, too. Raises `O2UError` where there is
        nothing to show.
        """
        for name, share in (("planted", planted), ("hidden", hidden)):
            if not 0 <= share <= 1:
                raise O2UError(f"Expected a share from 0 to 1 as {name}, found {share}.")
        if size < 0:
            raise O2UError(f"Expected size, a number of cases of at least 0, found {size}.")
        known = self._known(known or {})
        seed = secrets.randbits(32) if seed is None else seed
        decided = self._decided(of)
        cases = checks.draw_cases(
            decided,
            self._others(decided.index, seed),
            size=size,
            planted=planted,
            hidden=hidden,
            known=known,
            given=self.audit.given,
            seed=seed,
        )
        if not cases:
            raise O2UError(
                f"There is nothing to check: {of or 'the review'} has kept or relabelled nothing "
                "that was not in a check before. Decide on some samples first."
            )
        self.decisions.path.parent.mkdir(exist_ok=True)
        details = checks.to_details(cases, seed)
        self.decisions.record([dict(sample_id="", given_label="", action=DRAW, details=details)])
        self._take_cases()
        return cases

    def result(self) -> Checked:
        """Return what the answers came to."""
        return checks.checked(self.cases, self.decisions.ledger)

    # What is shown

    def shown_label(self, position: int) -> str:
        """Return the label that a case shows, which a planted case does not have in truth."""
        case = self._case(position)
        return super().shown_label(position) if case is None else case.shown

    def level(self, position: int) -> str:
        """Return what is concealed of a case: of some the given label, also when it is answered."""
        case = self._case(position)
        return LABELS if case is not None and case.hidden else HINTS

    def row(self, position: int) -> dict:
        """Return the row of a case; an answer to a hidden label never says whether it was that.

        The id is not shown either, since it may hold the name of the class that is right.
        """
        row = super().row(position) | dict(named=False)
        if row["label"] is None and row["decision"] == "keep":
            row |= dict(decision="relabel", new_label=self.shown_label(position))
        return row

    def _case(self, position: int) -> Case | None:
        return self._cases.get(self.id_of(position))

    def _take_cases(self) -> None:
        """Show the cases that the log holds, and nothing else."""
        drawn = checks.from_events(self.decisions.events)
        given = self.audit.given
        self._cases = {case.sample_id: case for case in drawn if case.sample_id in given.index}
        with self.hold_trait_notifications():
            self.only_suspects = False
            self.concealed = SOME_LABELS
            self.sequence = self.columns.positions(list(self._cases))
        self.go_to_undecided()

    # What a check is drawn from

    def _decided(self, of: str | None) -> pd.DataFrame:
        """Return the decisions that may be shown again, sorted by `sample_id`."""
        events, _ = sorted_log(self.audit)
        table = fold(events)
        if of is None:
            own = table["reviewer"] == self.reviewer
            table = table[own] if own.any() else table
        else:
            table = table[table["reviewer"] == of]
        is_class = table["new_label"].isin(self.columns.classes) | (table["action"] == "keep")
        return table[table["action"].isin(NAMED) & is_class & ~table.index.isin([*self._cases])]

    def _others(self, ids: pd.Index, seed: int) -> dict[str, str]:
        """Return a wrong label to plant for each sample: the likeliest other one, if there is one.

        Where the network suggests none but the given one, it is a class by chance.
        """
        rng = np.random.default_rng([seed, 1])
        suggested = self.scores["suggested_label"]
        others: dict[str, str] = {}
        for sample_id in ids:
            label = self.audit.given[sample_id]
            classes = [name for name in self.columns.classes if name != label]
            likely = suggested[sample_id]
            if classes:
                chance = classes[rng.integers(len(classes))]
                others[sample_id] = likely if likely in classes else chance
        return others

    def _known(self, known: Mapping[str, str]) -> dict[str, str]:
        self.columns.positions(list(known))  # raises for an unknown one
        strange = sorted(set(known.values()) - set(self.columns.classes))
        if strange:
            raise O2UError(f"Expected names of classes as known labels, found {strange[0]!r}.")
        return {name: label for name, label in known.items() if name not in self._cases}


# What the checks of an audit say


def log_of(audit: AuditFolder, reviewer: str) -> Path:
    """Return the path of the log in which a reviewer's answers lie.

    The file's name holds what a file system allows of the reviewer's name, and a digest of it.
    """
    safe = re.sub(r"\W+", "-", reviewer, flags=re.ASCII).strip("-")[:40]
    digest = hashlib.blake2b(reviewer.encode("utf-8", "backslashreplace"), digest_size=4)
    return audit.folder / CHECKS / f"{safe}-{digest.hexdigest()}.jsonl"


def deciders(audit: AuditFolder) -> set[str]:
    """Return the names of all who have decided something in the review."""
    events, _ = sorted_log(audit)
    return {event.reviewer for event in events if event.is_decision}


def logs_in(folder: Path) -> list[Path]:
    """Return the logs of checks in the folder of an audit, one for each reviewer."""
    return sorted((folder / CHECKS).glob("*.jsonl"))


def checked_reviewers(audit: AuditFolder) -> list[str]:
    """Return the names of all reviewers who have checks, sorted."""
    found = (parse(log.read_bytes(), name=str(log)).events for log in logs_in(audit.folder))
    return sorted({event.reviewer for events in found for event in events})


def result_of(audit: AuditFolder, reviewer: str) -> Checked | None:
    """Return what a reviewer's checks came to; None where there are none."""
    events = _answers_log(audit, reviewer)
    cases = checks.from_events(events)
    return checks.checked(cases, Ledger(events)) if cases else None


def checks_of(audit: AuditFolder, reviewers: tuple[str, ...]) -> Checks | None:
    """Return the mistakes of the reviewers together, as a certificate needs them.

    None where one of them has no check, or has not answered all of its cases: who may stop when the
    result is good would measure too few mistakes.
    """
    found = [result_of(audit, name) for name in reviewers]
    if not found or any(part is None or part.waiting for part in found):
        return None
    return checks.pooled(part.checks for part in found if part is not None)


def own_answers(audit: AuditFolder, reviewer: str) -> pd.Series:
    """Return what a reviewer has answered without seeing another one's answer.

    Text by `sample_id`, named after the reviewer: the class, or `checks.DROPPED`; who was unsure
    has no answer. They are decisions on samples on which nobody else had decided before, and
    answers to checks but for the planted cases. Where there are both, the decision counts.
    """
    events, _ = sorted_log(audit)
    first: dict[str, str] = {}
    for event in events:
        if event.is_decision:
            first.setdefault(event.sample_id, event.reviewer)
    own = Ledger(event for event in events if event.reviewer == reviewer)
    found = _answers_of_check(audit, reviewer)
    for event in own.in_force():
        if first[event.sample_id] == reviewer:
            case = Case(event.sample_id, "", event.given_label, "", False)
            found[event.sample_id] = checks.answer(case, event)
    named = {name: answer for name, answer in found.items() if answer is not None}
    return pd.Series(named, dtype=object, name=reviewer).rename_axis("sample_id").sort_index()


def agreement_of(audit: AuditFolder, first: str, second: str) -> Agreement:
    """Compare two reviewers on all samples that both judged on their own, see `own_answers`.

    Raises `O2UError` where there are none.
    """
    return agreements.agreement(own_answers(audit, first), own_answers(audit, second))


def agreements_of(audit: AuditFolder) -> list[Agreement]:
    """Return the agreement of all pairs of reviewers who have judged samples in common."""
    names = deciders(audit) | {*checked_reviewers(audit)}
    answers = [own_answers(audit, name) for name in sorted(names)]
    return [
        agreements.agreement(one, two)
        for k, one in enumerate(answers)
        for two in answers[k + 1 :]
        if not one.index.intersection(two.index).empty
    ]


def _answers_of_check(audit: AuditFolder, reviewer: str) -> dict[str, Any]:
    events = _answers_log(audit, reviewer)
    ledger = Ledger(events)
    return {
        case.sample_id: checks.answer(case, ledger.current(case.sample_id))
        for case in checks.from_events(events)
        if case.kind != PLANTED
    }


def _answers_log(audit: AuditFolder, reviewer: str) -> list[Event]:
    """Return the events of a reviewer's checks that count; none where there is no log."""
    log = log_of(audit, reviewer)
    try:
        data = log.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DecisionsError(
            f"Cannot read {log} ({error.strerror or error}): permit reading it."
        ) from error
    counted, _ = (
        Lineage.of(audit).whatever_shown().sort(parse(data, name=str(log)).events, str(log))
    )
    return counted
