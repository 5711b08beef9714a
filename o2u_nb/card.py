"""The result of an audit as a small card: numbers, doubts, problems, and where everything is.

In comes an audit folder; out comes HTML without script, in which every name is plain text, and the
same as text. A notebook shows it for `Audit.run(...)`, `Audit.open(...)` and `learn.audit(...)`.
"""

import os
from html import escape
from pathlib import Path
from urllib.parse import quote

from o2u_nb.data.samples import named_problems
from o2u_nb.folder import PROBLEMS, AuditFolder
from o2u_nb.text import clip, percent, unbroken

MOST_PROBLEMS = 10  # lines of problems that a card names
WIDTH = 200  # characters of a line of problems, so that hostile names fill no page

COLOUR = "color:var(--jp-ui-font-color1,inherit)"
FAINT = "color:var(--jp-ui-font-color2,inherit)"
BORDER = "var(--jp-border-color1,rgba(128,128,128,0.5))"
CARD = (
    f"{COLOUR};font-family:var(--jp-ui-font-family,sans-serif);font-size:14px;line-height:1.5;"
    f"border:1px solid {BORDER};border-radius:6px;padding:10px 16px;max-width:820px;"
    "overflow-wrap:anywhere;"
)
NUMBERS = "display:flex;flex-wrap:wrap;gap:6px 28px;"
NUMBER = "font-size:22px;line-height:1.2;font-variant-numeric:tabular-nums;white-space:nowrap;"
DOUBT = "margin:8px 0;padding:2px 10px;border-left:4px solid var(--jp-warn-color1,#f57c00);"
LIST = "margin:2px 0 8px;padding-left:20px;"
LINE = "margin:8px 0 0;"


def html(audit: AuditFolder) -> str:
    """Return the card of `audit` as HTML; the link to the report starts at the working folder."""
    numbers = "".join(
        f'<div><div style="{NUMBER}">{escape(number)}</div>'
        f'<div style="{FAINT}">{escape(words)}</div></div>'
        for number, words in _numbers(audit).items()
    )
    doubts = "".join(
        f'<p style="{DOUBT}"><b>Careful:</b> {unbroken(escape(doubt))}</p>'
        for doubt in _doubts(audit)
    )
    return (
        f'<div style="{CARD}"><div style="{NUMBERS}">{numbers}</div>{doubts}{_problems(audit)}'
        f'<p style="{LINE}"><a href="{escape(_link(audit.report))}" target="_blank">Open the '
        f"report</a>. Everything is in <code>{escape(str(audit.folder))}</code>.</p>"
        f'<p style="{LINE}{FAINT}">{_how(audit)}</p></div>'
    )


def text(audit: AuditFolder) -> str:
    """Return the card of `audit` as plain text."""
    numbers = ", ".join(f"{number} {words}" for number, words in _numbers(audit).items())
    doubts = [f"Careful: {doubt}" for doubt in _doubts(audit)]
    problems = _named(audit) and ["Problems in the source:", *(f"  {p}" for p in _named(audit))]
    where = f"Report: {audit.report}"
    return "\n".join([f"{numbers}.", *doubts, *problems, where])


def _numbers(audit: AuditFolder) -> dict[str, str]:
    """Return the numbers with the words below them."""
    facts = audit.facts
    n, wrong = facts["n_samples"], facts["estimated_wrong"]
    suspects = int(audit.scores["suspect"].sum())
    low, high = facts.get("estimated_range", (wrong, wrong))
    around = f" ({low:,} to {high:,})" if low < high else ""
    return {
        f"{n:,}": "samples",
        f"{facts['n_classes']:,}": "classes",
        f"{suspects:,}": f"suspects, {percent(suspects / n)} of the samples",
        f"about {wrong:,}{around}": "labels are wrong, as estimated",
    }


def _doubts(audit: AuditFolder) -> list[str]:
    kept = audit.facts.get("warnings")
    return audit.findings.doubts if kept is None else kept


def _problems(audit: AuditFolder) -> str:
    named = _named(audit)
    if not named:
        return ""
    lines = "".join(f"<li>{escape(line)}</li>" for line in named)
    return (
        f'<p style="{LINE}">{len(audit.problems):,} problems in the source, all of them in '
        f'<code>{PROBLEMS}</code>:</p><ul style="{LIST}">{lines}</ul>'
    )


def _named(audit: AuditFolder) -> list[str]:
    """Name the first problems of the source, one a line."""
    return [clip(line, WIDTH) for line in named_problems(audit.problems, most=MOST_PROBLEMS)]


def _link(path: Path) -> str:
    """Return the address of `path` from the working folder, as JupyterLab opens it."""
    try:
        near = os.path.relpath(path)
    except ValueError:  # on another drive
        return path.resolve().as_uri()
    return quote(Path(near).as_posix())


def _how(audit: AuditFolder) -> str:
    """Say in HTML which calls lead on, also in a kernel that knows nothing of the audit yet."""
    opened = escape(f"Audit.open({str(audit.folder)!r})")
    return (
        f"<code>audit = {opened}</code> opens it in any kernel, <code>audit.panel()</code> is the "
        "review, and <code>audit.finish()</code> writes the cleaned data set."
    )
