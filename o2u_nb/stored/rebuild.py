"""Make again what an audit folder holds beside its samples and traces; nothing is trained.

In comes a folder of which the scores, the report, the list of problems or `audit.json` are damaged
or missing; out comes the audit whole again. Samples, traces, embeddings, features and decisions are
read and never changed. What is damaged among them is an error that says what to do.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from o2u_nb import embedding_file, feature_file
from o2u_nb import folder as layout
from o2u_nb.building import Place
from o2u_nb.data import duplicates
from o2u_nb.data.samples import SEVERAL_SPLITS, Checked, problems_table
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.findings import Findings
from o2u_nb.errors import SourceError
from o2u_nb.eye_names import NETWORK, column_name
from o2u_nb.folder import AuditFolder
from o2u_nb.review import copies
from o2u_nb.review.lineage import carry
from o2u_nb.run import totals, write_problems, write_results
from o2u_nb.stored.claim import claimed
from o2u_nb.trace import Trace

LOST_PROBLEMS = (
    "The list of what was wrong with the source was damaged and cannot be made again: audit the "
    "source again to see it."
)


def rebuild(folder: str | os.PathLike, *, say: Callable[[str], None] = lambda line: None) -> None:
    """Make the scores, the report and `audit.json` in `folder` anew from samples and traces.

    `say` is called with what could not be made again. If this is interrupted, it can be repeated.
    Raises `SourceError` when there is no audit in `folder` or its samples are damaged, `TraceError`
    or `FeaturesError` when a trace, embeddings or features are, `OutputError` when nothing can be
    written, and `InUseError` when another job writes there.
    """
    folder = Path(folder)
    if not layout.made_in(folder) or not (folder / layout.SAMPLES).is_file():
        raise SourceError(
            f"No audit in {folder} that could be made again: expected {layout.MARKER} and "
            f"{layout.SAMPLES} there. Audit the source again."
        )
    with claimed(folder):
        layout.finish_replacing(folder)
        kept = _Kept(folder)
        for line in kept.lost:
            say(f"Careful: {line}")
        place = Place(folder, layout.made_in(folder) or ())
        samples = kept.audit.samples
        groups = copies.groups(samples, copies.kept_copies(folder, samples))
        checked = Checked(samples, _with_splits(kept.problems, samples, groups))
        findings = Findings.of(copies.known_to(kept.evidence, groups), notes=kept.notes)
        facts = {**kept.facts, **_new_facts(kept.facts, checked, findings.trace)}
        if LOST_PROBLEMS in kept.lost or not checked.problems.equals(kept.problems):
            write_problems(place, checked)
        write_results(place, checked, findings, {**facts, **findings.facts()})


def _with_splits(problems: pd.DataFrame, samples: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Return `problems` with the lines on pictures in several splits that `groups` give now."""
    found = duplicates.in_several_splits(samples, groups.to_numpy())
    others = problems[problems["problem"] != SEVERAL_SPLITS]
    return pd.concat([others, found], ignore_index=True)


def _new_facts(kept: dict, checked: Checked, trace: Trace) -> dict:
    """Return totals; versions and date stay those of the training where they are known."""
    found = totals(checked, trace)
    return {name: value for name, value in found.items() if name not in kept or "n_" in name}


class _Kept:
    """What is left of an audit, and what is `lost`, one sentence each."""

    def __init__(self, folder: Path):
        self.lost: list[str] = []
        self.audit = AuditFolder(folder)
        try:
            self.facts: dict[str, Any] = self.audit.facts
        except SourceError:
            self.facts = {}
            self.lost.append(
                f"{layout.FACTS} was damaged: settings and source of the audit are not known now."
            )
        self.audit.facts = self.facts
        self.problems = self._problems()
        self.notes = [*self.facts.get("eye_notes", ()), *self.lost]
        self.facts["eye_notes"] = self.notes
        if eyes := self.facts.get("eyes") or _eyes_of(folder, self.audit.trace):
            self.facts["eyes"] = eyes
        if "earlier_decisions" not in self.facts:
            self.facts["earlier_decisions"] = carry(folder, self.audit.samples).facts

    def _problems(self) -> pd.DataFrame:
        try:
            return self.audit.problems
        except SourceError:
            self.lost.append(LOST_PROBLEMS)
            return problems_table([])

    @property
    def evidence(self) -> Evidence:
        """Return what each eye has seen."""
        audit, rows = self.audit, self._rows()
        (name, trace), *others = audit.eyes.items()
        seen = tuple(Evidence(other, rows(eye), eye=eye) for eye, other in others)
        return Evidence(trace, audit.embeddings, eye=name, others=seen)

    def _rows(self) -> Callable[[str], np.ndarray | None]:
        """Return the function that opens the features or embeddings of a further eye."""
        audit = self.audit
        n = audit.trace.n_samples

        def rows(eye: str) -> np.ndarray | None:
            if eye in audit.features:
                return audit.features[eye]
            place = audit.folder / layout.EYES / column_name(eye)
            return embedding_file.read(place / layout.EMBEDDINGS, n)

        return rows


def _eyes_of(folder: Path, first: Trace) -> list[dict]:
    """Tell the eyes of an audit from its folders, where `audit.json` does not say them.

    Raises `SourceError` where it cannot be told whose features a trace was trained on.
    """
    frozen = {
        column_name(found.name): dict(
            name=found.name,
            title=f"a head on features of {found.name}",
            frozen=True,
            features=found.key,
            image_size=found.size,
        )
        for found in feature_file.there(folder / layout.FEATURES)
    }
    own = dict(name=NETWORK, title="a network", frozen=False)
    names = sorted(path.parent.name for path in folder.glob(f"{layout.EYES}/*/{layout.TRACE}"))
    if not names and not first.frozen:
        return []
    rest = [name for name in frozen if name not in names]
    if (first.frozen and len(rest) != 1) or any(n not in {*frozen, NETWORK} for n in names):
        raise SourceError(
            f"{folder / layout.FACTS} is damaged, and it cannot be told which features belong to "
            "which trace: restore a copy, or audit again."
        )
    return [frozen[rest[0]] if first.frozen else own, *(frozen.get(name, own) for name in names)]
