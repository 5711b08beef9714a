"""Audit: everything that one can do with an audit folder, in this kernel or a later one.

In comes a source, a trace or a folder; out comes an `Audit`, which holds what lies in the folder
(see `folder.AuditFolder`). It leaves the main job, the review and its panels to other modules.
"""

import os
from collections.abc import Iterable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from o2u_nb.folder import AuditFolder
from o2u_nb.progress import Bars, Silence, shows_widgets
from o2u_nb.trace import Trace

if TYPE_CHECKING:
    from o2u_nb.bulk.job import Summary
    from o2u_nb.data.parallel import Progress
    from o2u_nb.looks import Picture
    from o2u_nb.review.search import AuditSearch
    from o2u_nb.review.session import ReviewSession
    from o2u_nb.widgets.certify import CertifyDesk
    from o2u_nb.widgets.check import CheckDesk
    from o2u_nb.widgets.dashboard import Dashboard
    from o2u_nb.widgets.finish import FinishCard
    from o2u_nb.widgets.running import LiveRun


class Audit(AuditFolder):
    """Hold what one audit found, and open its review; see `AuditFolder` for the tables."""

    @classmethod
    def run(
        cls,
        source: Any,
        out: str | os.PathLike,
        *,
        quiet: bool = False,
        reopen: bool = True,
        **options: Any,
    ) -> "Audit":
        """Audit `source` into the folder `out`, or open the audit of it that is there already.

        Thus a notebook can be run again from its first cell: where the samples, their pictures and
        the settings are those of an earlier audit in `out`, that audit is opened as it is, with all
        decisions. Where something differs, `AuditExistsError` says what; if `reopen` is False, it
        is raised for any audit in `out`. `overwrite=True` makes the audit again, and `resume=True`
        goes on with one that was interrupted, after its last finished epoch.

        While the audit runs, a live panel shows losses and suspects in JupyterLab; other front ends
        show progress bars. `quiet` shows neither. `source` is a folder, a table, a data set or
        arrays, see `data.sources.read`. `o2u_nb.run.run_audit` describes the `options`: `labels`,
        `columns`, `encoding`, `preset`, `eyes`, `seed`, `copies`, `overwrite`, `resume` and
        `processes`; and what is raised, such as `SourceError` for a source that cannot be audited.
        """
        from o2u_nb.run import run_audit

        with _shown(quiet) as shown:
            found = run_audit(
                source, out, reopen=reopen, say=shown.say, progress=shown, watch=shown.watch,
                **options,
            )  # fmt: skip
        return cls(found.folder)

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

        `samples` is the table that was trained on, `trace` what `fit_o2u` or a `DynamicsRecorder`
        recorded, and `embeddings` what `embeddings(learn)` returned: float (n_samples, d), in the
        order of `trace.ids`; without it, the review shows no look-alikes. `out` is a new folder.
        Each step, and each reason to doubt the result, is printed unless `quiet`. The `options`
        are `problems`, `copies` and `overwrite`; see `o2u_nb.run.save_audit` for them, and for
        what is raised, such as `TraceError` for samples that are not those of the trace.
        """
        from o2u_nb.run import save_audit

        with Silence() if quiet else Bars() as shown:
            options = {"say": shown.say, "progress": shown, **options}
            saved = save_audit(out, samples, trace, embeddings, **options)
        return cls(saved.folder)

    @classmethod
    def rebuild(cls, folder: str | os.PathLike, *, quiet: bool = False) -> "Audit":
        """Make scores, report and `audit.json` in `folder` again, and open the audit.

        This is for damaged or missing files that can be computed from the samples and the training
        dynamics; nothing is trained, and decisions stay. What was lost is printed unless `quiet`.
        See `o2u_nb.stored.rebuild`, also for what is raised.
        """
        from o2u_nb.stored.rebuild import rebuild

        with Silence() if quiet else Bars() as shown:
            rebuild(folder, say=shown.say)
        return cls.open(folder)

    def verify(self) -> list[str]:
        """Read every byte of this audit; return a sentence for each damage, none where all is well.

        See `o2u_nb.stored.verify`.
        """
        from o2u_nb.stored.verify import verify

        return verify(self.folder)

    def finish(
        self, *, reviewer: str | None = None, held_out: pd.DataFrame | None = None
    ) -> "FinishCard":
        """Show the results of the review, and write the cleaned data set: a `FinishCard`.

        It also trains before and after the decisions, to compare the accuracy. That is measured on
        `held_out`, a samples table with checked labels that shares no sample with the training
        samples; by default on the audited samples of other splits than train. `reviewer` is the
        name of who decides (default: the user).
        """
        from o2u_nb.before_after import before_after
        from o2u_nb.widgets.finish import FinishCard  # imports ipywidgets

        card = FinishCard(self.session(reviewer=reviewer))
        card.comparing(partial(before_after, self, held_out))
        return card

    def certify(self, *, reviewer: str | None = None) -> "CertifyDesk":
        """Show the certificate of label quality: a `CertifyDesk` over `session()`.

        It leads from the threshold at which the ranked review stopped to a random sample of all
        other samples, and says what share of the labels is right at least; see
        `review.certifying`. `reviewer` is the name of who decides (default: the user).
        """
        from o2u_nb.widgets.certify import CertifyDesk  # imports ipywidgets and plotly

        desk = CertifyDesk(self.session(reviewer=reviewer))
        desk.writing(self.write_report)
        return desk

    def check(self, *, reviewer: str | None = None) -> "CheckDesk":
        """Show a hidden check of a reviewer (default: the user): a `CheckDesk`.

        Decided samples come again in random order, mixed with planted wrong labels; the answers
        change nothing in the data set. They say how often the reviewer errs, whether a label that
        is shown influences the judgement, and how far two reviewers agree; see `review.checking`.
        """
        from o2u_nb.review.checking import CheckSession
        from o2u_nb.widgets.check import CheckDesk  # imports ipywidgets

        return CheckDesk(CheckSession(self, reviewer=reviewer))

    def session(self, *, reviewer: str | None = None) -> "ReviewSession":
        """Return the `ReviewSession` on this audit in the name of `reviewer` (default: the user).

        While it is in use, the same one is returned each time, so that all panels on an audit are
        in step; after the audit was made again, it is a new one. See `review.shared`.

        Raises `DecisionsError` when the decision log is about another data set, and `SourceError`
        when the audit is no longer in its folder.
        """
        from o2u_nb.review.shared import shared_session

        return shared_session(self, reviewer=reviewer)

    @cached_property
    def search(self) -> "AuditSearch":
        """Return the search for similar samples; `search.eyes` names those with kept features."""
        from o2u_nb.review.search import AuditSearch

        return AuditSearch(self)

    def similar(
        self, ids: str | Iterable[str], *, k: int = 10, eye: str | None = None
    ) -> pd.DataFrame:
        """Return the `k` samples most similar to any of `ids`: similarity, label, same_label.

        The table is indexed by `sample_id`, most similar first; `eye` names the network whose
        features are compared, by default the first one. In a review, `session().show_similar(ids)`
        lists them. Raises `O2UError` for an unknown id or eye, or where no features were kept.
        """
        return self.search.similar(ids, k=k, eye=eye)

    def more_like(
        self, ids: str | Iterable[str], *, k: int = 10, eye: str | None = None
    ) -> pd.DataFrame:
        """Return the `k` samples that have most of what `ids` have in common.

        `eye`, the table and the errors are those of `similar`.
        """
        return self.search.more_like(ids, k=k, eye=eye)

    def looks_like(
        self, picture: "Picture", *, k: int = 10, eye: str | None = None
    ) -> pd.DataFrame:
        """Return the `k` samples most similar to a picture that is not in the set.

        `picture` is a file's path, its bytes, a Pillow image or a uint8 array. It needs torch and
        an audit with a pretrained eye. The table is that of `similar`, without `same_label`. Raises
        `SourceError` when the picture cannot be decoded, and what `looks.row_of` raises.
        """
        return self.search.looks_like(picture, k=k, eye=eye)

    def score(self, samples: Any, *, progress: "Progress | None" = None) -> pd.DataFrame:
        """Rank new pictures by what this audit learned, without training; most suspicious first.

        `samples` is a samples table with or without labels, a folder, or what `load` and
        `from_folder` return. The table has a row for each picture, by `sample_id`: `label`, `score`
        (nats, higher = more suspicious), `rank` (1 = most suspicious), `predicted_label`, `doubt`
        (0 to 1, higher = less sure) and `problem`. `progress(done, total)` counts pictures. It
        needs torch and an audit with a pretrained eye. See `scoring.score` for the columns and for
        what is raised.
        """
        from o2u_nb.scoring import score

        return score(self, samples, progress=progress)

    def score_in_bulk(
        self,
        source: Any,
        out: Any,
        *,
        engine: str = "process",
        workers: int | None = None,
        rows: int = 10_000,
        progress: "Progress | None" = None,
    ) -> "Summary":
        """Score the pictures of Parquet tables into the folder `out`, part by part, and keep parts.

        `source` is a Parquet file or a folder of them, with a column `path` or `image`, and `out` a
        folder; each may be a URL, such as `s3://bucket/new`. `out/scores` gets the pictures with
        the columns of `score` but for the rank, and `out/unreadable` those that could not be looked
        at. A later call goes on after the parts of `rows` rows that are there. The `engine` is
        "process", or "ray" with `workers` processes, which needs `o2u_nb[ray]`.
        `progress(done, total)` counts pictures. See `bulk.job.score_in_bulk` for what is raised.
        """
        from o2u_nb.bulk.job import score_in_bulk

        return score_in_bulk(
            self, source, out, engine=engine, workers=workers, rows=rows, progress=progress
        )

    def copies(self, *, progress: "Progress | None" = None) -> pd.DataFrame:
        """Return the groups of copies among the pictures, also of other sizes, mirrored or cropped.

        One row for each member, by `sample_id`: `group`; `centre`, the member that the others are
        copies of; `match`, how it is a copy; `likeness`, up to 1; `label` and `split`; and whether
        in its group `labels_differ` and `splits_differ`. An audit searches for them when it is
        made; after `copies=False` they are searched for now, and `progress(done, total)` is called
        meanwhile. They are kept in the audit's cache. In a review, `session().show_copies()` lists
        those whose labels differ.
        """
        from o2u_nb.review.copies import copies_of

        return copies_of(self, progress=progress)

    def map(self, method: str = "pca", *, eye: str | None = None) -> pd.DataFrame:
        """Return each sample as a point, `x` and `y`, so that similar samples lie near each other.

        The table is indexed by `sample_id` and has the given `label`, too. `method` is "pca",
        principal components, or "umap", which needs `o2u_nb[map]` and takes minutes for many
        samples; that is kept. `eye` names the network whose features are used, by default the first
        one. Raises `O2UError` for another method or eye, or where no features were kept.
        """
        from o2u_nb.review.mapping import AuditMap

        return AuditMap(self.search).table(method, eye)

    def write_report(self) -> Path:
        """Write the report anew, with decisions and certificate as they are now; return its path.

        It replaces the one that was written with the audit. Raises `DecisionsError` when the
        decision log is about another data set, `OutputError` when the file cannot be written.
        """
        from o2u_nb.data.samples import Checked
        from o2u_nb.report import write_report
        from o2u_nb.review.certified import certified
        from o2u_nb.review.summary import reviewed

        checked = Checked(self.samples, self.problems)
        said = reviewed(self), certified(self)
        return write_report(self.report, self.findings, checked, self.facts, *said)

    def panel(
        self, *, reviewer: str | None = None, held_out: pd.DataFrame | None = None
    ) -> "Dashboard":
        """Show the whole review of this audit in JupyterLab: a `Dashboard` over `session()`.

        It begins at an undecided sample, and is in step with all other panels on this audit.
        `reviewer` is the name of who decides (default: the user), and `held_out` is for the card
        at its end, see `finish`. Raises what `session` raises.
        """
        from o2u_nb.before_after import before_after
        from o2u_nb.widgets.dashboard import Dashboard  # imports ipywidgets and plotly

        session = self.session(reviewer=reviewer)
        session.go_to_undecided()
        dashboard = Dashboard(session)
        dashboard.finish.comparing(partial(before_after, self, held_out))
        return dashboard

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Return the card of this audit, as HTML and as text."""
        from o2u_nb import card  # imports what only a notebook shows

        return {"text/html": card.html(self), "text/plain": card.text(self)}

    def _ipython_display_(self) -> None:
        """Show the card, and where widgets run a button below it that opens the review.

        They are two outputs, so that the card is there when no widget can run any more.
        """
        from IPython.display import display

        display(self._repr_mimebundle_(), raw=True)
        if shows_widgets():
            from o2u_nb.widgets.result import ResultButtons  # imports ipywidgets

            display(ResultButtons(self.panel, f"Audit.open({str(self.folder)!r}).panel()"))


def _shown(quiet: bool) -> "Silence | LiveRun":
    """Return what shows the progress of an audit here."""
    if quiet:
        return Silence()
    if not shows_widgets():
        return Bars()
    from o2u_nb.widgets.running import LiveRun  # imports ipywidgets

    return LiveRun()
