"""From a user's own Learner to the review in one call: the verb `learn.audit`.

In comes a fastai Learner with any loaders that tell which sample is which; out comes an `Audit`
with the pictures of the Learner's own items, so that `learn.audit("my_audit").panel()` is a review.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from fastai.basics import Learner, patch

from o2u_nb.audit import Audit
from o2u_nb.building import require_apart_from_pictures, reserved
from o2u_nb.errors import RecordingError, TraceError
from o2u_nb.rows import rows_of
from o2u_nb.trace import Trace
from o2u_nb.training.identity import joined
from o2u_nb.training.items import loaders_of
from o2u_nb.training.job import STOP_EARLY
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.probe.embed import embed_if_small
from o2u_nb.training.probe.validation import with_validation
from o2u_nb.training.table import samples_of


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
    say: Callable[[str], None] = print,
    **options,
) -> Audit:
    """Rank the samples of this Learner's loaders by how suspicious their labels are.

    Everything is written into the folder `out`; `overwrite` replaces an earlier audit there, whose
    decisions are kept. `say` is called with one line of text at each step.

    Without a `trace` the Learner trains first, with `fit_o2u`, and stops early when the ranking no
    longer changes. `options` are those of `fit_o2u`, such as `warmup`, `cycles` and `lr` (0.01
    suits pretrained weights). A given `trace` must be what `fit_o2u` or a `DynamicsRecorder`
    recorded while this Learner was trained.

    With `valid` the validation samples are ranked too. Their losses come from clean passes: one
    after each epoch or, where the given trace lacks them, a single one with the network as it is
    now; see `DynamicsRecorder` for what that means. The samples table is made from the loaders'
    items, which are files or else pixels, unless `samples` is given. `ids` names the items as in
    `DynamicsRecorder`. Look-alikes need a model that ends in a linear layer; where there will be
    none, `say` is called with the reason.

    These errors are raised before anything is trained or written: `AuditExistsError` or
    `OutputError` when `out` cannot take an audit; `RecordingError` when the loaders do not say
    which sample is which; `SourceError` when an item is not a picture; `TraceError` when `trace` or
    `samples` are about other samples; and `TypeError` for `options` beside a `trace`.
    """
    out = Path(out)
    with reserved(out, overwrite=overwrite):
        own = samples_of(self, valid=valid, ids=ids) if samples is None else samples
        require_apart_from_pictures(out, own)
        if trace is None:
            options = {"stop_early": STOP_EARLY, **options}
            trace = self.fit_o2u(valid=valid, ids=ids, say=say, **options)
        elif options:
            raise TypeError(
                f"Options of training, such as {next(iter(options))!r}, are for an audit that "
                "trains: leave them out, or leave out the trace."
            )
        else:
            trace = _complete(self, trace, valid, ids)
        rows = _rows(own, trace)
        embeddings = _embeddings(self, trace, ids, say)
        return Audit.save(out, rows, trace, embeddings, quiet=True, overwrite=overwrite, say=say)


def _complete(learn: Learner, trace: Trace, valid: bool, ids: Sequence[str] | None) -> Trace:
    """Add the validation samples where the trace lacks them."""
    loaders = loaders_of(learn.dls, valid=valid)
    if len(loaders) == 1 or trace.n_samples > len(loaders[0].dataset):
        return trace
    names = None if ids is None else list(ids)[len(loaders[0].dataset) :]
    return with_validation(learn, trace, ids=names)


def _rows(samples: pd.DataFrame, trace: Trace) -> pd.DataFrame:
    """Return the rows of the trace's samples; raise `TraceError` for a trace of other samples."""
    strangers = trace.ids.difference(samples.index)
    if len(strangers):
        raise TraceError(
            f"Expected a trace of this Learner's samples, but {len(strangers):,} of its "
            f"{trace.n_samples:,} are not among them, such as {strangers[0]!r}; the Learner has "
            f"{samples.index[0]!r}, for one. Pass the trace that its training returned, with the "
            "ids= that were given to it."
        )
    return samples.loc[trace.ids].sort_index()


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
