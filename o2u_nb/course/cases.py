"""Lesson 1: cases to sort, for a label can be doubtful in more than one way.

In comes a seed, or pictures with the votes of several people; out come questions for a `Trial`.
The cases of `cases` are made of handwritten digits and coats, so that it is known what each was
made as. What it *looks like* is for people to say: compare with the votes of others.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_predict

from o2u_nb.course.digits import NAMES, digits, picture
from o2u_nb.course.trial import Question
from o2u_nb.data import atomic, coats

RIGHT, WRONG, AMBIGUOUS = "right", "wrong", "ambiguous"
SEVERAL, OUTSIDE, DISAGREE = "several right", "out of scope", "duplicates disagree"
KINDS = (RIGHT, WRONG, AMBIGUOUS, SEVERAL, OUTSIDE, DISAGREE)
EACH = 3  # cases of each kind, in a set of 18: about five minutes
DOUBT = 0.65  # a scan is called ambiguous where no class gets more; our choice
GAP = 8  # white pixels between two scans beside each other


def cases(seed: int = 0, each: int = EACH) -> list[Question]:
    """Return `each` cases of each of the `KINDS`, in random order.

    A question's `about` holds `kind`, what the case was made as, and `label`, the label it carries.
    """
    rng = np.random.default_rng(seed)
    makers = {
        RIGHT: _right, WRONG: _wrong, AMBIGUOUS: _ambiguous,
        SEVERAL: _several, OUTSIDE: _outside, DISAGREE: _disagree,
    }  # fmt: skip
    made = [(kind, make(rng)) for kind, make in makers.items() for _ in range(each)]
    order = rng.permutation(len(made))
    return [
        Question(f"case-{n + 1:02d}", _text(label, twice), shown, KINDS,
                 {"kind": kind, "label": label})
        for n, (kind, (shown, label, twice)) in enumerate(made[k] for k in order)
    ]  # fmt: skip


Case = tuple[np.ndarray, str, str]  # a picture, its label, and the label of its duplicate or ""


def _text(label: str, twice: str) -> str:
    if twice:
        return f"This picture is in the set twice, as “{label}” and as “{twice}”. What is it?"
    return f"In a set of single digits, this picture has the label “{label}”. What is it?"


@cache
def probabilities() -> np.ndarray:
    """Return what a simple classifier says of digits that it did not learn from: (1797, 10)."""
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1)
    pixels, labels = digits()
    return cross_val_predict(model, pixels, labels, cv=5, method="predict_proba")


def _pick(rng: np.random.Generator, among: np.ndarray) -> int:
    return int(rng.choice(np.flatnonzero(among)))


def _other(rng: np.random.Generator, label: int) -> int:
    return int((label + rng.integers(1, 10)) % 10)


def _plain() -> np.ndarray:
    """Tell which digits a simple classifier is sure of, and right about."""
    probs, labels = probabilities(), digits().labels
    return (probs.max(1) > 0.99) & (probs.argmax(1) == labels)


def _right(rng: np.random.Generator) -> Case:
    k = _pick(rng, _plain())
    return picture(digits().pixels[k]), NAMES[digits().labels[k]], ""


def _wrong(rng: np.random.Generator) -> Case:
    k = _pick(rng, _plain())
    return picture(digits().pixels[k]), NAMES[_other(rng, digits().labels[k])], ""


def _ambiguous(rng: np.random.Generator) -> Case:
    probs = probabilities()
    k = _pick(rng, probs.max(1) < DOUBT)
    return picture(digits().pixels[k]), NAMES[probs[k].argmax()], ""


def _several(rng: np.random.Generator) -> Case:
    one, labels = _pick(rng, _plain()), digits().labels
    other = _pick(rng, _plain() & (labels != labels[one]))
    scans = [picture(digits().pixels[k]) for k in (one, other)]
    gap = np.full((scans[0].shape[0], GAP), 255, dtype=np.uint8)
    return np.hstack([scans[0], gap, scans[1]]), NAMES[labels[one]], ""


def _outside(rng: np.random.Generator) -> Case:
    pictures, _ = coats.generate(1, seed=int(rng.integers(1 << 30)), size=64)
    return pictures[0], NAMES[rng.integers(10)], ""


def _disagree(rng: np.random.Generator) -> Case:
    shown, label, _ = _right(rng)
    return shown, label, NAMES[_other(rng, NAMES.index(label))]


def cases_of(
    pictures: Mapping[str, np.ndarray], votes: pd.DataFrame, choices: tuple[str, ...]
) -> list[Question]:
    """Return a question about each picture that several people have labelled.

    `votes` has one row for each key of `pictures` and one column for each person; its values are
    among `choices`. Each question's `about` holds the votes, by person.
    """
    return [
        Question(id, "What does this picture show?", pictures[id], choices, dict(row))
        for id, row in votes.iterrows()
    ]


def keep(table: pd.DataFrame, person: str, folder: str | Path) -> Path:
    """Write the answers of a `person` to `folder`, for others to compare with; return the file."""
    path = Path(folder) / f"{person}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.replacing(path) as file:
        file.write(table[["question", "answer"]].to_csv(index=False).encode())
    return path


def kept(folder: str | Path) -> pd.DataFrame:
    """Return the answers that lie in `folder`: a row a question, a column a person."""
    files = sorted(Path(folder).glob("*.csv"))
    columns = {file.stem: pd.read_csv(file, index_col="question")["answer"] for file in files}
    return pd.DataFrame(columns).rename_axis("question")
