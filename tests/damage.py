"""Audit folders to damage, and everything that a reader may ask of one; training is not needed."""

import hashlib
import json
from pathlib import Path

import numpy as np

from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.data import samples as samples_io
from o2u_nb.errors import O2UError
from o2u_nb.trace import Trace
from tests.audits import write_audit


def whole_audit(folder: Path, *, n: int = 40, decisions: int = 12) -> Path:
    """Write an audit of `n` samples with embeddings and a decision log, by the package's writers.

    `folder` must not exist, and a folder beside it holds what the audit was made of.
    """
    made = write_audit(folder.with_name(f"{folder.name}-made"), n=n)
    trace = Trace.open(made / layout.TRACE, in_memory=True)
    rows = np.random.default_rng(0).normal(size=(n, 6)).astype(np.float32)
    audit = Audit.save(
        folder, samples_io.read(made / layout.SAMPLES), trace, rows, quiet=True
    )  # fmt: skip
    session = audit.session(reviewer="ann")
    for sample_id in audit.scores.index[:decisions]:
        session.drop([sample_id])
    return folder


def told(folder: Path) -> dict[str, str]:
    """Return a digest of all that the audit in `folder` tells, by what it is about.

    Raises the errors of the package for damage that is noticed; a damaged line of the decision log
    is a problem and no error.
    """
    audit = Audit.open(folder)
    trace, session = audit.trace, audit.session(reviewer="ann")
    found = {
        "samples": audit.samples.to_csv(),
        "problems": audit.problems.to_csv(),
        "scores": audit.scores.to_csv(),
        "facts": json.dumps(audit.facts, sort_keys=True),
        "trace": [trace.ids.tolist(), trace.classes, trace.labels.tolist(), trace.phase.tolist(),
                  trace.lr.tolist(), trace.record, trace.frozen],
        "arrays": [a.tobytes() for a in (trace.loss, trace.margin, trace.pred)],
        "means": {phase: probs.tobytes() for phase, probs in trace.mean_probs.items()},
        "embeddings": None if audit.embeddings is None else audit.embeddings.tobytes(),
        "findings": audit.findings.facts(),
        "decisions": session.decisions.table().to_csv(),
    }  # fmt: skip
    return {name: hashlib.sha256(repr(said).encode()).hexdigest() for name, said in found.items()}


def outcome(folder: Path, before: dict[str, str]) -> str:
    """Say what became of damage: `typed`, `no effect`, `noticed` in the log, `raw` or `silent`."""
    try:
        now = told(folder)
    except O2UError:
        return "typed"
    except Exception as error:  # what a user would see as a traceback
        return f"raw: {type(error).__name__}: {error}"[:200]
    other = [name for name in before if now[name] != before[name]]
    if not other:
        return "no effect"
    if other == ["decisions"] and Audit.open(folder).verify():
        return "noticed"
    return f"silent: {', '.join(other)}"
