"""What a self-check says of an answer: right, not yet right, or not answered.

In comes what a student has put in place of the three dots; out comes a `Verdict`, which a notebook
shows as a coloured line, and which a grader can ask with `require`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from html import escape
from numbers import Real
from typing import Any

import numpy as np

UNANSWERED = "No answer yet: replace the three dots in the cell above, and run both cells again."
# The colours are those of JupyterLab's themes, with others where there is no such theme.
COLOURS = {
    True: "var(--jp-success-color1, #2e7d32)",
    False: "var(--jp-warn-color1, #b26a00)",
    None: "var(--jp-border-color1, #888)",
}
HEADS = {True: "Right.", False: "Not yet.", None: ""}
NOTED = "Noted."


@dataclass(frozen=True)
class Verdict:
    """Say whether an answer is `right` (None: there is no answer yet), and why in a `message`.

    A prediction is right as soon as it is made: `is_prediction` only changes the word for that.
    """

    right: bool | None
    message: str
    is_prediction: bool = False

    @property
    def head(self) -> str:
        """Return the word that the verdict begins with."""
        return NOTED if self.is_prediction and self.right else HEADS[self.right]

    def __bool__(self) -> bool:
        return self.right is True

    def __str__(self) -> str:
        return f"{self.head} {self.message}".strip()

    def _repr_html_(self) -> str:
        style = (
            f"border-left: 4px solid {COLOURS[self.right]}; padding: 4px 10px; margin: 4px 0; "
            "max-width: 72ch"
        )
        head = f"<b>{self.head}</b> " if self.head else ""
        return f'<div role="status" style="{style}">{head}{escape(self.message)}</div>'


class NotYet(Exception):
    """Carry the hint from where an answer turns out to be wrong; its text is the message."""


def question(check: Callable[..., str]) -> Callable[..., Verdict]:
    """Make a self-check of a function of a student's answers.

    The function returns what to say of a right answer, and raises `NotYet` with a hint for a wrong
    one. The check returns a `Verdict`; answers that are still three dots are no answers.
    """
    return _asking(check, is_prediction=False)


def prediction(check: Callable[..., str]) -> Callable[..., Verdict]:
    """Make a self-check of a function of a student's prediction, which can only be far off."""
    return _asking(check, is_prediction=True)


def _asking(check: Callable[..., str], *, is_prediction: bool) -> Callable[..., Verdict]:
    @wraps(check)
    def verdict(*answers: Any, **more: Any) -> Verdict:
        if any(answer is ... for answer in (*answers, *more.values())):
            return Verdict(None, UNANSWERED)
        try:
            return Verdict(True, check(*answers, **more), is_prediction)
        except NotYet as hint:
            return Verdict(False, str(hint))

    return verdict


def require(verdict: Verdict) -> Verdict:
    """Return a verdict that is right; raise `AssertionError` for others, as graders expect.

    >>> require(Verdict(False, "Count again."))
    Traceback (most recent call last):
    ...
    AssertionError: Not yet. Count again.
    """
    if not verdict:
        raise AssertionError(str(verdict))
    return verdict


def number(answer: Any) -> float:
    """Return `answer` as a float; raise `NotYet` where it is not one finite number."""
    if isinstance(answer, np.ndarray) and answer.size == 1:
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, (Real, np.number)):
        raise NotYet(f"Expected a number, found {type(answer).__name__}.")
    if not np.isfinite(float(answer)):
        raise NotYet(f"Expected a finite number, found {answer}.")
    return float(answer)


def share(answer: Any) -> float:
    """Return `answer` as a share from 0 to 1; a percentage such as 20 is asked to be written so."""
    found = number(answer)
    if not 0 <= found <= 1:
        raise NotYet(f"Expected a share from 0 to 1, found {found:g}: 20 % is written 0.2.")
    return found


def whole(answer: Any, least: int, most: int) -> int:
    """Return `answer` as a whole number from `least` to `most`, or raise `NotYet`."""
    found = number(answer)
    if found != int(found) or not least <= found <= most:
        raise NotYet(f"Expected a whole number from {least} to {most}, found {found:g}.")
    return int(found)


def array(answer: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return `answer` as an array of floats with this `shape`, or raise `NotYet`."""
    try:
        found = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        raise NotYet(f"Expected numbers in the shape {shape}, found {answer!r:.80}.") from None
    if found.shape != shape:
        raise NotYet(f"Expected numbers in the shape {shape}, found the shape {found.shape}.")
    return found


def one_of(answer: Any, choices: tuple[str, ...]) -> str:
    """Return `answer`, which must be one of `choices`; capital letters and spaces do not count."""
    word = " ".join(str(answer).split()).lower()
    if word not in choices:
        raise NotYet(f"Expected one of {', '.join(map(repr, choices))}, found {answer!r:.80}.")
    return word


def close(found: float, right: float, tolerance: float, hint: str) -> None:
    """Raise `NotYet` with `hint` where `found` is not within `tolerance` of `right`."""
    if abs(found - right) > tolerance:
        raise NotYet(hint)
