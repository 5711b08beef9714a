"""The command line: `o2u-nb COMMAND`, or `python -m o2u_nb COMMAND`.

`commands` has one file for each command.

An audit made here is the same as one made in a notebook. Exit status: 0 when the command is done, 1
when the doctor found something wrong, 2 for wrong input or a missing package (with one clear line
on standard error, and nothing left half-written), 130 when interrupted (finished epochs are kept).
"""

import argparse
import sys

from o2u_nb.commands import audit, compare, demo, doctor, similar
from o2u_nb.commands.program import program
from o2u_nb.errors import O2UError
from o2u_nb.version import __version__

COMMANDS = (audit, demo, compare, similar, doctor)  # in the order of the help


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(argv)
    try:
        return options.command(options)
    except O2UError as error:
        print(f"o2u_nb: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "\no2u_nb: interrupted; finished epochs and features are kept. The same command with "
            "--overwrite goes on with the features.",
            file=sys.stderr,
        )
        return 130


class _Parser(argparse.ArgumentParser):
    """Say what is wrong with the options in one line, as for any other wrong input."""

    def error(self, message: str):
        self.exit(2, f"o2u_nb: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=program(), description="Find wrong labels in a folder of images.")
    parser.add_argument("--version", action="version", version=f"o2u_nb {__version__}")
    names = " | ".join(module.__name__.rpartition(".")[2] for module in COMMANDS)
    commands = parser.add_subparsers(required=True, metavar=names)
    for module in COMMANDS:
        module.add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
