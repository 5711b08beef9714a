"""Audit: a thin handle on one audit folder, in this kernel or a later one.

`Audit.run` does the whole main job and `Audit.open` brings its results back; tables, trace and
facts are read when first asked for. Neither torch nor fastai is needed to look at results.
"""

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from o2u_nb import embeddings as embeddings_io
from o2u_nb import layout
from o2u_nb.data import samples as samples_io
from o2u_nb.errors import SourceError
from o2u_nb.progress import Bars
from o2u_nb.trace import Trace


class Audit:
    """Hold what one audit found; every table is indexed by `sample_id`.

    `samples` is what was audited, `problems` what could not be, `trace` the training dynamics,
    `embeddings` what the trained network sees of each sample, `scores` the ranking (`rank` 1 = most
    suspicious), and `facts` the settings and totals.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)

    @classmethod
    def open(cls, folder: str | os.PathLike) -> "Audit":
        """Open the audit in `folder`; raise `SourceError` when no finished audit lies there."""
        if not (Path(folder) / layout.FACTS).is_file():
            raise SourceError(
                f"No finished audit in {folder}: expected the file {layout.FACTS} there. "
                f"Make one with `python -m o2u_nb audit SOURCE --out {folder}`."
            )
        return cls(folder)

    @classmethod
    def run(cls, source: Any, out: str | os.PathLike, *, quiet: bool = False, **options) -> "Audit":
        """Audit `source` into the folder `out`, with progress bars unless `quiet`.

        See `o2u_nb.run.run_audit` for the options: `labels`, `preset`, `seed`, `overwrite`.
        """
        from o2u_nb.run import run_audit

        if quiet:
            return run_audit(source, out, **options)
        with Bars() as bars:
            return run_audit(source, out, say=bars.say, progress=bars, **options)

    @classmethod
    def save(
        cls,
        out: str | os.PathLike,
        samples: pd.DataFrame,
        trace: Trace,
        embeddings: np.ndarray | None = None,
        **options,
    ) -> "Audit":
        """Keep what was trained in a notebook as an audit folder; see `o2u_nb.run.save_audit`."""
        from o2u_nb.run import save_audit

        return save_audit(out, samples, trace, embeddings, **options)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """Read the samples table."""
        return samples_io.read(self.folder / layout.SAMPLES)

    @cached_property
    def problems(self) -> pd.DataFrame:
        """Read what was wrong with the source: sample_id, problem, detail, action."""
        return pd.read_csv(self.folder / layout.PROBLEMS, dtype=str, keep_default_na=False)

    @cached_property
    def trace(self) -> Trace:
        """Open the training dynamics."""
        return Trace.open(self.folder / layout.TRACE)

    @cached_property
    def embeddings(self) -> np.ndarray | None:
        """Open what the network sees of each sample: float16 (n_samples, d), memory-mapped.

        Rows of length 1 in the order of the trace's ids; None where none were kept. Raises
        `TraceError` when the file is damaged or of other samples.
        """
        return embeddings_io.read(self.folder / layout.EMBEDDINGS, self.trace.n_samples)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Read the ranking, most suspicious first."""
        return pd.read_parquet(self.folder / layout.SCORES)

    @cached_property
    def findings(self):
        """Bring back all that was found, as one `o2u_nb.detect.findings.Findings`."""
        from o2u_nb.detect.findings import Findings  # brings scipy, which a review does without

        return Findings.stored(self.trace, self.scores, self.facts)

    @property
    def estimates(self) -> pd.DataFrame:
        """Say how many labels are wrong by each estimator; see `Findings.estimators`."""
        return self.findings.estimators

    @property
    def by_class(self) -> pd.DataFrame:
        """Count wrong labels per given label; see `o2u_nb.detect.counts.wrong_per_class`."""
        from o2u_nb.detect import counts

        return counts.wrong_per_class(self.scores)

    @cached_property
    def facts(self) -> dict:
        """Read settings, versions and totals."""
        return json.loads((self.folder / layout.FACTS).read_text(encoding="utf-8"))

    def session(self, *, reviewer: str | None = None):
        """Open a `ReviewSession` on this audit, in the name of `reviewer` (default: the user)."""
        from o2u_nb.review.session import ReviewSession  # which is made of an Audit

        return ReviewSession(self, reviewer=reviewer)

    def panel(self, *, reviewer: str | None = None):
        """Show the whole review of this audit in JupyterLab: a `Dashboard` over a new session."""
        from o2u_nb.widgets.dashboard import Dashboard  # brings ipywidgets and plotly

        return Dashboard(self.session(reviewer=reviewer))

    @property
    def report(self) -> Path:
        """Return the path of the HTML report."""
        return self.folder / layout.REPORT

    def __repr__(self) -> str:
        facts = self.facts
        return (
            f"Audit({str(self.folder)!r}: {facts['n_samples']:,} samples, {facts['n_classes']} "
            f"classes, about {facts['estimated_wrong']:,} wrong labels)"
        )
