"""Scores of pictures that an audit has not seen, beside the audit's own on those that it has.

    python -m benchmarks.scoring --data DIR [--seeds 1 2 3] [--preset quick]

From the repository's root. The photographs of waste in `DIR/trashnet` get wrong labels and are cut
into halves at random, both by the seed. One half is audited, and `audit.score` ranks the other one.
Wrong labels are in both halves, at the same rate; the truth is used for the figures alone.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common import Runs, mean_and_spread, ranking_figures, write_table
from benchmarks.detection.sets import WASTE_ALIKE, look_alikes, waste_samples
from o2u_nb.audit import Audit
from o2u_nb.data import noise
from o2u_nb.run import run_audit

MOVED = 0.2  # share of the labels that are made wrong
FIGURES = ("AP", "AUROC", "effort 90 %")
OWN, NEW = "audited half: the score of the audit", "new half: `audit.score`"


def noises(classes: list[str]) -> dict[str, noise.Noise]:
    """Return the ways in which labels are made wrong, by title."""
    return {
        "symmetric 20 %": noise.symmetric(MOVED),
        "look-alike classes 20 %": look_alikes(WASTE_ALIKE, classes, MOVED),
    }


def figures(audit: Audit, new: pd.DataFrame, truth: pd.Series) -> dict[str, dict[str, float]]:
    """Return the figures of the half that was audited and of the new one."""
    found = {OWN: audit.scores["score"], NEW: audit.score(new)["score"]}
    given = pd.concat([audit.given, new["label"]])
    return {
        what: ranking_figures(
            score.to_numpy(), (given[score.index] != truth[score.index]).to_numpy()
        )
        for what, score in found.items()
    }


def main() -> None:
    """Measure what is not there yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--preset", default="quick")
    options = parser.parse_args()
    runs, clean = Runs("scoring"), waste_samples(options.data)
    for title, planted in noises(sorted(clean["label"].unique())).items():
        for seed in options.seeds:
            key = {"noise": title, "seed": seed}
            if runs.has(key):
                continue
            samples, truth = noise.plant(clean, planted, seed=seed)
            order = np.random.default_rng(seed).permutation(len(samples))
            mine, new = (samples.iloc[np.sort(part)] for part in np.array_split(order, 2))
            with tempfile.TemporaryDirectory() as name:
                folder = run_audit(mine, Path(name) / "a", preset=options.preset, seed=seed).folder
                found = figures(Audit.open(folder), new, truth)
            for what, row in found.items():
                runs.add({**key, "ranking": what, **{name: row[name] for name in FIGURES}})
    table = mean_and_spread(runs.table, ["noise", "ranking"])
    notes = (
        f"Photographs of waste (trashnet), 2,527 in 6 classes, halves drawn by the seed; preset "
        f"{options.preset}. AP is the average precision of the ranking against the planted wrong "
        "labels; effort is how many labels one looks at to meet 90 % of the wrong ones, divided by "
        "their number. Mean ± standard deviation over seeds. Look-alikes and common mix-ups were "
        "taken into the score because of seeds 11 to 13, which are not in this table: AP of the "
        "heads alone .904 (symmetric) and .666 (look-alike classes), with look-alikes .933 and "
        ".688, with both .932 and .796. Command: `python -m benchmarks.scoring --data DIR`."
    )
    print(write_table("scoring", "Scores of new pictures", table, notes).read_text("utf-8"))


if __name__ == "__main__":
    main()
