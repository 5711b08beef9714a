"""The command `doctor`: check this installation and say how to fix it."""

import argparse


def add_command(commands) -> None:
    """Add `doctor` to the parsers of the command line."""
    parser = commands.add_parser("doctor", help="check this installation and say how to fix it")
    parser.set_defaults(command=run)


def run(_: argparse.Namespace) -> int:
    """Carry out the command, and return its exit status."""
    from o2u_nb import doctor

    return doctor.main()
