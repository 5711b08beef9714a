"""Audit: everything that one can do with an audit folder, in this kernel or a later one.

In comes a source, a trace or a folder; out comes an `Audit`, which holds what lies in the folder
(see `folder.AuditFolder`). It leaves the main job, the review and its panels to other modules.
"""

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from o2u_nb.folder import AuditFolder
from o2u_nb.progress import Bars
from o2u_nb.trace import Trace

if TYPE_CHECKING:
    from o2u_nb.review.session import ReviewSession
    from o2u_nb.widgets.dashboard import Dashboard


class Audit(AuditFolder):
    """Hold what one audit found, and open its review; see `AuditFolder` for the tables."""

    @classmethod
    def run(
        cls, source: Any, out: str | os.PathLike, *, quiet: bool = False, **options: Any
    ) -> "Audit":
        """Audit `source` into the folder `out`, with progress bars unless `quiet`.

        See `o2u_nb.run.run_audit` for the options: `labels`, `columns`, `encoding`, `preset`,
        `seed` and `overwrite`.
        """
        from o2u_nb.run import run_audit

        if quiet:
            return cls(run_audit(source, out, **options).folder)
        with Bars() as bars:
            return cls(run_audit(source, out, say=bars.say, progress=bars, **options).folder)

    @classmethod
    def save(
        cls,
        out: str | os.PathLike,
        samples: pd.DataFrame,
        trace: Trace,
        embeddings: np.ndarray | None = None,
        *,
        quiet: bool = False,
        **options: Any,
    ) -> "Audit":
        """Keep what was trained in a notebook as an audit folder.

        Each step, and each reason to doubt the result, is printed unless `quiet`. See
        `o2u_nb.run.save_audit` for the arguments.
        """
        from o2u_nb.run import save_audit

        if quiet:
            return cls(save_audit(out, samples, trace, embeddings, **options).folder)
        with Bars() as bars:
            saved = save_audit(out, samples, trace, embeddings, say=bars.say, **options)
        return cls(saved.folder)

    def session(self, *, reviewer: str | None = None) -> "ReviewSession":
        """Return the `ReviewSession` on this audit in the name of `reviewer` (default: the user).

        While it is in use, the same one is returned each time, so that all panels on an audit are
        in step; after the audit was made again, it is a new one. See `review.shared`.

        Raises `DecisionsError` when the decision log is about another data set, and `SourceError`
        when the audit is no longer in its folder.
        """
        from o2u_nb.review.shared import shared_session

        return shared_session(self, reviewer=reviewer)

    def panel(self, *, reviewer: str | None = None) -> "Dashboard":
        """Show the whole review of this audit in JupyterLab: a `Dashboard` over `session()`.

        It begins at an undecided sample, and is in step with all other panels on this audit.
        """
        from o2u_nb.widgets.dashboard import Dashboard  # imports ipywidgets and plotly

        session = self.session(reviewer=reviewer)
        session.go_to_undecided()
        return Dashboard(session)
