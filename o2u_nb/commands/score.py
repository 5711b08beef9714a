"""The command `score`: rank new pictures by what a finished audit learned.

In come an audit folder and a source of pictures; out goes a table, as Parquet or CSV.
"""

import argparse
from pathlib import Path

import pandas as pd

from o2u_nb.audit import Audit
from o2u_nb.commands import csv_out
from o2u_nb.commands.options import place
from o2u_nb.data import atomic, sources
from o2u_nb.errors import O2UError
from o2u_nb.progress import Bars

KINDS = (".parquet", ".csv")


def add_command(commands) -> None:
    """Add `score` to the parsers of the command line."""
    parser = commands.add_parser(
        "score",
        help="rank new pictures by what a finished audit learned, without training",
        epilog="The score is in nats, higher = more suspicious. Pictures without a label, such as "
        "those of a folder without class folders, get a predicted label and a doubt from 0 to 1.",
    )
    parser.add_argument("folder", type=place, metavar="AUDIT", help="folder of an audit")
    parser.add_argument(
        "source",
        type=place,
        metavar="SOURCE",
        help="folder of pictures or of class folders, or a table of paths and labels",
    )
    parser.add_argument(
        "--labels", type=place, metavar="FILE", help="table of the folder's labels, as of `audit`"
    )
    parser.add_argument(
        "--out",
        type=place,
        required=True,
        metavar="TABLE",
        help="file for the table, which ends in .parquet or .csv; an earlier one is replaced",
    )
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Carry out the command, and return its exit status."""
    if options.out.suffix.lower() not in KINDS:
        raise O2UError(f"--out {options.out} must end in {' or '.join(KINDS)}.")
    audit = Audit.open(options.folder)
    source = options.source
    if options.labels is not None:
        source = sources.read(source, options.labels)
    with Bars() as bars:
        found = audit.score(source, progress=lambda done, total: bars("features", done, total))
    _write(found, options.out)
    n_scored, n_problems = found["score"].notna().sum(), (found["problem"] != "").sum()
    print(
        f"{len(found):,} pictures, {n_scored:,} of them with a score, {n_problems:,} with a "
        f"problem; seen by {' and '.join(found.attrs['eyes'])}."
    )
    print(f"The table: {options.out}")
    return 0


def _write(found: pd.DataFrame, out: Path) -> None:
    if out.suffix.lower() == ".csv":
        return csv_out.write(found, out)
    with atomic.replacing(out) as file:
        found.to_parquet(file)
