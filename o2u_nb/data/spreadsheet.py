"""Cells of CSV files that a spreadsheet would take for a formula, made inert, and back again.

In come tables of text; out come such tables in which an apostrophe stands before each cell that
begins with a sign of formulas. Spreadsheets show such a cell as text. A name may itself begin with
apostrophes before such a sign; it gets one more, so that taking one away gives every name back.
"""

import re
from collections.abc import Callable

import pandas as pd

MARK = "'"
# What a spreadsheet takes for the beginning of a formula, white space before it included, and the
# full-width forms, which some spreadsheets take for the same (OWASP, "CSV Injection").
FORMULA = re.compile(r"[\s']*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?\Z")  # it begins with such a sign, and computes nothing


def inert(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with `MARK` before each text, in columns and index, that looks like a formula.

    Numbers stay as they are.

    >>> inert(pd.DataFrame({"label": ["=1+1", "cat", "'=x"], "score": [-1.0, 2.0, 0.5]}))
       label  score
    0  '=1+1   -1.0
    1    cat    2.0
    2   ''=x    0.5
    """
    return _changed(table, _with_mark)


def restored(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` without the marks that `inert` has set."""
    return _changed(table, _without_mark)


def _with_mark(text: str) -> str:
    return MARK + text if FORMULA.match(text) and not NUMBER.match(text) else text


def _without_mark(text: str) -> str:
    marked = text.startswith(MARK) and FORMULA.match(text[len(MARK) :])
    return text[len(MARK) :] if marked else text


def _changed(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    def cell(value: object) -> object:
        return change(value) if isinstance(value, str) else value

    texts = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    changed = table.assign(**{name: [cell(value) for value in table[name]] for name in texts})
    if not pd.api.types.is_numeric_dtype(table.index):
        changed.index = pd.Index([cell(value) for value in table.index], name=table.index.name)
    return changed
