"""Compare every training method and detector: who finds wrong labels, and who learns despite them.

    python -m benchmarks.methods --data DIR [--preset laptop|reduced|paper] [--rows cifar waste ...]
        [--noise "symmetric 40 %" ...] [--methods ...] [--seeds 1 2 3] [--processes N]
    python -m benchmarks.methods --report

Heads on frozen features (of the pretrained network that works offline) are trained for CIFAR-10 and
for photographs of waste. For Fashion-MNIST both heads and a small network from scratch are trained,
with the same pictures and the same wrong labels. In each row all methods have the same pictures,
wrong labels, initial weights, rates and epochs. The page says which training methods are better
than plain training by more than the seeds' spread, and what finds more wrong labels than the
recommended score. With `--preset paper`, networks are trained from scratch with the settings of
O2U-Net's paper, for which one needs a GPU; photographs of waste keep their heads. Each training is
written to `results/methods_ROW/` (other presets than `laptop`: `methods_ROW_PRESET`) when it is
done, and one that is there already is not repeated.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torchvision
from fastai.basics import Learner
from torch import nn

from benchmarks.common import RESULTS, machine, markdown
from benchmarks.detection import sets
from o2u_nb.comparison import FIGURES, Comparison
from o2u_nb.data import datasets
from o2u_nb.offline_weights import OFFLINE
from o2u_nb.presets import PRESETS
from o2u_nb.progress import Bars
from o2u_nb.training.backbones import backbone
from o2u_nb.training.catalogue import METHODS
from o2u_nb.training.compare import GIVEN, USUAL, compare
from o2u_nb.training.fitting import sgd
from o2u_nb.training.heads import heads_on
from o2u_nb.training.job import in_fast_precision
from o2u_nb.training.loaders import dataloaders
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.probe.features import features
from o2u_nb.training.retrain import MakeLearner, on_pictures

CACHE = Path(__file__).parent / "cache" / "methods"
PLANTED = ["none", "symmetric 20 %", "symmetric 40 %", "pair flip 20 %", "look-alike 20 %"]
SEEDS = [1, 2, 3]
HARD = "symmetric 40 %"  # the noise at which every method should be better than plain training
SHOWN = {"accuracy": 3, "average_precision": 3, "seconds": 1}  # figures and their digits


class Scale(NamedTuple):
    """A preset: how many pictures of each set are drawn (None: all), and what is trained.

    `epochs` are those of each training. `learner` makes the networks for CIFAR-10 and
    Fashion-MNIST; without one, heads on frozen features are trained for CIFAR-10, and our small
    network for Fashion-MNIST.
    """

    cifar: int | None
    human: int | None
    fashion: int | None
    held_out: int | None  # clean test pictures of Fashion-MNIST
    epochs: int
    learner: MakeLearner | None = None


class Row(NamedTuple):
    """One comparison: what is compared, under which noises, and how the samples are drawn."""

    title: str
    noise: list[str]
    draw: Callable[[Path, Scale], dict]  # folder and preset in, arguments of `compare` out


def published(samples: pd.DataFrame, held_out: pd.DataFrame, seed: int) -> Learner:
    """Return a Learner with the settings of O2U-Net's paper and code.

    ResNet-101 whose first layer suits pictures of 32 pixels, batches of 128, SGD with momentum 0.9
    and weight decay 5e-4, and 0.01 as the largest rate (Huang et al., ICCV 2019). The other papers
    differ in the network and the number of epochs; here all methods have the same.
    """
    dls = dataloaders(samples, valid=held_out, bs=min(128, len(samples)), seed=seed)
    network = torchvision.models.resnet101(num_classes=len(dls.vocab))
    network.conv1 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    learn = Learner(dls, network, loss_func=nn.CrossEntropyLoss(), opt_func=sgd)
    learn.largest_rate = 0.01
    return in_fast_precision(learn)


def cifar(data: Path, scale: Scale) -> dict:
    """Pictures of CIFAR-10 with their right labels."""
    if scale.learner:
        samples = datasets.load("cifar10", root=data / "cifar10", n=scale.cifar).samples
        return dict(samples=samples, **on_cifar(data, scale))
    samples = datasets.load("cifar10", root=data / "cifar10", n=10_000, seed=0).samples
    samples = datasets.subset(samples, scale.cifar, seed=0)
    return dict(samples=samples, features=seen(samples))


def human(column: str) -> Callable[[Path, Scale], dict]:
    """Pictures of CIFAR-10 with the labels of CIFAR-10N's `column`."""

    def draw(data: Path, scale: Scale) -> dict:
        samples, truth = sets.human(column, count=scale.human)(data, 1)
        given = dict(samples=samples, truth=truth)
        return given | (on_cifar(data, scale) if scale.learner else dict(features=seen(samples)))

    return draw


def on_cifar(data: Path, scale: Scale) -> dict:
    """Train networks on the pictures, and measure accuracy on the test pictures of CIFAR-10."""
    test = datasets.load("cifar10", root=data / "cifar10", split="test").samples
    return dict(held_out=test, learner=scale.learner)


def waste(data: Path, scale: Scale) -> dict:
    """All photographs of waste, on frozen features."""
    samples = sets.waste_samples(data)
    return dict(samples=samples, features=seen(samples))


def small(samples: pd.DataFrame, held_out: pd.DataFrame, seed: int) -> Learner:
    """Return a Learner for the network of the quick preset, from scratch.

    That of the standard preset takes four times as long.
    """
    widths = PRESETS["quick"].widths
    return on_pictures(
        samples, held_out, seed, network=lambda n_classes: CompactResNet(n_classes, widths=widths)
    )


def fashion(data: Path, scale: Scale) -> dict:
    """Pictures of Fashion-MNIST, with a network from scratch."""
    root = data / "fashion-mnist"
    samples = datasets.load("fashion_mnist", root=root, n=scale.fashion, seed=0).samples
    test = datasets.load("fashion_mnist", root=root, n=scale.held_out, split="test", seed=0).samples
    return dict(samples=samples, held_out=test, learner=scale.learner or small)


def fashion_heads(data: Path, scale: Scale) -> dict:
    """The same pictures of Fashion-MNIST, with heads on frozen features."""
    drawn = fashion(data, scale)
    every = pd.concat([drawn["samples"], drawn["held_out"]])
    return drawn | dict(learner=heads_on(seen(every), every))


ROWS = {
    "cifar": Row("CIFAR-10", PLANTED, cifar),
    "aggre": Row("CIFAR-10N aggre", [GIVEN], human("label_aggre")),
    "worst": Row("CIFAR-10N worst", [GIVEN], human("label_worst")),
    "waste": Row("photographs of waste", PLANTED, waste),
    "fashion": Row("Fashion-MNIST", ["none", "symmetric 20 %", HARD, "pair flip 20 %"], fashion),
    "fashion_heads": Row(
        "Fashion-MNIST", ["none", "symmetric 20 %", HARD, "pair flip 20 %"], fashion_heads
    ),
}
# `laptop` is the usual one, `reduced` is for an hour in which others use the machine, too, and
# `paper` has the settings of a paper: O2U-Net's number of epochs in a stage, and all pictures. It
# needs a GPU, and long for all methods and seeds: choose rows, noises and methods.
SCALES = {
    "laptop": Scale(10_000, 8_000, 3_000, 2_000, epochs=24),
    "reduced": Scale(3_000, 3_000, 1_000, 2_000, epochs=24),
    "paper": Scale(None, None, None, None, epochs=250, learner=published),
}


# Why methods are not better than plain training in some rows: what was seen, and what was tried.
REMARKS = {
    "aggre": "Only 9 % of the labels are wrong, and plain training loses little by them: on "
    "CIFAR-10 of the row above, 20 % cost it less than 0.07. A method that gives up samples or "
    "steps (reweight, cleannet, curriculum, gce_truncated) loses about as much as it wins.",
    "worst": "The noise layer and its relatives (lccn, backward_correction) learn the mix-ups from "
    "a head that remembers labels within few epochs, and win little in every row of heads.",
    "fashion": "After 24 epochs on 1,000 pictures the network has hardly learned wrong labels by "
    "heart: the mean of the loss finds them with an average precision of 0.95. So there is little "
    "to win here: in no column is a method's accuracy clearly above that of plain training. With "
    "pair flips, gce and noise_layer find more wrong labels than the recommended score of this "
    "one network (0.94 for 0.89). Networks of audits still train with plain cross entropy, "
    "since on CIFAR-10N they lost by the change, and audits have a head on a pretrained network "
    "beside: on the same pictures and wrong labels its score alone reaches 0.97, see the next "
    "row. dmi ends at one class for all pictures in each seed: at the rates of a network from "
    "scratch its loss drives the network away from what the plain epochs had learned (its paper "
    "trains on at a rate of 1e-6). A cure was not found; for dmi, lccn and backward_correction "
    "use heads, or a network that is trained already.",
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
    scale = SCALES[options.preset]
    for name in options.rows:
        row = ROWS[name]
        chosen = [noise for noise in options.noise or row.noise if noise in row.noise]
        with Bars() as bars:
            compare(
                methods=options.methods,
                detectors=options.detectors,
                noise=chosen,
                seeds=options.seeds,
                epochs=options.epochs or scale.epochs,
                processes=options.processes,
                out=folder_of(name, options.preset),
                progress=bars,
                **row.draw(options.data, scale),
            )
    return _write_page()


def folder_of(row: str, preset: str) -> Path:
    """Return where the rows of a comparison are kept."""
    return RESULTS / (f"methods_{row}" if preset == "laptop" else f"methods_{row}_{preset}")


def _write_page() -> None:
    found = {
        (name, preset): Comparison.open(folder_of(name, preset))
        for name in ROWS
        for preset in SCALES
        if (folder_of(name, preset) / "rows.csv").exists()
    }
    (RESULTS / "methods.md").write_text(page(found), encoding="utf-8")


def heading(row: str, preset: str) -> str:
    """Name a row of the page, with what is trained and on how many pictures.

    >>> heading("cifar", "reduced"), heading("waste", "laptop")
    ('CIFAR-10, 3,000, heads (reduced)', 'photographs of waste, 2,527, heads')
    """
    scale = SCALES[preset]
    counts = dict(
        cifar=scale.cifar, fashion=scale.fashion, fashion_heads=scale.fashion, waste=2_527
    )
    count = counts.get(row, scale.human)
    always_heads = row in ("waste", "fashion_heads")
    from_scratch = row == "fashion" or (scale.learner and not always_heads)
    network = "networks from scratch" if from_scratch else "heads"
    parts = [ROWS[row].title, "all pictures" if count is None else f"{count:,}", network]
    return ", ".join(parts) + ("" if preset == "laptop" else f" ({preset})")


def page(found: dict[tuple[str, str], Comparison]) -> str:
    """Return the page of the comparisons `found`, by their row and preset, as Markdown."""
    parts = [
        "# Training methods and detectors side by side",
        machine(),
        "`python -m benchmarks.methods`. Mean ± standard deviation over seeds (n - 1). Held-out "
        "labels are right. The suspicion of a method that is no detector is the mean of the loss. "
        "A star marks methods that get verified labels, ten of each class.",
    ]
    for (row, preset), comparison in found.items():
        parts += [f"## {heading(row, preset)}", unfinished(comparison), verdict(comparison)]
        parts += [REMARKS.get(row, ""), rivals(comparison)]
        for figure, digits in SHOWN.items():
            table = comparison.table(figure, digits=digits)
            table.index = pd.Index([_starred(method) for method in table.index], name="method")
            parts += [f"{FIGURES[figure][0].capitalize()}:", markdown(table)]
    return "\n\n".join(filter(None, parts)) + "\n"


def unfinished(comparison: Comparison) -> str:
    """Name the training methods that have no row yet; "" where all have one."""
    absent = [name for name in METHODS if name not in set(comparison.rows["method"])]
    return f"Not measured yet: {', '.join(absent)}." if absent else ""


def verdict(comparison: Comparison) -> str:
    """Say which training methods are clearly better than plain training under `HARD` noise."""
    noise = HARD if HARD in comparison.noises else comparison.noises[-1]
    leads = comparison.leads("accuracy")
    leads = leads[leads.index.get_level_values("noise") == noise].droplevel("noise")
    leads = leads.sort_values("lead", ascending=False)
    better = leads[leads["clear"]]
    others = leads[~leads["clear"]]
    told = [
        _listed(f"Under {noise}, better than plain training by more than the spread", better),
        _listed("Not better by more than the spread", others),
    ]
    return " ".join(filter(None, told))


def rivals(comparison: Comparison) -> str:
    """Say which detectors and methods find more wrong labels than the recommended score."""
    return (
        "\n".join(f"* {line}" for line in comparison.ahead())
        or "Nothing is ahead of the recommended score."
    )


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
    parser.add_argument("--preset", choices=list(SCALES), default="laptop")
    parser.add_argument("--noise", nargs="+", help="only these of a row's noises")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--methods", nargs="+", help="default: all")
    parser.add_argument("--detectors", nargs="*", default=list(USUAL))
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int, help="default: those of the preset")
    parser.add_argument("--processes", type=int, default=1, help="trainings at the same time")
    parser.add_argument("--report", action="store_true", help="only write the page")
    options = parser.parse_args(argv)
    if not options.report and options.data is None:
        parser.error("pass --data DIR, or --report")
    return options


if __name__ == "__main__":
    main(sys.argv[1:])
