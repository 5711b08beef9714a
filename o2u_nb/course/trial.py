"""Questions to a student, and the answers that were given: what a `Trial` asks and records.

In come questions, each with a picture and a few answers to choose from; out goes a table of the
answers, with the seconds that each took. Nothing here knows widgets.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

COLUMNS = ("question", "answer", "seconds")
LONGEST = 120.0  # seconds; who takes longer was away, and the time says nothing. Our choice.


@dataclass(frozen=True)
class Question:
    """Ask `text` about `picture` (uint8 grey or RGB), to be answered with one of `choices`.

    `id` names the question in the table of answers; `about` is kept beside it there.
    """

    id: str
    text: str
    picture: np.ndarray
    choices: tuple[str, ...]
    about: dict = field(default_factory=dict)


class Answers:
    """Record the answers to `questions` in their order; `clock()` tells the time in seconds."""

    def __init__(self, questions: Sequence[Question], clock: Callable[[], float] = time.monotonic):
        self.questions = list(questions)
        self._clock = clock
        self._given: list[tuple[str, float]] = []
        self._since = clock()

    @property
    def at(self) -> int:
        """Return how many questions are answered."""
        return len(self._given)

    @property
    def question(self) -> Question | None:
        """Return the question that is next, or None after the last one."""
        return self.questions[self.at] if self.at < len(self.questions) else None

    def give(self, choice: int) -> None:
        """Answer the present question with its choice number `choice`, from 0.

        Raises `ValueError` after the last question, and for a choice that there is not.
        """
        question = self.question
        if question is None or not 0 <= choice < len(question.choices):
            raise ValueError(f"Expected a choice of question {self.at + 1}, found {choice}")
        now = self._clock()
        self._given.append((question.choices[choice], min(now - self._since, LONGEST)))
        self._since = now

    def take_back(self) -> None:
        """Take the last answer back, if there is one, and ask that question again."""
        if self._given:
            self._given.pop()
        self._since = self._clock()

    def table(self) -> pd.DataFrame:
        """Return one row for each answer: question, answer, seconds, and what is kept about it.

        The columns are there before the first answer, too.
        """
        rows = [
            {"question": question.id, "answer": answer, "seconds": seconds, **question.about}
            for question, (answer, seconds) in zip(self.questions, self._given, strict=False)
        ]
        about = dict.fromkeys(name for question in self.questions for name in question.about)
        return pd.DataFrame(rows, columns=[*COLUMNS, *about])
