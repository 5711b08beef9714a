"""Compare several eyes with one: combinations of those of `standard`, on the same trainings.

    python benchmarks/eyes.py --data DIR --work WORK [--seeds 1 2 3] [--sets NAME ...]

Each set is audited once for each seed, by the code of an audit: a network of its own (small
pictures only), and heads on the features of two frozen networks. Then the findings are computed of
each eye alone and of several together. Features stay in WORK; the figures stay in
`results/eyes.csv`. The truth is read only to score.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from common import Runs, detection_figures, mean_and_spread, write_table
from detection.sets import SETS, full_title

from o2u_nb import folder as layout
from o2u_nb.data.noise import Planted
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.findings import Findings
from o2u_nb.eye_names import NETWORK
from o2u_nb.offline_weights import LITE0, LITE2
from o2u_nb.presets import PRESETS
from o2u_nb.training import job
from o2u_nb.unfinished import Unfinished

RESULT = "eyes"
NAMES = {NETWORK: "network", LITE0: "Lite0", LITE2: "Lite2"}
TOGETHER = (
    (NETWORK,),
    (LITE0,),
    (LITE0, LITE2),
    (NETWORK, LITE0),
    (NETWORK, LITE0, LITE2),
)
PHOTOGRAPHS = ("waste-sym10", "waste-sym30", "waste-pair20", "waste-class10", "waste-strangers")
MEASURED = ("cifar-aggre", "cifar-worst", "fashion-class20", *PHOTOGRAPHS)
FIGURES = {
    "average precision": "average precision",
    "AUROC": "AUROC",
    "effort 90 %": "effort for 90 %",
    "estimated / true": "counted / true",
    "right": "right among the suspects",
    "right of kind wrong": "of kind wrong",
}
NOTES = (
    "Mean ± standard deviation over seeds; each seed has its own pictures (CIFAR-10N: 8,000 of "
    "50,000; Fashion-MNIST: 10,000) or planted noise, and its own weights. Everything is trained "
    "and scored by the code of an audit with the preset `standard`: a network of its own (8 + 3 x "
    "6 epochs, not for photographs), heads on the frozen features of EfficientNet-Lite0 and Lite2 "
    "(6 + 2 x 6 epochs), and the findings of all of them together. For small pictures, `standard` "
    "uses all three, `instant` Lite0; for photographs, `standard` uses Lite0 and Lite2. `effort "
    "for 90 %`: how many pictures have to be reviewed to meet 90 % of the wrong labels, divided by "
    "their number. The own labels of the photographs count as right, though a few are not.\n\n"
    "The rules were chosen on other seeds, see [how](../detection/README.md). The share of samples "
    "that is counted was raised, and mix-ups were counted in another way, after figures of an "
    "earlier measurement with these seeds had been seen."
)


def train_eyes(
    drawn: Planted, eyes: Sequence[str], seed: int, folder: Path, work: Path
) -> tuple[Evidence, dict]:
    """Train `eyes` on a set as an audit with the preset `standard` does.

    Traces and features are written to `folder`; features that earlier trainings left in `work` are
    used again. Returns the evidence of all eyes, and the facts for the record.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = sorted([*(work / "features").glob("*/"), *(work / "audits").glob("*/features")])
    return job.train(
        job.Job(
            drawn.samples, PRESETS["standard"], seed, folder.joinpath, print, lambda *_: None,
            lambda *_: lambda _trace: None, Unfinished(folder / layout.RUN, {}, []), known,
        ),
        eyes,
    )  # fmt: skip


def measured(name: str, seed: int, data: Path, work: Path) -> list[dict]:
    """Audit one set, and return a row of figures for each combination of its eyes."""
    drawn = SETS[name].draw(data, seed)
    folder = work / "audits" / f"{name}-{seed}"
    eyes = (LITE0, LITE2) if name in PHOTOGRAPHS else (NETWORK, LITE0, LITE2)
    evidence, _ = train_eyes(drawn, eyes, seed, folder, work)
    found = {eye.eye: eye for eye in evidence.eyes}
    wrong = drawn.samples["label"] != drawn.truth
    return [
        {"eyes": ", ".join(NAMES[eye] for eye in names), **figures(found, names, wrong)}
        for names in TOGETHER
        if set(names) <= set(eyes)
    ]


def figures(found: dict[str, Evidence], names: Sequence[str], wrong: pd.Series) -> dict:
    """Compare the findings of the eyes `names` together with the truth."""
    first, *others = (found[name] for name in names)
    scores = Findings.of(replace(first, others=tuple(others))).scores
    suspects = scores[scores["suspect"]]
    right = wrong.reindex(suspects.index)
    return {
        **detection_figures(scores, wrong),
        "right": right.mean(),
        "right of kind wrong": right[suspects["kind"] == "wrong"].mean(),
    }


def table(runs: pd.DataFrame) -> pd.DataFrame:
    """Average over seeds."""
    rows = runs.assign(set=runs["set"].map(full_title))
    rows = rows[["set", "eyes", "seed", *FIGURES]].rename(columns=FIGURES)
    return mean_and_spread(rows, ["set", "eyes"])


def main() -> None:
    """Measure what is not there yet, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--sets", nargs="+", default=MEASURED, choices=MEASURED)
    args = parser.parse_args()
    runs = Runs(RESULT)
    for name in args.sets:
        for seed in args.seeds:
            key = {"set": name, "seed": seed}
            if not runs.has(key):
                runs.put(key, measured(name, seed, args.data, args.work))
                write_table(RESULT, "Several eyes together", table(runs.table), NOTES)


if __name__ == "__main__":
    main()
