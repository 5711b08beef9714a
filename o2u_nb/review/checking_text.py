"""The sentences on reviewers: their mistakes in hidden checks, anchoring, and agreement.

In come results of `checks` and `agreement`; out come plain sentences for panels and the command
line.
"""

import math

from o2u_nb.review.agreement import Agreement
from o2u_nb.review.checks import Anchoring, Checked
from o2u_nb.review.mistakes import upper_share
from o2u_nb.text import percent

MOST_PAIRS = 5


def result_lines(name: str, found: Checked) -> list[str]:
    """Say what a reviewer's answers to hidden checks came to, one sentence each."""
    if found.waiting:
        return [
            f"{name}: {found.answered:,} of {found.answered + found.waiting:,} cases are answered. "
            "What they say is shown when all are."
        ]
    checks = found.checks
    said = [f"{name}: {found.answered:,} cases are answered."]
    if found.repeats:
        said.append(
            f"Decided a second time: {found.same:,} of {found.repeats:,} got the same label again "
            f"({percent(found.same / found.repeats)})."
        )
    if checks.wrong:
        said.append(
            f"Wrong labels that were shown: {checks.missed:,} of {checks.wrong:,} stayed wrong "
            f"({_at_most(checks.missed, checks.wrong)})."
        )
    if checks.right:
        said.append(
            f"Right labels that were shown: {checks.spoiled:,} of {checks.right:,} were made wrong "
            f"({_at_most(checks.spoiled, checks.right)})."
        )
    return [*said, anchoring_line(found.anchoring)]


def anchoring_line(found: Anchoring) -> str:
    """Say how far a label that is shown influences the judgement."""
    if math.isnan(found.difference):
        return "Whether labels that are shown influence the judgement was not tested."
    shown, hidden = found.followed / found.n_shown, found.named / found.n_hidden
    interval = f"{_points(found.low)} to {_points(found.high)}, 95 % interval"
    shares = (
        f"A wrong label was the answer in {percent(shown)} of {_cases(found.n_shown)} that showed "
        f"it, and in {percent(hidden)} of {_cases(found.n_hidden)} that hid it: a difference of "
        f"{_points(found.difference)} ({interval})."
    )
    if found.low > 0:
        return f"{shares} The shown label influences the judgement."
    if found.high < 0:
        return f"{shares} The shown label is avoided."
    return f"{shares} It does not show that the shown label influences the judgement."


def agreement_line(found: Agreement) -> str:
    """Say how far two reviewers agree."""
    kappa = found.kappa
    same = (
        f"{found.first} and {found.second} give the same label to {kappa.agreed:,} of {kappa.n:,} "
        f"samples ({percent(kappa.agreed / kappa.n)})."
    )
    if math.isnan(kappa.value):
        return f"{same} Both gave one class to all, so kappa says nothing."
    return (
        f"{same} Cohen's kappa is {kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f}, 95 % "
        "interval; 1 is full agreement, 0 that of chance)."
    )


def differing_lines(found: Agreement) -> list[str]:
    """Say on which classes two reviewers differ, the commonest first."""
    return [
        f"{found.first} says {row.first}, {found.second} says {row.second}: {row.count:,}"
        for row in found.pairs.head(MOST_PAIRS).itertuples(index=False, name="Pair")
    ]


def _cases(number: int) -> str:
    return f"{number:,} case{'' if number == 1 else 's'}"


def _at_most(found: int, tries: int) -> str:
    """Say up to which share it may be, with 95 % confidence."""
    return f"at most {percent(upper_share(found, tries, 0.05))}, with 95 % confidence"


def _points(difference: float) -> str:
    """Write a difference of shares in percentage points.

    >>> _points(-0.123)
    '-12.3 points'
    """
    return f"{100 * difference:.1f} points"
