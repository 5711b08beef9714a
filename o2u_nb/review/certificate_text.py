"""The sentences of a certificate, for the command line, a panel and the report.

In comes a `Statement`; out come plain sentences: what is promised, how it was found, and what it
does not say.
"""

from datetime import datetime

from o2u_nb.review.acceptance import ACCEPT, LOOK
from o2u_nb.review.statement import ClassStatement, Statement, Tally, rounded_down
from o2u_nb.text import percent

LIMITS = (
    "It says nothing about labels outside this data set. It does not say which of the labels that "
    "nobody has looked at are wrong.",
    "It takes the classes as the reviewer understands them. Another person may judge borderline "
    "pictures in another way.",
    "Some such statements are untrue: of many on different data sets, at most one in twenty on "
    "average where the confidence is 95 %.",
)


def promise(found: Statement) -> str:
    """Return the certificate in one sentence.

    It is about the data set after the corrections, and counts what nobody has looked at as wrong.
    """
    return (
        f"At least {rounded_down(found.precision)} of the labels of this data set are right, with "
        f"{percent(found.draw.confidence)} confidence, according to {_names(found.reviewers)}."
    )


def delivered(found: Statement) -> str:
    """Say how good the labels were before the corrections, and whether they meet the standard."""
    standard = rounded_down(found.draw.standard)
    said = f"As they were delivered, at least {rounded_down(found.delivered)} were right"
    if found.verdict.decision == ACCEPT:
        return f"{said}: accept, the standard of {standard} is met."
    if found.verdict.decision == LOOK:
        return (
            f"{said}: not decided yet, look at {_count(found.verdict.more, 'more label')} to show "
            f"the standard of {standard} if all of them are right."
        )
    return f"{said}: do not accept, the standard of {standard} is not shown."


def goal(found: Statement) -> str:
    """Say how far the corrected data set is from the standard."""
    standard = rounded_down(found.draw.standard)
    if found.meets:
        return f"The corrected data set meets the standard of {standard}."
    if found.more is None:
        return (
            f"This sample cannot show the standard of {standard} any more: go on with the ranked "
            "review, then draw a new sample."
        )
    return f"{_count(found.more, 'more right label')} would show the standard of {standard}."


def with_mistakes(found: Statement) -> str:
    """Say what holds if the reviewer makes mistakes as in the hidden checks."""
    left, checks, share = found.with_mistakes, found.checks, found.precision_with_mistakes
    if left is None or checks is None or share is None:
        return (
            "The reviewer's own mistakes are not counted in it: there was no hidden check of them, "
            "or it is not finished."
        )
    return (
        f"With the reviewer's own mistakes: at least {rounded_down(share)}. In hidden checks, "
        f"{checks.missed:,} of {checks.wrong:,} wrong labels stayed wrong (at most "
        f"{percent(left.missed_share)}), and {checks.spoiled:,} of {checks.right:,} right ones "
        f"were made wrong (at most {percent(left.spoiled_share)})."
    )


def lines(found: Statement) -> list[str]:
    """Say how the statement was found, one sentence each."""
    draw = found.draw
    said = [
        f"{found.census.looked_at:,} of {found.total:,} labels were looked at in the ranked review "
        f"({_counted(found.census)}).",
        _sampled(found),
        f"So, with this confidence, at most {found.possible:,} of the {draw.rest:,} were wrong, "
        f"and at most {found.left:,} wrong labels are left among {found.size:,}.",
    ]
    if not found.is_complete:
        said.append(
            "Labels of the sample that nobody has looked at yet, and that count as wrong: "
            f"{found.sample.waiting:,}."
        )
    unsure = found.census.unsure + found.sample.unsure + found.beyond.unsure
    if unsure:
        said.append(f"Labels that the reviewer was unsure of, and that count as wrong: {unsure:,}.")
    if found.revised:
        said.append(f"Decisions on the sample that were changed afterwards: {found.revised:,}.")
    if found.earlier:
        said.append(
            "Earlier samples that were given up after somebody had looked at them: "
            f"{found.earlier:,}. All {found.earlier + 1} statements together hold with "
            f"{percent(max(1 - (found.earlier + 1) * (1 - draw.confidence), 0))} confidence only."
        )
    return [*said, with_mistakes(found)]


def class_line(row: ClassStatement) -> str:
    """Say what holds for one class."""
    return (
        f"{row.label}: at least {rounded_down(row.precision)} right, {rounded_down(row.delivered)} "
        f"as delivered ({row.looked_at:,} of {row.rest:,} looked at, {row.wrong:,} wrong; the "
        f"standard is {'met' if row.meets else 'not shown'})"
    )


def day(time: str) -> str:
    """Write a time in ISO 8601 as a day.

    >>> day("2026-11-21T10:00:00+00:00")
    '21 November 2026'
    """
    found = datetime.fromisoformat(time)
    return f"{found.day} {found:%B %Y}"


def _sampled(found: Statement) -> str:
    draw = found.draw
    how = (
        "one after the other in a random order, with a bound that holds whenever one stops"
        if draw.sequential
        else f"{draw.size:,} of them as a random sample"
    )
    return (
        f"Of the other {draw.rest:,}, {how}, drawn on {day(found.drawn_at)} with seed {draw.seed}: "
        f"{found.sample.looked_at:,} looked at, {found.sample.wrong:,} wrong."
    )


def _counted(tally: Tally) -> str:
    words = dict(keep="kept", relabel="relabelled", drop="dropped", unsure="unsure")
    said = [f"{getattr(tally, name):,} {word}" for name, word in words.items()]
    return ", ".join(said)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _names(reviewers: tuple[str, ...]) -> str:
    if not reviewers:
        return "nobody yet"
    if len(reviewers) == 1:
        return reviewers[0]
    return f"{', '.join(reviewers[:-1])} and {reviewers[-1]}"
