"""The command `verify`: is an audit folder as it was written?

In comes an audit folder; out comes a line for each damage, and what to do about it.
"""

import argparse

from o2u_nb import folder as layout
from o2u_nb.commands.options import place
from o2u_nb.commands.program import command
from o2u_nb.errors import SourceError
from o2u_nb.text import on_one_line

DAMAGED = 1  # the exit status, as that of `doctor` where something is wrong


def add_command(commands) -> None:
    """Add `verify` to the parsers of the command line."""
    parser = commands.add_parser(
        "verify",
        help="compare every byte of an audit with its checksums",
        epilog="Nothing is changed. Exit status: 0 where nothing is damaged, 1 where something is, "
        "2 where there is no audit.",
    )
    parser.add_argument("folder", type=place, metavar="DIR", help="folder of an audit")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Carry out the command, and return its exit status."""
    from o2u_nb.stored.verify import verify

    folder = options.folder
    if not any((folder / name).exists() for name in (layout.SAMPLES, layout.FACTS)):
        raise SourceError(
            f"No audit in {folder}: expected {layout.SAMPLES} and {layout.FACTS} there, the "
            "folder that was given to audit as --out."
        )
    said = verify(folder)
    for line in said:
        print(on_one_line(line))
    if not said:
        print(f"{folder} is as it was written.")
    elif any("rebuild" in line for line in said):
        print(f"\nNext: {command()} rebuild {folder} makes again what can be computed.")
    return DAMAGED if said else 0
