"""Lesson 11: a set with hidden truth, a fixed number of clicks, a score, and a certificate.

In comes a seed, which plants a noise that is not told; out come samples to audit with any method of
the course. Each picture that is looked at costs a click. At the end `score` says how many labels
were wrong before and after, and whether the promise that was made holds.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.course.digits import DIGITS, NAMES, digits, picture
from o2u_nb.course.noise_effect import KINDS, relabel, transition
from o2u_nb.course.trial import Question

BUDGET = 200  # clicks, for 1,797 digits
UNREAD = "cannot be read"
CHOICES = (*DIGITS, UNREAD)


class Score(NamedTuple):
    """What came of a capstone: wrong labels `before` and `after`, `clicks` used, `harmed` labels.

    `harmed` counts labels that were right and are wrong now. `kept` tells whether the promised
    bound on the wrong labels holds, None where nothing was promised.
    """

    before: int
    after: int
    clicks: int
    harmed: int
    kept: bool | None


class Capstone:
    """A set of digits in which some labels are wrong, and `budget` clicks to mend it.

    `pixels` float (n, 64) and `given` int (n,) are what an audit may use; `ids` name the digits.
    The truth is kept here, and only `score` reads it: nothing stops a student from reading this
    file, and nobody learns anything by it.
    """

    def __init__(self, seed: int, *, budget: int = BUDGET):
        rng = np.random.default_rng([seed, 11])
        self.budget = budget
        self.pixels, self._truth = digits()
        kind, rate = rng.choice(KINDS), rng.uniform(0.03, 0.12)
        self.given = relabel(transition(kind, rate), self._truth, int(rng.integers(1 << 30)))
        self.ids = [f"digit-{k:04d}" for k in range(len(self.given))]
        self._looked: dict[int, int | None] = {}

    @property
    def left(self) -> int:
        """Return how many clicks are left."""
        return self.budget - len(self._looked)

    @property
    def looked_at(self) -> np.ndarray:
        """Return the positions of the digits that were looked at, in that order: int (n,)."""
        return np.array(list(self._looked), dtype=int)

    def samples(self) -> pd.DataFrame:
        """Return the digits as a samples table: columns `image` and `label`, by id."""
        images = [picture(scan) for scan in self.pixels]
        labels = pd.Series([NAMES[k] for k in self.given], dtype="str").array
        index = pd.Index(self.ids, name="sample_id")
        return pd.DataFrame({"image": images, "label": labels, "split": ""}, index=index)

    def questions(self, positions: Sequence[int]) -> list[Question]:
        """Return what to ask about digits, for a `Trial`; the given label is not shown.

        Raises `ValueError` for more digits than there are clicks left, or one that was looked at.
        """
        chosen = [int(k) for k in positions]
        again = [k for k in chosen if k in self._looked]
        if len(chosen) > self.left or again or len(set(chosen)) < len(chosen):
            raise ValueError(
                f"Expected at most {self.left} digits, each once and not looked at before; found "
                f"{len(chosen)}, {len(again)} of them looked at before"
            )
        return [
            Question(self.ids[k], "Which digit is this?", picture(self.pixels[k]), CHOICES,
                     {"position": k})
            for k in chosen
        ]  # fmt: skip

    def record(self, answers: pd.DataFrame) -> None:
        """Take the answers of a `Trial` over: each costs a click, and replaces the label.

        Where a digit cannot be read, its label stays. Raises `ValueError` when there are more
        answers than clicks left.
        """
        new = answers[~answers["position"].isin(list(self._looked))]
        if len(new) > self.left:
            raise ValueError(f"Expected at most {self.left} new answers, found {len(new)}")
        for position, answer in zip(new["position"], new["answer"], strict=True):
            self._looked[int(position)] = None if answer == UNREAD else DIGITS.index(answer)

    def labels(self) -> np.ndarray:
        """Return the labels as they are now, with the answers in them: int (n,)."""
        labels = self.given.copy()
        for position, answer in self._looked.items():
            if answer is not None:
                labels[position] = answer
        return labels

    def changed(self, positions: Sequence[int]) -> int:
        """Count the digits among `positions` whose answer differs from the label they had."""
        answers = {k: self._looked[int(k)] for k in positions}
        return sum(a is not None and a != self.given[k] for k, a in answers.items())

    def score(self, promised: int | None = None) -> Score:
        """Read the truth: how many labels were and are wrong, and does the promise hold?

        `promised` is the largest number of wrong labels that you say are left.
        """
        wrong_before, now = self.given != self._truth, self.labels()
        wrong = now != self._truth
        return Score(
            before=int(wrong_before.sum()),
            after=int(wrong.sum()),
            clicks=len(self._looked),
            harmed=int((wrong & ~wrong_before).sum()),
            kept=None if promised is None else bool(wrong.sum() <= promised),
        )

    def truth_of(self, positions: Sequence[int]) -> Mapping[int, int]:
        """Return the true digits at `positions`: for a simulated reviewer, and after the score."""
        return {int(k): int(self._truth[int(k)]) for k in positions}
