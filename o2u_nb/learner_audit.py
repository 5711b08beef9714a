"""From a user's own Learner to the review in one call: the verb `learn.audit`.

In comes a fastai Learner with any loaders that tell which sample is which; out comes an `Audit`
with the pictures of the Learner's own items, so that `learn.audit("my_audit").panel()` is a review.
"""

import inspect
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fastai.basics import L, Learner, patch

from o2u_nb import embedding_file
from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.building import Place, require_apart_from_pictures, reserved
from o2u_nb.data.samples import Checked, problems_table
from o2u_nb.detect.evidence import Evidence
from o2u_nb.errors import RecordingError, TraceError
from o2u_nb.rows import rows_of
from o2u_nb.run import Trained, make_audit, require_same_labels
from o2u_nb.trace import Trace
from o2u_nb.training.checkpoint import name_of, plain
from o2u_nb.training.heads import as_audited
from o2u_nb.training.identity import joined
from o2u_nb.training.items import loaders_of
from o2u_nb.training.job import STOP_EARLY, can_go_on
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.probe.embed import embed_if_small
from o2u_nb.training.probe.validation import with_validation
from o2u_nb.training.table import samples_of
from o2u_nb.unfinished import Unfinished

SOURCE = "a notebook"  # where `audit.json` says that the samples are from
# Options of `fit_o2u` that say where results and messages go, and do not change what is trained.
ELSEWHERE = ("out", "ids", "overwrite", "resume", "on_epoch", "say")


@patch
def audit(
    self: Learner,
    out: str | os.PathLike,
    trace: Trace | None = None,
    *,
    valid: bool = True,
    samples: pd.DataFrame | None = None,
    ids: Sequence[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    say: Callable[[str], None] = print,
    **options,
) -> Audit:
    """Rank the samples of this Learner's loaders by how suspicious their labels are.

    Everything is written into the folder `out`; `overwrite` replaces an earlier audit there, whose
    decisions are kept. `say` is called with one line of text at each step.

    Without a `trace` the Learner trains first, with `fit_o2u`, and stops early when the ranking no
    longer changes; a linear head of `head_learner` trains as in an audit of a folder, see
    `heads.as_audited`. `options` are those of `fit_o2u`, such as `warmup`, `cycles` and `lr` (0.01
    suits pretrained weights). A given `trace` must be what `fit_o2u` or a `DynamicsRecorder`
    recorded while this Learner was trained.

    With `valid` the validation samples are ranked too. Their losses come from clean passes: one
    after each epoch or, where the given trace lacks them, a single one with the network as it is
    now; see `DynamicsRecorder` for what that means. The samples table is made from the loaders'
    items, which are files or else pixels, unless `samples` is given. `ids` names the items as in
    `DynamicsRecorder`. Look-alikes need a model that ends in a linear layer; where there will be
    none, `say` is called with the reason.

    Each finished epoch is kept in `out` while the Learner trains. Where the process ended before
    the audit was finished, the same call with `resume=True` goes on after the last epoch that was
    kept, with a Learner that is built as before; the result is that of an audit without
    interruption, on the CPU to the bit. Where the audit is finished, it is opened, and the Learner
    is not trained; where none was begun, it begins.

    These errors are raised before anything is trained or written: `AuditExistsError` or
    `OutputError` when `out` cannot take an audit; `ResumeError` when the unfinished one there was
    begun with other options, samples or pictures; `RecordingError` when the loaders do not say
    which sample is which; `SourceError` when an item is not a picture; `TraceError` when `trace` or
    `samples` are about other samples; and `TypeError` for `options` or `resume` beside a `trace`.
    """
    out = Path(out)
    if trace is None:
        own = _OwnTraining(self, valid, samples, ids, options, say)
        made = make_audit(
            out,
            own.asked(),
            lambda: own.read(out),
            own.train,
            source=SOURCE,
            overwrite=overwrite,
            resume=resume,
            say=say,
        )
        return Audit(made.folder)
    if resume or options:
        name = next(iter(options), "resume")
        raise TypeError(
            f"Options of training, such as {name!r}, are for an audit that trains: leave them out, "
            "or leave out the trace."
        )
    with reserved(out, overwrite=overwrite):
        table = samples_of(self, valid=valid, ids=ids) if samples is None else samples
        require_apart_from_pictures(out, table)
        trace = _complete(self, trace, valid, ids)
        rows = _rows(table, trace.ids)
        embeddings = _embeddings(self, trace, ids, say)
        return Audit.save(out, rows, trace, embeddings, quiet=True, overwrite=overwrite, say=say)


class _OwnTraining:
    """Train a user's Learner for an audit; the arguments are those of `learn.audit`."""

    def __init__(
        self,
        learn: Learner,
        valid: bool,
        samples: pd.DataFrame | None,
        ids: Sequence[str] | None,
        options: dict[str, Any],
        say: Callable[[str], None],
    ):
        self.learn = learn
        self.samples = samples
        self.ids = ids
        self.say = say
        usual = {"stop_early": STOP_EARLY, **as_audited(learn)}
        self.options: dict = {**usual, **options, "valid": valid}

    def asked(self) -> dict:
        """Return the settings of the training; one that goes on must have the same.

        Raises `TypeError` for an option that `fit_o2u` does not have.
        """
        bound = inspect.signature(self.learn.fit_o2u).bind(**self.options)
        bound.apply_defaults()
        found = {name: value for name, value in bound.arguments.items() if name not in ELSEWHERE}
        callbacks = [name_of(callback) for callback in L(found.pop("cbs"))]
        optimiser = name_of(found.pop("opt_func") or self.learn.opt_func)
        return dict(
            preset="a Learner",  # in the place of the name that `o2u_nb.run` keeps
            model=type(self.learn.model).__name__,
            optimiser=optimiser,
            callbacks=callbacks,
            **plain(found),
        )

    def read(self, out: Path) -> Checked:
        """Return the samples that the Learner trains on, and those that it validates on."""
        valid = self.options["valid"]
        own = self.samples
        if own is None:
            own = samples_of(self.learn, valid=valid, ids=self.ids)
        require_apart_from_pictures(out, own)
        loaders = loaders_of(self.learn.dls, valid=valid)
        who = joined(loaders, root=Path(self.learn.path), ids=self.ids)
        rows = _rows(own, who.ids)
        given = pd.Series(np.array(who.classes, dtype=object)[who.labels], who.ids)
        require_same_labels(rows, given)
        return Checked(rows, problems_table([]))

    def train(self, place: Place, checked: Checked, kept: Unfinished) -> Trained:
        """Train, or go on with the training that was begun in `place`; write trace, embeddings."""
        folder = place.new(layout.TRACE)
        trace = self.learn.fit_o2u(
            **self.options,
            ids=self.ids,
            out=folder,
            overwrite=True,
            resume=can_go_on(folder, kept, self.say),
            say=self.say,
        )
        embeddings = _embeddings(self.learn, trace, self.ids, self.say)
        if embeddings is not None:
            embeddings = embedding_file.packed(embeddings)
            embedding_file.write(place.new(layout.EMBEDDINGS), embeddings)
        return Trained(checked, kept, Evidence(trace, embeddings), {})


def _complete(learn: Learner, trace: Trace, valid: bool, ids: Sequence[str] | None) -> Trace:
    """Add the validation samples where the trace lacks them."""
    loaders = loaders_of(learn.dls, valid=valid)
    if len(loaders) == 1 or trace.n_samples > len(loaders[0].dataset):
        return trace
    names = None if ids is None else list(ids)[len(loaders[0].dataset) :]
    return with_validation(learn, trace, ids=names)


def _rows(samples: pd.DataFrame, ids: pd.Index) -> pd.DataFrame:
    """Return the rows of the trace's `ids`; raise `TraceError` where some are not in `samples`."""
    strangers = ids.difference(samples.index)
    if len(strangers):
        raise TraceError(
            f"Expected a trace of this Learner's samples, but {len(strangers):,} of its "
            f"{len(ids):,} are not among them, such as {strangers[0]!r}; the Learner has "
            f"{samples.index[0]!r}, for one. Pass the trace that its training returned, with the "
            "ids= that were given to it."
        )
    return samples.loc[ids].sort_index()


def _embeddings(
    learn: Learner,
    trace: Trace,
    ids: Sequence[str] | None,
    say: Callable[[str], None],
) -> np.ndarray | None:
    """Return embeddings in the order of the trace, or say why there are none and return None."""
    loaders = loaders_of(learn.dls, valid=trace.n_samples > len(learn.dls.train.dataset))
    own = joined(loaders, root=Path(learn.path), ids=ids).ids
    try:
        embeddings = embed_if_small(learn, say=say, valid=len(loaders) > 1)
    except RecordingError as error:
        say(f"{error} The review will show no look-alikes.")
        return None
    return None if embeddings is None else embeddings[rows_of(own, trace.ids)]
