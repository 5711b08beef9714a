"""The why card: all that is known of one sample, as plain values for any panel to draw.

In come a review session and a sample id; out comes a dict of text, numbers, lists and None.
"""

import numpy as np

from o2u_nb.detect import eyes
from o2u_nb.detect.dynamics import class_probs
from o2u_nb.detect.learned import HARDLY
from o2u_nb.detect.registry import called
from o2u_nb.review.columns import plain
from o2u_nb.review.reasons import opinions, reason, vote
from o2u_nb.review.session import ReviewSession
from o2u_nb.trace import Trace

N_PROBS = 10  # classes that are listed; the relabel dialog has digits for nine of them
N_NEAR = 8  # look-alikes: two rows of four in the why card


def card(session: ReviewSession, sample_id: str) -> dict:
    """Return what is known of one sample: the keys of `ReviewSession.page`, and why it is listed.

    Further keys:

    * split, and path (None for pixels);
    * reason, a sentence;
    * opinions, dicts of detector, title (what people read), value, rank, agrees (see
      `reasons.Opinion`), and agreement, a pair of counts: the detectors that agree, and those that
      say anything;
    * eyes, dicts of name, title, seen_as, score (nats, above 0 against the label) and side, in
      words; seen_as and score are None where the eye has not seen the sample. Empty with a single
      eye. The probabilities and the trajectory are those of the first one;
    * verdict, which eyes speak against the label, in a few words, or "" with a single eye;
    * probs, pairs of class and mean probability, likeliest first;
    * trajectory, a dict of lists with an entry per epoch: epoch, loss, margin, pred, lr, phase;
    * image, a dict of state and detail (see `thumbnails.State`);
    * history, the sample's `Event`s, oldest first, and reviewer and ts_utc of its decision;
    * neighbours, the nearest samples, most similar first, or None where there are no embeddings:
      dicts of sample_id, label, similarity (see `detect.similar.Search`), decision or None, and
      same_label (whether the given labels are equal);
    * vote, a sentence on the labels of the neighbours, or None.

    Raises `O2UError` for an unknown id.
    """
    (position,) = session.columns.positions([sample_id])
    row = session.row(position)
    event = session.decisions.current(sample_id)
    in_trace = session.trace_positions(np.array([position]))
    trace = session.trace.take(in_trace)
    near = _neighbours(session, int(in_trace[0]), row["label"])
    looks = eyes.opinions(
        session.scores.iloc[position], eyes.eyes_of(session.scores, session.audit.facts)
    )
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
        score=_value(session, position, "score"),
        swap_odds=_value(session, position, "swap_odds"),
        opinions=votes,
        eyes=looks,
        hardly_learned=session.audit.facts.get("learned", 1) < HARDLY,
    )
    return dict(
        row,
        split=origin["split"],
        path=origin.get("path"),
        reason=sentence,
        opinions=[dict(vote._asdict(), title=called(vote.detector)) for vote in votes],
        agreement=(sum(vote.agrees for vote in votes), len(votes)),
        eyes=[_look(look) for look in looks],
        verdict=eyes.verdict(looks),
        probs=list(probs.items())[:N_PROBS],
        trajectory=_trajectory(trace),
        image=session.image_state(sample_id)._asdict(),
        history=session.decisions.history(sample_id),
        reviewer=event and event.reviewer,
        ts_utc=event and event.ts_utc,
        neighbours=near,
        vote=vote(row["label"], [other["label"] for other in near]) if near else None,
    )


def _look(look: eyes.Opinion) -> dict:
    return dict(
        name=look.eye.name,
        title=look.eye.title,
        seen_as=look.seen_as,
        score=look.score,
        side=look.side,
    )


def _neighbours(session: ReviewSession, in_trace: int, label: str) -> list[dict] | None:
    """Return the samples nearest to the one at `in_trace`, a position in the trace."""
    if not session.search.eyes:
        return None
    eye = session.search.eye(None)
    found, similarities = session.search.search(eye).like(np.array([in_trace]), N_NEAR)
    columns = session.columns
    ids = session.trace.ids[found].tolist()
    labels = [columns.name(code) for code in columns.label[columns.positions(ids)]]
    events = [session.decisions.current(sample_id) for sample_id in ids]
    return [
        dict(
            sample_id=sample_id,
            label=other,
            similarity=float(similarity),
            decision=event.action if event else None,
            same_label=other == label,
        )
        for sample_id, other, similarity, event in zip(
            ids, labels, similarities, events, strict=True
        )
    ]


def _value(session: ReviewSession, position: int, name: str) -> float | None:
    """Return one column's value, whatever the session is sorted by, None where unknown."""
    names = session.columns.names
    return plain(session.columns.values(name)[position]) if name in names else None


def _loss_share(session: ReviewSession, position: int) -> float | None:
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
