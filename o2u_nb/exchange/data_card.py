"""A section on the labels for the card of a data set: who looked, what changed, what is left wrong.

In comes an audit; out comes Markdown, made of the audit's figures and the log of its decisions.
Nothing in it is a guess of this text: where there is no certificate, it says so.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from o2u_nb.data import atomic
from o2u_nb.folder import AuditFolder
from o2u_nb.review.apply import logged, plan
from o2u_nb.review.certificate import Measured
from o2u_nb.review.certificate_text import LIMITS, day, lines, promise
from o2u_nb.review.certified import certified
from o2u_nb.review.events import Event, fold
from o2u_nb.review.summary import Reviewed, reviewed
from o2u_nb.text import on_one_line, percent

UNTOUCHED = "Nobody has looked at the labels yet: no label was changed, and nothing is known."


def data_card(audit: AuditFolder) -> str:
    """Return a section on label quality for a data card, as Markdown that begins with `##`.

    It says how many samples there are, how many were looked at, changed and dropped, and by whom;
    how many wrong labels remain, with the confidence of a certificate where a random sample was
    drawn, and else what the review measured and the audit estimates; and by which method and
    versions. Raises `DecisionsError` when the log is about another data set.
    """
    done = reviewed(audit)
    parts = ["## Label quality", "", *_method(audit), ""]
    if done is None:
        parts += [UNTOUCHED, ""]
    else:
        parts += [*_counts(audit, done), ""]
    parts += ["### Wrong labels that remain", "", *_remaining(audit, done), ""]
    return "\n".join(parts)


def write_data_card(audit: AuditFolder, path: str | os.PathLike) -> Path:
    """Write `data_card(audit)` to the file `path`, and return that.

    Raises `OutputError` when it cannot be written, and what `data_card` raises.
    """
    text = data_card(audit)
    with atomic.replacing(path) as file:
        file.write(text.encode())
    return Path(path)


def annotation_protocol(audit: AuditFolder) -> str:
    """Say in one paragraph how the labels of `audit` were checked, for a data set's metadata."""
    done = reviewed(audit)
    by_whom = _names(done.reviewers) if done else "nobody yet"
    return (
        f"All {audit.facts['n_samples']:,} labels were ranked by how a network learned them "
        f"({tool(audit)}), and the most suspicious ones were looked at by {by_whom}."
    )


def annotation_analysis(audit: AuditFolder) -> str:
    """Say in one paragraph what the check of the labels has found."""
    done = reviewed(audit)
    return plain(" ".join([UNTOUCHED] if done is None else _remaining(audit, done)))


def tool(audit: AuditFolder) -> str:
    """Return the name and version of what made the audit."""
    return f"o2u_nb {audit.facts.get('o2u_nb_version', '(version not recorded)')}"


def _method(audit: AuditFolder) -> list[str]:
    facts = audit.facts
    eyes = ", ".join(eye.get("title") or eye["name"] for eye in facts.get("eyes", ()))
    versions = ", ".join(f"{name} {found}" for name, found in facts.get("versions", {}).items())
    made = f", on {day(facts['created'])}" if "created" in facts else ""
    said = [
        f"The {facts['n_samples']:,} labels of {facts['n_classes']:,} classes were ranked by how "
        f"suspicious they are with {tool(audit)}{made}: a network is trained with a cyclic "
        "learning rate, and the loss of each sample is recorded (O2U-Net).",
    ]
    if eyes:
        said.append(f"What looked at the pictures: {md(eyes)}.")
    if versions:
        said.append(f"Versions: {md(versions)}.")
    return said


def _counts(audit: AuditFolder, done: Reviewed) -> list[str]:
    total, counts = audit.facts["n_samples"], done.counts
    looked_at = sum(counts.values())
    change = plan(audit)
    rows = [
        ("samples before the review", total),
        ("looked at", looked_at),
        ("label kept", counts["keep"]),
        ("label changed", counts["relabel"]),
        ("dropped", counts["drop"]),
        ("unsure, and kept as they were", counts["unsure"]),
        ("samples after the review", len(change.cleaned)),
    ]
    table = ["| | samples | share |", "|---|---:|---:|"]
    table += [f"| {words} | {count:,} | {percent(count / total)} |" for words, count in rows]
    said = [*table, "", f"Looked at by {_names(done.reviewers)}{_when(logged(audit))}."]
    if done.pairs:
        pairs = (
            f"{md(pair['given'])} → {md(pair['new'])} ({pair['count']:,})" for pair in done.pairs
        )
        said += [f"The commonest changes: {', '.join(pairs)}."]
    if len(change.stale):
        said += [
            f"{len(change.stale):,} decisions are not applied, since their pictures changed after "
            "they were decided on."
        ]
    return said


def _when(events: Sequence[Event]) -> str:
    times = fold(events)["ts_utc"].tolist()
    first, last = day(min(times)), day(max(times))
    return f" on {first}" if first == last else f" from {first} to {last}"


def _remaining(audit: AuditFolder, done: Reviewed | None) -> list[str]:
    found = certified(audit)
    if found is not None and found.statement is not None:
        said = [f"- {md(line)}" for line in lines(found.statement)]
        limits = [f"- {line}" for line in LIMITS]
        return [f"**{md(promise(found.statement))}**", "", *said, "", "What this does not say:", "",
                *limits]  # fmt: skip
    why = f" ({md(found.refused)})" if found is not None else ""
    said = [f"There is no certificate{why}: no random sample shows how many are left."]
    if done is not None and done.measured is not None:
        said.append(_precision(done.measured))
    return [*said, _estimate(audit, done)]


def _precision(found: Measured) -> str:
    return (
        f"Of {found.decided:,} suspects that were looked at, {percent(found.precision)} were wrong "
        f"({percent(found.low)} to {percent(found.high)} with 95 % confidence, by Wilson's "
        "interval, as far as they are like the other suspects)."
    )


def _estimate(audit: AuditFolder, done: Reviewed | None) -> str:
    facts = audit.facts
    said = f"Before the review, the audit estimated {facts['estimated_wrong']:,} wrong labels"
    if "estimated_range" in facts:
        low, high = facts["estimated_range"]
        said += f" ({low:,} to {high:,} by different estimators; no confidence belongs to it)"
    if done is None:
        return f"{said}."
    corrected = done.counts["relabel"] + done.counts["drop"]
    return f"{said}; {corrected:,} were found and corrected or dropped."


def _names(names: Sequence[str]) -> str:
    return " and ".join(md(name) for name in names) or "nobody"


def md(text: object) -> str:
    """Return text as Markdown on one line, in which its own signs of formatting are plain text.

    >>> md("a*b|<c>")
    'a\\\\*b\\\\|\\\\<c\\\\>'
    """
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in on_one_line(text))


def plain(text: str) -> str:
    """Return the text of Markdown that `md` and this module wrote, without signs of formatting."""
    out, escaped = [], False
    for c in text:
        if c == "\\" and not escaped:
            escaped = True
        elif c == "*" and not escaped:
            continue
        else:
            out.append(c)
            escaped = False
    return " ".join("".join(out).split())
