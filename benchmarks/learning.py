"""Measure how much review the decisions save: looks until 90 % of the wrong labels have come up.

    python benchmarks/learning.py --data DIR --work WORK [--seeds 1 2 3] [--sets NAME ...]

A simulated reviewer looks at the list from the top, `BATCH` samples at a time. Without learning it
keeps the audit's order. With learning what is left is ranked again after each batch by
`review.learning`, as a review does it. In a share of the looks (0, 5 and 10 %) the reviewer slips:
a wrong label is kept, or a right one changed to the suggested class. A wrong label counts when it
comes up, whatever the reviewer says of it. The truth is otherwise only used for what the reviewer
answers.

The audits are of heads on the features of two frozen networks, as `benchmarks/detection` has them.
They are made in WORK once, and take most of the time; what is measured stays in
`results/learning.csv`. The settings of `detect.from_decisions` were chosen on other seeds
and other noises.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from common import Runs, ranking_figures, write_table
from detection import sets

from o2u_nb import feature_file
from o2u_nb.data import noise
from o2u_nb.detect.from_decisions import Decided
from o2u_nb.detect.recalibrated import expit, recalibrated
from o2u_nb.review.columns import Columns
from o2u_nb.review.learning import prior_of

SLIPS = (0.0, 0.05, 0.10)
BATCH = 100
SHARE = 0.9  # of the wrong labels, until which the simulated reviewer looks
RESULT = "learning"
NOTES = (
    "Looks per wrong label until 90 % of the wrong labels have come up (0.9 at best), mean over "
    "seeds, by the share of slips of the reviewer. `audit`: the audit's own order. `all known`: "
    "the order that follows once all samples are decided without slips, so that the classifier "
    "is taught all true labels and the weights are fitted on the truth: a guide to what these "
    "features can give, though a review may save a little more, since its weights are fitted "
    "where it looks. "
    "`change`: looks with learning against those without, below 0 = saved, mean and the range "
    "over seeds. `brier`: "
    "mean squared error of `p_wrong` over the samples that nobody has looked at in the end: of the "
    "audit's own, of these shifted and scaled alike, and of the learned. "
    "`s/step`: seconds of one ranking, with one thread."
)


SETS = {
    "cifar-aggre": sets.human("label_aggre"),
    "cifar-worst": sets.human("label_worst"),
    "waste-sym10": sets.waste(noise.symmetric(0.1)),
    "waste-pair20": sets.waste(noise.pair_flip(0.2)),
    "waste-class10": sets.waste(sets.look_alikes(sets.WASTE_ALIKE, sorted(sets.WASTE_ALIKE), 0.1)),
}


class Set:
    """Hold an audit with its truth: what is asked, and what a reviewer would answer."""

    def __init__(self, folder: Path):
        scores = pd.read_parquet(folder / "scores.parquet")
        truth = pd.read_parquet(folder / "truth.parquet").iloc[:, 0].reindex(scores.index)
        eyes = json.loads((folder / "facts.json").read_text())["eyes"]
        self.columns = Columns(scores)
        self.true = pd.Index(self.columns.classes).get_indexer(truth)
        self.wrong = self.columns.label != self.true
        keys = [eye["features"] for eye in eyes if eye["frozen"]]
        features = [feature_file.read(folder / "features", key, scores.index) for key in keys]
        self.prior = prior_of(self.columns, features)

    def answers(self, slips: float, seed: int) -> np.ndarray:
        """Return the class (n,) that a reviewer would say, who slips in a share of the looks."""
        slipped = np.random.default_rng([seed, 77]).random(len(self.wrong)) < slips
        given, suggested = self.columns.label, self.columns.suggested
        other = np.where(suggested >= 0, suggested, given)
        return np.where(slipped, np.where(self.wrong, given, other), self.true)

    def decided(self, looked: np.ndarray, said: np.ndarray) -> Decided:
        """Return what was decided of the positions `looked`."""
        return Decided(looked, said[looked] != self.columns.label[looked], said[looked])


def looks_without(found: Set) -> float:
    """Return the looks per wrong label in the audit's order."""
    so_far = np.cumsum(found.wrong)
    return float((np.argmax(so_far >= SHARE * so_far[-1] - 1e-9) + 1) / so_far[-1])


def reviewed(found: Set, slips: float, seed: int) -> dict[str, float]:
    """Review one set with learning, and return its figures."""
    said = found.answers(slips, seed)
    count = int(found.wrong.sum())
    looked = np.empty(0, dtype=np.int64)
    steps, began = 0, time.perf_counter()
    while True:
        value = found.prior.after(found.decided(looked, said)).log_odds
        steps += 1
        value = np.where(np.isnan(value), -np.inf, value)
        value[looked] = np.nan  # sorted last
        looked = np.r_[looked, np.argsort(-value, kind="stable")[:BATCH]]
        so_far = np.cumsum(found.wrong[looked])
        if so_far[-1] >= SHARE * count - 1e-9:
            break
    seconds = (time.perf_counter() - began) / steps
    decided = found.decided(looked, said)
    audit = expit(found.prior.log_odds)
    rest = np.setdiff1d(np.arange(len(said)), looked)
    squared = lambda p: float(np.nanmean((p[rest] - found.wrong[rest]) ** 2))  # noqa: E731
    return dict(
        without=looks_without(found),
        learned=float((np.argmax(so_far >= SHARE * count - 1e-9) + 1) / count),
        brier_audit=squared(audit),
        brier_recalibrated=squared(recalibrated(audit, decided.positions, decided.wrong)),
        brier_learned=squared(found.prior.after(decided).p_wrong),
        seconds=seconds,
    )


def looks_knowing_all(found: Set) -> float:
    """Return the looks per wrong label in the order that follows once all samples are decided.

    Then the classifier is taught all true labels, and all weights are fitted on the truth.
    """
    everything = np.arange(len(found.true))
    value = found.prior.after(found.decided(everything, found.true)).log_odds
    return ranking_figures(value, found.wrong)["effort 90 %"]


def make_audit(name: str, seed: int, data: Path, work: Path) -> Path:
    """Train heads on frozen features for one set, unless it is there; return its folder."""
    folder = work / "audits" / f"{name}-{seed}-frozen"
    if (folder / "scores.parquet").exists():
        return folder
    from eyes import train_eyes

    from o2u_nb.detect.findings import Findings
    from o2u_nb.offline_weights import LITE0, LITE2

    drawn = SETS[name](data, seed)
    evidence, facts = train_eyes(drawn, (LITE0, LITE2), seed, folder, work)
    findings = Findings.of(evidence)
    drawn.truth.to_frame().to_parquet(folder / "truth.parquet")
    (folder / "facts.json").write_text(json.dumps({**facts, **findings.facts()}))
    findings.scores.to_parquet(folder / "scores.parquet")
    return folder


def table(runs: pd.DataFrame) -> pd.DataFrame:
    """Average over seeds."""
    rows = []
    for (name, slips), group in runs.groupby(["set", "slips"], sort=False):
        change = group["learned"] / group["without"] - 1
        rows.append(
            {
                "set": name,
                "slips": f"{slips:.0%}",
                "audit": f"{group['without'].mean():.2f}",
                "learned": f"{group['learned'].mean():.2f}",
                "all known": f"{group['all_known'].mean():.2f}",
                "change": f"{change.mean():+.0%} ({change.min():+.0%} to {change.max():+.0%})",
                "brier audit": f"{group['brier_audit'].mean():.3f}",
                "brier recalibrated": f"{group['brier_recalibrated'].mean():.3f}",
                "brier learned": f"{group['brier_learned'].mean():.3f}",
                "s/step": f"{group['seconds'].mean():.2f}",
                "seeds": len(group),
            }
        )
    return pd.DataFrame(rows).set_index("set")


def main() -> None:
    """Measure what is not there yet, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    args = parser.parse_args()
    runs = Runs(RESULT)
    for name in args.sets:
        for seed in args.seeds:
            keys = [{"set": name, "seed": seed, "slips": slips} for slips in SLIPS]
            missing = [key for key in keys if not runs.has(key)]
            if missing:
                found = Set(make_audit(name, seed, args.data, args.work))
                all_known = looks_knowing_all(found)
                for key in missing:
                    runs.add({**key, **reviewed(found, key["slips"], seed), "all_known": all_known})
                write_table(RESULT, "Learning from decisions", table(runs.table), NOTES)


if __name__ == "__main__":
    main()
