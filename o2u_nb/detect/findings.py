"""Findings: everything that an audit says about the labels, computed once.

In comes a trace with embeddings, or what an audit folder keeps of an earlier computation. Out comes
one object with the scores, the estimated number of wrong labels, the counts of other estimators,
the stability of the ranking, and reasons to doubt the estimate. The run writes it to the audit
folder, and the report and the audit read it.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from o2u_nb.detect.counts import compare_estimators
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.learned import HARDLY, USUAL
from o2u_nb.detect.stability import Stability, stability, top_size
from o2u_nb.detect.table import ranked
from o2u_nb.detect.threshold import Estimate, estimate
from o2u_nb.text import percent
from o2u_nb.trace import Trace

# Width of the estimate's range, as a share of all samples (0 to 1), above which the range is named
# as a reason for doubt. Our choice: so many more pictures may have to be looked at.
VAGUE = 0.15


@dataclass(frozen=True, eq=False, repr=False)
class Findings:
    """Hold what was found in the `evidence`.

    `scores` is the table of `table.score_table`. `estimate` is the recommended number of wrong
    labels; its `p_wrong` is in the order of the trace. `stability` says how far the rankings of the
    last two cycles agree; it is None with fewer cycles, or where all scores are equal. `doubts` are
    sentences that say why the estimate should not be believed. `kept_estimators` is the table of
    `estimators` as an audit folder keeps it, or None to compute it. Make an object with `of` or
    `stored`.
    """

    evidence: Evidence
    scores: pd.DataFrame
    estimate: Estimate
    stability: Stability | None
    doubts: list[str]
    kept_estimators: pd.DataFrame | None = None

    @classmethod
    def of(
        cls,
        evidence: Evidence,
        *,
        notes: Sequence[str] = (),
    ) -> "Findings":
        """Compute everything from `evidence`.

        Samples with a copy that has another label get the `kind` `duplicate conflict`. `notes` are
        sentences of the training that people should know; they come first among the doubts.
        """
        trace = evidence.trace
        scores, found = ranked(evidence)
        if evidence.copies is not None:
            differ = (
                pd.Series(trace.labels, trace.ids).groupby(evidence.copies).transform("nunique")
            )
            scores.loc[trace.ids[differ > 1], "kind"] = "duplicate conflict"
        settled = last_stability(trace, scores, found)
        said = [*notes, *doubts(found, trace.n_samples)]
        return cls(evidence, scores, found, settled, said)

    @classmethod
    def stored(cls, trace: Trace, scores: pd.DataFrame, facts: dict) -> "Findings":
        """Return the findings that an audit folder keeps: its trace, its scores, and `facts`.

        `facts` is what the method `facts` returned when the folder was written, read back from
        `audit.json`. What is stored there is not computed again; what an older audit did not store
        is computed from the trace.
        """
        evidence = Evidence(trace)
        found = _stored_estimate(evidence, scores, facts)
        settled = _stored_stability(trace, scores, found, facts)
        said = facts["warnings"] if "warnings" in facts else doubts(found, trace.n_samples)
        kept = _table(facts["estimators"]) if "estimators" in facts else None
        return cls(evidence, scores, found, settled, said, kept)

    @property
    def trace(self) -> Trace:
        """Return the training dynamics."""
        return self.evidence.trace

    @cached_property
    def estimators(self) -> pd.DataFrame:
        """Return how many labels are wrong by each estimator; see `counts.compare_estimators`."""
        if self.kept_estimators is not None:
            return self.kept_estimators
        return compare_estimators(self.evidence, _in_order(self.trace, self.scores["score"]))

    def facts(self) -> dict:
        """Return what `audit.json` keeps beside the scores, as values that JSON can hold."""
        rows = self.estimators.astype(object).where(self.estimators.notna(), None)
        return dict(
            estimated_wrong=self.estimate.count,
            estimated_range=[self.estimate.low, self.estimate.high],
            learned=self.estimate.learned,
            estimators=rows.to_dict("index"),
            stability=None if self.stability is None else asdict(self.stability),
            warnings=self.doubts,
        )


def last_stability(trace: Trace, scores: pd.DataFrame, found: Estimate) -> Stability | None:
    """Return how far the rankings of the last two cycles agree.

    `scores` is a score table and `found` the estimate that belongs to it: as many samples as it
    counts are compared. None with fewer than two finished cycles, or where all scores are equal.
    """
    n_top = top_size(found.count, int(scores["score"].notna().sum()))
    compared = stability(trace, n_top=n_top)
    return compared[-1] if compared and not math.isnan(compared[-1].rank_correlation) else None


def doubts(found: Estimate, n_samples: int) -> list[str]:
    """Return reasons to doubt the estimate `found` for `n_samples` samples, as full sentences.

    The list is empty when there is no reason to doubt it.
    """
    if found.learned < 1:
        return [_not_learned(found)]
    said = []
    if found.count > n_samples / 2:
        said.append(
            "More than half of the labels look wrong. More likely, the network did not learn to "
            "tell these classes apart: there may be too few pictures, or too little training. Try "
            "the preset thorough, and look at the top suspects before you trust the number."
        )
    if found.high - found.low > VAGUE * n_samples:
        said.append(
            f"Between {found.low:,} and {found.high:,} labels may be wrong: the network is unsure "
            "of many pictures, and what it cannot learn looks like a wrong label. Trust the order "
            "of the suspects more than their number, which may be too high."
        )
    return said


def _not_learned(found: Estimate) -> str:
    """Say that the network has learned too little for a count, and what was done about it."""
    how = "hardly" if found.learned < HARDLY else "only partly"
    return (
        f"The network has {how} learned to tell these classes apart: there may be too few pictures "
        "of each, or too little training. So how many labels are wrong cannot be told; anything "
        f"between {found.low:,} and {found.high:,} is possible. The number {found.count:,} and the "
        f"probabilities are shifted towards what is usual in other data sets, {percent(USUAL)} "
        "wrong labels. Try the preset thorough, and look at the top suspects before you trust them."
    )


def _stored_estimate(evidence: Evidence, scores: pd.DataFrame, facts: dict) -> Estimate:
    if not {"estimated_wrong", "estimated_range"} <= facts.keys():
        return estimate(evidence, _in_order(evidence.trace, scores["score"]))
    p_wrong = _in_order(evidence.trace, scores["p_wrong"])
    low, high = facts["estimated_range"]
    learned = facts.get("learned", 1.0)  # the first audits took every count as it was
    return Estimate(facts["estimated_wrong"], low, high, p_wrong, learned)


def _in_order(trace: Trace, column: pd.Series) -> np.ndarray:
    """Return a column of the scores (n_samples,) in the order of the trace."""
    return column.reindex(trace.ids).to_numpy()


def _stored_stability(
    trace: Trace, scores: pd.DataFrame, found: Estimate, facts: dict
) -> Stability | None:
    if "stability" not in facts:
        return last_stability(trace, scores, found)
    kept = facts["stability"]
    return None if kept is None else Stability(**kept)


def _table(rows: dict[str, dict]) -> pd.DataFrame:
    """Turn rows as `Findings.facts` returns them back into the table of estimators."""
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["count", "rate", "note"])
    table = table.astype({"count": float, "rate": float})
    return table.rename_axis("estimator")
