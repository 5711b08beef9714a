"""Every self-check passes on a right answer, fails on a wrong one, and waits for an answer."""

import inspect

import pytest

from o2u_nb.course import checks
from o2u_nb.course.verdict import Verdict, question, require
from tests.course.answers import ANSWERS
from tests.course.notebooks import PATHS, asked

RIGHT = [(name, answer) for name, (right, _) in ANSWERS.items() for answer in right]
WRONG = [(name, answer) for name, (_, wrong) in ANSWERS.items() for answer in wrong]


def names() -> set[str]:
    made_here = vars(checks).items()
    return {
        n for n, f in made_here if inspect.isfunction(f) and f.__module__ == checks.__name__
    } - {"off"}


def test_every_check_is_tried_and_asked():
    public = {name for name in names() if not name.startswith("_")}
    assert public == set(ANSWERS)
    assert public == {name for path in PATHS for name in asked(path)}


@pytest.mark.parametrize(
    "name, answer", RIGHT, ids=lambda part: part if isinstance(part, str) else ""
)
def test_a_right_answer_passes(name, answer):
    verdict = getattr(checks, name)(*answer)
    assert verdict.right is True and verdict.message, verdict
    assert require(verdict) is verdict


@pytest.mark.parametrize(
    "name, answer", WRONG, ids=lambda part: part if isinstance(part, str) else ""
)
def test_a_wrong_answer_gets_a_hint(name, answer):
    verdict = getattr(checks, name)(*answer)
    assert verdict.right is False and len(verdict.message) > 15, verdict
    with pytest.raises(AssertionError, match="Not yet"):
        require(verdict)


@pytest.mark.parametrize("name", ANSWERS)
def test_three_dots_are_no_answer(name):
    first = ANSWERS[name][0][0]
    verdict = getattr(checks, name)(..., *first[1:])
    assert verdict.right is None and "No answer yet" in verdict.message
    with pytest.raises(AssertionError, match="No answer yet"):
        require(verdict)


def test_a_verdict_is_shown_as_inert_text():
    verdict = Verdict(False, "<b>no</b>")
    assert "<b>no</b>" not in verdict._repr_html_() and "&lt;b&gt;" in verdict._repr_html_()
    assert str(Verdict(True, "Yes.", is_prediction=True)) == "Noted. Yes."
    assert str(Verdict(True, "Yes.")) == "Right. Yes." and not Verdict(None, "")


def test_an_error_of_the_check_itself_is_not_hidden():
    @question
    def broken(answer):
        return str(1 / answer)

    with pytest.raises(ZeroDivisionError):
        broken(0)
