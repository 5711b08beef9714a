"""The command `score`: rank new pictures by what a finished audit learned.

In come an audit folder and a source of pictures; out goes a table, as Parquet or CSV.
"""

import argparse

from o2u_nb.audit import Audit
from o2u_nb.commands import table_out
from o2u_nb.commands.options import place
from o2u_nb.data import sources
from o2u_nb.progress import Bars

KINDS = (".parquet", table_out.CSV)


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
    table_out.require_usable(options.out, [options.source, options.labels], KINDS)
    audit = Audit.open(options.folder)
    source = options.source
    if options.labels is not None:
        source = sources.read(source, options.labels, check_images=False)
    with Bars() as bars:
        found = audit.score(source, progress=lambda done, total: bars("features", done, total))
    table_out.write(found, options.out)
    n_scored, n_problems = found["score"].notna().sum(), (found["problem"] != "").sum()
    print(
        f"{len(found):,} pictures, {n_scored:,} of them with a score, {n_problems:,} with a "
        f"problem; seen by {' and '.join(found.attrs['eyes'])}."
    )
    print(f"The table: {options.out}")
    return 0
