"""The command `duplicates`: which audited pictures are copies of each other.

In comes an audit folder; out go the groups on the screen, and a CSV file if asked for.
"""

import argparse

import pandas as pd

from o2u_nb.audit import Audit
from o2u_nb.commands import table_out
from o2u_nb.commands.options import place
from o2u_nb.progress import Bars
from o2u_nb.review.copies import in_words
from o2u_nb.text import clip, on_one_line

MOST = 20  # groups that are printed
WIDEST = 60  # characters of an id that are printed


def add_command(commands) -> None:
    """Add `duplicates` to the parsers of the command line."""
    parser = commands.add_parser(
        "duplicates",
        help="find pictures that are copies of each other, and those whose labels differ",
        epilog="Copies are found although they were made smaller or larger, saved as JPEG, "
        "mirrored or cropped by up to a fifth of each side.",
    )
    parser.add_argument("folder", type=place, metavar="DIR", help="folder of an audit")
    parser.add_argument(
        "--all", action="store_true", help="print all groups, not only those whose labels differ"
    )
    table_out.add_out(parser, "write all groups into this file, too")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Carry out the command, and return its exit status."""
    table_out.require_usable(options.out)
    audit = Audit.open(options.folder)
    with Bars() as bars:
        found = audit.copies(progress=lambda done, total: bars("copies", done, total))
    table_out.write(found, options.out)
    print("\n".join(said(found, len(audit.samples), every=options.all)))
    if options.out is not None:
        print(f"\nAll groups: {options.out}")
    return 0


def said(found: pd.DataFrame, n: int, *, every: bool = False) -> list[str]:
    """Return lines that say how many groups `found` has among `n` pictures, and name some."""
    lines = in_words(found, n)
    shown = found if every else found[found["labels_differ"]]
    for k, (_, rows) in enumerate(shown.groupby("group", sort=False)):
        if k == MOST:
            lines.append(f"\nand {shown['group'].nunique() - MOST:,} groups more (--out FILE.csv)")
            break
        lines.append("")
        lines += [
            f"  {on_one_line(clip(name, WIDEST))}  {on_one_line(row.label)}  "
            f"{row.match if row.match == 'centre' else f'{row.match}, {row.likeness:.3f}'}"
            for name, row in zip(rows.index, rows.itertuples(), strict=True)
        ]
    return lines
