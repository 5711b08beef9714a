"""The command `rebuild`: make again what of an audit can be computed, without any training.

In comes the folder of an audit whose scores, report, list of problems or `audit.json` are damaged
or missing; it is whole again afterwards, and its decisions are as they were.
"""

import argparse

from o2u_nb.commands.options import place
from o2u_nb.commands.verify import DAMAGED
from o2u_nb.text import on_one_line


def add_command(commands) -> None:
    """Add `rebuild` to the parsers of the command line."""
    parser = commands.add_parser(
        "rebuild",
        help="make scores, report and audit.json again, where they are damaged or missing",
        epilog="Nothing is trained. Samples, training dynamics and decisions are read and not "
        "changed. Exit status: 0 where the audit is whole afterwards, 1 where damage is left that "
        "this cannot mend, such as that of a decision log.",
    )
    parser.add_argument("folder", type=place, metavar="DIR", help="folder of an audit")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Carry out the command, and return its exit status."""
    from o2u_nb.audit import Audit

    audit = Audit.rebuild(options.folder)
    left = audit.verify()
    print(f"Made again: scores, report and audit.json in {options.folder}")
    for line in left:
        print(f"Careful: {on_one_line(line)}")
    return DAMAGED if left else 0
