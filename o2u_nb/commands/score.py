"""The command `score`: rank new pictures by what a finished audit learned.

In come an audit folder and a source of pictures; out goes a table, as Parquet or CSV. With an
engine, Parquet tables come in, and out goes a folder of them.
"""

import argparse

from o2u_nb.audit import Audit
from o2u_nb.bulk.job import ENGINES, RAY, ROWS
from o2u_nb.commands import table_out
from o2u_nb.commands.options import count, place, place_or_url
from o2u_nb.data import sources
from o2u_nb.data.places import is_url
from o2u_nb.errors import O2UError
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
        type=place_or_url,
        metavar="SOURCE",
        help="folder of pictures or of class folders, or a table of paths and labels; with "
        "--engine, a Parquet table or a folder of them, also by URL",
    )
    parser.add_argument(
        "--labels", type=place, metavar="FILE", help="table of the folder's labels, as of `audit`"
    )
    parser.add_argument(
        "--out",
        type=place_or_url,
        required=True,
        metavar="TABLE",
        help="file for the table, which ends in .parquet or .csv; an earlier one is replaced. With "
        "--engine, a folder for many tables, also by URL; what is there is kept",
    )
    bulk = parser.add_argument_group("very many pictures")
    bulk.add_argument(
        "--engine",
        choices=ENGINES,
        help="score Parquet tables part by part, in one process or on Ray, and go on after the "
        "parts that are there",
    )
    bulk.add_argument(
        "--workers",
        type=count(1),
        metavar="N",
        help=f"how many workers with --engine {RAY} (default: one for each GPU, or 4 cores)",
    )
    bulk.add_argument(
        "--rows", type=count(1), metavar="N", help=f"rows of a part (default: {ROWS:,})"
    )
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Carry out the command, and return its exit status."""
    return _into_table(options) if options.engine is None else _in_bulk(options)


def _into_table(options: argparse.Namespace) -> int:
    given = {"--workers": options.workers, "--rows": options.rows}
    for name in (name for name, value in given.items() if value is not None):
        raise O2UError(
            f"{name} goes with --engine only: leave it out, or add --engine {ENGINES[0]}."
        )
    for where in (options.source, options.out):
        if is_url(where):
            raise O2UError(f"A URL, as {where}, goes with --engine only: add it, or give a path.")
    table_out.require_usable(options.out, [options.source, options.labels], KINDS)
    audit = Audit.open(options.folder)
    source = options.source
    if options.labels is not None:
        source = sources.read(source, options.labels, check_images=False)
    with Bars() as bars:
        found = audit.score(source, progress=lambda done, total: bars("pictures", done, total))
    table_out.write(found, options.out)
    n_scored, n_problems = found["score"].notna().sum(), (found["problem"] != "").sum()
    print(
        f"{len(found):,} pictures, {n_scored:,} of them with a score, {n_problems:,} with a "
        f"problem; seen by {' and '.join(found.attrs['eyes'])}."
    )
    print(f"The table: {options.out}")
    return 0


def _in_bulk(options: argparse.Namespace) -> int:
    if options.labels is not None:
        raise O2UError(
            "With --engine, labels are read from the column label of the tables: leave --labels "
            "out."
        )
    audit = Audit.open(options.folder)
    with Bars() as bars:
        told = audit.score_in_bulk(
            options.source,
            options.out,
            engine=options.engine,
            workers=options.workers,
            rows=options.rows or ROWS,
            progress=lambda done, total: bars("pictures", done, total),
        )
    print(
        f"{told.pictures:,} pictures, {told.unreadable:,} of them unreadable, in "
        f"{told.seconds:,.0f} s; {told.kept:,} of {told.parts:,} parts were there."
    )
    print(f"The tables: {told.out}/scores and {told.out}/unreadable")
    return 0
