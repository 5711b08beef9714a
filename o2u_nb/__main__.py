"""The command line: `o2u-nb COMMAND`, or `python -m o2u_nb COMMAND`.

`commands` has one file for each command.

An audit made here is the same as one made in a notebook. Exit status: 0 when the command is done, 1
when `doctor` or `verify` found something wrong or `rebuild` could not repair everything, 2 for
wrong input or a missing package (with one clear line on standard error, and nothing left
half-written), 130 when interrupted with Ctrl-C and 143 when ended by SIGTERM (finished epochs are
kept, and the line says how to go on). Where standard output is closed or full, a command still does
its work, and its status does not change.
"""

import sys
from importlib import import_module

from o2u_nb import stopping, streams

COMMANDS = (
    "audit",
    "demo",
    "certify",
    "reviewers",
    "compare",
    "similar",
    "score",
    "duplicates",
    "verify",
    "rebuild",
    "doctor",
)  # in the order of the help


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    with streams.usable():
        try:
            with stopping.on_signals():
                return _run(sys.argv[1:] if argv is None else argv)
        except KeyboardInterrupt as stop:
            notes = "; ".join(["interrupted", *getattr(stop, "__notes__", ())])
            print(f"\no2u_nb: {notes}", file=sys.stderr)
            return getattr(stop, "status", 130)


def _run(argv: list[str]) -> int:
    # Imported here, because that takes a second or two, in which Ctrl-C is to be one line, too.
    from o2u_nb.errors import O2UError
    from o2u_nb.text import on_one_line

    options = _parser().parse_args(argv)
    options.argv = argv
    try:
        return options.command(options)
    except O2UError as error:
        reason = str(error)
    except OSError as error:  # what no part of the package foresaw
        reason = ": ".join(map(str, filter(None, (error.strerror or error, error.filename))))
    print(f"o2u_nb: {on_one_line(' '.join(reason.split()))}", file=sys.stderr)
    return 2


def _parser():
    import argparse

    from o2u_nb.commands.program import program
    from o2u_nb.version import __version__

    class Parser(argparse.ArgumentParser):
        """Say what is wrong with the options in one line, as for any other wrong input."""

        def error(self, message: str):
            self.exit(2, f"o2u_nb: {message}; see {self.prog} --help\n")

    parser = Parser(prog=program(), description="Find wrong labels in a folder of pictures.")
    parser.add_argument("--version", action="version", version=f"o2u_nb {__version__}")
    commands = parser.add_subparsers(required=True, metavar=" | ".join(COMMANDS))
    for name in COMMANDS:
        import_module(f"o2u_nb.commands.{name}").add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
