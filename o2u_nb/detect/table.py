"""The score table: for each sample all detectors, the rank, and the conclusions from it.

In comes a trace, and embeddings where there are any. Out comes a table with one row per sample,
most suspicious first.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from o2u_nb.detect.class_rows import by_sample
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.recommended import eye_score
from o2u_nb.detect.registry import DETECTORS, Detector, detector_named
from o2u_nb.detect.threshold import Estimate, estimate
from o2u_nb.errors import O2UError
from o2u_nb.eye_names import SCORE_OF, SEEN_AS, column_name
from o2u_nb.trace import Trace

KINDS = pd.array(["", "ambiguous", "wrong"], dtype="str")  # values of the column `kind`


def score_table(
    trace: Trace,
    embeddings: np.ndarray | None = None,
    *,
    also: Sequence[str] = (),
    measured: Mapping[str, np.ndarray] | None = None,
) -> pd.DataFrame:
    """Return one row per sample, sorted by `rank`, indexed by `sample_id`.

    `embeddings` (n_samples, d) float are those of `probe.embed`, in the order of the trace. `also`
    names detectors that are computed only on demand, and `measured` is that of `Evidence`. The
    columns are, what people look at first:

    * `label`, the given label (text);
    * `suggested_label`, what the sample looks like: the likeliest class other than the given one
      (text);
    * `p_wrong`, the estimated probability that the label is wrong (float, 0 to 1);
    * `score`, the recommended score (float, higher = more suspicious);
    * `rank` (int, 1 = most suspicious);
    * `suspect` (bool), true for the first ranks, as many as there are estimated wrong labels;
    * `kind`: `wrong` for suspects, or `ambiguous` for those whose `p_wrong` is below 0.5 or on
      which the eyes disagree (see `eyes_agree`), and "" for all other samples;
    * one column for each other detector of `registry.DETECTORS` that is not on demand and whose
      evidence is there, and for each in `also` (float, higher = more suspicious);
    * with several eyes, for each of them `score_NAME` (float, its own score) and `seen_as_NAME`
      (text, the class that it finds likeliest).

    A sample that training has never seen has NaN in the detectors' columns and in `p_wrong`, and
    comes last. Raises `O2UError` for embeddings or measurements of another number of samples, and
    for a detector in `also` that is not there, or lacks its evidence.
    """
    return ranked(Evidence(trace, embeddings, measured=measured or {}), also)[0]


def detector_columns(evidence: Evidence, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the columns of detectors alone, in the order of the trace, indexed by `sample_id`.

    `names` are those of detectors; by default all whose evidence is there, those on demand too.
    Each column is float, higher = more suspicious, NaN for samples that training has never seen.
    Raises `O2UError` for a detector that is not there, or lacks its evidence.
    """
    if names is not None:
        return pd.DataFrame(_asked(evidence, names), evidence.trace.ids)
    return pd.DataFrame(_found(evidence, DETECTORS.values()), evidence.trace.ids)


def ranked(evidence: Evidence, also: Sequence[str] = ()) -> tuple[pd.DataFrame, Estimate]:
    """Return the table of `score_table`, and the estimate that decides who is a suspect in it.

    The `p_wrong` of the estimate is in the order of the trace.
    """
    usual = [entry for entry in DETECTORS.values() if not entry.on_demand]
    scores = _found(evidence, usual) | _asked(evidence, also)
    found = estimate(evidence, scores["score"])
    order = _most_suspicious_first(scores["score"])
    rank = np.arange(1, len(order) + 1)
    p_wrong = found.p_wrong[order]
    suspect = rank <= found.count
    classes = pd.array(evidence.trace.classes, dtype="str")
    certain = (p_wrong >= 0.5) & eyes_agree(evidence)[order]
    columns = dict(
        label=classes.take(evidence.labels[order]),
        suggested_label=classes.take(evidence.suggested[order]),
        p_wrong=p_wrong,
        score=scores.pop("score")[order],
        rank=rank,
        suspect=suspect,
        kind=KINDS.take(np.where(certain, 2, 1) * suspect),
        **{name: values[order] for name, values in scores.items()},
    )
    for eye in evidence.eyes if evidence.others else ():
        columns[f"{SCORE_OF}{column_name(eye.eye)}"] = np.asarray(eye.column(eye_score))[order]
        seen_as = by_sample(_likeliest, eye.pooled_probs)
        columns[f"{SEEN_AS}{column_name(eye.eye)}"] = classes.take(seen_as[order])
    return pd.DataFrame(columns, index=evidence.trace.ids[order], copy=False), found


def _likeliest(probs: np.ndarray) -> np.ndarray:
    return np.nan_to_num(probs, nan=-1).argmax(1)


def _found(evidence: Evidence, entries: Iterable[Detector]) -> dict[str, np.ndarray]:
    """Return the columns of those of `entries` whose evidence is there, by their names."""
    said = {entry.name: evidence.column(entry.function) for entry in entries}
    return {name: values for name, values in said.items() if values is not None}


def _asked(evidence: Evidence, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the columns of the detectors called `names`; raise `O2UError` where one lacks."""
    entries = [detector_named(name) for name in names]
    found = _found(evidence, entries)
    for entry in entries:
        if entry.name not in found:
            raise O2UError(
                f"The detector {entry.name!r} lacks its evidence. It needs "
                f"{entry.needs or 'more than is there'}."
            )
    return found


def eyes_agree(evidence: Evidence) -> np.ndarray:
    """Return for which samples no eye speaks for the label: bool (n_samples,).

    An eye speaks for a label when its score is below 0. True for all samples with a single eye,
    where `p_wrong` says all there is to say.
    """
    if not evidence.others:
        return np.ones(evidence.n_samples, dtype=bool)
    parts = [np.asarray(eye.column(eye_score)) for eye in evidence.eyes]
    return ~np.any([part < 0 for part in parts], axis=0)


def _most_suspicious_first(score: np.ndarray) -> np.ndarray:
    """Return positions in the order of falling scores; ties keep their order, NaN comes last."""
    return np.argsort(-score, kind="stable")  # numpy sorts NaN to the end
