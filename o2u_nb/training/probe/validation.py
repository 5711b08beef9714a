"""Add the validation samples to a trace that was recorded without them.

In come a trained Learner and the trace of its training samples. Out goes a trace of the training
and validation samples, in which the present network has seen the validation samples once.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from fastai.basics import Learner

from o2u_nb.errors import TraceError
from o2u_nb.trace import ROWS, Trace
from o2u_nb.training.clean import clean_loader, clean_pass, evaluating
from o2u_nb.training.identity import Identity, identity
from o2u_nb.training.outputs import main_output, require_logits
from o2u_nb.training.sums import EpochSums


def with_validation(learn: Learner, trace: Trace, *, ids: Sequence[str] | None = None) -> Trace:
    """Return `trace` with the Learner's validation samples after its own.

    They are recorded in one clean pass, in the row of the last epoch; in the rows before, they
    count as not seen (NaN). Compare the scores of validation samples only with each other: they
    come from a single pass, and those of training samples from many epochs of training on them. To
    record validation samples in every epoch, train with `fit_o2u(valid=True)`. `ids` has their ids,
    in the order of the validation loader. Raises `TraceError` when the trace has other classes or
    already holds some of the samples, and `RecordingError` as `DynamicsRecorder` does for models
    and loaders.
    """
    who = identity(learn.dls.valid, root=Path(learn.path), ids=ids, split="valid")
    if list(trace.classes)[: len(who.classes)] != who.classes:
        raise TraceError(
            f"Expected a trace of the Learner's classes {who.classes[:5]}, found one of "
            f"{trace.classes[:5]}: pass the trace that this Learner's training returned."
        )
    held = trace.ids.intersection(who.ids)
    if len(held):
        raise TraceError(
            f"Expected a trace without the validation samples, but it holds {len(held):,} of "
            f"{len(who.ids):,}, such as {held[0]!r}: pass it on as it is."
        )
    return _joined(trace, who, _look(learn, who, len(trace.classes)))


def _look(learn: Learner, who: Identity, n_classes: int) -> EpochSums:
    """Take one clean pass over the validation samples."""
    device = next(learn.model.parameters()).device
    labels = torch.as_tensor(who.labels, device=device)
    sums = EpochSums(labels, n_classes, keep_probs=True)
    loader = clean_loader(learn.dls, valid=True)
    with evaluating(learn.model):
        for rows, outputs, target in clean_pass(learn.model, loader, device):
            logits = main_output(outputs, len(rows), n_classes)
            require_logits(logits)
            sums.add(rows, logits.as_subclass(torch.Tensor), target.as_subclass(torch.Tensor))
    sums.settle()
    return sums


def _joined(trace: Trace, who: Identity, sums: EpochSums) -> Trace:
    n_valid = len(who.ids)
    unseen = {"loss": np.nan, "margin": np.nan, "pred": -1}
    joined = {}
    for name, row in sums.rows().items():
        rows = np.full((trace.n_epochs, n_valid), unseen[name], dtype=ROWS[name])
        rows[-1] = row
        joined[name] = np.concatenate([getattr(trace, name), rows], axis=1)
    return replace(
        trace,
        ids=trace.ids.append(who.ids),
        labels=np.concatenate([trace.labels, who.labels]),
        mean_probs={
            phase: np.concatenate([probs, _probs(phase == trace.phase[-1], sums)])
            for phase, probs in trace.mean_probs.items()
        },
        record=f"{trace.record}+valid",
        **joined,
    )


def _probs(is_last: bool, sums: EpochSums) -> np.ndarray:
    """Return the softmax of the validation samples for a phase: NaN unless it is the last one.

    float32 (n_valid, n_classes).
    """
    probs = (sums.probs / sums.count[:, None]).cpu().numpy()
    return probs if is_last else np.full_like(probs, np.nan)
