"""Measure whether `p_wrong` is honest: also where a network has hardly learned the classes.

    python benchmarks/reliability.py [--seeds 1 2 3]

Heads are trained on scikit-learn's digits, and on clusters of points of which some lie so close
together that they cannot be learned. Labels are wrong at random; the truth stays in this script.
The table compares the audit's figures with those of an estimate that believes every network. Takes
about a minute, and needs no data. The settings of `detect.learned`, and the bend of
`threshold.calibrated`, were chosen on seed 0 of these sets, of parts of CIFAR-10 and of photographs
of waste with frozen features, and of small networks on pictures; other seeds are reported.
"""

import argparse
from typing import NamedTuple

import numpy as np
import pandas as pd
from common import calibration_error, mean_and_spread, write_table

from o2u_nb.data import noise
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.recommended import score
from o2u_nb.detect.threshold import basis, calibrated, estimate, sure_rate
from o2u_nb.training.heads import as_audited, head_learner
from o2u_nb.training.job import HEAD_BATCH, HEAD_EPOCHS
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner

WIDTH = 48  # numbers of a point of a cluster
NOTES = (
    "Mean ± standard deviation over seeds. `learned`: how far the network has learned, 0 to 1. "
    "`believed`: an estimate that takes the count of every network as it is; `as it is`: that of "
    "an audit. `suspects said`: the mean of `p_wrong` over the suspects; `suspects wrong`: the "
    "share of them that is wrong."
)


class Clusters(NamedTuple):
    """Clusters of points: the higher the `spread`, the more they lie over each other."""

    classes: int
    each: int
    spread: float
    wrong: float


SETS = {
    "digits, 5 % wrong": 0.05,
    "digits, 20 % wrong": 0.2,
    "10 classes x 200, hard, 15 % wrong": Clusters(10, 200, 3.0, 0.15),
    "10 classes x 200, harder, 15 % wrong": Clusters(10, 200, 6.0, 0.15),
    "30 classes x 60, hard, 10 % wrong": Clusters(30, 60, 3.0, 0.1),
    "20 classes x 30, hard, 25 % wrong": Clusters(20, 30, 2.5, 0.25),
    "200 classes x 12, hard, 10 % wrong": Clusters(200, 12, 3.0, 0.1),
}


def points(kind: float | Clusters, rng: np.random.Generator) -> tuple[np.ndarray, list[str], float]:
    """Return features (n, d), true labels and the share of labels that are to be wrong."""
    if not isinstance(kind, Clusters):
        from sklearn.datasets import load_digits

        pixels, digits = load_digits(return_X_y=True)
        return pixels / 16, [str(digit) for digit in digits], kind
    centres = rng.normal(size=(kind.classes, WIDTH))
    codes = np.repeat(np.arange(kind.classes), kind.each)
    spread = kind.spread * rng.normal(size=(len(codes), WIDTH))
    return centres[codes] + spread, [f"class {code:03d}" for code in codes], kind.wrong


def measure(name: str, seed: int) -> dict:
    """Train a head on one set and compare what is said of its suspects with the truth."""
    rng = np.random.default_rng([seed, *name.encode()])
    features, labels, share = points(SETS[name], rng)
    ids = pd.Index([f"s{k:05d}" for k in range(len(labels))], name="sample_id")
    clean = pd.DataFrame(dict(label=labels, split="train"), index=ids)
    samples, _ = noise.plant(clean, noise.symmetric(share), seed=seed)
    learn = head_learner(features.astype(np.float32), samples, bs=HEAD_BATCH, seed=seed)
    with learn.no_bar(), learn.no_logging():
        evidence = Evidence(learn.fit_o2u(**HEAD_EPOCHS, **as_audited(learn)), features)
    given = samples["label"].reindex(evidence.trace.ids)
    wrong = (given != clean["label"].reindex(evidence.trace.ids)).to_numpy()
    said = np.asarray(evidence.column(score))
    found = estimate(evidence, said)
    probs, part = basis(evidence)
    believed = round(sure_rate(probs, evidence.labels, part) * len(wrong))
    return {
        "data": name,
        "seed": seed,
        "learned": found.learned,
        "true share wrong": wrong.mean(),
        **_told("believed", said, calibrated(said, believed), believed, wrong),
        **_told("as it is", said, found.p_wrong, found.count, wrong),
    }


def _told(
    kind: str, said: np.ndarray, p_wrong: np.ndarray, count: int, wrong: np.ndarray
) -> dict[str, float]:
    suspects = np.argsort(-said, kind="stable")[:count]
    return {
        f"{kind}: suspects said": p_wrong[suspects].mean(),
        f"{kind}: suspects wrong": wrong[suspects].mean(),
        f"{kind}: calibration error": calibration_error(p_wrong, wrong),
        f"{kind}: estimated / true": count / wrong.sum(),
    }


def main() -> None:
    """Measure every set with every seed, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    seeds = parser.parse_args().seeds
    rows = pd.DataFrame([measure(name, seed) for name in SETS for seed in seeds])
    table = mean_and_spread(rows, ["data"], digits=2)
    print(write_table("reliability", "Is what is said of the suspects true?", table, NOTES))


if __name__ == "__main__":
    main()
