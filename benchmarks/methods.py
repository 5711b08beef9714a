"""Compare every training method and detector: who finds wrong labels, and who learns despite them.

    python -m benchmarks.methods --data DIR [--rows cifar waste ...] [--methods ...] [--seeds 1 2 3]
    python -m benchmarks.methods --report

Heads on frozen features (of the pretrained network that works offline) are trained for CIFAR-10
and for photographs of waste, a network from scratch for Fashion-MNIST. In each row all methods have
the same pictures, wrong labels, initial weights, rates and epochs. The page says which training
methods are better than plain training by more than the seeds' spread. Each training is written to
`results/methods_ROW/` when it is done, and one that is there already is not repeated.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.common import RESULTS, machine, markdown
from benchmarks.detection import sets
from o2u_nb.comparison import FIGURES, Comparison
from o2u_nb.data import datasets
from o2u_nb.offline_weights import OFFLINE
from o2u_nb.progress import Bars
from o2u_nb.training.backbones import backbone
from o2u_nb.training.catalogue import METHODS
from o2u_nb.training.compare import GIVEN, USUAL, compare
from o2u_nb.training.probe.features import features
from o2u_nb.training.retrain import on_pictures

CACHE = Path(__file__).parent / "cache" / "methods"
PLANTED = ["none", "symmetric 20 %", "symmetric 40 %", "pair flip 20 %", "look-alike 20 %"]
SEEDS = [1, 2, 3]
HELD_OUT = 2_000  # clean test pictures of Fashion-MNIST
HARD = "symmetric 40 %"  # the noise at which every method should be better than plain training
SHOWN = {"accuracy": 3, "average_precision": 3, "seconds": 1}  # figures and their digits


class Row(NamedTuple):
    """One comparison: its title, what is compared, and how the samples are drawn."""

    title: str
    noise: list[str]
    draw: Callable[[Path], dict]  # folder in, arguments of `compare` out


def cifar(data: Path) -> dict:
    """10,000 pictures of CIFAR-10 with their right labels, on frozen features."""
    samples = datasets.load("cifar10", root=data / "cifar10", n=10_000, seed=0).samples
    return dict(samples=samples, features=seen(samples))


def human(column: str) -> Callable[[Path], dict]:
    """8,000 pictures of CIFAR-10 with the labels of CIFAR-10N's `column`."""

    def draw(data: Path) -> dict:
        samples, truth = sets.human(column)(data, 1)
        return dict(samples=samples, truth=truth, features=seen(samples))

    return draw


def waste(data: Path) -> dict:
    """All photographs of waste, on frozen features."""
    samples = sets.waste_samples(data)
    return dict(samples=samples, features=seen(samples))


def fashion(data: Path) -> dict:
    """3,000 pictures of Fashion-MNIST, with a network from scratch."""
    root = data / "fashion-mnist"
    samples = datasets.load("fashion_mnist", root=root, n=3_000, seed=0).samples
    test = datasets.load("fashion_mnist", root=root, n=HELD_OUT, split="test", seed=0).samples
    return dict(samples=samples, held_out=test, learner=on_pictures)


ROWS = {
    "cifar": Row("CIFAR-10, 10,000, heads", PLANTED, cifar),
    "aggre": Row("CIFAR-10N aggre, 8,000, heads", [GIVEN], human("label_aggre")),
    "worst": Row("CIFAR-10N worst, 8,000, heads", [GIVEN], human("label_worst")),
    "waste": Row("photographs of waste, 2,527, heads", PLANTED, waste),
    "fashion": Row(
        "Fashion-MNIST, 3,000, a network from scratch",
        ["none", "symmetric 20 %", HARD, "pair flip 20 %"],
        fashion,
    ),
}


def seen(samples: pd.DataFrame) -> np.ndarray:
    """Return the features of the network that works offline, computed once."""
    with Bars() as bars:
        return features(
            samples,
            backbone(OFFLINE),
            folder=CACHE,
            progress=lambda done, total: bars("features", done, total),
        )


def main(argv: list[str] | None = None) -> None:
    """Run what is asked for, and write the page."""
    options = _options(argv)
    if options.report:
        return _write_page()
    for name in options.rows:
        row = ROWS[name]
        with Bars() as bars:
            compare(
                methods=options.methods,
                detectors=options.detectors,
                noise=row.noise,
                seeds=options.seeds,
                epochs=options.epochs,
                out=RESULTS / f"methods_{name}",
                progress=bars,
                **row.draw(options.data),
            )
    return _write_page()


def _write_page() -> None:
    found = {
        name: Comparison.open(RESULTS / f"methods_{name}")
        for name in ROWS
        if (RESULTS / f"methods_{name}" / "rows.csv").exists()
    }
    (RESULTS / "methods.md").write_text(page(found), encoding="utf-8")


def page(found: dict[str, Comparison]) -> str:
    """Return the page of the comparisons `found`, by the name of their row, as Markdown."""
    parts = [
        "# Training methods and detectors side by side",
        machine(),
        "`python -m benchmarks.methods`. Mean ± standard deviation over seeds (n - 1). Held-out "
        "labels are right. The suspicion of a method that is no detector is the mean of the loss. "
        "A star marks methods that get verified labels, ten of each class.",
    ]
    for name, comparison in found.items():
        parts += [f"## {ROWS[name].title}", verdict(comparison)]
        for figure, digits in SHOWN.items():
            table = comparison.table(figure, digits=digits)
            table.index = pd.Index([_starred(method) for method in table.index], name="method")
            parts += [f"{FIGURES[figure][0].capitalize()}:", markdown(table)]
    return "\n\n".join(parts) + "\n"


def verdict(comparison: Comparison) -> str:
    """Say which training methods are clearly better than plain training under `HARD` noise."""
    noise = HARD if HARD in comparison.noises else comparison.noises[-1]
    leads = comparison.leads("accuracy").loc[noise].sort_values("lead", ascending=False)
    better = leads[leads["clear"]]
    others = leads[~leads["clear"]]
    told = [
        _listed(f"Under {noise}, better than plain training by more than the spread", better),
        _listed("Not better by more than the spread", others),
    ]
    return " ".join(filter(None, told))


def _listed(words: str, leads: pd.DataFrame) -> str:
    if leads.empty:
        return ""
    each = (f"{_starred(str(name))} ({lead:+.3f})" for name, lead in leads["lead"].items())
    return f"{words}: {', '.join(each)}."


def _starred(name: str) -> str:
    return f"{name} *" if name in METHODS and METHODS[name].trusted else name


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the data sets")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--methods", nargs="+", help="default: all")
    parser.add_argument("--detectors", nargs="*", default=list(USUAL))
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--report", action="store_true", help="only write the page")
    options = parser.parse_args(argv)
    if not options.report and options.data is None:
        parser.error("pass --data DIR, or --report")
    return options


if __name__ == "__main__":
    main(sys.argv[1:])
