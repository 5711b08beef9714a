"""A panel that asks one question after the other: the student sorts, judges, or labels pictures.

In come questions; out goes the table of the answers (`trial.table()`), at any time. The key of each
answer stands on its button, and Backspace takes the last answer back.
"""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import anywidget
import pandas as pd
import traitlets

from o2u_nb.course.trial import Answers, Question
from o2u_nb.data.images import png_bytes
from o2u_nb.widgets.esm import joined
from o2u_nb.widgets.parts.output import LiveOutput

WIDGETS = Path(__file__).parents[1]


class TrialView(anywidget.AnyWidget):
    """Show one question in the browser; what is pressed there comes as a message."""

    _esm = joined(WIDGETS / "js" / "trial.js")
    _css = (WIDGETS / "trial.css").read_text(encoding="utf-8")

    text = traitlets.Unicode().tag(sync=True)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)
    place = traitlets.Unicode().tag(sync=True)
    feedback = traitlets.Unicode().tag(sync=True)
    picture = traitlets.Bytes(b"").tag(sync=True)
    described = traitlets.Unicode().tag(sync=True)


class Trial(LiveOutput):
    """Ask `questions` one after the other, and record the answers.

    `feedback(question, answer)` returns what to say of an answer at once; without it, nothing is
    said. `done` is the sentence after the last question; `on_answer()` is called after each answer,
    and after one that is taken back.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        *,
        done: str = "That was the last one. Thank you: run the next cell.",
        feedback: Callable[[Question, str], str] | None = None,
        on_answer: Callable[[], None] | None = None,
    ):
        self.answers = Answers(questions)
        self._done = done
        self._feedback = feedback
        self._on_answer = on_answer
        self._view = TrialView()
        super().__init__([self._view])
        self._view.on_msg(self._receive)
        self._show("")

    @property
    def message(self) -> str:
        """Return how many questions are answered, in words."""
        return f"{self.answers.at} of {len(self.answers.questions)} questions are answered."

    def table(self) -> pd.DataFrame:
        """Return one row for each answer: question, answer, seconds, and what is kept about it."""
        return self.answers.table()

    def answer(self, choice: int | str) -> None:
        """Answer the present question, by the number of a choice from 0, or by its name."""
        question = self.answers.question
        if question is not None and isinstance(choice, str):
            choice = question.choices.index(choice)
        self.answers.give(int(choice))
        given = self.answers.table()["answer"].iloc[-1]
        self._show(self._feedback(question, given) if self._feedback and question else "")
        self._tell()

    def take_back(self) -> None:
        """Take the last answer back."""
        self.answers.take_back()
        self._show("")
        self._tell()

    def _tell(self) -> None:
        if self._on_answer is not None:
            self._on_answer()
        if self.answers.question is None:
            self.send_again()

    def _receive(self, _, message: dict, buffers: list) -> None:
        if message.get("kind") == "back":
            self.take_back()
        elif message.get("kind") == "answer" and self.answers.question is not None:
            self.answer(int(message["choice"]))

    def _show(self, feedback: str) -> None:
        question, n = self.answers.question, len(self.answers.questions)
        with self._view.hold_sync():
            self._view.feedback = feedback
            if question is None:
                self._view.text, self._view.choices, self._view.picture = self._done, [], b""
                self._view.place, self._view.described = f"{n} of {n} answered", ""
            else:
                self._view.text, self._view.choices = question.text, list(question.choices)
                self._view.picture = png_bytes(question.picture)
                self._view.place = f"{self.answers.at + 1} of {n}"
                self._view.described = f"picture {self.answers.at + 1}"

    def _html(self) -> str:
        """Return how far the student is; a picture of a question would only tell it to others."""
        return f"<p>{escape(self.message)}</p>"
