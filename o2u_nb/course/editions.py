"""Two editions of the course's notebooks: one for students, one with the answers filled in.

In comes the folder of notebooks, with its folder `answers`; out comes a folder of notebooks without
it, or a folder in which each answer stands in its cell. A cell for an answer has an id that begins
with `answer-`; the file of answers names it after `# %%`.
"""

import argparse
import json
import re
import shutil
import sys
from pathlib import Path

ANSWERS = "answers"
PREFIX = "answer-"
LECTURER = "LECTURER.md"
HEAD = re.compile(r"^# %% *(\S+) *$", re.MULTILINE)


def answers_in(path: Path) -> dict[str, str]:
    """Return the source of each answer in a file of answers, by the id of its cell.

    The file has a line `# %% answer-NAME` before each answer; what stands before the first such
    line is for the lecturer.
    """
    parts = HEAD.split(path.read_text(encoding="utf-8"))
    return {name: text.strip("\n") for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def filled(notebook: dict, answers: dict[str, str]) -> dict:
    """Return the `notebook` with `answers` in the cells of these ids, and with checks that fail.

    A cell that asks a self-check raises an error in it, unless the verdict is right.

    Raises `ValueError` unless there is exactly one answer for each cell that waits for one.
    """
    waiting = {cell["id"] for cell in notebook["cells"] if cell["id"].startswith(PREFIX)}
    if waiting != set(answers):
        differs = ", ".join(sorted(waiting ^ set(answers)))
        raise ValueError(f"Expected one answer for each cell that waits for one; look at {differs}")
    cells = [
        {**cell, "source": _required(answers.get(cell["id"], "".join(cell["source"])))}
        for cell in notebook["cells"]
    ]
    return {**notebook, "cells": cells}


def _required(source: str) -> str:
    """Make a cell that asks a self-check fail unless the verdict is right."""
    *before, last = source.split("\n")
    if not last.startswith("checks."):
        return source
    return "\n".join(["from o2u_nb.course.verdict import require", *before, f"require({last})"])


def write_filled(notebooks: Path, out: Path) -> list[Path]:
    """Write each notebook with its answers filled in to `out`, and return the paths."""
    written = []
    for path in sorted(notebooks.glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        answers = notebooks / ANSWERS / f"{path.stem}.py"
        whole = filled(notebook, answers_in(answers) if answers.is_file() else {})
        written.append(_write(out / path.name, json.dumps(whole, ensure_ascii=False, indent=1)))
    return written


def write_student(notebooks: Path, out: Path) -> list[Path]:
    """Copy to `out` what students get: all but the answers and the lecturer's page.

    Raises `ValueError` when `out` holds anything.
    """
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"Expected an empty folder or none, found files in {out}: remove it first")
    written = []
    for path in sorted(notebooks.rglob("*")):
        place = path.relative_to(notebooks)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in place.parts)
        if path.is_file() and not hidden and place.parts[0] not in (ANSWERS, LECTURER):
            (out / place).parent.mkdir(parents=True, exist_ok=True)
            written.append(Path(shutil.copyfile(path, out / place)))
    return written


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n", encoding="utf-8")
    return path


def main(argv: list[str] | None = None) -> int:
    """Write one edition: `python -m o2u_nb.course.editions student|answers NOTEBOOKS OUT`."""
    parser = argparse.ArgumentParser(description="Write an edition of the course's notebooks.")
    parser.add_argument("edition", choices=("student", "answers"))
    parser.add_argument("notebooks", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(argv)
    write = write_student if options.edition == "student" else write_filled
    try:
        written = write(options.notebooks, options.out)
    except ValueError as error:
        print(f"{error}.", file=sys.stderr)
        return 2
    print(f"{len(written)} files in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
