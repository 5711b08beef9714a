"""Lesson 11 as a student does it: digits are named by keys, and the certificate is checked."""

import json

import pytest
from playwright.sync_api import expect

from o2u_nb.course.editions import ANSWERS, answers_in
from tests.browser.lab import THEMES, Notebook

pytestmark = pytest.mark.browser
BUDGET, SUSPECTS = 50, 20  # clicks, as few as the check of the plan allows
RUN = """async id => {
  const index = window.notebook.widgets.findIndex(cell => cell.model.id === id);
  window.notebook.activeCellIndex = index;
  window.notebook.deselectAll();
  await window.jupyterapp.commands.execute('notebook:run-cell');
}"""


@pytest.fixture
def notebook(desk, folder, root):
    """A copy of the lesson with fewer clicks; the answers but those by keys are filled in."""
    lesson = json.loads((root / "notebooks" / "11_capstone.ipynb").read_text("utf-8"))
    answers = answers_in(root / "notebooks" / ANSWERS / "11_capstone.py")
    sources = {
        "answer-clicks": f"for_suspects = {SUSPECTS}",
        "answer-bound": answers["answer-bound"],
    }
    for cell in lesson["cells"]:
        text = sources.get(cell["id"], "".join(cell["source"]))
        if cell["id"] == "imports":
            assert "Capstone(seed=1)" in text
            text = text.replace("Capstone(seed=1)", f"Capstone(seed=1, budget={BUDGET})")
        cell["source"] = text
    path = folder / "capstone.ipynb"
    path.write_text(json.dumps(lesson))
    return Notebook(desk, path, shares=True, size=(1100, 900))


def run(notebook: Notebook, first: str, last: str):
    """Run the cells of code from one id to another, which must leave no error."""
    code = [cell["id"] for cell in notebook.cells() if cell["cell_type"] == "code"]
    for name in code[code.index(first) : code.index(last) + 1]:
        notebook.desk.wait_for(RUN, name)
    assert notebook.errors() == []


def truth(notebook: Notebook, trial: str) -> str:
    """Return the true digit of each question of a trial, in order: what an able student sees."""
    code = f"""
    right = task.truth_of([q.about["position"] for q in {trial}.answers.questions])
    open("right.txt", "w").write("".join(map(str, right.values())))
    """
    notebook.execute("\n".join(line.strip() for line in code.splitlines()))
    return (notebook.path.parent / "right.txt").read_text()


def shown(notebook: Notebook, cell_id: str):
    index = next(i for i, cell in enumerate(notebook.cells()) if cell["id"] == cell_id)
    return notebook.show(index)


def text_of(notebook: Notebook, cell_id: str) -> str:
    cell = next(cell for cell in notebook.cells() if cell["id"] == cell_id)
    return json.dumps(cell["outputs"], ensure_ascii=False)


def name_all(notebook: Notebook, trial: str):
    """Name each digit of a trial by its key; the first one wrongly, which is taken back."""
    panel = shown(notebook, trial).locator(".o2u-trial")
    digits, page = truth(notebook, trial), notebook.page
    panel.focus()
    page.keyboard.press(str((int(digits[0]) + 1) % 10))
    expect(panel).to_contain_text(f"2 of {len(digits)}")
    page.keyboard.press("Backspace")
    for number, digit in enumerate(digits, start=1):
        expect(panel).to_contain_text(f"{number} of {len(digits)}")
        page.keyboard.press(digit)
    expect(panel).to_contain_text("That was the last")


def test_the_capstone_is_played_to_its_certificate(notebook, artefacts):
    run(notebook, "imports", "review")
    assert f"{SUSPECTS} for suspects" in text_of(notebook, "check-clicks")
    for theme in THEMES:
        notebook.change_theme(theme)
        shown(notebook, "review").locator(".o2u-trial img").wait_for()
        notebook.settle()
        notebook.page.screenshot(path=artefacts / f"course-capstone-{theme}.png")
    name_all(notebook, "review")
    run(notebook, "answer-review", "sample")
    assert f"{BUDGET - SUSPECTS} clicks are left" in text_of(notebook, "reviewed")
    name_all(notebook, "sample")
    run(notebook, "answer-sample", "check-capstone")
    assert "with 95 % confidence" in text_of(notebook, "check-bound")
    assert "The promise holds" in text_of(notebook, "check-capstone")
    notebook.execute(f"assert score.clicks == {BUDGET} and score.harmed == 0 and score.kept")
    assert len(notebook.cells()) == len(json.loads(notebook.path.read_text())["cells"])
    assert notebook.ours == []
