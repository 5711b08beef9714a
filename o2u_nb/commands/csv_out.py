"""The option `--out FILE.csv`, which several commands have: a table that is also written.

In comes a table; out goes a CSV file, which no program takes for formulas.
"""

import argparse
from pathlib import Path

import pandas as pd

from o2u_nb.commands.options import place
from o2u_nb.data import atomic
from o2u_nb.errors import O2UError
from o2u_nb.exchange.cleaned import csv_text


def add_out(parser: argparse.ArgumentParser, help: str) -> None:
    """Add the option to a command's parser."""
    parser.add_argument("--out", type=place, metavar="FILE.csv", help=help)


def require_csv(out: Path | None) -> None:
    """Raise `O2UError` for a file of another kind, such as a picture that was meant to be read."""
    if out is not None and out.suffix.lower() != ".csv":
        raise O2UError(f"--out {out} must end in .csv, so that no picture is replaced.")


def write(table: pd.DataFrame, out: Path | None) -> None:
    """Write `table`, with its index as the first column, unless `out` is None."""
    if out is not None:
        with atomic.replacing(out) as file:
            file.write(csv_text(table.reset_index()).encode())
