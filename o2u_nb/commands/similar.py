"""The command `similar`: which audited samples look like a picture, or like one of them.

In come an audit folder and a picture; out goes a table on the screen, and a CSV file if asked for.
"""

import argparse
import os

import pandas as pd

from o2u_nb.audit import Audit
from o2u_nb.commands import table_out
from o2u_nb.commands.options import count, place
from o2u_nb.errors import O2UError
from o2u_nb.text import clip, on_one_line

WIDEST = 60  # characters of an id that are printed
DIGITS = 6  # of the similarity, in the CSV file


def add_command(commands) -> None:
    """Add `similar` to the parsers of the command line."""
    parser = commands.add_parser(
        "similar",
        help="show which samples of an audit look like a picture",
        epilog="The similarity is the cosine of a network's features, from -1 to 1. Of several "
        "samples, it is that with the direction that they have in common.",
    )
    parser.add_argument("folder", type=place, metavar="DIR", help="folder of an audit")
    parser.add_argument(
        "picture",
        nargs="+",
        metavar="PICTURE",
        help="file of a picture, in the set or not; or the id of a sample, or several ids, to "
        "search for what they have in common",
    )
    parser.add_argument(
        "--k",
        type=count(1),
        default=10,
        metavar="N",
        help="number of samples to show (default: %(default)s)",
    )
    parser.add_argument(
        "--eye", metavar="NAME", help="the network that compares (default: the audit's first)"
    )
    table_out.add_out(parser, "write the table into this file, too")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Carry out the command, and return its exit status."""
    table_out.require_usable(options.out)
    found = _found(Audit.open(options.folder), options)
    table_out.write(found.round(DIGITS), options.out)
    print("\n".join(_lines(found)))
    print(f"\nCompared by {found.attrs['eye']}; {found.attrs['how']}.")
    if options.out is not None:
        print(f"The table: {options.out}")
    return 0


def _found(audit: Audit, options: argparse.Namespace) -> pd.DataFrame:
    asked, how = options.picture, dict(k=options.k, eye=options.eye)
    files = [name for name in asked if os.path.isfile(name) and name not in audit.given.index]
    if not files:
        _require_known(audit, asked)
        return audit.more_like(asked, **how)
    if len(asked) > 1:
        raise O2UError(
            f"Expected one file of a picture, or ids of samples; found {len(asked)} names with "
            f"the file {files[0]!r} among them: give that file alone, or ids alone."
        )
    return audit.looks_like(asked[0], **how)


def _require_known(audit: Audit, asked: list[str]) -> None:
    unknown = [name for name in asked if name not in audit.given.index]
    if unknown:
        raise O2UError(
            f"{unknown[0]!r} is neither a file nor the id of a sample of {audit.folder}: give the "
            "path of a picture, or an id as in scores.csv."
        )


def _lines(found: pd.DataFrame) -> list[str]:
    """Return the table as lines of text, a sample a line."""
    ids = [on_one_line(clip(name, WIDEST)) for name in found.index]
    width = max(map(len, ids), default=0)
    same = found["same_label"] if "same_label" in found else [None] * len(found)
    words = {True: "  same label", False: "  other label", None: ""}
    return [
        f"{rank:>4}  {similarity:.3f}  {name:<{width}}  {on_one_line(label)}{words[is_same]}"
        for rank, (name, similarity, label, is_same) in enumerate(
            zip(ids, found["similarity"], found["label"], same, strict=True), start=1
        )
    ]
