"""The report: one HTML file that says what an audit found, and needs nothing else to be read.

In come an audit's findings, the samples that it looked at, its facts, and what was decided; out
goes a page that needs no network. Where no script may run, as in a mail or in JupyterLab, it shows
still pictures; plotly's figures take their place where scripts run. It has no scripts but plotly's
own, and every class or file name is inert text.
"""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from o2u_nb.data import atomic
from o2u_nb.data.samples import Checked
from o2u_nb.detect import counts, eyes, suspects
from o2u_nb.detect.findings import Findings
from o2u_nb.detect.learned import HARDLY
from o2u_nb.review import certificate_text as words
from o2u_nb.review.acceptance import ACCEPT, LOOK, REJECT
from o2u_nb.review.certified import Certified
from o2u_nb.review.statement import rounded_down
from o2u_nb.review.summary import Reviewed
from o2u_nb.review.words import DONE
from o2u_nb.text import percent

if TYPE_CHECKING:
    import plotly.graph_objects as go

UNKNOWN = "not recorded"
MAX_CLASSES = 100  # rows of the table of classes
MAX_PROBLEMS = 200  # rows of the table of problems
TEMPLATE = "template.html.j2"


def write_report(
    path: str | os.PathLike,
    findings: Findings,
    checked: Checked,
    facts: dict,
    reviewed: Reviewed | None = None,
    certified: Certified | None = None,
) -> Path:
    """Write the report to `path`, whole or not at all, and return the path.

    `checked` holds the audited samples and the problems with others. `facts` holds what is in
    `audit.json`; a missing fact is shown as "not recorded". `reviewed` is what was decided, and
    `certified` the certificate of label quality, None where there is none. Raises `OutputError`
    when the file cannot be written.
    """
    page = render(findings, checked, facts, reviewed, certified)
    with atomic.replacing(path) as file:
        file.write(page.encode("utf-8", "backslashreplace"))
    return Path(path)


def render(
    findings: Findings,
    checked: Checked,
    facts: dict,
    reviewed: Reviewed | None = None,
    certified: Certified | None = None,
) -> str:
    """Return the report as HTML text; see `write_report`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    from o2u_nb.plots import gallery

    environment = Environment(
        loader=PackageLoader("o2u_nb.report", "."), autoescape=True, undefined=StrictUndefined
    )
    samples, problems = checked
    scores = findings.scores
    classes = suspects.per_class(scores)
    return environment.get_template(TEMPLATE).render(
        plotly_js=get_plotlyjs(),
        figures={name: figure_json(figure) for name, figure in _figures(findings).items()},
        stills=_stills(findings),
        percent=percent,
        reviewed=None if reviewed is None else _decided(reviewed),
        certificate=None if certified is None else _certificate(certified),
        top=gallery.suspect_grid(samples, scores, n=24).html,
        by_class=gallery.suspects_by_class(samples, scores, n=8).html,
        summary=_summary(findings, facts, classes),
        counts=_counted(findings.estimators, shifted=findings.estimate.learned < 1),
        eyes=_eyes(scores, facts),
        classes=classes.head(MAX_CLASSES).reset_index().to_dict("records"),
        n_classes=len(classes),
        pairs=suspects.confused(scores).head(8).to_dict("records"),
        problems=problems.head(MAX_PROBLEMS).to_dict("records"),
        n_problems=len(problems),
        facts=_listed(facts),
        warnings=findings.doubts,
    )


def figure_json(figure: "go.Figure") -> str:
    """Return a plotly figure as JSON that cannot end the script element it stands in."""
    return figure.to_json().replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _figures(findings: Findings) -> dict:
    from o2u_nb import plots

    scores = findings.scores
    figures = {
        "trajectories": plots.trajectories(findings.trace, scores),
        "mean": plots.histogram(scores, "o2u_mean"),
        "variance": plots.histogram(scores, "o2u_var"),
        "scatter": plots.mean_against_variance(scores, max_points=3000),
    }
    if scores["suspect"].any():
        figures["confusion"] = plots.confusion(scores)
    return figures


def _stills(findings: Findings) -> dict[str, str]:
    """Return each figure as a picture, for where no script runs."""
    from o2u_nb.plots import drawn

    scores = findings.scores
    pictures = {
        "trajectories": drawn.trajectories(findings.trace, scores),
        "mean": drawn.histogram(scores, "o2u_mean"),
        "variance": drawn.histogram(scores, "o2u_var"),
        "scatter": drawn.mean_against_variance(scores),
    }
    if scores["suspect"].any():
        pictures["confusion"] = drawn.confusion(scores)
    return pictures


def _decided(reviewed: Reviewed) -> dict:
    """Return what was decided, with the counts in words."""
    counts = [f"{n:,} {DONE[action]}" for action, n in reviewed.counts.items() if n]
    return dict(reviewed._asdict(), counts=counts)


VERDICTS = {ACCEPT: "accept", REJECT: "do not accept", LOOK: "not decided yet"}


def _certificate(certified: Certified) -> dict:
    """Return the certificate in sentences and figures, or why there is none."""
    found = certified.statement
    if found is None:
        return dict(refused=certified.refused)
    left = max(found.draw.rest - found.sample.looked_at - found.beyond.looked_at, 0)
    looked = [
        ("suspects of the ranked review", found.census.looked_at, found.census.wrong),
        ("random sample of all others", found.sample.looked_at, found.sample.wrong),
        ("other samples", found.beyond.looked_at, found.beyond.wrong),
    ]
    return dict(
        refused="",
        promise=words.promise(found),
        precision=rounded_down(found.precision),
        delivered=rounded_down(found.delivered),
        standard=rounded_down(found.draw.standard),
        confidence=percent(found.draw.confidence),
        verdict=VERDICTS[found.verdict.decision],
        said=[words.goal(found), words.delivered(found)],
        looked=[row for row in looked if row[1]],
        unseen=left,
        possible=max(found.possible - found.sample.wrong - found.beyond.wrong, 0),
        lines=words.lines(found),
        classes=[words.class_line(row) for row in found.classes[:MAX_CLASSES]],
        more_classes=max(len(found.classes) - MAX_CLASSES, 0),
        limits=words.LIMITS,
    )


def _told(findings: Findings) -> str:
    """Say how the estimate is told: as a "number", as a "range", or that it "cannot be told"."""
    if findings.estimate.learned < HARDLY:
        return "cannot be told"
    return "range" if findings.doubts else "number"


def _summary(findings: Findings, facts: dict, classes: pd.DataFrame) -> dict:
    found = findings.estimate
    n_samples = len(findings.scores)
    worst = classes[classes["suspects"] > 0].sort_values("share", ascending=False).head(3)
    return dict(
        source=str(facts.get("source", UNKNOWN)),
        n_samples=n_samples,
        n_classes=len(classes),
        wrong=found.count,
        share=found.count / max(1, n_samples),
        range=f"{found.low:,} to {found.high:,}",
        told=_told(findings),
        worst=worst.reset_index().to_dict("records"),
        minutes=f"{facts['seconds'] / 60:.1f} min" if "seconds" in facts else UNKNOWN,
        created=_day(facts.get("created")),
    )


def _eyes(scores: pd.DataFrame, facts: dict) -> dict | None:
    """Return how far the eyes agree on the suspects; None with one eye, or without suspects."""
    seen = eyes.eyes_of(scores, facts)
    if len(seen) < 2 or not scores["suspect"].any():
        return None
    found = eyes.agreement(scores, seen)
    rows = [
        dict(eye._asdict(), against=against, alone=alone)
        for eye, against, alone in zip(seen, found.against, found.alone, strict=True)
    ]
    return dict(found._asdict(), rows=rows, every="Both" if len(seen) == 2 else f"All {len(seen)}")


def _counted(estimators: pd.DataFrame, *, shifted: bool) -> dict:
    """Return the estimators as rows, with None where one refuses, and the range of the others.

    `shifted` says whether the number of suspects is not just that of the recommended one.
    """
    table = estimators.astype(object).where(estimators.notna(), None)
    table["recommended"] = table.index == counts.RECOMMENDED
    table["title"] = [counts.TITLES.get(name, name) for name in table.index]
    low, high = counts.extremes(estimators)
    return dict(
        shifted=shifted,
        rows=table.reset_index().to_dict("records"),
        range=f"{low:,.0f} to {high:,.0f}" if low <= high else None,
    )


def _day(created: str | None) -> str:
    return f"{datetime.fromisoformat(created):%d %B %Y, %H:%M} UTC" if created else UNKNOWN


def _listed(facts: dict) -> list[tuple[str, str]]:
    """Name the settings that a reader needs to repeat the audit."""
    names = {
        "source": "source",
        "preset": "preset",
        "seed": "seed",
        "model": "network",
        "image_size": "picture size, pixels",
        "warmup_epochs": "warm-up epochs",
        "cyclic_epochs": "cyclic epochs",
        "record": "pass in which losses were recorded",
        "device": "device",
        "seconds": "seconds in all",
        "o2u_nb_version": "o2u_nb",
        "versions": "versions",
    }
    listed = []
    for key, name in names.items():
        value = facts.get(key, UNKNOWN)
        if isinstance(value, dict):
            value = ", ".join(f"{package} {version}" for package, version in value.items())
        listed.append((name, value if isinstance(value, str) else json.dumps(value)))
    return listed
