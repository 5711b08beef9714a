"""The option `--out`, which several commands have: the file for a table.

In comes a table; out goes a CSV file, which no program takes for formulas, or a Parquet file.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from o2u_nb import folder as layout
from o2u_nb.commands.options import place
from o2u_nb.data import atomic
from o2u_nb.errors import O2UError
from o2u_nb.exchange.cleaned import csv_text

CSV = ".csv"


def add_out(parser: argparse.ArgumentParser, help: str) -> None:
    """Add the option to the parser of a command that writes CSV, if it is asked to."""
    parser.add_argument("--out", type=place, metavar="FILE.csv", help=help)


def require_usable(
    out: Path | None, read: Sequence[Path | None] = (), kinds: Sequence[str] = (CSV,)
) -> None:
    """Raise `O2UError` when writing `out` would replace what is not an earlier table.

    That is a file whose name does not end in one of `kinds`, such as a picture that was meant to be
    read; one of the files that are `read`; and a file that an audit made in its folder.
    """
    if out is None:
        return
    if out.suffix.lower() not in kinds:
        raise O2UError(
            f"--out {out} must end in {' or '.join(kinds)}, so that no picture is replaced."
        )
    for path in filter(None, read):
        if out.exists() and path.exists() and out.samefile(path):
            raise O2UError(f"--out {out} is a file that is read: choose another name.")
    if out.name in (layout.made_in(out.parent) or ()):
        raise O2UError(f"--out {out} is a file of the audit there: choose another name.")


def write(table: pd.DataFrame, out: Path | None) -> None:
    """Write `table` with its index, as CSV or Parquet by the file's name, unless `out` is None."""
    if out is None:
        return
    with atomic.replacing(out) as file:
        if out.suffix.lower() == CSV:
            file.write(csv_text(table.reset_index()).encode())
        else:
            table.to_parquet(file)
