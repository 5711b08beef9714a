"""The notebooks of the course as files: numbered, without outputs, with answers kept apart."""

import json

import pytest

from o2u_nb.course.editions import PREFIX, filled, write_filled, write_student
from tests.course.notebooks import FOLDER, PATHS, asked, cells

by_name = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def test_the_series_is_numbered_without_gaps():
    assert [path.name[:2] for path in PATHS] == [f"{k:02d}" for k in range(len(PATHS))]
    assert len(PATHS) >= 12


@by_name
def test_a_notebook_is_stored_without_outputs(path):
    for cell in cells(path):
        assert cell["outputs"] == [] and cell["execution_count"] is None


@by_name
def test_a_notebook_says_what_it_does_not_show(path):
    assert any("does not show" in cell["source"] for cell in cells(path, "markdown"))


@by_name
def test_each_answer_is_checked_before_the_next_heading_but_one(path):
    """After each cell for an answer there is a self-check, or a cell that uses the answer."""
    code = cells(path)
    waiting = [k for k, cell in enumerate(code) if cell["id"].startswith(PREFIX)]
    for k in waiting:
        names = [line.split(" = ")[0] for line in code[k]["source"].splitlines() if " = " in line]
        names += [
            line[4:].split("(")[0] for line in code[k]["source"].splitlines() if line[:4] == "def "
        ]
        later = "\n".join(cell["source"] for cell in code[k + 1 :])
        first = [name.strip() for part in names for name in part.split(",")]
        assert not first or any(name in later for name in first), code[k]["id"]


def test_every_lesson_asks_something():
    counts = {path.stem: len(asked(path)) for path in PATHS}
    assert min(counts.values()) >= 1, counts
    assert sum(counts.values()) >= 35


def test_answers_fill_their_cells_and_make_checks_strict():
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    notebook = {
        "cells": [
            {**cell, "id": "answer-x", "source": ["x = ...\n", "y = 1"]},
            {**cell, "id": "b", "source": ["z = 2\n", "checks.some(x, z)"]},
            {**cell, "id": "c", "source": ["print(x)"]},
        ]
    }
    sources = [c["source"] for c in filled(notebook, {"answer-x": "x = 3"})["cells"]]
    assert sources[0] == "x = 3" and sources[2] == "print(x)"
    assert sources[1].splitlines()[1:] == ["z = 2", "require(checks.some(x, z))"]


@pytest.mark.parametrize("answers", [{}, {"answer-x": "1", "answer-y": "2"}])
def test_an_answer_too_few_or_too_many_is_an_error(answers):
    notebook = {"cells": [{"id": "answer-x", "source": "x = ...", "cell_type": "code"}]}
    with pytest.raises(ValueError, match="one answer for each cell"):
        filled(notebook, answers)


def test_both_editions(tmp_path):
    strict = write_filled(FOLDER, tmp_path / "filled")
    assert [path.name for path in strict] == [path.name for path in PATHS]
    students = write_student(FOLDER, tmp_path / "student")
    names = {path.relative_to(tmp_path / "student").as_posix() for path in students}
    assert {path.name for path in PATHS} <= names
    assert not any("answers" in name or "LECTURER" in name for name in names)
    with pytest.raises(ValueError, match="Expected an empty folder"):
        write_student(FOLDER, tmp_path / "student")


def test_the_filled_edition_is_a_notebook(tmp_path):
    import nbformat

    for path in write_filled(FOLDER, tmp_path):
        nbformat.validate(nbformat.read(path, 4))
        assert "= ..." not in "".join(
            cell["source"]
            for cell in json.loads(path.read_text())["cells"]
            if cell["id"].startswith(PREFIX)
        )
