"""Measure whether certificates keep their promise, and how many looks they save.

    python -m benchmarks.certificate coverage [--sets 10000]
    python -m benchmarks.certificate looks --data DIR --work DIR [--seeds 1 2 3]

from the repository's root. `coverage` simulates data sets and counts how often a bound is too
small; about twenty minutes. `looks` audits 8,000 pictures of CIFAR-10 with the human labels of
CIFAR-10N (aggre), and counts the looks that a certified share of right labels takes, beside plain
random sampling; the audits are kept in the work folder. The bettor's opinion in `review/betting.py`
was chosen with seeds 0 and 11.
"""

import argparse
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common import write_table
from o2u_nb.review import mistakes
from o2u_nb.review.betting import most_wrong_anytime
from o2u_nb.review.certificate import most_wrong
from o2u_nb.review.mistakes import Checks

CONFIDENCE = 0.95
CLASSES = 10
DRAWS = 200  # random samples of each audit
TARGETS = (0.93, 0.95, 0.96, 0.97)  # certified share of right labels
STEP = 10  # looks between two sizes of a sample that are tried

bound = lru_cache(maxsize=100_000)(most_wrong)

# rest, share of wrong labels in it, looks
POPULATIONS = [
    (900, 0.01, 100), (900, 0.2, 100), (9000, 0.002, 300), (9000, 0.01, 300), (9000, 0.05, 300),
    (9000, 0.4, 1000), (100_000, 0.01, 500),
]  # fmt: skip


def fixed(rng: np.random.Generator, rest: int, share: float, looks: int) -> bool:
    """Tell whether the bound of one random sample is at least the truth."""
    there = round(share * rest)
    found = int(rng.hypergeometric(there, rest - there, looks))
    return bound(rest, looks, found, CONFIDENCE) >= there


def sequential(rng: np.random.Generator, rest: int, share: float, looks: int) -> bool:
    """Tell whether the bounds after each of three times as many looks are all at least the truth.

    This is somebody who looks at the bound after each look, and stops when it is lowest.
    """
    there = round(share * rest)
    order = rng.permutation(rest)[: min(3 * looks, rest)] < there
    return most_wrong_anytime(rest, order, CONFIDENCE)[-1] >= there


def per_class(rng: np.random.Generator, rest: int, share: float, looks: int) -> bool:
    """Tell whether the bounds of ten classes are all at least the truth, at one time.

    The classes differ in size and in their share of wrong labels.
    """
    level = 1 - (1 - CONFIDENCE) / CLASSES
    for k in range(CLASSES):
        size = rest // CLASSES * (k + 4) // 8
        there = round(share * size * k / 4.5)
        drawn = min(looks // CLASSES, size)
        found = int(rng.hypergeometric(there, size - there, drawn))
        if bound(size, drawn, found, level) < there:
            return False
    return True


def reviewed(
    rng: np.random.Generator, rest: int, share: float, looks: int, *, sequentially: bool
) -> bool:
    """Tell whether the bound on what is left wrong covers a reviewer who makes mistakes.

    She misses 5 % of the wrong labels and spoils 0.5 % of the right ones, in the census, in the
    sample, and in the 100 planted wrong and 300 planted right ones.
    """
    missed, spoiled = 0.05, 0.005
    census, bad = rest // 9, rest // 18
    there = round(share * rest)
    order = rng.permutation(rest)[:looks] < there
    caught = order & (rng.random(looks) >= missed)
    ruined = ~order & (rng.random(looks) < spoiled)
    noticed = int(rng.binomial(bad, 1 - missed))
    ruined_there = int(rng.binomial(census - bad, spoiled))
    left = there - int(caught.sum()) + bad - noticed + int(ruined.sum()) + ruined_there
    found = caught | ruined
    changed = int(found.sum()) + noticed + ruined_there
    level = mistakes.part(CONFIDENCE)
    possible = int(most_wrong_anytime(rest, found, 1 - level)[-1]) if sequentially else None
    said = mistakes.most_left(
        rest=rest, looked_at=looks, wrong=int(found.sum()), unlooked=rest - looks,
        seen=census + looks, found=changed, relabelled=changed,
        checks=Checks(100, int(rng.binomial(100, missed)), 300, int(rng.binomial(300, spoiled))),
        confidence=CONFIDENCE, possible=possible,
    )  # fmt: skip
    return said.total >= left


STATEMENTS = {
    "fixed sample": fixed,
    "sequential, peeking after every look": sequential,
    "ten classes at one time": per_class,
    "with the reviewer's mistakes, fixed": lambda *a: reviewed(*a, sequentially=False),
    "with the reviewer's mistakes, sequential": lambda *a: reviewed(*a, sequentially=True),
}


def coverage(sets: int) -> None:
    rows = []
    for name, statement in STATEMENTS.items():
        for number, population in enumerate(POPULATIONS):
            rng = np.random.default_rng([1, number, *name.encode()])
            kept = np.mean([statement(rng, *population) for _ in range(sets)])
            rest, share, looks = population
            rows.append(dict(statement=name, rest=rest, wrong=share, looks=looks, coverage=kept))
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    wide = table.assign(
        population=[f"{r:,}, {s:.1%}, {n:,}" for r, s, n in POPULATIONS] * len(STATEMENTS)
    ).pivot(index="statement", columns="population", values="coverage")
    wide = wide[[f"{r:,}, {s:.1%}, {n:,}" for r, s, n in POPULATIONS]].reindex(list(STATEMENTS))
    wide.insert(0, "lowest", wide.min(axis=1))
    write_table(
        "certificate_coverage",
        "How often the bound of a certificate holds",
        wide.map("{:.4f}".format),
        f"Share of {sets:,} simulated data sets for each cell in which the statement is true; "
        "0.95 is promised. Columns: labels in the rest, share of them that is wrong, looks. With "
        f"{sets:,} sets, the share for an exact bound that is right 95 % of the time has a "
        f"standard error of {np.sqrt(0.05 * 0.95 / sets):.4f}. In the sequential line the bound is "
        "looked at after each of three times as many looks, and all of these must hold. The "
        "reviewer misses 5 % of the wrong labels and spoils 0.5 % of the right ones.",
    )


def audited(data: Path, work: Path, seed: int) -> pd.DataFrame:
    """Return the scores of an audit of 8,000 pictures, with a column `wrong` of the truth."""
    from benchmarks.detection.sets import human
    from o2u_nb import Audit

    samples, truth = human("label_aggre")(data, seed)
    audit = Audit.run(samples, work / f"cifar10n-{seed}", preset="instant", seed=seed)
    scores = audit.scores
    return scores.assign(wrong=scores["label"] != truth.reindex(scores.index))


def looks_for(wrong: np.ndarray, other: int, total: int, rng) -> dict[float, float]:
    """Return the median number of looks with which each target is certified, NaN where none is.

    `wrong` bool (rest,) are the labels that are sampled, `other` counts the samples that are known
    to be right since they were reviewed. What the sample finds is corrected.
    """
    sizes = np.arange(STEP, len(wrong) + 1, STEP)
    found = np.array([np.cumsum(rng.permutation(wrong))[sizes - 1] for _ in range(DRAWS)])
    median = {}
    for target in TARGETS:
        needed = []
        for row in found:
            # The size must be fixed before: so it is one with which most samples reach the target.
            reached = [
                (bound(len(wrong), int(n), int(w), CONFIDENCE) - w) / total <= 1 - target
                for n, w in zip(sizes, row, strict=True)
            ]
            needed.append(reached)
        share = np.mean(needed, axis=0)
        enough = np.flatnonzero(share >= 0.5)
        median[target] = float(sizes[enough[0]]) if len(enough) else np.nan
    return median


def looks(data: Path, work: Path, seeds: list[int]) -> None:
    rows = []
    for seed in seeds:
        scores = audited(data, work, seed).sort_values("rank")
        wrong = scores["wrong"].to_numpy()
        suspects = int(scores["suspect"].sum())
        rng = np.random.default_rng([seed, 7])
        plain = looks_for(wrong, 0, len(wrong), rng)
        ours = looks_for(wrong[suspects:], suspects, len(wrong), rng)
        for target in TARGETS:
            rows.append(
                dict(target=target, seed=seed, plain=plain[target], census=suspects,
                     sample=ours[target], left=float(wrong[suspects:].mean()))
            )  # fmt: skip
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    table["with census"] = table["plain"] / (table["census"] + table["sample"])
    table["sample only"] = table["plain"] / table["sample"]
    by = table.groupby("target")
    cells = by[["plain", "census", "sample"]].mean().map(lambda v: f"{v:,.0f}")
    for name in ("with census", "sample only"):
        mean, spread = by[name].mean(), by[name].std(ddof=1)
        cells[f"times fewer, {name}"] = [
            f"{m:.1f} ± {s:.1f}" for m, s in zip(mean, spread, strict=True)
        ]
    cells["reached in"] = [
        f"{int(group['sample'].notna().sum())} of {len(group)}" for _, group in by
    ]
    cells.index = [f"{target:.0%}" for target in cells.index]
    write_table(
        "certificate_looks",
        "Looks for a certified share of right labels, CIFAR-10N aggre",
        cells.rename_axis("certified"),
        f"8,000 pictures, 9 % of the labels wrong, seeds {', '.join(map(str, seeds))}: means, and "
        "for the quotients also the standard deviation (n - 1). All bounds are exact and one-sided "
        "with 95 % confidence; what is found wrong is corrected in both ways, by a reviewer who "
        "makes no mistakes. `plain`: the smallest uniform sample of all labels with which at least "
        f"half of {DRAWS} samples certify the target. `census`: the suspects of an audit (preset "
        "instant), as many as it estimates, all looked at. `sample`: the same smallest size for a "
        "uniform sample of the rest. `with census` counts the looks at the suspects, which a "
        "review takes anyway; `sample only` does not. The sizes are multiples of "
        f"{STEP}.",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["coverage", "looks"])
    parser.add_argument("--sets", type=int, default=10_000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    if options.what == "coverage":
        coverage(options.sets)
    else:
        looks(options.data, options.work, options.seeds)


if __name__ == "__main__":
    main()
