"""Data sets with wrong labels: in come a folder and a seed, out come a samples table and the truth.

A set is drawn anew for each seed: its subset of the pictures and its wrong labels. The truth is for
scoring alone: no training and no score sees it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.data import datasets, noise
from o2u_nb.data.noise import Noise, Planted

COUNT = 10_000  # pictures of a Fashion-MNIST set
LARGEST, IMBALANCE = 3_000, 20  # pictures of the largest class; largest : smallest
HUMAN_COUNT = 8_000  # pictures of a CIFAR-10N set
MOVED, WASTE_MOVED = 0.2, 0.1  # share of a class that goes to its look-alike
LOOK_ALIKES = {
    "T-shirt/top": "Shirt",
    "Shirt": "T-shirt/top",
    "Pullover": "Coat",
    "Coat": "Pullover",
    "Dress": "T-shirt/top",
    "Trouser": "Dress",
    "Sandal": "Sneaker",
    "Sneaker": "Ankle boot",
    "Ankle boot": "Sneaker",
}
# Waste that looks or feels alike: clear things, paper and board, shiny things. Chosen by eye.
WASTE_ALIKE = {
    "cardboard": "paper",
    "glass": "plastic",
    "metal": "glass",
    "paper": "cardboard",
    "plastic": "glass",
    "trash": "paper",
}
STRANGERS = "trash"  # the class of waste whose pictures belong to no class of the others


class Set(NamedTuple):
    """A data set: its title within its group of tables, that group, and how it is drawn."""

    title: str
    group: str
    draw: Callable[[Path, int], Planted]  # folder and seed in, samples table and truth out


def coats(data: Path, seed: int) -> Planted:
    """Generate coats with the demo's noise; their pictures are kept in `data/coats`."""
    return Planted(*datasets.load("coats", root=data / "coats", seed=seed))


def digits(data: Path, seed: int) -> Planted:
    """All of scikit-learn's digits."""
    return noise.plant(datasets.load("digits").samples, noise.symmetric(0.2), seed=seed)


def fashion(planted: Noise, *, every: bool = False) -> Callable[[Path, int], Planted]:
    """Pictures of Fashion-MNIST, 10,000 or `every` one, with `planted` noise."""

    def draw(data: Path, seed: int) -> Planted:
        root, n = data / "fashion-mnist", None if every else COUNT
        clean = datasets.load("fashion_mnist", root=root, n=n, seed=seed).samples
        return noise.plant(clean, planted, seed=seed)

    return draw


def imbalanced(planted: Noise) -> Callable[[Path, int], Planted]:
    """Pictures of Fashion-MNIST in classes of unequal size, with `planted` noise."""

    def draw(data: Path, seed: int) -> Planted:
        clean = datasets.load("fashion_mnist", root=data / "fashion-mnist").samples
        return noise.plant(
            unequal(clean, largest=LARGEST, ratio=IMBALANCE, seed=seed), planted, seed=seed
        )

    return draw


def unequal(samples: pd.DataFrame, *, largest: int, ratio: float, seed: int) -> pd.DataFrame:
    """Draw classes whose sizes fall geometrically from `largest` to `largest` / `ratio`.

    Which class is large and which is small is drawn too. Rows keep their order.
    """
    rng = np.random.default_rng([seed, largest])
    classes = rng.permutation(sorted(samples["label"].unique()))
    sizes = np.round(np.geomspace(largest, largest / ratio, len(classes))).astype(int)
    chosen = [
        rng.permutation(np.flatnonzero(samples["label"] == label))[:size]
        for label, size in zip(classes, sizes, strict=True)
    ]
    return samples.iloc[np.sort(np.concatenate(chosen))]


def look_alikes(others: dict[str, str], classes: Sequence[str], moved: float) -> Noise:
    """Move a share `moved` of each class to the one that `others` names, if it names one."""
    matrix = np.eye(len(classes))
    for label, other in others.items():
        row = classes.index(label)
        matrix[row, row], matrix[row, classes.index(other)] = 1 - moved, moved
    return noise.transition(matrix, classes)


def human(column: str, *, count: int | None = HUMAN_COUNT) -> Callable[[Path, int], Planted]:
    """`count` pictures of CIFAR-10 (None: all) with the human labels of CIFAR-10N's `column`."""

    def draw(data: Path, seed: int) -> Planted:
        table = pd.read_csv(data / "cifar10n.csv", dtype=str)
        chosen = np.random.default_rng(seed).permutation(len(table))[:count]
        table = table.iloc[np.sort(chosen)].set_index("path").rename_axis("sample_id")
        paths = [str(data / "cifar10" / path) for path in table.index]
        samples = pd.DataFrame(dict(label=table[column], split="train", path=paths), table.index)
        return Planted(samples, table["label_true"].rename("true_label"))

    return draw


def waste(planted: Noise) -> Callable[[Path, int], Planted]:
    """All photographs of waste, 2,527 in 6 classes, with `planted` noise."""
    return lambda data, seed: noise.plant(waste_samples(data), planted, seed=seed)


def waste_with_strangers(data: Path, seed: int) -> Planted:
    """Photographs of waste in 5 classes, and those of a sixth that are filed among them.

    Every other label is right. The true class of the strangers is no class of the set.
    """
    samples = waste_samples(data)
    strange = samples["label"] == STRANGERS
    classes = sorted(set(samples["label"]) - {STRANGERS})
    labels = samples["label"].copy()
    labels[strange] = np.random.default_rng(seed).choice(classes, strange.sum())
    return Planted(samples.assign(label=labels), samples["label"].rename("true_label"))


def waste_samples(data: Path) -> pd.DataFrame:
    """List the photographs of waste with their own labels, the names of their folders."""
    paths = sorted((data / "trashnet").glob("*/*.jpg"))
    if not paths:
        raise FileNotFoundError(f"no photographs in {data / 'trashnet'}/CLASS/")
    labels = [path.parent.name for path in paths]
    ids = [f"{path.parent.name}/{path.name}" for path in paths]
    columns = dict(label=labels, split="train", path=[str(path) for path in paths])
    return pd.DataFrame(columns, pd.Index(ids, name="sample_id"))


SMALL, PLANTED, REAL = "Small sets", "Fashion-MNIST, planted noise", "More pictures, human labels"
PHOTOGRAPHS = "Photographs of waste (trashnet, 2,527)"
SETS = {
    "coats": Set("coats, 2,000, look-alikes 10 %", SMALL, coats),
    "digits-sym20": Set("digits, 1,797, symmetric 20 %", SMALL, digits),
    "fashion-sym5": Set("symmetric 5 %", PLANTED, fashion(noise.symmetric(0.05))),
    "fashion-sym20": Set("symmetric 20 %", PLANTED, fashion(noise.symmetric(0.2))),
    "fashion-sym40": Set("symmetric 40 %", PLANTED, fashion(noise.symmetric(0.4))),
    "fashion-pair20": Set("pair flip 20 %", PLANTED, fashion(noise.pair_flip(0.2))),
    "fashion-class20": Set(
        "look-alike classes 20 %",
        PLANTED,
        fashion(look_alikes(LOOK_ALIKES, datasets.FASHION_CLASSES, MOVED)),
    ),
    "fashion-instance20": Set(
        "instance-dependent 20 %", PLANTED, fashion(noise.instance_dependent(0.2))
    ),
    "fashion-imbalanced20": Set(
        "classes 20 : 1, sym. 20 %", PLANTED, imbalanced(noise.symmetric(0.2))
    ),
    "fashion60k-sym20": Set(
        "Fashion-MNIST, 60,000, symmetric 20 %", REAL, fashion(noise.symmetric(0.2), every=True)
    ),
    "cifar-aggre": Set("CIFAR-10N aggre, 8,000", REAL, human("label_aggre")),
    "cifar-worst": Set("CIFAR-10N worst, 8,000", REAL, human("label_worst")),
    "waste-sym10": Set("symmetric 10 %", PHOTOGRAPHS, waste(noise.symmetric(0.1))),
    "waste-sym30": Set("symmetric 30 %", PHOTOGRAPHS, waste(noise.symmetric(0.3))),
    "waste-pair20": Set("pair flip 20 %", PHOTOGRAPHS, waste(noise.pair_flip(0.2))),
    "waste-class10": Set(
        "look-alike classes 10 %",
        PHOTOGRAPHS,
        waste(look_alikes(WASTE_ALIKE, sorted(WASTE_ALIKE), WASTE_MOVED)),
    ),
    "waste-strangers": Set("pictures of no class 5 %", PHOTOGRAPHS, waste_with_strangers),
}
BEFORE = {PLANTED: "Fashion-MNIST, ", PHOTOGRAPHS: "waste, "}  # titles outside of their group


def full_title(name: str) -> str:
    """Name a set where its group is not said."""
    return BEFORE.get(SETS[name].group, "") + SETS[name].title
