"""The why card: all that is known of one sample, as plain values for any panel to draw.

In come a review session and a sample id; out comes a dict of text, numbers, lists and None.
"""

from typing import TYPE_CHECKING

import numpy as np

from o2u_nb.detect.scores import class_probs
from o2u_nb.review.reasons import opinions, reason
from o2u_nb.trace import Trace

if TYPE_CHECKING:
    from o2u_nb.review.session import ReviewSession

N_PROBS = 10  # classes listed


def card(session: "ReviewSession", sample_id: str) -> dict:
    """Return the keys of `ReviewSession.page` for one sample, and why it is where it is.

    Further keys: split, path (None for pixels), reason (a sentence), opinions (dicts of detector,
    value, rank, agrees), agreement (detectors that agree, asked), probs (pairs of class and mean
    probability, likeliest first), trajectory (lists epoch, loss, margin, pred, lr, phase), image
    (state, detail), history (its `Event`s, oldest first), reviewer and ts_utc of the decision,
    neighbours (None: no embeddings). Raises `O2UError` for an unknown id.
    """
    (position,) = session.columns.positions([sample_id])
    row, event = session.row(position), session.decisions.current(sample_id)
    trace = session.trace.take(session.trace_positions(np.array([position])))
    votes = opinions(session.columns, position, int(session.suspects.sum()))
    origin = session.audit.samples.loc[sample_id]
    probs = _likeliest(trace)
    sentence = reason(
        label=row["label"],
        suggested=row["suggested"],
        p_wrong=row["p_wrong"],
        kind=row["kind"],
        probs=probs,
        loss_share=_loss_share(session, position),
        opinions=votes,
    )
    return dict(
        row,
        split=origin["split"],
        path=origin.get("path"),
        reason=sentence,
        opinions=[vote._asdict() for vote in votes],
        agreement=(sum(vote.agrees for vote in votes), len(votes)),
        probs=list(probs.items())[:N_PROBS],
        trajectory=_trajectory(trace),
        image=session.image_state(sample_id)._asdict(),
        history=session.decisions.history(sample_id),
        reviewer=event and event.reviewer,
        ts_utc=event and event.ts_utc,
        neighbours=None,
    )


def plain(value: float) -> float | None:
    """Return a number that JSON can hold: None for NaN."""
    return None if np.isnan(value) else float(value)


def _loss_share(session: "ReviewSession", position: int) -> float | None:
    """Return the share of the other samples whose mean loss is lower, None where unknown."""
    if "o2u_mean" not in session.columns.names:
        return None
    losses = session.columns.values("o2u_mean")
    if np.isnan(losses[position]):
        return None
    return float(np.count_nonzero(losses < losses[position]) / max(len(losses) - 1, 1))


def _likeliest(trace: Trace) -> dict[str, float]:
    """Return the mean probability of each class for a trace of one sample, likeliest first."""
    probs = class_probs(trace)[0]
    order = np.argsort(-probs, kind="stable")
    return {trace.classes[k]: float(probs[k]) for k in order if not np.isnan(probs[k])}


def _trajectory(trace: Trace) -> dict:
    """Return the dynamics of a trace of one sample as plain lists, None where not seen."""
    pred = [None if code < 0 else trace.classes[code] for code in trace.pred[:, 0]]
    return dict(
        epoch=list(range(trace.n_epochs)),
        loss=[plain(value) for value in trace.loss[:, 0]],
        margin=[plain(value) for value in trace.margin[:, 0]],
        pred=pred,
        lr=trace.lr.tolist(),
        phase=trace.phase.tolist(),
    )
