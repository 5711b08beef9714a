"""Compare our ranking of suspicious labels with its rivals, on many data sets and seeds.

    python -m benchmarks.detection --data DIR [--sets fashion-sym20 ...] [--seeds 1 2 3]
        [--methods o2u plain folds random] [--traces DIR] [--results NAME] [--report]

Every seed has its own subset, noise and initial weights, the same for all methods. Rows go to
`results/NAME.csv`; a training that is there already is not repeated, and processes that run at the
same time take a NAME each. `--traces DIR` keeps what scores are made of, and `--rescore` computes
the rows of all that is kept there again. `--report A.csv B.csv` writes the page of all of them.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.common import RESULTS, Runs, flag_figures, machine, ranking_figures, review_curve
from benchmarks.detection.scoring import SHOWN, score_all
from benchmarks.detection.sets import SETS
from benchmarks.detection.trainings import TRAININGS, Task
from o2u_nb.data.noise import Planted
from o2u_nb.errors import O2UError
from o2u_nb.presets import PRESETS

KEY = ["set", "seed", "training"]


def main() -> None:
    """Run what is not there yet, or score again, or write the page."""
    options = arguments()
    if options.report is not None:
        from benchmarks.detection.report import write

        paths = options.report or [RESULTS / f"{options.results}.csv"]
        print(write(paths))
    elif options.rescore:
        rescore(options.traces, Runs(options.results), Runs(f"{options.results}_curves"))
    else:
        run_all(options)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    about = dict(prog="python -m benchmarks.detection", description=__doc__.splitlines()[0])
    parser = argparse.ArgumentParser(**about)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--methods", nargs="+", choices=list(TRAININGS), default=list(TRAININGS))
    parser.add_argument("--preset", choices=list(PRESETS), default="standard")
    parser.add_argument("--lr-max", type=float, default=0.05, help="of the one-cycle trainings")
    parser.add_argument("--fold-epochs", type=int, help="default: twice the training of o2u")
    parser.add_argument("--traces", type=Path, help="folder to keep what scores are made of")
    parser.add_argument("--results", default="detection", help="name of the .csv in results/")
    parser.add_argument("--rescore", action="store_true", help="score what is in --traces again")
    parser.add_argument("--report", type=Path, nargs="*", help="write the page of these .csv files")
    options = parser.parse_args()
    if options.rescore and not options.traces:
        parser.error("--rescore needs --traces")
    if options.report is None and not options.rescore and not options.data:
        parser.error("--data is needed to train")
    return options


def run_all(options: argparse.Namespace) -> None:
    """Train and score every set, seed and method that has no rows yet."""
    runs, curves = Runs(options.results), Runs(f"{options.results}_curves")
    for seed in options.seeds:  # outside, so that a run cut short still has all sets
        for name in options.sets:
            keys = [dict(set=name, seed=seed, training=which) for which in options.methods]
            missing = [key for key in keys if not runs.has(key)]
            if not missing:
                continue
            try:
                planted = SETS[name].draw(options.data, seed)
            except (OSError, O2UError) as error:
                print(f"{name}: left out, {error}")
                continue
            task = Task(
                planted.samples,
                seed,
                PRESETS[options.preset],
                lr_max=options.lr_max,
                fold_epochs=options.fold_epochs,
            )
            for key in missing:
                run(key, task, planted, options.traces, runs, curves)


def run(key: dict, task: Task, planted: Planted, traces: Path | None, runs: Runs, curves: Runs):
    """Train once, and add the rows of all scores of that training."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = (traces or Path(scratch)).joinpath(*map(str, key.values()))
        folder.mkdir(parents=True, exist_ok=True)
        facts = train(key["training"], task, folder)
        keep(folder, {**key, **facts}, planted, task.data.vocab)
        add(folder, runs, curves)


def train(training: str, task: Task, folder: Path) -> dict:
    """Train; return what it took: passes over the pictures, seconds without decoding, threads."""
    task.dls  # noqa: B018  decodes, which is no part of the seconds
    with torch.random.fork_rng():
        started = time.monotonic()
        passes = TRAININGS[training](task, folder)
        seconds = time.monotonic() - started
    return dict(
        preset=task.preset.name,
        lr=task.network.lr if training == "o2u" else task.lr_max,
        training_passes=passes.training,
        evaluation_passes=passes.evaluation,
        seconds=seconds,
        threads=torch.get_num_threads(),
        machine=machine(),
    )


def keep(folder: Path, facts: dict, planted: Planted, vocab: list[str]) -> None:
    """Write the facts, the given and the true labels beside a training's raw material."""
    classes = [*vocab, *sorted(set(planted.truth) - set(vocab))]
    truth = planted.truth.reindex(planted.samples.index)
    for name, labels in (("labels", planted.samples["label"]), ("truth", truth)):
        np.save(folder / f"{name}.npy", pd.Categorical(labels, categories=classes).codes)
    (folder / "run.json").write_text(json.dumps({**facts, "classes": classes}))


def add(folder: Path, runs: Runs, curves: Runs) -> None:
    """Score what lies in `folder`, and put the rows in the place of older ones."""
    facts = json.loads((folder / "run.json").read_text())
    key, others = {name: facts.pop(name) for name in KEY}, facts
    classes = others.pop("classes")
    labels = np.load(folder / "labels.npy").astype(np.int64)
    wrong = labels != np.load(folder / "truth.npy")
    found = score_all(key["training"], folder, labels, wrong, key["seed"])
    size = dict(n=len(labels), classes=len(classes), share_wrong=float(wrong.mean()))
    rows = [
        {
            "method": method,
            **size,
            **ranking_figures(score, wrong),
            **flag_figures(flagged, wrong),
            **others,
        }
        for method, (score, flagged) in found.items()
    ]
    runs.put(key, rows)
    shown = ", ".join(f"{row['method']} {row['AP']:.3f}" for row in rows if "AP" in row)
    print(*key.values(), f"{others['seconds']:.0f} s, AP:", shown, flush=True)
    shown = [name for name in found if name in SHOWN]
    curves.put(key, [dict(method=name, **review_curve(found[name].score, wrong)) for name in shown])


def rescore(traces: Path, runs: Runs, curves: Runs) -> None:
    """Compute the rows of all kept runs again."""
    for path in sorted(traces.glob("*/*/*/run.json")):
        add(path.parent, runs, curves)


if __name__ == "__main__":
    main()
